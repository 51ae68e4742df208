"""One run of a study: a world, and each strategy in it, from records to metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.engine import run as run_engine
from sim.ledger import Ledger, Traffic, focus_rows, post
from sim.metrics import CostFacts, ServiceFacts, check_books, measure, monthly
from sim.policies.plan import Plan, make_plan
from sim.records import Records
from sim.scenario.model import Scenario
from sim.study.results import RunResult
from sim.study.services import Achieved, Serving, Where, achieved
from sim.world import World, sample


@dataclass(frozen=True, slots=True)
class Simulation:
    """Runs every chosen strategy of a scenario in one world; also its own factory, as it pickles."""

    scenario: Scenario
    seed: int
    strategies: tuple[str, ...]
    servings: Mapping[Where, Serving]

    def __call__(self, run: int) -> list[RunResult]:
        """The results of this run, in the order of the strategies."""
        world = sample(self.scenario, self.seed, run)
        return [simulate_once(world, strategy, self.servings).result() for strategy in self.strategies]


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
        facts = (self.world, self.plan, self.records, self.services, self.costs)
        return RunResult(
            run=self.world.run,
            strategy=self.plan.strategy,
            metrics=measure(*facts),
            costs=focus_rows(self.ledger, self.world.scenario, self.plan),
            series=monthly(*facts),
        )


def simulate_once(world: World, strategy: str, servings: Mapping[Where, Serving]) -> Run:
    """What a strategy comes to in a world: engine, services, ledger, books checked."""
    scenario = world.scenario
    plan = make_plan(scenario, strategy, {where: serving.capacity_rps for where, serving in servings.items()})
    records = run_engine(world, plan)
    services = achieved(plan, scenario, world.demand_rps, records.replicas, servings)
    check_books(plan, records)
    ledger = post(world, plan, records, traffic(scenario, plan, services))
    return Run(world, plan, records, tuple(map(service_facts, services)), ledger, cost_facts(ledger))


def traffic(scenario: Scenario, plan: Plan, services: Sequence[Achieved]) -> Traffic:
    raise NotImplementedError


def service_facts(service: Achieved) -> ServiceFacts:
    raise NotImplementedError


def cost_facts(ledger: Ledger) -> CostFacts:
    raise NotImplementedError
