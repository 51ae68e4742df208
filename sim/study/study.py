"""A study: all runs of a scenario, carried out once each, kept, and summed up."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sim.study.executor import execute
from sim.study.expectations import Expectation, Verdict, demand_known_metrics, judge
from sim.study.files import make_folder, replacing
from sim.study.journal import FailedRun, Journal, Manifest
from sim.study.results import MakeSimulator
from sim.study.rows import Finished, Outcome, metrics_of
from sim.study.stopwatch import Stopwatch
from sim.study.summary import FILE_NAME as SUMMARY
from sim.study.summary import facts_of, summarise, write_summary
from sim.study.tables import Tables
from sim.study.values import MetricValues

SCENARIO = "scenario.resolved.yaml"

AT_ONCE = 32
"""Runs that go into the tables before the workers are listened to again."""

EXIT_DONE, EXIT_INCOMPLETE, EXIT_CROSSED = 0, 75, 99


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """What to carry out, and where to keep it."""

    folder: Path
    manifest: Manifest
    make_simulator: MakeSimulator
    runs: range
    strategies: tuple[str, ...]
    """Those that the simulator runs, in the scenario's order."""
    expectations: tuple[Expectation, ...] = ()
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study has come; sent when it is certain, that is after the journal has it on the disk."""

    done: int
    """Of the runs asked for, those done earlier included."""
    failed: int
    total: int


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """What a study came to."""

    folder: Path
    summary: dict[str, Any]
    verdicts: tuple[Verdict, ...]
    resumed: int
    """Runs that were already done."""
    failed: tuple[FailedRun, ...]
    missing: tuple[int, ...]
    """Runs without a result for each strategy, the failed ones included."""
    repaired: tuple[tuple[int, str], ...]
    """Run and strategy of journal rows that were damaged, and so were carried out anew."""

    @property
    def exit_code(self) -> int:
        """75 when runs are missing (the same command tries them again), else 99 when an expectation failed.

        An undecided expectation has not been crossed.
        """
        if self.missing:
            return EXIT_INCOMPLETE
        return EXIT_CROSSED if any(verdict.status == "fail" for verdict in self.verdicts) else EXIT_DONE


def run_study(
    plan: StudyPlan,
    on_progress: Callable[[Progress], None],
    stopwatch: Stopwatch | None = None,
    on_tables: Callable[[Mapping[str, Any]], None] = lambda facts: None,
) -> StudyOutcome:
    """Carry out the runs that the journal does not have yet, and write the derived files for those asked for.

    The stopwatch gets the processor time that it takes, that of the workers included. `on_tables` is given
    the beginning of the summary when the tables are there and the statistics are not.

    Raises StorageError when the folder holds another study or cannot be written to. An interruption passes
    through; the journal then has every run that was reported.
    """
    stopwatch = stopwatch or Stopwatch()
    make_folder(plan.folder)
    with Journal.create_or_resume(plan.folder, plan.manifest) as journal:
        damaged = tuple(journal.corrupt(plan.runs, plan.strategies))
        before = journal.done_runs(plan.strategies) & set(plan.runs)
        with Tables(journal, plan.folder, plan.runs, plan.strategies) as tables:
            _carry_out(plan, journal, tables, before, on_progress, stopwatch)
            metrics = tables.finish()
        on_tables(facts_of(journal.manifest, metrics))
        stopwatch("writing")
        verdicts = _judge(plan, metrics)
        summary = summarise(journal, plan.runs, plan.strategies, verdicts, metrics)
        stopwatch("statistics")
        write_summary(plan.folder / SUMMARY, summary)
        with replacing(plan.folder / SCENARIO) as partial:
            partial.write_text(journal.manifest.scenario, encoding="utf-8")
        done = [set(metrics[s].runs.tolist()) if s in metrics else set[int]() for s in plan.strategies]
        return StudyOutcome(
            folder=plan.folder,
            summary=summary,
            verdicts=verdicts,
            resumed=len(before),
            failed=tuple(journal.failures(plan.runs)),
            missing=tuple(run for run in plan.runs if not all(run in runs for runs in done)),
            repaired=damaged,
        )


def _carry_out(
    plan: StudyPlan,
    journal: Journal,
    tables: Tables,
    done: set[int],
    on_progress: Callable[[Progress], None],
    stopwatch: Stopwatch,
) -> None:
    progress = Progress(len(done), 0, len(plan.runs))
    left = [run for run in plan.runs if run not in done]
    settled = _Settled(plan.runs, left)

    def keep(outcomes: list[Outcome]) -> None:
        nonlocal progress
        stopwatch.start()  # without workers, what they would do is done in between
        journal.record(outcomes)
        finished = [outcome for outcome in outcomes if isinstance(outcome, Finished)]
        if plan.expectations:
            for row in chain.from_iterable(outcome.rows for outcome in finished):
                demand_known_metrics(plan.expectations, row.strategy, metrics_of(row))
        failures = len(outcomes) - len(finished)
        progress = Progress(progress.done + len(finished), progress.failed + failures, progress.total)
        on_progress(progress)
        tables.follow(settled.upto(outcome.run for outcome in outcomes), AT_ONCE)
        stopwatch("writing")

    on_progress(progress)
    stopwatch("writing")
    stopwatch.add(execute(plan.make_simulator, left, plan.workers, keep))
    stopwatch.start()


class _Settled:
    """Up to where all runs are settled, that is finished or failed."""

    def __init__(self, runs: range, left: Sequence[int]) -> None:
        self._left = deque(left)
        self._ahead: set[int] = set()
        self._end = runs.stop

    def upto(self, runs: Iterable[int]) -> int:
        """The first run that is not settled, now that these are."""
        self._ahead.update(runs)
        while self._left and self._left[0] in self._ahead:
            self._ahead.remove(self._left.popleft())
        return self._left[0] if self._left else self._end


def _judge(plan: StudyPlan, metrics: Mapping[str, MetricValues]) -> tuple[Verdict, ...]:
    for strategy, found in metrics.items():
        demand_known_metrics(plan.expectations, strategy, found.values)
    return tuple(
        judge(wish, metrics[wish.strategy].values[wish.metric] if wish.strategy in metrics else np.empty(0))
        for wish in plan.expectations
    )
