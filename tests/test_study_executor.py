"""Carrying out runs: what comes out depends on the run alone, whatever happens to the workers."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from sim.study.executor import ATTEMPTS, attempt, carried_out, execute
from sim.study.rows import Failed, Finished, Outcome, encode, metrics_of
from tests.study_fakes import Collector, Fake, MakeFake, fake_result, make_thread_limit, rounded_corners


@pytest.mark.parametrize("workers", [1, 2])
def test_every_run_once(workers: int) -> None:
    """Each run comes out once with the results of all strategies, and each batch is in run order."""
    collected = Collector()
    execute(MakeFake(), range(10, 30), workers, collected)
    handed = [outcome.run for batch in collected.batches for outcome in batch]
    assert sorted(handed) == list(range(10, 30))
    assert all([o.run for o in batch] == sorted(o.run for o in batch) for batch in collected.batches)
    finished = collected.by_run[12]
    assert isinstance(finished, Finished)
    assert [row.strategy for row in finished.rows] == ["owned", "cloud", "hybrid"]
    assert finished.rows[0] == encode(fake_result(12, "owned"))


@pytest.mark.parametrize("workers", [1, 2])
def test_run_that_raises(workers: int) -> None:
    """A run that raises is failed with its reason and place; the others go on."""
    collected = Collector()
    execute(MakeFake(Fake(raises=(3,))), range(6), workers, collected)
    outcomes = collected.by_run
    failed = outcomes.pop(3)
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("ArithmeticError: run 3 divides by zero (study_fakes.py, line ")
    assert all(isinstance(outcome, Finished) for outcome in outcomes.values())
    assert sorted(outcomes) == [0, 1, 2, 4, 5]


def test_run_that_kills_its_worker(tmp_path: Path) -> None:
    """A run whose worker dies each time is tried thrice, then failed; its neighbours are not blamed."""
    collected = Collector()
    execute(MakeFake(Fake(killed=(2,), notes=tmp_path)), range(9), 2, collected)
    assert ((tmp_path / "run-2").read_text(), ATTEMPTS) == ("xxx", 3)
    failed = [outcome for outcome in collected.by_run.values() if isinstance(outcome, Failed)]
    assert failed == [Failed(2, f"its worker process died {ATTEMPTS} times (signal 9, Killed)")]
    assert len(collected.by_run) == 9


def test_worker_that_dies_once(tmp_path: Path) -> None:
    """A worker that ends for a reason of its own costs nothing: its run is tried again."""
    collected = Collector()
    execute(MakeFake(Fake(dies_once=(1, 4), notes=tmp_path)), range(6), 2, collected)
    assert all(isinstance(outcome, Finished) for outcome in collected.by_run.values())
    assert len(collected.by_run) == 6


def test_workers_that_cannot_start() -> None:
    """A simulator that cannot be made ends the call with the reason, not one failure per run."""
    with pytest.raises(RuntimeError, match="LookupError: no such scenario"):
        execute(MakeFake(broken=True), range(4), 2, Collector())
    assert multiprocessing.active_children() == []


def test_simulator_is_made_once_per_worker(tmp_path: Path) -> None:
    """Two workers make two simulators, however many runs they share."""
    execute(MakeFake(Fake(notes=tmp_path, delay_s=0.02)), range(20), 2, Collector())
    assert len(list(tmp_path.glob("made-by-*"))) == 2


def test_runs_in_flight_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the coordinator is busy, workers get no further than the runs they hold."""
    monkeypatch.setattr("sim.study.executor.PERIOD_S", 0.03)
    answered, started = 0, 0

    def busy(outcomes: list[Outcome]) -> None:
        nonlocal answered, started
        answered += len(outcomes)
        if answered > 40 and not started:
            time.sleep(1.0)  # time for 100 runs of each worker
            started = len(list(tmp_path.glob("run-*")))

    execute(MakeFake(Fake(notes=tmp_path, delay_s=0.01)), range(240), 2, busy)
    # A period holds at most 3 runs: a worker that held less than 2 x 3 got 3 more.
    assert 0 < started <= answered_by_then(40) + 2 * (2 * 3 - 1 + 3)


def answered_by_then(runs: int) -> int:
    """Once so many runs have been answered for, at most this many: a batch holds what both workers had."""
    return runs + 2 * (2 * 3 - 1 + 3)


def test_outcomes_come_by_the_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done is told after each period and at the end, each run is announced before it begins."""
    monkeypatch.setattr("sim.study.executor.PERIOD_S", 0.05)
    begun: list[int] = []
    told = []
    for answer in carried_out(Fake(delay_s=0.02), range(3, 11), begun.append):
        told.append([outcome.run for outcome in answer.outcomes])
        assert begun[-1] == told[-1][-1]
        assert answer.took_s >= 0.02 * len(told[-1])
    assert [run for batch in told for run in batch] == begun == list(range(3, 11))
    assert 3 <= len(told) < 8


def test_death_among_many(tmp_path: Path) -> None:
    """A worker that holds many short runs and dies points to the one that it was at; all others are done."""
    collected = Collector()
    execute(MakeFake(Fake(killed=(70,), notes=tmp_path)), range(200), 2, collected)
    failed = [outcome for outcome in collected.by_run.values() if isinstance(outcome, Failed)]
    assert [outcome.run for outcome in failed] == [70]
    assert (tmp_path / "run-70").read_text() == "xxx"
    assert len(collected.by_run) == 200


def test_short_runs_come_in_batches() -> None:
    """Runs that take no time are handed over many at a time: each batch is a transaction."""
    collected = Collector()
    execute(MakeFake(), range(400), 2, collected)
    assert len(collected.batches) < 40


def test_long_runs_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is not kept waiting for others: it is handed over after a period at the latest."""
    monkeypatch.setattr("sim.study.executor.PERIOD_S", 0.05)
    came: dict[int, float] = {}

    def note(outcomes: list[Outcome]) -> None:
        came.update({outcome.run: time.monotonic() for outcome in outcomes})

    execute(MakeFake(Fake(delay_s=0.4)), range(3), 2, note)
    assert max(came.values()) - min(came.values()) > 0.2


def test_one_thread_per_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers see OMP_NUM_THREADS=1; the coordinator's own setting stays."""
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    collected = Collector()
    execute(make_thread_limit, range(3), 2, collected)
    rows = [outcome.rows[0] for outcome in collected.by_run.values() if isinstance(outcome, Finished)]
    assert [metrics_of(row)["threads"] for row in rows] == [1] * 3
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_interrupt_ends_the_workers() -> None:
    """An interruption passes through at once and leaves no worker behind."""

    def interrupt(_: list[Outcome]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(MakeFake(Fake(delay_s=0.05)), range(400), 2, interrupt)
    assert multiprocessing.active_children() == []


def test_answer_for_another_run() -> None:
    """Results under another run number are refused, so that no run is overwritten by its neighbour."""
    assert attempt(rounded_corners, 4) == Failed(4, "the simulator answered for another run")


def test_no_runs() -> None:
    """Nothing to do is no error."""
    collected = Collector()
    execute(MakeFake(), range(0), 2, collected)
    assert collected.batches == []
