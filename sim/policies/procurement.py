"""Orders: when nodes are ordered, and how many fit."""

from dataclasses import dataclass

from sim.scenario.conditions import Condition

DAY_S = 86_400
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class OrderRule:
    """An order of `nodes` in `deliveries` shipments: at `at_s`, or whenever `when` holds at midnight."""

    nodes: int
    at_s: int | None
    when: Condition | None
    deliveries: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a pool has counted until some midnight, [accelerator-s]."""

    time_s: int
    leased_s: int
    up_s: int


def should_order(rule: OrderRule, history: list[Usage], on_the_way: int, settled_s: int) -> bool:
    """Whether a conditional order is due at the last midnight of `history`.

    Not while nodes are on the way, and not before the whole window of the condition has been seen since the
    last order was delivered or refused (`settled_s`): what was full before the new nodes came says nothing of
    what is full now.
    """
    if rule.when is None or on_the_way > 0:
        return False
    now = history[-1]
    for test in rule.when.tests:
        since_s = now.time_s - max(int(test.over_s), DAY_S)
        days = -(-(now.time_s - since_s) // DAY_S)
        if since_s < settled_s or len(history) <= days:
            return False
        before = history[-1 - days]
        up_s = now.up_s - before.up_s
        leased_s = now.leased_s - before.leased_s
        threshold = round(test.threshold * MILLION)
        if up_s == 0 or (leased_s * MILLION > threshold * up_s) != test.above:
            return False
    return True


def shipments(nodes: int, deliveries: int) -> tuple[int, ...]:
    """How `nodes` are spread over at most `deliveries` shipments, the larger ones first."""
    parts = min(nodes, deliveries)
    return tuple(nodes // parts + (1 if n < nodes % parts else 0) for n in range(parts)) if nodes else ()


def fitting(nodes: int, standing: int, on_the_way: int, max_nodes: int) -> int:
    """How many of `nodes` may be ordered so that all that is owned still fits."""
    return max(min(nodes, max_nodes - standing - on_the_way), 0)
