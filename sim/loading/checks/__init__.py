"""Contradictions in a scenario that is otherwise well formed: names, the law, capacities, promises."""

from collections.abc import Iterator
from typing import Any

from sim.loading.checks import services, sites, strategies, workloads
from sim.loading.checks.facts import Facts
from sim.scenario.base import Fault
from sim.scenario.model import Scenario

CHECKS = (*sites.CHECKS, *workloads.CHECKS, *services.CHECKS, *strategies.CHECKS)


def check(scenario: Scenario, tree: Any) -> Iterator[Fault]:
    """Everything that is contradictory in a scenario; `tree` is the tree that it was read from.

    The scenario may lack entries of the tree that are wrong in themselves: only their names are known.
    """
    facts = Facts.of(scenario, tree)
    for find in CHECKS:
        yield from find(facts)
