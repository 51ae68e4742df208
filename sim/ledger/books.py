"""What the rules are applied to: one run's records, the realised scenario's prices, and the calendar."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.calendar import month_edges
from sim.ledger.integrals import open_s
from sim.ledger.traffic import Traffic
from sim.policies.plan import Plan
from sim.records import Records
from sim.scenario.model import Scenario
from sim.scenario.sites import OnDemandPool, OwnedPool, Site, SpotPool
from sim.world.world import Prices, World

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Leases:
    """The leases of jobs, or those of replicas; workloads as positions among all of the scenario."""

    pool: Ints
    workload: Ints
    leased: Ints
    start_s: Ints
    end_s: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Books:
    """One run as the rules see it."""

    scenario: Scenario
    plan: Plan
    records: Records
    traffic: Traffic
    prices: Mapping[str, Prices]
    """Of spot pools whose price moves."""
    edges_s: Ints
    """Of the calendar months, the horizon included."""
    leases: tuple[Leases, Leases]
    """Of jobs, and of replicas."""
    leased_by_month_s: Ints
    """[accelerator-s]: shape [pools, workloads, months]."""
    services: Ints
    """Each service's position among all workloads."""

    @property
    def months(self) -> int:
        """The number of calendar months that the horizon touches."""
        return len(self.edges_s) - 1

    def site(self, index: int) -> Site:
        """The site at a position in the plan."""
        return self.scenario.sites[self.plan.sites[index]]

    def pool(self, index: int) -> OwnedPool | OnDemandPool | SpotPool:
        """The pool at a position in the plan."""
        site, name = self.plan.pools[index].path.split("/")
        return self.scenario.sites[site].pools[name]

    def leased_s(self, pool: int, edges_s: Ints) -> Ints:
        """Accelerator-seconds leased from a pool between edges: shape [workloads, edges - 1]."""
        if np.array_equal(edges_s, self.edges_s):
            by_month_s: Ints = self.leased_by_month_s[pool]
            return by_month_s
        workloads = len(self.scenario.workloads)
        total = np.zeros((workloads, len(edges_s) - 1), dtype=np.int64)
        for leases in self.leases:
            here = leases.pool == pool
            total += open_s(
                leases.start_s[here], leases.end_s[here], leases.leased[here], edges_s,
                group=leases.workload[here], groups=workloads,
            )  # fmt: skip
        return total


def open_books(world: World, plan: Plan, records: Records, traffic: Traffic) -> Books:
    """The books of one run."""
    names = list(world.scenario.workloads)
    trainings = np.array([names.index(training.name) for training in plan.trainings], dtype=np.int64)
    services = np.array([names.index(service.name) for service in plan.services], dtype=np.int64)
    edges_s = month_edges(world.scenario.start, plan.horizon_s)
    tries, copies = records.attempts, records.replicas
    owners = trainings[world.jobs.workload[tries.job]], services[copies.service]
    leases = (
        Leases(tries.pool, owners[0], tries.leased, tries.start_s, tries.end_s),
        Leases(copies.pool, owners[1], copies.leased, copies.start_s, copies.end_s),
    )
    by_month_s = leased_by_month_s(leases, len(plan.pools), len(names), edges_s)
    return Books(world.scenario, plan, records, traffic, world.prices, edges_s, leases, by_month_s, services)


def leased_by_month_s(leases: Iterable[Leases], pools: int, workloads: int, edges_s: Ints) -> Ints:
    """What was leased [accelerator-s]: shape [pools, workloads, months]."""
    total = np.zeros((pools * workloads, len(edges_s) - 1), dtype=np.int64)
    for some in leases:
        place = some.pool * workloads + some.workload
        total += open_s(some.start_s, some.end_s, some.leased, edges_s, group=place, groups=len(total))
    return total.reshape(pools, workloads, len(edges_s) - 1)
