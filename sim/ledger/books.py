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
    """All leases of a run, sorted by pool; workloads as positions among all of the scenario."""

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
        here = slice(*np.searchsorted(self.leases.pool, (pool, pool + 1)))
        return open_s(
            self.leases.start_s[here], self.leases.end_s[here], self.leases.leased[here], edges_s,
            group=self.leases.workload[here], groups=len(self.scenario.workloads),
        )  # fmt: skip


def open_books(world: World, plan: Plan, records: Records, traffic: Traffic) -> Books:
    """The books of one run."""
    names = list(world.scenario.workloads)
    trainings = np.array([names.index(training.name) for training in plan.trainings], dtype=np.int64)
    services = np.array([names.index(service.name) for service in plan.services], dtype=np.int64)
    edges_s = month_edges(world.scenario.start, plan.horizon_s)
    leases = all_leases(records, trainings[world.jobs.workload], services)
    return Books(world.scenario, plan, records, traffic, world.prices, edges_s, leases, services)


def all_leases(records: Records, of_jobs: Ints, of_services: Ints) -> Leases:
    """The leases of attempts and of replicas, from the workload of each job and of each service."""
    tries, replicas = records.attempts, records.replicas
    pool = np.concatenate((tries.pool, replicas.pool))
    # Sixteen bits, because numpy sorts such short keys in linear time.
    order = np.argsort(pool.astype(np.int16), kind="stable")
    return Leases(
        pool[order],
        np.concatenate((of_jobs[tries.job], of_services[replicas.service]))[order],
        np.concatenate((tries.leased, replicas.leased))[order],
        np.concatenate((tries.start_s, replicas.start_s))[order],
        np.concatenate((tries.end_s, replicas.end_s))[order],
    )
