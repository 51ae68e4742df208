"""Compiled time integrals over what begins and ends."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner, kernel

Ints = NDArray[np.int64]
Numbers = TypeVar("Numbers", Ints, NDArray[np.float64])

BEGUN, ADDED, ENDED, TAKEN = range(4)
"""Sums of what begins in a step, of that x what is left of the step, and the same of what ends in it."""
SUMS = 4


@kernel
def integrate(
    start_s: Ints, end_s: Ints, weight: Numbers, edges_s: Ints, group: Ints, groups: int
) -> Numbers:
    """Weight x time for which intervals [start_s, end_s) are open between edges: shape [groups, edges - 1].

    Exact for integers. What lies outside the edges is left out. A change at an edge belongs to what follows.
    """
    first_s, last_s = edges_s[0], edges_s[len(edges_s) - 1]
    sums = np.zeros((SUMS, groups, len(edges_s) - 1), weight.dtype)
    begin, end = 0, 0
    for n in range(len(start_s)):
        from_s, to_s = min(max(start_s[n], first_s), last_s), min(max(end_s[n], first_s), last_s)
        if from_s < edges_s[begin] or from_s >= edges_s[begin + 1]:
            begin = step_of(edges_s, from_s)
        if to_s < edges_s[end] or to_s >= edges_s[end + 1]:
            end = step_of(edges_s, to_s)
        enter(sums, group[n], weight[n], begin, edges_s[begin + 1] - from_s, end, edges_s[end + 1] - to_s)
    return integral(sums, edges_s)


@inner
def enter(
    sums: Numbers, group: int, weight: float, begin: int, from_there_s: int, end: int, from_then_s: int
) -> None:
    """A weight holds from within the step `begin` to within `end`, when so much is left of either."""
    sums[BEGUN, group, begin] += weight
    sums[ADDED, group, begin] += weight * from_there_s
    sums[ENDED, group, end] += weight
    sums[TAKEN, group, end] += weight * from_then_s


@inner
def step_of(edges_s: Ints, time_s: int) -> int:
    """The step between edges in which a time lies that none of them excludes."""
    step, above = 0, len(edges_s) - 1
    while above - step > 1:
        middle = (step + above) >> 1
        if edges_s[middle] <= time_s:
            step = middle
        else:
            above = middle
    return step


@inner
def integral(sums: Numbers, edges_s: Ints) -> Numbers:
    """What was open when a step began counts for the whole step, what changed in it from there on."""
    found = np.empty(sums.shape[1:], sums.dtype)
    for group in range(sums.shape[1]):
        total = sums[BEGUN, group, 0] - sums[BEGUN, group, 0]
        for step in range(sums.shape[2]):
            change = sums[BEGUN, group, step] - sums[ENDED, group, step]
            total += change
            held = (total - change) * (edges_s[step + 1] - edges_s[step])
            found[group, step] = held + (sums[ADDED, group, step] - sums[TAKEN, group, step])
    return found
