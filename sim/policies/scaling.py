"""How many replicas a service wants, from the demand that it has seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = (1 << 31) - 1
"""More replicas than any service has: they are counted in 32 bits, which halves the time it takes."""


@dataclass(frozen=True, slots=True)
class ScaleRule:
    """Target utilisation of what the replicas sustain, bounds, and for how many intervals it stays grown."""

    target: float
    least: int
    most: int
    stabilisation: int


def replica_changes(
    rule: ScaleRule, demand_rps: NDArray[np.float64], capacity_rps: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The intervals from which on a service wants another number of replicas (the first too), and how many.

    A service wants what the demand of the interval before asks for. It grows at once and shrinks to the most
    that it needed within the stabilisation window, as horizontal autoscalers do. The interval before the
    start is taken to have been like the first. `demand_rps` has one value for each interval.
    """
    if len(demand_rps) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if capacity_rps <= 0.0:
        return np.zeros(1, dtype=np.int64), np.full(1, rule.least, dtype=np.int64)
    needed = np.ceil(demand_rps / (rule.target * capacity_rps))
    wanted = np.clip(needed, rule.least, min(rule.most, MOST)).astype(np.int32)
    highest = _highest_of_last(np.concatenate((wanted[:1], wanted[:-1])), rule.stabilisation + 1)
    changes = np.concatenate(([0], np.flatnonzero(highest[1:] != highest[:-1]) + 1))
    return changes, highest[changes].astype(np.int64)


def first_to_go(waits: bool, option: int, start_s: int, number: int) -> tuple[int, int, int, int]:
    """Replicas go in this order when a service shrinks: those that wait, then those on the last of its pools.

    The youngest of them first, and of equals the one with the highest number.
    """
    return (0, 0, 0, -number) if waits else (1, -option, -start_s, -number)


def _highest_of_last(values: NDArray[np.int32], window: int) -> NDArray[np.int32]:
    """The highest of each value and the `window - 1` before it (fewer at first), in log2(window) passes."""
    highest = values
    span = 1
    while span < min(window, len(values)):
        step = min(span, window - span)
        highest = np.concatenate((highest[:step], np.maximum(highest[step:], highest[:-step])))
        span += step
    return highest
