"""Integrals over time, cut at given edges [s]: months, or moments at which a price changes."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def open_s(start_s: Ints, end_s: Ints, weight: Ints, edges_s: Ints, *, group: Ints, groups: int) -> Ints:
    """Weight x time [s] for which intervals [start_s, end_s) were open between edges: [groups, edges - 1].

    Exact in integers, and without cutting any interval: what is open when a step begins counts for the whole
    step; what begins (or ends) in it counts (or is taken back) from there on. So an interval in two parts
    counts exactly as the whole one.
    """
    time_s = np.concatenate((start_s, end_s))
    assert time_s.max(initial=0) <= edges_s[-1], f"{time_s.max()} s is after the last edge, {edges_s[-1]} s"
    change = np.concatenate((weight, -weight))
    step = np.maximum(np.searchsorted(edges_s, time_s) - 1, 0)
    steps = len(edges_s) - 1
    cell = np.concatenate((group, group)) * steps + step
    changed = _sums(cell, change, groups * steps).reshape(groups, steps)
    within = _sums(cell, change * (edges_s[step + 1] - time_s), groups * steps).reshape(groups, steps)
    before = changed.cumsum(axis=1) - changed
    total: Ints = before * np.diff(edges_s) + within
    return total


def _sums(cell: Ints, values: Ints, cells: int) -> Ints:
    total = np.zeros(cells, dtype=np.int64)
    np.add.at(total, cell, values)
    return total


def overlap_s(start_s: float, end_s: float, edges_s: Ints) -> Floats:
    """How much of [start_s, end_s) lies between edges: shape [edges - 1]."""
    return np.diff(np.clip(edges_s, start_s, end_s)).astype(np.float64)


def spread(amount: float, start_s: float, length_s: float, edges_s: Ints) -> Floats:
    """An amount that flows evenly over [start_s, start_s + length_s), between edges; all at once in 0 s."""
    if length_s > 0:
        return amount * (overlap_s(start_s, start_s + length_s, edges_s) / length_s)
    return np.where((edges_s[:-1] <= start_s) & (start_s < edges_s[1:]), amount, 0.0)
