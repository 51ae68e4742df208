"""Measured times between and beyond their points."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import kernel

Floats = NDArray[np.float64]


@kernel
def read_table(points: Floats, values: Floats, at: Floats) -> Floats:
    """Piecewise-linear values of a measured table (`points` ascending) at `at`, in its shape.

    Below the first point the first value holds: a short prompt or a small batch costs what reading the
    weights costs. Beyond the last the last segment goes on, unless it falls, which would end below zero.
    """
    last = len(points) - 1
    read = np.empty(len(at))
    for n in range(len(at)):
        right = min(np.searchsorted(points, at[n]), last)
        if right == 0:
            read[n] = values[0]
            continue
        slope = (values[right] - values[right - 1]) / (points[right] - points[right - 1])
        if at[n] > points[last]:
            slope = max(slope, 0.0)
        read[n] = values[right] + slope * (at[n] - points[right])
    return read
