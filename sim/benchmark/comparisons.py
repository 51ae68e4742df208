"""What is compared with what; each ratio says how many times faster the first of two is."""

import cProfile
import pstats
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sim.benchmark.rivals import bare_heap, bare_timeouts, heapq_waits, simpy_waits
from sim.benchmark.timing import Work, in_turns
from sim.benchmark.worlds import FIFO_ACCELERATORS, PHILLY_JOBS, fifo_world, philly_jobs, training_world
from sim.engine import Engine, run
from sim.policies.plan import Plan, make_plan
from sim.records import Records
from sim.scenario.model import Scenario
from sim.study.services import build_servings, rates_rps
from sim.world import World, sample
from sim.world.world import Ints

BARE_EVENTS = 200_000
HEAP_EVENTS = 1_000_000
PENDING = 64
"""Events in the bare heap: a lease for each job that runs, and some clocks, wait in that of the engine."""

STEP = ("core.py", "step")
DISPATCH = ("queue.py", "_dispatch")
"""Where SimPy and the SimPy engine do what is counted: file and function."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is run."""

    rounds: int
    scenario_rounds: int
    growth_rounds: int
    training_jobs: int
    fifo_jobs: int
    growth_jobs: tuple[int, ...]
    growth_nodes: tuple[int, ...]
    jobs_on_nodes: int
    """Jobs in each of the worlds in which the nodes grow."""


FULL = Size(7, 3, 3, 10_000, PHILLY_JOBS, (10_000, 100_000, 1_000_000), (10, 100, 1000, 4096), 100_000)
QUICK = Size(5, 1, 7, 3_000, 20_000, (10_000, 1_000_000), (10, 4096), 100_000)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ways, timed in turns."""

    name: str
    about: str
    """How much was run, as people say it."""
    unit: str
    """What is counted: events, jobs, futures."""
    engine: str
    per_s: float
    """[1/s], from the median time."""
    beside: str
    beside_per_s: float
    ratio: float
    """Median over the rounds of the ratio of the two rates."""
    lowest: float
    highest: float
    goal: str
    """The ratio or rate that is aimed at; empty where there is none."""

    @property
    def key(self) -> str:
        """What it is known by, whatever was run."""
        return f"{self.name}, {self.engine} / {self.beside}"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the ways: what it is called, how many units it does, and the work."""

    name: str
    amount: float
    work: Work


def compare(
    name: str, about: str, unit: str, ours: Side, others: tuple[Side, ...], rounds: int, goal: str
) -> list[Comparison]:
    """One way beside others; all take turns. The goal is for the first of the others."""
    sides = (ours, *others)
    rates = np.array([side.amount for side in sides]) / in_turns([side.work for side in sides], rounds)
    median = np.median(rates, axis=0)
    ratios = rates[:, :1] / rates
    return [
        Comparison(
            name, about, unit, ours.name, float(median[0]), other.name, float(median[column]),
            float(np.median(ratios[:, column])), float(ratios[:, column].min()),
            float(ratios[:, column].max()), goal if column == 1 else "",
        )
        for column, other in enumerate(others, start=1)
    ]  # fmt: skip


def engine_work(world: World, plan: Plan, engine: Engine) -> Callable[[], Records]:
    """A run of an engine."""
    return lambda: run(world, plan, engine)


def simpy_events(size: Size) -> list[Comparison]:
    """What the SimPy engine leaves of SimPy's own rate: all events that SimPy processes count."""
    world, plan = training_world(size.training_jobs)
    events, _ = census(world, plan)
    return compare(
        "events", f"{len(world.jobs):,} jobs", "events",
        Side("SimPy", events, engine_work(world, plan, Engine.SIMPY)),
        (Side("bare env.timeout", BARE_EVENTS, lambda: bare_timeouts(BARE_EVENTS)),),
        size.rounds, "0.25",
    )  # fmt: skip


def compiled_events(size: Size) -> list[Comparison]:
    """What the compiled engine leaves of a bare heap's rate.

    Its events are jobs that arrive, leases that end, and dispatches. Options that open because of waiting
    go through its heap as well, and are not counted: most concern jobs that have started long since.
    """
    world, plan = training_world(size.training_jobs)
    _, dispatches = census(world, plan)
    work = engine_work(world, plan, Engine.COMPILED)
    events = len(world.jobs) + len(work().attempts) + dispatches
    bare_heap(1, PENDING)
    return compare(
        "events", f"{len(world.jobs):,} jobs", "events",
        Side("compiled", events, work),
        (Side("bare numba heap", HEAP_EVENTS, lambda: bare_heap(HEAP_EVENTS, PENDING)),),
        size.rounds, "0.2",
    )  # fmt: skip


def census(world: World, plan: Plan) -> tuple[int, int]:
    """How many events SimPy processes in a run, and how many dispatches; a profiler counts the calls."""
    profile = cProfile.Profile()
    profile.runcall(run, world, plan, Engine.SIMPY)
    calls = {
        (Path(file).name, function): count
        for (file, _, function), (count, *_) in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    }
    return calls[STEP], calls[DISPATCH]


def training_only(size: Size) -> list[Comparison]:
    """Both engines on gangs before ten nodes and a cloud."""
    world, plan = training_world(size.training_jobs)
    count = len(world.jobs)
    compiled, simpy = (engine_work(world, plan, engine) for engine in (Engine.COMPILED, Engine.SIMPY))
    compiled()
    return compare(
        "training", f"{count:,} jobs", "jobs", Side("compiled", count, compiled),
        (Side("SimPy engine", count, simpy),), size.rounds, "100",
    )  # fmt: skip


def fifo(size: Size, data: Path | None) -> list[Comparison]:
    """One pool, first come first served: the compiled engine beside a SimPy model and a heapq loop.

    AssertionError where the three do not say that every job waits equally long.
    """
    jobs = philly_jobs(data, size.fifo_jobs)
    world, plan = fifo_world(jobs)
    count = len(jobs)
    compiled = engine_work(world, plan, Engine.COMPILED)
    expected = heapq_waits(jobs, FIFO_ACCELERATORS)
    assert np.array_equal(waits(world, compiled()), expected), "the engine waits differently"
    assert np.array_equal(simpy_waits(jobs, FIFO_ACCELERATORS), expected), "SimPy waits differently"
    about = f"{count:,} {'jobs as of' if data is None else 'jobs of'} philly"
    others = (
        Side("idiomatic SimPy", count, lambda: simpy_waits(jobs, FIFO_ACCELERATORS)),
        Side("heapq loop", count, lambda: heapq_waits(jobs, FIFO_ACCELERATORS)),
    )
    ours = Side("compiled", count, compiled)
    return compare("FIFO", about, "jobs", ours, others, size.rounds, "3 M jobs/s")


def waits(world: World, records: Records) -> Ints:
    """How long each job has waited for its first lease [s]."""
    attempts = records.attempts
    assert len(attempts) == len(world.jobs), "a job has not run, or more than once"
    waits_s = np.empty(len(world.jobs), dtype=np.int64)
    waits_s[attempts.job] = attempts.start_s - world.jobs.submit_s[attempts.job]
    return waits_s


def scenario_engines(size: Size, scenario: Scenario, name: str) -> list[Comparison]:
    """Both engines on one future of a scenario, under all its strategies."""
    capacity = rates_rps(build_servings(scenario))
    world = sample(scenario, seed=0, run=0)
    plans = [make_plan(world.scenario, strategy, capacity) for strategy in scenario.strategies]

    def all_with(engine: Engine) -> Work:
        def one_future() -> None:
            fresh = replace(world)  # which remembers nothing that was worked out before
            for plan in plans:
                run(fresh, plan, engine)

        return one_future

    compiled = all_with(Engine.COMPILED)
    compiled()
    return compare(
        name, f"{len(plans)} strategies", "futures", Side("compiled", 1, compiled),
        (Side("SimPy engine", 1, all_with(Engine.SIMPY)),), size.scenario_rounds, "100",
    )  # fmt: skip
