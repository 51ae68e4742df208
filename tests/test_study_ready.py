"""Compiled code is compiled once for a machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAID = """
from sim.study.ready import make_ready
make_ready(print)
"""


@pytest.mark.slow
def test_compiling_is_said_once(tmp_path: Path) -> None:
    """The first process says that it compiles, the second has nothing to say."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)

    def told(program: str) -> str:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert told(SAID) == "compiling, once"
    assert told(SAID) == ""
