"""Simulators that cost nothing, at module level so that they pickle into spawned workers."""

import os
import random
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.study import Manifest, RunResult, Simulator, StudyPlan
from sim.study.rows import Finished, Outcome, encode

STRATEGIES = ("owned", "cloud", "hybrid")


def fake_result(run: int, strategy: str, rows: int = 2) -> RunResult:
    """A result that depends on (run, strategy) alone; `cost_usd` is the sum of its costs."""
    draw = random.Random(f"{run}/{strategy}")
    costs = [round(draw.uniform(10, 20), 6) for _ in range(rows)]
    return RunResult(
        run=run,
        strategy=strategy,
        metrics={
            "cost_usd": round(sum(costs), 6),
            "utilisation": draw.random(),
            "wait_s_p50": float("nan") if draw.random() < 0.3 else draw.expovariate(1 / 600),
        },
        costs={
            "BilledCost": costs,
            "ChargePeriodStart": [f"2026-{row % 12 + 1:02d}-01T00:00:00Z" for row in range(rows)],
            "x_Pool": ["campus/room"] * rows,
        },
        series={"month": [0, 1], "queue_jobs": [draw.random(), draw.random()]},
    )


def finished(run: int, *strategies: str, rows: int = 2) -> Finished:
    """A run of the fake as it is recorded; all strategies when none is named."""
    results = (fake_result(run, strategy, rows) for strategy in strategies or STRATEGIES)
    return Finished(run, tuple(map(encode, results)))


@dataclass(frozen=True)
class Fake:
    """A simulator with three strategies, and troubles by run number."""

    raises: tuple[int, ...] = ()
    dies_once: tuple[int, ...] = ()
    killed: tuple[int, ...] = ()
    delay_s: float = 0.0
    rows: int = 2
    notes: Path | None = None
    """Where each run leaves a file as it starts, with a letter for each time."""

    def __call__(self, run: int) -> list[RunResult]:
        """The results of all strategies, unless this run is in for trouble."""
        if self.notes:
            seen = (self.notes / f"run-{run}").exists()
            with (self.notes / f"run-{run}").open("a") as note:
                note.write("x")
            if run in self.dies_once and not seen:
                os._exit(9)
        if run in self.raises:
            raise ArithmeticError(f"run {run} divides by zero")
        if run in self.killed:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.delay_s)
        return [fake_result(run, strategy, self.rows) for strategy in STRATEGIES]


@dataclass(frozen=True)
class MakeFake:
    """Gives each worker its simulator."""

    fake: Fake = Fake()
    broken: bool = False

    def __call__(self) -> Fake:
        """The simulator."""
        if self.broken:
            raise LookupError("no such scenario")
        if self.fake.notes:
            (self.fake.notes / f"made-by-{os.getpid()}").touch()
        return self.fake


def thread_limit(run: int) -> list[RunResult]:
    """One metric: how many threads the numeric libraries may use here."""
    return [RunResult(run, "owned", {"threads": float(os.environ.get("OMP_NUM_THREADS", "nan"))}, {}, {})]


def make_thread_limit() -> Simulator:
    """Gives `thread_limit`."""
    return thread_limit


def rounded_corners(run: int) -> list[RunResult]:
    """A simulator that answers for another run than the one asked for."""
    return [fake_result(run + 1, "owned")]


def manifest(**changes: Any) -> Manifest:
    """The manifest of a study of the fake, with changes."""
    plain = Manifest(
        scenario="title: Fake\n",
        title="Fake",
        digest="d1g357",
        seed=7,
        strategies=STRATEGIES,
        versions={"simulate": "0.1.0", "numpy": "2.4.6"},
        command="simulate fake.yaml",
        created="2026-01-05T00:00:00Z",
    )
    return replace(plain, **changes)


def plan(folder: Path, runs: int, fake: Fake | None = None, **changes: Any) -> StudyPlan:
    """A plan for the fake, with changes."""
    plain = StudyPlan(folder, manifest(), MakeFake(fake or Fake()), range(runs), STRATEGIES)
    return replace(plain, **changes)


class Collector:
    """Keeps the batches that it is handed."""

    def __init__(self) -> None:
        self.batches: list[list[Outcome]] = []

    def __call__(self, outcomes: list[Outcome]) -> None:
        """Keep a batch."""
        self.batches.append(outcomes)

    @property
    def by_run(self) -> dict[int, Outcome]:
        """Every outcome by its run."""
        return {outcome.run: outcome for batch in self.batches for outcome in batch}
