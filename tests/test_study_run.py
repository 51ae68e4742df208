"""A whole study: the same numbers by every road, and an exit code that says how it ended."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.errors import ScenarioError, StorageError
from sim.study import Expectation, Journal, Progress, run_study
from sim.study.study import SCENARIO
from sim.study.tables import RUNS, read_table
from tests.study_fakes import STRATEGIES, Fake, fake_result, manifest, plan
from tests.study_hospital import real_future

DERIVED = ("summary.json", "runs.parquet", "costs.parquet", "series.parquet", SCENARIO)
ROOT = Path(__file__).parent.parent


def quiet(_: Progress) -> None:
    """Nobody watches."""


def contents(folder: Path) -> dict[str, object]:
    """All that a study leaves, byte for byte; the journal as its rows."""
    with Journal.open(folder) as journal:
        rows: object = list(journal._rows(None, None))
    return {"journal": rows} | {name: (folder / name).read_bytes() for name in DERIVED}


def test_worker_count_changes_nothing(tmp_path: Path) -> None:
    """One, two and four workers leave the same journal rows and derived files, byte for byte."""
    for workers in (1, 2, 4):
        run_study(plan(tmp_path / str(workers), 24, workers=workers), quiet)
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "4")


def test_more_runs_go_on_from_there(tmp_path: Path) -> None:
    """Ten runs and then twenty are the same as twenty at once, and the first ten are carried out once."""
    notes = tmp_path / "notes"
    notes.mkdir()
    run_study(plan(tmp_path / "a", 10), quiet)
    first = read_table(tmp_path / "a" / RUNS)
    grown = run_study(plan(tmp_path / "a", 20, Fake(notes=notes)), quiet)
    run_study(plan(tmp_path / "b", 20), quiet)
    assert grown.resumed == 10
    assert {path.name for path in notes.glob("run-*")} == {f"run-{run}" for run in range(10, 20)}
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert read_table(tmp_path / "b" / RUNS).slice(0, 10 * len(STRATEGIES)).equals(first)


def test_fewer_runs_are_summed_up_as_asked(tmp_path: Path) -> None:
    """A call for fewer runs than the journal has gives what these runs alone give."""
    run_study(plan(tmp_path / "a", 20), quiet)
    assert run_study(plan(tmp_path / "a", 10), quiet).resumed == 10
    run_study(plan(tmp_path / "b", 10), quiet)
    assert all(
        (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in DERIVED
    )


def test_damaged_rows_are_carried_out_anew(tmp_path: Path) -> None:
    """A damaged row is said, carried out again, and the study is then what it was."""
    run_study(plan(tmp_path, 5), quiet)
    before = contents(tmp_path)
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        journal._connection.execute("update results set costs = x'00' where run = 3 and strategy = 'cloud'")
    outcome = run_study(plan(tmp_path, 5), quiet)
    assert (outcome.repaired, outcome.resumed, outcome.exit_code) == (((3, "cloud"),), 4, 0)
    assert contents(tmp_path) == before


def test_failed_run(tmp_path: Path) -> None:
    """A failed run is said with seed and reason, exits with 75, and is tried again by the same command."""
    outcome = run_study(plan(tmp_path, 6, Fake(raises=(2,))), quiet)
    assert (outcome.exit_code, outcome.missing) == (75, (2,))
    (failed,) = outcome.failed
    assert (failed.run, failed.seed) == (2, 7)
    assert failed.message.startswith("ArithmeticError: run 2 divides by zero")
    assert outcome.summary["failed"][0]["run"] == 2
    assert outcome.summary["strategies"]["owned"]["runs"] == 5
    again = run_study(plan(tmp_path, 6), quiet)
    assert (again.exit_code, again.missing, again.failed, again.resumed) == (0, (), (), 5)


def test_strategy_without_an_answer(tmp_path: Path) -> None:
    """A run that lacks a strategy that was asked for is not done, though it did not fail."""
    outcome = run_study(plan(tmp_path, 2, strategies=(*STRATEGIES, "forgotten")), quiet)
    assert (outcome.exit_code, outcome.missing, outcome.failed) == (75, (0, 1), ())


def test_progress_counts_what_is_certain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress begins with the runs done earlier and rises to all of them; a failed run is counted apart."""
    monkeypatch.setattr("sim.study.executor.PERIOD_S", 0.0)
    run_study(plan(tmp_path, 3), quiet)
    seen: list[Progress] = []
    run_study(plan(tmp_path, 6, Fake(raises=(4,))), seen.append)
    assert seen == [Progress(3, 0, 6), Progress(4, 0, 6), Progress(4, 1, 6), Progress(5, 1, 6)]


@pytest.mark.parametrize(
    ("threshold", "status", "exit_code"), [(60.0, "pass", 0), (20.0, "fail", 99), (30.0, "undecided", 0)]
)
def test_expectations_decide_the_exit_code(
    tmp_path: Path, threshold: float, status: str, exit_code: int
) -> None:
    """The cost of two rows of 10 to 20 USD is about 30: 60 is kept, 20 is crossed, 30 cannot be told."""
    wish = Expectation("cost_usd", "owned", "mean", "below", threshold)
    outcome = run_study(plan(tmp_path, 40, expectations=(wish,)), quiet)
    assert [verdict.status for verdict in outcome.verdicts] == [status]
    assert outcome.exit_code == exit_code
    assert outcome.summary["expectations"][0]["status"] == status


def test_missing_runs_come_before_thresholds(tmp_path: Path) -> None:
    """While runs are missing the study is incomplete, even where the others cross a threshold."""
    wish = Expectation("cost_usd", "owned", "mean", "below", 1.0)
    assert run_study(plan(tmp_path, 9, Fake(raises=(0,)), expectations=(wish,)), quiet).exit_code == 75


def test_expectation_of_an_unknown_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt metric ends the study at its first outcomes, with what was probably meant."""
    monkeypatch.setattr("sim.study.executor.PERIOD_S", 0.0)
    wish = Expectation("cost_us", "owned", "mean", "below", 1.0)
    with pytest.raises(ScenarioError, match="did you mean 'cost_usd'"):
        run_study(plan(tmp_path, 9, expectations=(wish,)), quiet)
    with Journal.open(tmp_path) as journal:
        assert journal.done_runs(STRATEGIES) == {0}


def test_another_study_in_the_folder(tmp_path: Path) -> None:
    """A folder with another study is refused before anything runs, and stays as it was."""
    run_study(plan(tmp_path, 2), quiet)
    before = contents(tmp_path)
    with pytest.raises(StorageError, match="holds another study"):
        run_study(plan(tmp_path, 2, manifest=manifest(seed=8)), quiet)
    assert contents(tmp_path) == before


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    """Where a file stands in the way of the folder, the error names it."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/study cannot be written: Not a directory"):
        run_study(plan(tmp_path / "file" / "study", 1), quiet)


STUDY = """
import sys
from pathlib import Path
from sim.study import run_study
from tests.study_fakes import Fake, plan

def show(progress):
    print(progress.done, flush=True)

if __name__ == "__main__":
    runs, workers, rows, delay_s = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    run_study(plan(Path(sys.argv[1]), runs, Fake(rows=rows, delay_s=delay_s), workers=workers), show)
"""


def start(script: Path, *arguments: object) -> subprocess.Popen[str]:
    """A study in a process of its own."""
    script.write_text(STUDY)
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def descendants(parent: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    children = map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    return [process for child in children for process in (child, *descendants(child))]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers through /proc")
@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_killed_study_resumes(tmp_path: Path, number: signal.Signals, exit_code: int) -> None:
    """A study that is killed keeps what it reported, leaves no worker behind, and goes on to the same end."""
    with start(tmp_path / "study.py", tmp_path / "a", 40, 2, 2, 0.05) as study:
        assert study.stdout
        for line in study.stdout:
            if int(line) >= 6:
                workers = descendants(study.pid)
                assert len(workers) >= 2
                study.send_signal(number)
                break
        reported = max([int(line), *map(int, study.stdout)])
    assert study.returncode == exit_code
    with Journal.open(tmp_path / "a") as journal:
        done = journal.done_runs(STRATEGIES)
    assert reported <= len(done) < 40
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its study"
        time.sleep(0.02)
    outcome = run_study(plan(tmp_path / "a", 40), quiet)
    assert outcome.resumed == len(done)
    run_study(plan(tmp_path / "b", 40), quiet)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_runs(tmp_path: Path) -> None:
    """500 futures of the hospital's size peak within 1.3 times 50, in coordinator and workers."""
    file = tmp_path / "future"
    file.write_bytes(pickle.dumps(real_future()))
    few, many = (peaks_kb(file, tmp_path / str(runs), runs) for runs in (50, 500))
    assert many[0] <= 1.3 * few[0]
    assert many[1] <= 1.3 * few[1]


def peaks_kb(file: Path, folder: Path, runs: int) -> tuple[int, int]:
    """Peak memory of the coordinator and of a worker [KiB]."""
    command = [sys.executable, "-m", "tests.study_hospital", str(file), str(folder), str(runs)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    coordinator, worker = map(int, done.stdout.split())
    return coordinator, worker


def test_summary_says_whose_it_is(tmp_path: Path) -> None:
    """The summary on the disk is the one returned, and the resolved scenario lies beside it."""
    outcome = run_study(plan(tmp_path, 3), quiet)
    assert json.loads((tmp_path / "summary.json").read_text()) == outcome.summary
    assert (tmp_path / SCENARIO).read_text() == "title: Fake\n"
    told = [fake_result(run, "cloud").metrics["cost_usd"] for run in range(3)]
    assert (
        outcome.summary["strategies"]["cloud"]["metrics"]["cost_usd"]["mean"]["value"]
        == f"{sum(told) / 3:.6f}"
    )
