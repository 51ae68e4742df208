"""Where worker processes come from: one process that has imported what they need, and does nothing else.

It can be started early, as importing takes about a second. Where there is no such thing (Windows), each
worker is a new program.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Set to 1 for workers: a process per core leaves no core for their threads."""
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
MODULES = (
    "sim.study.preloading",
    "sim.study.simulation",
    "numpy.random",
    "scipy.special",
    "pyarrow",
    "sim.study.preloaded",
)
"""What the process that workers come from has imported, what elsewhere waits for its first use included."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare_workers() -> None:
    """Start the process that workers come from, so that it imports what they need while this one goes on.

    Nobody has to: it is started with the first worker at the latest.
    """
    if METHOD == "forkserver":
        from multiprocessing import forkserver

        forkserver.set_forkserver_preload(list(MODULES))
        with for_workers(), _sigint_blocked():
            forkserver.ensure_running()


@contextmanager
def for_workers() -> Iterator[None]:
    """The environment in which workers start: one thread each, and the same modules as here.

    They find modules where this process does, and not in the working directory before all else.
    """
    changes = dict.fromkeys(THREAD_LIMITS, "1")
    changes |= {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONSAFEPATH": "1"}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """What is started meanwhile never hears Ctrl-C, which reaches all: the coordinator decides."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
