"""One run of a study: a world, and each strategy in it, from records to metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.engine import Engine
from sim.engine import run as run_engine
from sim.ledger import (
    Books,
    Category,
    Ledger,
    Traffic,
    focus_rows,
    micro_by,
    open_books,
    post,
    total_micro,
)
from sim.ledger.postings import NONE
from sim.metrics import CostFacts, Counted, ServiceFacts, check_books, measure, monthly
from sim.policies.plan import Plan, make_plan
from sim.records import Records
from sim.scenario.model import Scenario
from sim.scenario.workloads import Inference
from sim.study.results import RunResult
from sim.study.services import Achieved, Serving, Where, achieved, rates_rps
from sim.study.stopwatch import Lap, Stopwatch, no_lap
from sim.world import World, sample

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Simulation:
    """Runs every chosen strategy of a scenario in one world; also its own factory, as it pickles."""

    scenario: Scenario
    seed: int
    strategies: tuple[str, ...]
    servings: Mapping[Where, Serving]
    engine: Engine = Engine.AUTO
    stopwatch: Stopwatch = field(default_factory=Stopwatch, repr=False, compare=False)

    def __call__(self, run: int) -> list[RunResult]:
        """The results of this run, in the order of the strategies."""
        self.stopwatch.start()
        world = sample(self.scenario, self.seed, run)
        self.stopwatch("sampling")
        results = []
        for strategy in self.strategies:
            results.append(
                simulate_once(world, strategy, self.servings, self.engine, self.stopwatch).result()
            )
            self.stopwatch("metrics")
        return results


@dataclass(frozen=True, slots=True)
class MakeSimulation:
    """What workers are given: builds a simulation once in each of them."""

    simulation: Simulation

    def __call__(self) -> Simulation:
        """The simulation."""
        return self.simulation


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that is known of one strategy in one world."""

    world: World
    plan: Plan
    records: Records
    services: tuple[ServiceFacts, ...]
    ledger: Ledger
    costs: CostFacts

    def result(self) -> RunResult:
        """Its row of the study."""
        counted = Counted.of(self.world, self.plan, self.records)
        facts = (self.world, self.plan, self.records, self.services, self.costs, counted)
        return RunResult(
            run=self.world.run,
            strategy=self.plan.strategy,
            metrics=measure(*facts),
            costs=focus_rows(self.ledger, self.world.scenario, self.plan),
            series=monthly(*facts),
        )


def simulate_once(
    world: World,
    strategy: str,
    servings: Mapping[Where, Serving],
    engine: Engine = Engine.AUTO,
    lap: Lap = no_lap,
) -> Run:
    """What a strategy comes to in a world: engine, services, ledger; the books must agree.

    `lap` is told when each of them is done.
    """
    scenario = world.scenario
    plan = make_plan(scenario, strategy, rates_rps(servings))
    records = run_engine(world, plan, engine)
    lap("engine")
    check_books(plan, records)
    services = achieved(plan, scenario, world.demand_rps, records.replicas, servings)
    lap("serving")
    books = open_books(world, plan, records, responses(scenario, plan, services))
    ledger = post(books)
    costs = cost_facts(books, ledger)
    lap("ledger")
    facts = tuple(service_facts(index, service) for index, service in enumerate(services))
    return Run(world, plan, records, facts, ledger, costs)


def responses(scenario: Scenario, plan: Plan, services: Sequence[Achieved]) -> Traffic:
    """What the services sent to their users, by service, pool, month and location of the users.

    A pool answers in proportion to the work that its replicas did for these users; requests count in the
    month in which their interval begins.
    """
    locations = list(scenario.locations)
    rows: list[tuple[int, int, int, int, float]] = []
    for index, service in enumerate(services):
        workload = scenario.workloads[service.name]
        assert isinstance(workload, Inference), f"{service.name} is not a service"
        for lane, busy_s in zip(service.lanes, service.year.busy_s, strict=True):
            by_month = busy_s * lane.capacity_rps * workload.response
            rows += [
                (index, lane.pool, int(m), locations.index(location), float(by_month[m] * share))
                for m in np.flatnonzero(by_month)
                for location, share in lane.users.items()
            ]
    if not rows:
        return Traffic.none()
    *positions, size_bytes = zip(*rows, strict=True)
    origin, pools, months, targets = (np.array(column, dtype=np.int64) for column in positions)
    return Traffic(origin, pools, months, targets, np.array(size_bytes))


def service_facts(index: int, service: Achieved) -> ServiceFacts:
    """A service's year as the metrics want it."""
    year = service.year
    busy_s: dict[int, Floats] = {}
    elsewhere = 0.0
    for lane, mine_s in zip(service.lanes, year.busy_s, strict=True):
        before_s = busy_s.get(lane.pool, np.zeros(len(mine_s)))
        busy_s[lane.pool] = before_s + service.accelerators * mine_s
        elsewhere += 0.0 if lane.is_first_choice else float(mine_s.sum()) * lane.capacity_rps
    return ServiceFacts(
        service=index,
        offered=year.offered,
        served=year.served,
        violated=year.violated,
        abandoned=year.abandoned,
        capacity=year.capacity,
        waiting=year.waiting,
        broken_s=year.broken_s,
        saturated_s=year.saturated_s,
        p99_s=year.p99_s,
        unsure=year.unsure,
        state=year.state,
        elsewhere=elsewhere,
        busy_accelerator_s=busy_s,
    )


def cost_facts(books: Books, ledger: Ledger) -> CostFacts:
    """Totals of the ledger; workloads share what an owned pool costs by the accelerator-time they leased."""
    by_month = micro_by(ledger, "month")
    return CostFacts(
        total_micro=total_micro(ledger),
        by_category={
            Category(code).name.lower(): micro for code, micro in micro_by(ledger, "category").items()
        },
        by_month=[by_month.get(month, 0) for month in range(books.months)],
        by_workload=_by_workload(books, ledger),
        by_pool={
            books.plan.pools[pool].path: micro
            for pool, micro in micro_by(ledger, "pool").items()
            if pool != NONE
        },
    )


def _by_workload(books: Books, ledger: Ledger) -> dict[str, int]:
    """Direct costs of each workload, and its share of what its pools cost in common [micro-USD]."""
    names = list(books.scenario.workloads)
    totals = {names[n]: micro for n, micro in micro_by(ledger, "workload").items() if n != NONE}
    leased_s = books.leased_by_month_s.sum(axis=2)
    common = (ledger.workload == NONE) & (ledger.pool != NONE)
    for shared in np.unique(ledger.pool[common]).tolist():
        micro = int(ledger.amount_micro[common & (ledger.pool == shared)].sum())
        time_s = leased_s[shared]
        for n in np.flatnonzero(time_s).tolist():
            totals[names[n]] = totals.get(names[n], 0) + round(micro * float(time_s[n] / time_s.sum()))
    return totals
