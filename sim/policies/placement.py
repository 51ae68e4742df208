"""When a pool opens for a job or a replica: waiting time, slack to the deadline, utilisation of a pool."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from sim.scenario.conditions import Condition

MILLION = 1_000_000
ANY_SLACK = 1 << 60
"""Slack that every job has: no test of slack."""


class Busy(NamedTuple):
    """A pool must be busier (or less busy) than `ppm` millionths of what is up."""

    pool: int
    above: bool
    ppm: int


@dataclass(frozen=True, slots=True)
class Opening:
    """When an option may be used: from a moment on, and while other pools are busy enough."""

    wait_s: int
    """After joining the queue; 0 for at once."""
    slack_s: int
    """Once no more than this is left between the work still to do and the deadline."""
    busy: tuple[Busy, ...]

    @classmethod
    def of(cls, condition: Condition | None, first_pool: int, pools: Mapping[str, int]) -> Self:
        """The opening that a condition describes; `utilisation` without 'of' is of the first pool."""
        tests = condition.tests if condition is not None else ()
        waits = [int(test.threshold) for test in tests if test.subject == "wait"]
        slacks = [int(test.threshold) for test in tests if test.subject == "slack"]
        busy = tuple(
            Busy(
                first_pool if test.pool is None else pools[test.pool],
                test.above,
                round(test.threshold * MILLION),
            )
            for test in tests
            if test.subject == "utilisation"
        )
        return cls(max(waits, default=0), min(slacks, default=ANY_SLACK), busy)

    @property
    def at_once(self) -> bool:
        """Whether neither waiting time nor slack holds the option back."""
        return self.wait_s == 0 and self.slack_s == ANY_SLACK


def opens_s(wait_s: int, slack_s: int, queued_s: int, deadline_s: int, remaining_s: int) -> int:
    """The first moment at which waiting time and slack allow an option to one that queued at `queued_s`.

    `remaining_s` is the work still to do, on reference accelerators.
    """
    return max(queued_s + wait_s, deadline_s - remaining_s - slack_s)


def holds(above: bool, ppm: int, leased: int, up: int) -> bool:
    """Whether a pool with `leased` of `up` accelerators is more (`above`) or less busy than `ppm` millionths.

    An empty pool counts as busy.
    """
    share = MILLION if up == 0 else leased * MILLION // up
    return share > ppm if above else share < ppm


def reference_s(time_s: int, speed_ppm: int) -> int:
    """Work on reference accelerators that `time_s` of work on others comes to."""
    return time_s if speed_ppm == MILLION else time_s * speed_ppm // MILLION


def local_s(work_s: int, speed_ppm: int) -> int:
    """Time that `work_s` of reference work takes on accelerators of this speed, rounded up."""
    return work_s if speed_ppm == MILLION else -(-work_s * MILLION // speed_ppm)


def length_class(length_s: int) -> int:
    """Leases of about equal length, within a factor of two, wait in one line (see `sim.engine.queue`)."""
    return math.frexp(length_s)[1]
