"""Processor time of works that take turns."""

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Work = Callable[[], Any]

TURN_S = 0.25
"""The least that a turn should take, by a first call."""


def seconds(work: Work) -> float:
    """Processor time of one call [s], without the rubbish that others have left."""
    gc.collect()
    begun = time.process_time()
    work()
    return time.process_time() - begun


def in_turns(works: Sequence[Work], rounds: int) -> Floats:
    """Processor time of each work [s], shape [rounds, works], as A B A B: the machine's speed drifts.

    What is done before `TURN_S` is over is done again within its turn, and the mean is taken: each work finds
    the caches as it has left them itself.
    """
    times = [max(round(TURN_S / max(seconds(work), 1e-9)), 1) for work in works]
    turns = [_repeated(work, n) for work, n in zip(works, times, strict=True)]
    return np.array([[seconds(turn) for turn in turns] for _ in range(rounds)]) / times


def _repeated(work: Work, times: int) -> Work:
    def turn() -> None:
        for _ in range(times):
            work()

    return turn
