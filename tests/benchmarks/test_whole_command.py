"""The main command from its start to its figures, with either engine; `-s` shows what was found.

`python -m tests.benchmarks.test_whole_command` prints it, and puts the ratio on record.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from sim.study.ready import make_ready
from tests.benchmarks.test_ratios import keep, recorded

HOSPITAL = Path(__file__).parents[2] / "scenarios" / "hospital.yaml"
RUNS = 500
KEY = "whole command"
FEW = {"simpy": (2, 10), "compiled": (20, 120)}
"""Numbers of runs that are timed; the time of RUNS lies on the line through both."""


def wall_s(runs: int, engine: str) -> float:
    """How long the command takes on all cores of this machine, caches warm."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sim", HOSPITAL, "--runs", runs, "--engine", engine, "--quiet"]
        begun = time.monotonic()
        subprocess.run([*map(str, command), "--out", f"{folder}/study"], check=True, capture_output=True)
        return time.monotonic() - begun


def extrapolated_s(engine: str) -> float:
    """Seconds that RUNS futures take."""
    few, many = FEW[engine]
    begin_s, end_s = wall_s(few, engine), wall_s(many, engine)
    return begin_s + (RUNS - few) * (end_s - begin_s) / (many - few)


def measured() -> tuple[float, float]:
    """Of the SimPy engine and of the compiled one [s]."""
    make_ready(lambda said: None)
    return extrapolated_s("simpy"), extrapolated_s("compiled")


def told(simpy_s: float, compiled_s: float) -> str:
    """A line to read."""
    return (
        f"hospital.yaml, {RUNS} futures, the whole command: {compiled_s:.0f} s, with --engine simpy "
        f"{simpy_s:,.0f} s, {simpy_s / compiled_s:.1f} times as long\n"
    )


@pytest.mark.benchmark_ratio
@pytest.mark.timeout(900)
def test_the_whole_command_keeps_its_distance_from_the_simpy_engine() -> None:
    """The ratio is more than half of the one on record."""
    found = measured()
    sys.stdout.write(told(*found))
    assert found[0] / found[1] > recorded()[KEY] / 2


if __name__ == "__main__":
    simpy_s, compiled_s = measured()
    sys.stdout.write(told(simpy_s, compiled_s))
    keep({KEY: simpy_s / compiled_s})
