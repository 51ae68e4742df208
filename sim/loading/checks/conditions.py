"""Checks of the conditions under which pools open and nodes are ordered."""

from collections.abc import Iterable, Iterator

from sim.loading.checks.facts import Facts, unknown
from sim.scenario.base import Fault, Path
from sim.scenario.conditions import Condition, Test
from sim.scenario.workloads import Training

DAY_S = 86_400
_ORDER = "utilisation > PERCENT over DURATION"


def conditions(facts: Facts) -> Iterator[Fault]:
    """Conditions speak of what is known where they stand."""
    for name, strategy in facts.scenario.strategies.items():
        for workload, options in strategy.place.items():
            rest = (other for other in facts.workloads if other not in strategy.place)
            concerned = tuple(rest) if workload == "all" else (workload,)
            for n, option in enumerate(options):
                path = ("strategies", name, "place", workload, n, "when")
                yield from _of_option(facts, option.when, concerned, path)
        for pool, orders in strategy.order.items():
            for n, order in enumerate(orders):
                yield from _of_order(order.when, pool, ("strategies", name, "order", pool, n, "when"))


def _of_option(facts: Facts, when: Condition | None, workloads: Iterable[str], path: Path) -> Iterator[Fault]:
    for test in when.tests if when is not None else ():
        if test.over_s:
            yield Fault(path, "'over' belongs to orders: a pool opens by how busy it is now", str(when))
        if test.pool is not None:
            yield from unknown(test.pool, facts.pool_names, path, "pool")
        if test.subject == "slack":
            yield from _slack(facts, workloads, path)


def _slack(facts: Facts, workloads: Iterable[str], path: Path) -> Iterator[Fault]:
    for name in workloads:
        workload = facts.scenario.workloads.get(name)
        if workload is not None and not (isinstance(workload, Training) and workload.deadline is not None):
            yield Fault(path, f"slack is the time left before a deadline, and {name} has none")


def _of_order(when: Condition | None, pool: str, path: Path) -> Iterator[Fault]:
    for test in when.tests if when is not None else ():
        if told := _order_fault(test, pool):
            yield Fault(path, told, str(when), _ORDER)


def _order_fault(test: Test, pool: str) -> str | None:
    """Why a test cannot stand in an order for a pool."""
    if test.subject != "utilisation":
        return f"{test.subject} is about one job, an order about a pool"
    if test.over_s < DAY_S:
        return "an order must say over how long, a day at least"
    if test.pool not in {None, pool}:
        return f"an order for {pool} looks at the use of {pool} only"
    return None
