"""Compiled sums over what begins and ends."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner, kernel

Ints = NDArray[np.int64]
Numbers = TypeVar("Numbers", Ints, NDArray[np.float64])


@kernel
def changes(time_s: Ints, weight: Numbers, edges_s: Ints, group: Ints, groups: int) -> Numbers:
    """What changes between edges: shape [2, groups, edges - 1], exact for integers.

    First the sums of the weights that change there, then those of weight x what is left until the next edge.
    A change at an edge belongs to what follows it; one that lies outside, to the first or the last step.
    """
    steps = len(edges_s) - 1
    found = np.zeros((2, groups, steps), weight.dtype)
    if len(time_s) == 0:
        return found
    at, step = 0, 0
    changed, within = found[0, 0, 0], found[1, 0, 0]
    for n in range(len(time_s)):
        inside_s = min(max(time_s[n], edges_s[0]), edges_s[steps])
        if group[n] != at or inside_s < edges_s[step] or inside_s >= edges_s[step + 1]:
            # Neighbours mostly share group and step: sums are put down only where one of the two is another.
            found[0, at, step], found[1, at, step] = changed, within
            at, step = group[n], _step(edges_s, inside_s)
            changed, within = found[0, at, step], found[1, at, step]
        changed += weight[n]
        within += weight[n] * (edges_s[step + 1] - inside_s)
    found[0, at, step], found[1, at, step] = changed, within
    return found


@inner
def _step(edges_s: Ints, time_s: int) -> int:
    """The step between edges in which a time lies that none of them excludes."""
    step, above = 0, len(edges_s) - 1
    while above - step > 1:
        middle = (step + above) >> 1
        if edges_s[middle] <= time_s:
            step = middle
        else:
            above = middle
    return step
