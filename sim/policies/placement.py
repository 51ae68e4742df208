"""When a pool opens for a job or a replica: waiting time, slack to the deadline, utilisation of a pool."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from sim.scenario.conditions import Condition

ALWAYS = -(1 << 60)


@dataclass(frozen=True, slots=True)
class Busy:
    """A pool must be busier (or less busy) than `ppm` millionths of what is up."""

    pool: int
    above: bool
    ppm: int


@dataclass(frozen=True, slots=True)
class Opening:
    """When an option may be used: from a moment on, and while other pools are busy enough."""

    wait_s: int
    """After joining the queue; 0 for at once."""
    slack_s: int | None
    """Once no more than this is left between the work still to do and the deadline; None for no such test."""
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
                round(test.threshold * 1_000_000),
            )
            for test in tests
            if test.subject == "utilisation"
        )
        return cls(max(waits, default=0), min(slacks) if slacks else None, busy)

    @property
    def at_once(self) -> bool:
        """Whether neither waiting time nor slack holds the option back."""
        return self.wait_s == 0 and self.slack_s is None

    def opens_s(self, queued_s: int, deadline_s: int, remaining_s: int) -> int:
        """The first moment at which waiting time and slack allow the option."""
        by_wait = queued_s + self.wait_s
        if self.slack_s is None:
            return by_wait
        return max(by_wait, deadline_s - remaining_s - self.slack_s)


def holds(test: Busy, leased: int, up: int) -> bool:
    """Whether a pool with `leased` of `up` accelerators passes the test; an empty pool counts as busy."""
    share = 1_000_000 if up == 0 else leased * 1_000_000 // up
    return share > test.ppm if test.above else share < test.ppm
