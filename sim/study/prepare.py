"""From a scenario and a command to a study: the folder, the manifest, the services' surfaces, the workers."""

import datetime as dt
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from sim import __version__
from sim.engine import Engine, why_simpy
from sim.errors import UsageError, closest
from sim.loading import digest, resolved
from sim.policies.plan import make_plan
from sim.scenario.beliefs import realise
from sim.scenario.model import Scenario
from sim.study.expectations import Expectation, expectations_of
from sim.study.files import FORMATS, claim_folder
from sim.study.journal import FILE_NAME as JOURNAL
from sim.study.journal import TOOL, Journal, Manifest
from sim.study.ready import make_ready
from sim.study.services import Serving, Where, build_servings, medians, rates_rps
from sim.study.simulation import MakeSimulation, Simulation
from sim.study.stopwatch import Stopwatch
from sim.study.study import SCENARIO, Progress, StudyOutcome, StudyPlan, run_study
from sim.study.summary import FILE_NAME as SUMMARY
from sim.study.tables import COSTS, RUNS, SERIES
from sim.study.workers import available_cores

RESULTS = Path("results")
DIGEST_LENGTH = 8
FIGURES = ("costs", "categories", "capacity", "violations")
DERIVED = (
    SCENARIO, RUNS, COSTS, SERIES, SUMMARY, *(f"{figure}.{kind}" for figure in FIGURES for kind in FORMATS)
)  # fmt: skip
"""What lies beside the journal in the end."""


class Listener(Protocol):
    """Who wants to know how a study goes on."""

    def say(self, message: str) -> None:
        """What is done at the moment."""
        ...

    def count(self, done: int, total: int) -> None:
        """`done` of `total` runs are on the disk."""
        ...


def carry_out(
    scenario: Scenario,
    name: str,
    *,
    runs: int,
    seed: int,
    strategies: Sequence[str],
    workers: int | None,
    out: Path | None,
    command: Sequence[str],
    on_progress: Listener,
    engine: Engine = Engine.AUTO,
    stopwatch: Stopwatch | None = None,
    on_tables: Callable[[Path, Mapping[str, Any]], None] = lambda folder, facts: None,
) -> StudyOutcome:
    """Carry out a study of `runs` futures, or what is missing of it, in `out` or `results/<name>-<digest>`.

    No strategies means all of the scenario's; no number of workers means as many as there are cores.
    """
    stopwatch = stopwatch or Stopwatch()
    chosen = choose(scenario, strategies)
    fingerprint = digest(scenario)
    folder = out if out is not None else RESULTS / f"{_safe(name)}-{fingerprint[:DIGEST_LENGTH]}"
    manifest = manifest_of(scenario, fingerprint, seed, command)
    _claim(folder, manifest)
    stopwatch("start-up")
    servings = build_servings(scenario, chosen, on_progress.say)
    stopwatch("surfaces")
    _choose_engine(scenario, chosen, servings, engine, on_progress)
    stopwatch("start-up")  # kernels may have to be compiled
    on_progress.say(f"{runs:,} {'future' if runs == 1 else 'futures'}")

    def listen(progress: Progress) -> None:
        on_progress.count(progress.done, progress.total)

    return run_study(
        StudyPlan(
            folder=folder,
            manifest=manifest,
            make_simulator=MakeSimulation(Simulation(scenario, seed, chosen, servings, engine)),
            runs=range(runs),
            strategies=chosen,
            expectations=expected(scenario, chosen),
            workers=workers if workers is not None else available_cores(),
        ),
        listen,
        stopwatch,
        lambda facts: on_tables(folder, facts),
    )


def _claim(folder: Path, manifest: Manifest) -> None:
    """See to it, before there is anything to lose, that the study may be kept in the folder.

    Raises StorageError where it may not: the folder cannot be written to, or holds what is not this study.
    """
    claim_folder(folder, DERIVED, JOURNAL)
    if (folder / JOURNAL).exists():
        Journal.create_or_resume(folder, manifest).close()


def _choose_engine(
    scenario: Scenario,
    strategies: Sequence[str],
    servings: Mapping[Where, Serving],
    engine: Engine,
    on_progress: Listener,
) -> None:
    """Make compiled code ready, and say which strategies are too much for the compiled engine.

    Raises UsageError where it is asked for and cannot do it.
    """
    if engine is Engine.SIMPY:
        return
    make_ready(on_progress.say)
    central = realise(scenario, medians(scenario))
    rates = rates_rps(servings)
    for strategy in strategies:
        reason = why_simpy(make_plan(central, strategy, rates))
        if reason is not None and engine is Engine.COMPILED:
            raise UsageError(f"--engine compiled: {strategy} is too much for it ({reason})")
        if reason is not None:
            on_progress.say(f"the SimPy engine runs {strategy}, which is slower: {reason}")


def choose(scenario: Scenario, names: Sequence[str]) -> tuple[str, ...]:
    """The strategies asked for (all if none), in the scenario's order; UsageError for an unknown one."""
    for name in names:
        if name not in scenario.strategies:
            known = ", ".join(scenario.strategies)
            hint = closest(name, tuple(scenario.strategies))
            raise UsageError(
                f"--strategy {name}: no such strategy; the scenario has {known}"
                + (f"; did you mean {hint!r}?" if hint else "")
            )
    return tuple(name for name in scenario.strategies if not names or name in names)


def expected(scenario: Scenario, strategies: Sequence[str]) -> tuple[Expectation, ...]:
    """The scenario's thresholds for the strategies that are run."""
    return tuple(e for e in expectations_of(scenario.expect) if e.strategy in strategies)


def manifest_of(scenario: Scenario, fingerprint: str, seed: int, command: Sequence[str]) -> Manifest:
    """Where a study comes from."""
    versions = {TOOL: __version__, "python": platform.python_version()}
    versions |= {library: version(library) for library in ("numpy", "scipy", "simpy")}
    return Manifest(
        scenario=resolved(scenario),
        title=scenario.title,
        digest=fingerprint,
        seed=seed,
        strategies=tuple(scenario.strategies),
        versions=versions,
        command=" ".join(("simulate", *command)),
        created=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "scenario"
