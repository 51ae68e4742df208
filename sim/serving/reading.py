"""Compiled: how the tables of surfaces are read."""

import math

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner
from sim.serving.surface import TINY
from sim.serving.tables import COLUMNS, ERROR, LOG_P99, MISSES, ROW, STEPS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@inner
def find_row(replicas: Floats, rows: int, group: int, there: float) -> tuple[int, float]:
    """The row of a group's table for so many replicas, and how far they lie on the way to the next row."""
    within = min(max(there, replicas[group, 0]), replicas[group, rows - 1])
    low, high = 0, rows - 1
    while low < high:
        middle = (low + high + 1) // 2
        if replicas[group, middle] <= within:
            low = middle
        else:
            high = middle - 1
    if replicas[group, low] == within:
        return low, 0.0
    above, below = replicas[group, low], replicas[group, low + 1]
    return low, math.log(within / above) / math.log(below / above)


@inner
def straight(values: Floats, place: int, across: float) -> float:
    """A value on the line from one step of the load to the next."""
    read: float = values[place]
    read += across * (values[place + COLUMNS] - read)
    return read


@inner
def look(values: Floats, row: int, down: float, load: float) -> tuple[float, float, float]:
    """MISSES, ERROR and LOG_P99 at a load of at most 1, so far down from one row to the next.

    Between rows a line is drawn, as in a surface, for the logarithm of the probability.
    """
    step = min(int(load * STEPS), STEPS - 1)
    across = load * STEPS - step
    place = row + step * COLUMNS
    misses = straight(values, place + MISSES, across)
    error = straight(values, place + ERROR, across)
    log_s = straight(values, place + LOG_P99, across)
    if down > 0.0:
        place += ROW
        lower = math.log(straight(values, place + MISSES, across) + TINY)
        logarithm = (1.0 - down) * math.log(misses + TINY) + down * lower
        misses = max(math.exp(logarithm) - TINY, 0.0)
        error += down * (straight(values, place + ERROR, across) - error)
        log_s += down * (straight(values, place + LOG_P99, across) - log_s)
    return misses, error, log_s


@inner
def find_rows(
    replicas: Floats, sizes: Ints, ready_s: Floats, n: int, length_s: float, rows: Ints, downs: Floats
) -> None:
    """Of each lane where its row begins in interval n, and how far its replicas lie towards the next."""
    lane = 0
    while lane < len(rows):
        for pool in range(len(ready_s)):
            row, downs[lane] = find_row(replicas, sizes[lane], lane, ready_s[pool, n] / length_s)
            rows[lane] = (lane * replicas.shape[1] + row) * ROW
            lane += 1
