"""Orders: when nodes are ordered, and how many fit."""

from dataclasses import dataclass
from typing import NamedTuple, Self

from sim.scenario.conditions import Condition

DAY_S = 86_400
MILLION = 1_000_000


class Review(NamedTuple):
    """The pool must have been busier (or less busy) than `ppm` millionths over the last `days` days."""

    above: bool
    ppm: int
    days: int


@dataclass(frozen=True, slots=True)
class OrderRule:
    """An order of nodes in shipments: at `at_s`, or (None) at midnight whenever all reviews hold."""

    nodes: int
    at_s: int | None
    reviews: tuple[Review, ...]
    deliveries: int

    @classmethod
    def watching(cls, nodes: int, condition: Condition, deliveries: int) -> Self:
        """The order that is placed whenever a condition holds; its tests are of the pool that grows."""
        reviews = tuple(
            Review(test.above, round(test.threshold * MILLION), max(-(-int(test.over_s) // DAY_S), 1))
            for test in condition.tests
        )
        return cls(nodes, None, reviews, deliveries)


def may_judge(days: int, midnight: int, settled_s: int) -> bool:
    """Whether the whole window of a review lies behind midnight number `midnight` since the start.

    And since the last order was delivered or refused (`settled_s`): what was full before the new nodes came
    says nothing of what is full now.
    """
    return midnight >= days and (midnight - days) * DAY_S >= settled_s


def was_busy(above: bool, ppm: int, leased_s: int, up_s: int) -> bool:
    """Whether a window in which `leased_s` of `up_s` accelerator-seconds were leased passes the test."""
    return up_s > 0 and (leased_s * MILLION > ppm * up_s) == above


def shipments(nodes: int, deliveries: int) -> int:
    """In how many shipments `nodes` arrive."""
    return min(nodes, deliveries)


def shipped(nodes: int, deliveries: int, shipment: int) -> int:
    """How many of `nodes` come with a shipment: they are spread evenly, the larger shipments first."""
    parts = shipments(nodes, deliveries)
    return nodes // parts + (1 if shipment < nodes % parts else 0)


def fitting(nodes: int, standing: int, on_the_way: int, max_nodes: int) -> int:
    """How many of `nodes` may be ordered so that all that is owned still fits."""
    return max(min(nodes, max_nodes - standing - on_the_way), 0)
