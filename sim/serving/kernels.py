"""Compiled reading of surfaces at many places."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit("i8(f8[::1], f8, i8)", cache=True, nogil=True)
def _left_of(axis: Floats, at: float, guess: int) -> int:
    """The left end of the interval of an ascending axis that holds `at` or is nearest, from `guess` on."""
    left = guess
    while left > 0 and axis[left] > at:
        left -= 1
    while left < len(axis) - 2 and axis[left + 1] <= at:
        left += 1
    return left


@njit("f8[::1](f8[::1], f8[::1], f8[:,::1], f8[::1], f8[::1])", cache=True, nogil=True)
def read_surface(
    replicas: Floats, loads: Floats, table: Floats, at_replicas: Floats, at_load: Floats
) -> Floats:
    """Values of a finite table, shape [replicas, loads], linear in load and in log(replicas), clamped.

    Both axes ascend, and there are at least two loads. Neighbours in time are neighbours in the table: each
    search starts where the last one ended.
    """
    read = np.empty(len(at_load))
    row, below, down, column, seen = 0, 0, 0.0, 0, np.nan
    for n in range(len(at_load)):
        if at_replicas[n] != seen:
            seen = at_replicas[n]
            within = min(max(seen, replicas[0]), replicas[-1])
            row = _left_of(replicas, within, row)
            below = min(row + 1, len(replicas) - 1)
            down = 0.0
            if row < below:
                down = np.log(within / replicas[row]) / np.log(replicas[below] / replicas[row])
        column = _left_of(loads, at_load[n], column)
        across = (at_load[n] - loads[column]) / (loads[column + 1] - loads[column])
        across = min(max(across, 0.0), 1.0)
        upper = (1.0 - across) * table[row, column] + across * table[row, column + 1]
        lower = (1.0 - across) * table[below, column] + across * table[below, column + 1]
        read[n] = (1.0 - down) * upper + down * lower
    return read
