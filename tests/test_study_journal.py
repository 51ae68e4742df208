"""The journal: what it was told is there after any end, and what is damaged does not count."""

import math
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sim.errors import StorageError
from sim.study import columns
from sim.study.journal import FILE_NAME, FailedRun, Journal, file_system_of
from sim.study.results import Columns, RunResult
from sim.study.rows import Failed, Finished, encode, metrics_of
from tests.study_fakes import STRATEGIES, finished, manifest


def damage(folder: Path, run: int, strategy: str, column: str, value: object) -> None:
    """Change one value in the file, as a bad disk would."""
    with sqlite3.connect(folder / FILE_NAME) as raw:
        raw.execute(f"update results set {column} = ? where run = ? and strategy = ?", (value, run, strategy))
    raw.close()


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    """Metrics come back bit for bit, NaN too, and so do costs and series of each kind."""
    costs: Columns = {
        "BilledCost": [0.1, -0.0],
        "rows": [1, 2**60],
        "x_Pool": ["ä/b", None],
        "spot": [True, False],
    }
    told = RunResult(3, "cloud", {"a": 0.1 + 0.2, "b": float("nan"), "c": 5e-324, "d": 7}, costs, {})
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        journal.record([Finished(3, (encode(told),))])
    with Journal.open(tmp_path) as journal:
        (row,) = journal.results()
    assert (row.run, row.strategy) == (3, "cloud")
    metrics = metrics_of(row)
    assert math.isnan(metrics.pop("b"))
    assert metrics == {"a": 0.1 + 0.2, "c": 5e-324, "d": 7.0}
    assert columns.decode(row.costs).to_pydict() == costs
    assert columns.decode(row.series).num_columns == 0


def test_order_is_by_run_and_then_the_scenarios(tmp_path: Path) -> None:
    """Rows come by run and then in the scenario's order of strategies, however they were recorded."""
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        journal.record([finished(8)])
        journal.record([finished(1, "hybrid", "owned"), finished(2, "cloud")])
        rows = [(row.run, row.strategy) for row in journal.results()]
        some = [(row.run, row.strategy) for row in journal.results(range(1, 3), ("cloud", "owned"))]
        nothing = list(journal.results(range(0)))
    assert rows == [(1, "owned"), (1, "hybrid"), (2, "cloud"), (8, "owned"), (8, "cloud"), (8, "hybrid")]
    assert some == [(1, "owned"), (2, "cloud")]
    assert nothing == []


def test_done_means_done_for_every_strategy_asked(tmp_path: Path) -> None:
    """A run is done when each strategy that is asked for has its row."""
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        journal.record([finished(0), finished(1, "owned"), finished(2, "owned", "cloud")])
        assert journal.done_runs(STRATEGIES) == {0}
        assert journal.done_runs(("owned", "cloud")) == {0, 2}
        assert journal.done_runs(("owned",)) == {0, 1, 2}


def test_failures_are_kept_until_the_run_succeeds(tmp_path: Path) -> None:
    """A failed run is listed with its seed (beyond 64 bits too) and its reason until it succeeds."""
    with Journal.create_or_resume(tmp_path, manifest(seed=2**70)) as journal:
        journal.record([Failed(5, "out of memory"), Failed(4, "first"), finished(3)])
        journal.record([Failed(4, "second")])
        assert journal.failures() == [FailedRun(4, 2**70, "second"), FailedRun(5, 2**70, "out of memory")]
        assert journal.failures(range(5)) == [FailedRun(4, 2**70, "second")]
        journal.record([finished(4)])
        assert [failed.run for failed in journal.failures()] == [5]
        assert journal.done_runs(STRATEGIES) == {3, 4}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"digest": "0ther"}, "scenario digest d1g357, asked for 0ther"),
        ({"seed": 8}, "seed 7, asked for 8"),
        ({"versions": {"simulate": "0.2.0"}}, "version of simulate 0.1.0, asked for 0.2.0"),
    ],
)
def test_another_study_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    """A folder that holds another study is refused with what differs and the way out."""
    Journal.create_or_resume(tmp_path, manifest()).close()
    with pytest.raises(StorageError, match=said) as caught:
        Journal.create_or_resume(tmp_path, manifest(**changes))
    assert "--out" in str(caught.value)


def test_the_first_manifest_stays(tmp_path: Path) -> None:
    """A later call of the same study keeps the first command and date."""
    Journal.create_or_resume(tmp_path, manifest()).close()
    later = manifest(command="simulate again", created="2027-01-01T00:00:00Z", versions={"simulate": "0.1.0"})
    with Journal.create_or_resume(tmp_path, later) as journal:
        assert journal.manifest == manifest()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("metrics", '{"cost_usd":1.0}'),
        ("costs", b"x"),
        ("series", b""),
        ("checksum", b"0" * 16),
        ("metrics", 17),
    ],
)
def test_damaged_row_counts_as_not_done(tmp_path: Path, column: str, value: object) -> None:
    """A row that fails its checksum is named, is not read and is not done; recording it again heals it."""
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        journal.record([finished(0), finished(1)])
    damage(tmp_path, 1, "cloud", column, value)
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        assert journal.corrupt() == [(1, "cloud")]
        assert journal.corrupt(range(1)) == []
        assert journal.done_runs(STRATEGIES) == {0}
        assert (1, "cloud") not in [(row.run, row.strategy) for row in journal.results()]
        journal.record([finished(1)])
        assert journal.corrupt() == []
        assert journal.done_runs(STRATEGIES) == {0, 1}


def test_text_that_is_no_longer_text(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 where a text was end at the checksum, not in an error of SQLite's."""
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        journal.record([finished(0)])
    with sqlite3.connect(tmp_path / FILE_NAME) as raw:
        raw.execute("update results set metrics = cast(x'ff' as text) where strategy = 'owned'")
    raw.close()
    with Journal.open(tmp_path) as journal:
        assert journal.corrupt() == [(0, "owned")]


def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    """The log is written ahead and fully synced, and closing leaves one plain file."""
    journal = Journal.create_or_resume(tmp_path, manifest())
    assert journal._connection.execute("pragma journal_mode").fetchone() == ("wal",)
    assert journal._connection.execute("pragma synchronous").fetchone() == (2,)
    journal.record([finished(0)])
    journal.close()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_network_file_systems_get_no_write_ahead_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the folder is on NFS the rollback journal is used, still fully synced."""
    monkeypatch.setattr("sim.study.journal.file_system_of", lambda _: "nfs4")
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        assert journal._connection.execute("pragma journal_mode").fetchone() == ("delete",)
        assert journal._connection.execute("pragma synchronous").fetchone() == (2,)


def test_file_system_of_a_path(tmp_path: Path) -> None:
    """The deepest mount that holds the path decides; a blank in its name is understood."""
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\nsrv:/x /mnt/big\\040disk nfs4 rw 0 0\n/dev/b /mnt ext4 rw 0 0\n")
    assert file_system_of(Path("/mnt/big disk/results"), mounts) == "nfs4"
    assert file_system_of(Path("/mnt/big disks"), mounts) == "ext4"
    assert file_system_of(Path("/mnt"), tmp_path / "absent") == "unknown"


def test_full_disk(tmp_path: Path) -> None:
    """A full disk is said in plain words, and what was recorded before stays."""
    journal = Journal.create_or_resume(tmp_path, manifest())
    journal.record([finished(0)])
    pages = journal._connection.execute("pragma page_count").fetchone()[0]
    journal._connection.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(StorageError, match="the disk is full; finished runs are kept"):
        journal.record([finished(run) for run in range(1, 50)])
    assert journal.done_runs(STRATEGIES) == {0}
    journal.close()


def test_read_only(tmp_path: Path) -> None:
    """A journal that may not be written to says so."""
    Journal.create_or_resume(tmp_path, manifest()).close()
    with Journal.open(tmp_path) as journal, pytest.raises(StorageError, match="may not be written to"):
        journal.record([finished(0)])


def test_another_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second writer waits, and then says that another process is writing."""
    monkeypatch.setattr("sim.study.journal.PATIENCE_S", 0.05)
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
        other.execute("begin immediate")
        with pytest.raises(StorageError, match="another process is writing"):
            journal.record([finished(0)])
        other.close()


def test_no_study_there(tmp_path: Path) -> None:
    """Opening for reading where there is nothing says so and makes no file."""
    with pytest.raises(StorageError, match="there is no study in"):
        Journal.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"this is not a database, it is a text" * 50, "is not a journal"), (b"", None)],
)
def test_strange_file(tmp_path: Path, content: bytes, said: str | None) -> None:
    """A file that is no journal is refused and left alone; an empty one, left by a kill, is a new journal."""
    (tmp_path / FILE_NAME).write_bytes(content)
    if said is None:
        Journal.create_or_resume(tmp_path, manifest()).close()
        return
    with pytest.raises(StorageError, match=said):
        Journal.create_or_resume(tmp_path, manifest())
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_later_format(tmp_path: Path) -> None:
    """A journal of a later version is refused instead of being misread."""
    Journal.create_or_resume(tmp_path, manifest()).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as raw:
        raw.execute("pragma user_version = 3")
    raw.close()
    with pytest.raises(StorageError, match="has format 3 where 2 is expected"):
        Journal.open(tmp_path)


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that does not exist is said in plain words."""
    with pytest.raises(StorageError, match="does its folder exist"):
        Journal.create_or_resume(tmp_path / "absent", manifest())


WRITER = """
import sys
from pathlib import Path
from sim.study.journal import Journal
from tests.study_fakes import finished, manifest
journal = Journal.create_or_resume(Path(sys.argv[1]), manifest())
for run in range(100_000):
    journal.record([finished(run)])
    print(run, flush=True)
"""


def test_nothing_acknowledged_is_lost_when_killed(tmp_path: Path) -> None:
    """After kill -9 every run that was reported is there and intact, and at most one run besides."""
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
        assert writer.stdout
        for line in writer.stdout:
            if line.strip() == "25":
                os.kill(writer.pid, signal.SIGKILL)
                break
        reported = {26 + extra for extra, _ in enumerate(writer.stdout)} | set(range(26))
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        done = journal.done_runs(STRATEGIES)
        assert journal.corrupt() == []
    assert done >= reported
    assert len(done - reported) <= 1


@pytest.mark.parametrize(
    ("metrics", "costs", "said"),
    [
        ({"cost_usd": float("inf")}, {}, "infinite metrics in strategy cloud: cost_usd"),
        ({}, {"a": [1], "b": []}, "columns of unequal length"),
    ],
)
def test_results_that_no_table_could_hold(
    metrics: dict[str, float], costs: dict[str, list[int]], said: str
) -> None:
    """An infinite metric and ragged columns are refused where they arise, so that the run fails."""
    with pytest.raises(ValueError, match=said):
        RunResult(0, "cloud", metrics, costs, {})
