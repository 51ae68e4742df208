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
DISPATCHERS = """
import gc
from numba.core.dispatcher import Dispatcher
from sim.jit import COMPILED_PARTS
from sim.study.ready import preload
preload()
stale = [
    function.py_func.__qualname__
    for function in gc.get_objects()
    if isinstance(function, Dispatcher) and function.py_func.__module__.startswith("sim.")
    and sum(function.stats.cache_misses.values())
]
print(stale)
"""


@pytest.mark.slow
def test_the_second_process_compiles_nothing(tmp_path: Path) -> None:
    """The first says that it compiles, the second nothing; a third finds on the disk all that it loads."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)

    def told(program: str) -> str:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert told(SAID) == "compiling, once"
    assert told(SAID) == ""
    assert told(DISPATCHERS) == "[]"
