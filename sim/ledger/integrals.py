"""Integrals over time, cut at given edges [s]: months, or moments at which a price changes."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.jit import constant
from sim.ledger import kernels

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Numbers = TypeVar("Numbers", Ints, Floats)


def open_s(start_s: Ints, end_s: Ints, weight: Ints, edges_s: Ints, *, group: Ints, groups: int) -> Ints:
    """Weight x time [s] for which intervals [start_s, end_s) were open between edges: [groups, edges - 1].

    Exact in integers, and without cutting any interval: what is open when a step begins counts for the whole
    step; what begins (or ends) in it counts (or is taken back) from there on. So an interval in two parts
    counts exactly as the whole one.
    """
    last_s = max(start_s.max(initial=0), end_s.max(initial=0))
    assert last_s <= edges_s[-1], f"{last_s} s is after the last edge, {edges_s[-1]} s"
    return integrate(start_s, end_s, weight, edges_s, group, groups)


def integrate(
    start_s: Ints, end_s: Ints, weight: Numbers, edges_s: Ints, group: Ints, groups: int
) -> Numbers:
    """`kernels.integrate` of any arrays, which it would be compiled for once more if they had gaps."""
    start_s, end_s, group = map(np.ascontiguousarray, (start_s, end_s, group))
    whole: Numbers = kernels.integrate(
        start_s, end_s, np.ascontiguousarray(weight), edges_s, group, constant(groups)
    )
    return whole


def overlap_s(start_s: float, end_s: float, edges_s: Ints) -> Floats:
    """How much of [start_s, end_s) lies between edges: shape [edges - 1]."""
    return np.diff(np.clip(edges_s, start_s, end_s)).astype(np.float64)


def spread(amount: float, start_s: float, length_s: float, edges_s: Ints) -> Floats:
    """An amount that flows evenly over [start_s, start_s + length_s), between edges; all at once in 0 s."""
    if length_s > 0:
        return amount * (overlap_s(start_s, start_s + length_s, edges_s) / length_s)
    return np.where((edges_s[:-1] <= start_s) & (start_s < edges_s[1:]), amount, 0.0)
