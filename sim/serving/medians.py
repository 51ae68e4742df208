"""Compiled: weighted medians of groups of values."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner, kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GLANCE = 16
"""One value in so many is looked at to guess which group is the worst."""


@inner
def _select(values: Floats, weights: Floats, half: float) -> float:
    """The smallest value that a weight of `half` does not exceed; the arrays are rearranged."""
    low, high, below = 0, len(values) - 1, 0.0
    while low < high:
        pivot: float = values[(low + high) // 2]
        smaller, larger, n = low, high, low
        less, same = 0.0, 0.0
        while n <= larger:
            value, weight = values[n], weights[n]
            if value < pivot:
                values[n], weights[n] = values[smaller], weights[smaller]
                values[smaller], weights[smaller] = value, weight
                less += weight
                smaller += 1
                n += 1
            elif value > pivot:
                values[n], weights[n] = values[larger], weights[larger]
                values[larger], weights[larger] = value, weight
                larger -= 1
            else:
                same += weight
                n += 1
        if below + less >= half:
            high = smaller - 1
        elif below + less + same >= half:
            return pivot
        else:
            below += less + same
            low = larger + 1
    median: float = values[low]
    return median


@inner
def _median(values: Floats, weights: Floats, at_least: float) -> float:
    """The weighted median of the values that are numbers, or `at_least` where that is more."""
    above, whole, known = 0.0, 0.0, 0
    for n in range(len(values)):
        if not np.isnan(values[n]):
            known += 1
            whole += weights[n]
            if values[n] > at_least:
                above += weights[n]
    if known == 0 or above <= whole / 2.0:
        return at_least
    some, theirs = np.empty(known), np.empty(known)
    known = 0
    for n in range(len(values)):
        if not np.isnan(values[n]):
            some[known], theirs[known] = values[n], weights[n]
            known += 1
    return max(_select(some, theirs, whole / 2.0), at_least)


@kernel
def worst_median(values: Floats, weights: Floats, first: Ints) -> float:
    """The highest weighted median of the groups of values that begin at `first`; -inf without any weight.

    A weighted median is the smallest value that at least half of the weight does not exceed. Values that are
    NaN are left out. A group is sorted out only if more than half of its weight lies above the highest median
    so far; those that look worst at a glance come first.
    """
    groups = len(first)
    looks = np.full(groups, -np.inf)
    for group in range(groups):
        last = first[group + 1] if group + 1 < groups else len(values)
        seen, total = 0, 0.0
        for n in range(first[group], last, GLANCE):
            if np.isfinite(values[n]):
                total += values[n]
                seen += 1
        if seen > 0:
            looks[group] = total / seen
    worst = -np.inf
    for group in np.argsort(-looks):
        last = first[group + 1] if group + 1 < groups else len(values)
        worst = _median(values[first[group] : last], weights[first[group] : last], worst)
    return worst
