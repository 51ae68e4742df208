"""What the rules are applied to: one run's records, the realised scenario's prices, and the calendar."""

from collections.abc import Mapping
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
    """All leases of a run, of jobs and of replicas; workloads as positions among all of the scenario."""

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
    leases: Leases
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
        here = self.leases.pool == pool
        return open_s(
            self.leases.start_s[here], self.leases.end_s[here], self.leases.leased[here], edges_s,
            group=self.leases.workload[here], groups=len(self.scenario.workloads),
        )  # fmt: skip


def open_books(world: World, plan: Plan, records: Records, traffic: Traffic) -> Books:
    """The books of one run."""
    names = list(world.scenario.workloads)
    trainings = np.array([names.index(training.name) for training in plan.trainings], dtype=np.int64)
    services = np.array([names.index(service.name) for service in plan.services], dtype=np.int64)
    tries, replicas = records.attempts, records.replicas
    leases = Leases(
        np.concatenate((tries.pool, replicas.pool)),
        np.concatenate((trainings[world.jobs.workload[tries.job]], services[replicas.service])),
        np.concatenate((tries.leased, replicas.leased)),
        np.concatenate((tries.start_s, replicas.start_s)),
        np.concatenate((tries.end_s, replicas.end_s)),
    )
    edges_s = month_edges(world.scenario.start, plan.horizon_s)
    return Books(world.scenario, plan, records, traffic, world.prices, edges_s, leases, services)
