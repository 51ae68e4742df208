"""`python -m sim.calibrate DATA OUT` writes the measured files of the catalogue."""

import argparse
from pathlib import Path

from sim.calibrate.build import build_catalogue

parser = argparse.ArgumentParser(prog="python -m sim.calibrate", description="Make catalogue files.")
parser.add_argument("data", type=Path, help="the folder of data sets")
parser.add_argument("out", type=Path, help="the catalogue's folder")
arguments = parser.parse_args()
build_catalogue(arguments.data, arguments.out)
