"""Tables and summary: derived from the journal alone, whole or not there, and readable by others."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sim.errors import StorageError
from sim.study.expectations import Expectation, judge
from sim.study.files import replacing
from sim.study.journal import Journal
from sim.study.results import Columns, RunResult
from sim.study.rows import Failed, Finished, encode
from sim.study.summary import summarise, write_summary
from sim.study.tables import COSTS, RUNS, SERIES, read_batches, read_table, write_tables
from sim.study.values import load_metrics
from tests.study_fakes import STRATEGIES, fake_result, finished, manifest


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal with eight runs of the fake."""
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        for run in range(8):
            journal.record([finished(run)])
        yield journal


def one_metric(run: int, strategy: str, **metrics: float) -> Finished:
    """A run of one strategy with these metrics only."""
    return Finished(run, (encode(RunResult(run, strategy, metrics, {}, {})),))


def test_runs_table(journal: Journal, tmp_path: Path) -> None:
    """One row per run and strategy, in order, the metrics as told, and null where one is undefined."""
    write_tables(journal, tmp_path)
    rows = read_table(tmp_path / RUNS).to_pylist()
    assert [(row["run"], row["strategy"]) for row in rows] == [
        (run, name) for run in range(8) for name in STRATEGIES
    ]
    for row in rows:
        told = fake_result(row["run"], row["strategy"]).metrics
        assert row["cost_usd"] == told["cost_usd"]
        assert row["wait_s_p50"] == (None if math.isnan(told["wait_s_p50"]) else told["wait_s_p50"])


def test_costs_add_up_and_custom_columns_come_last(journal: Journal, tmp_path: Path) -> None:
    """The ledger's columns stay as they are, x_Run and x_Strategy follow; the sums are the runs' costs."""
    write_tables(journal, tmp_path)
    table = read_table(tmp_path / COSTS)
    assert table.column_names == ["BilledCost", "ChargePeriodStart", "x_Pool", "x_Run", "x_Strategy"]
    sums: dict[tuple[int, str], float] = {}
    for row in table.to_pylist():
        key = (row["x_Run"], row["x_Strategy"])
        sums[key] = sums.get(key, 0) + row["BilledCost"]
    told = {(row["run"], row["strategy"]): row["cost_usd"] for row in read_table(tmp_path / RUNS).to_pylist()}
    assert sums == pytest.approx(told, abs=1e-6)


def test_series_table(journal: Journal, tmp_path: Path) -> None:
    """The monthly series come with run and strategy in front, two months for each of 24 results."""
    write_tables(journal, tmp_path)
    table = read_table(tmp_path / SERIES)
    assert table.column_names == ["run", "strategy", "month", "queue_jobs"]
    assert table["month"].to_pylist() == [0, 1] * 24


def test_only_the_runs_and_strategies_asked_for(journal: Journal, tmp_path: Path) -> None:
    """What lies in the journal besides is left out of tables and summary."""
    write_tables(journal, tmp_path, range(3), ("cloud",))
    assert read_table(tmp_path / RUNS, ["run", "strategy"]).to_pydict() == {
        "run": [0, 1, 2],
        "strategy": ["cloud"] * 3,
    }
    summary = summarise(journal, range(3), ("cloud",))
    assert (summary["runs"], list(summary["strategies"]), summary["pairs"]) == (3, ["cloud"], [])


def test_columns_of_unequal_kind_are_joined(tmp_path: Path) -> None:
    """A column of whole numbers in one result, floats in the next and nothing in others is one of floats."""
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        tables: list[Columns] = [{"BilledCost": values} for values in ([1, 2], [0.5], [None], [])]
        for run, costs in enumerate(tables):
            journal.record([Finished(run, (encode(RunResult(run, "owned", {"a": 1.0}, costs, {})),))])
        write_tables(journal, tmp_path)
    assert read_table(tmp_path / COSTS, ["BilledCost"])["BilledCost"].to_pylist() == [1.0, 2.0, 0.5, None]


def test_many_rows_are_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows go out in groups of bounded size, and none is lost between them."""
    monkeypatch.setattr("sim.study.tables.ROW_GROUP", 10)
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        for run in range(7):
            journal.record([finished(run, "owned", rows=4)])
        write_tables(journal, tmp_path)
    groups = pq.ParquetFile(tmp_path / COSTS).metadata
    sizes = [groups.row_group(number).num_rows for number in range(groups.num_row_groups)]
    assert sum(sizes) == 7 * 4
    assert max(sizes) <= 10
    assert read_table(tmp_path / RUNS)["run"].to_pylist() == list(range(7))


def test_empty_study(tmp_path: Path) -> None:
    """A study without results has empty tables and a summary without strategies."""
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        write_tables(journal, tmp_path)
        assert summarise(journal)["strategies"] == {}
    assert len(read_table(tmp_path / RUNS)) == len(read_table(tmp_path / COSTS)) == 0


def test_flipped_bits_in_a_table_are_found(journal: Journal, tmp_path: Path) -> None:
    """Whichever bit of a data page flips, reading raises; it never gives other numbers."""
    write_tables(journal, tmp_path)
    path = tmp_path / RUNS
    good = path.read_bytes()
    column = pq.ParquetFile(path).metadata.row_group(0).column(2)
    start = column.dictionary_page_offset or column.data_page_offset
    told = read_table(path).to_pydict()
    for place in range(start, start + column.total_compressed_size, 3):
        path.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        try:
            assert repr(read_table(path).to_pydict()) == repr(told)  # a bit that carries no meaning
        except StorageError:
            continue
    pages = slice(start + column.total_compressed_size // 2, None)
    path.write_bytes(good[: pages.start] + bytes([good[pages.start] ^ 4]) + good[pages.start + 1 :])
    with pytest.raises(StorageError, match="run the same command again"):
        read_table(path)


def test_batches_are_the_table(journal: Journal, tmp_path: Path) -> None:
    """Read batch by batch, a table has the same rows, and a missing one is an error as well."""
    write_tables(journal, tmp_path)
    rows = [row for batch in read_batches(tmp_path / COSTS, ["BilledCost"]) for row in batch.to_pylist()]
    assert rows == read_table(tmp_path / COSTS, ["BilledCost"]).to_pylist()
    with pytest.raises(StorageError, match="run the same command again"):
        next(read_batches(tmp_path / "absent.parquet"))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """When writing fails the old file stays, and nothing is left beside it."""
    path = tmp_path / "table"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as partial:
        partial.write_text("half of the n") / 0
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("table", "old")]
    with replacing(path) as partial:
        partial.write_text("new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("table", "new")]


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    """What the operating system refuses becomes a StorageError that names the file."""
    with pytest.raises(StorageError, match=r"summary\.json cannot be written: No such file"):
        write_summary(tmp_path / "absent" / "summary.json", {})


def test_summary_by_hand(tmp_path: Path) -> None:
    """Mean, median and paired differences of a miniature study, worked out by hand."""
    owned, cloud = (100.0, 200.0, 300.0), (150.0, 200.0, 450.0)
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        for run in range(3):
            journal.record([one_metric(run, "owned", cost_usd=owned[run], wait_s=owned[run])])
            journal.record([one_metric(run, "cloud", cost_usd=cloud[run])])
        journal.record([one_metric(3, "cloud", cost_usd=1000.0), Failed(4, "too long")])
        summary = summarise(journal)
    assert (summary["schema"], summary["version"], summary["level"]) == ("simulate.summary", 2, 0.95)
    assert summary["tool"] == {"name": "simulate", "version": "0.1.0"}
    assert summary["scenario"] == {"title": "Fake", "digest": "d1g357"}
    assert (summary["seed"], summary["runs"]) == (7, 4)
    assert summary["failed"] == [{"run": 4, "seed": 7, "message": "too long"}]
    cost = summary["strategies"]["owned"]["metrics"]["cost_usd"]
    assert cost["mean"]["value"] == "200.000000"
    assert cost["sd"]["value"] == "100.000000"
    assert cost["p50"]["value"] == "200.000000"
    # t(2 degrees, 97.5 %) = 4.3027, standard error 100 / sqrt(3) = 57.735
    assert float(cost["mean"]["low"]) == pytest.approx(200 - 4.3027 * 57.735, abs=0.01)
    wait = summary["strategies"]["owned"]["metrics"]["wait_s"]
    assert wait["mean"]["value"] == 200.0
    # P(at most one of three below the 95 % quantile) = 3 * .95 * .05^2 + .05^3 = 0.7 %: the second bounds it.
    assert (wait["p95"]["low"], wait["p95"]["high"]) == (200.0, None)
    assert "no upper bound below 72 runs" in wait["p95"]["note"]
    (pair,) = summary["pairs"]
    assert (pair["a"], pair["b"], pair["runs"], list(pair["metrics"])) == ("owned", "cloud", 3, ["cost_usd"])
    difference = pair["metrics"]["cost_usd"]
    assert difference["mean_difference"]["value"] == f"{(-50 + 0 - 150) / 3:.6f}"
    assert difference["p50_difference"]["value"] == "-50.000000"
    assert difference["share_below"]["value"] == (1 + 0.5 + 1) / 3


def test_money_is_text_and_nothing_is_nan(journal: Journal, tmp_path: Path) -> None:
    """In the file, money is a decimal string wherever it stands, and what has no number is null."""
    money = (
        "cost_usd", "cost_usd:workload.triage", "cost_usd:pool.campus/room", "npv_usd", "cost_usd_per_year",
        "cost_usd_per_useful_accelerator_h", "cost_usd_per_million_requests:triage",
    )  # fmt: skip
    numbers = ("wait_s_mean", "utilisation:campus/usd", "jobs_finished:cost_usd")
    journal.record([one_metric(8, "owned", **dict.fromkeys((*money, *numbers), 1e7 / 3))])
    verdict = judge(Expectation("cost_usd", "owned", "mean", "below", 5.0), [])
    write_summary(tmp_path / "summary.json", summarise(journal, verdicts=[verdict]))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    read = json.loads((tmp_path / "summary.json").read_text(), parse_constant=refuse)
    means = {name: of["mean"]["value"] for name, of in read["strategies"]["owned"]["metrics"].items()}
    assert {means[name] for name in money[1:]} == {"3333333.333333"}
    assert {means[name] for name in numbers} == {1e7 / 3}
    (judged,) = read["expectations"]
    assert (judged["status"], judged["threshold"], judged["estimate"]["value"]) == (
        "undecided",
        "5.000000",
        None,
    )


def test_metrics_that_appear_late(tmp_path: Path) -> None:
    """A metric that some runs lack is NaN there, and metrics keep the order in which they first appear."""
    with Journal.create_or_resume(tmp_path, manifest()) as journal:
        journal.record(
            [one_metric(0, "owned", b=1.0), one_metric(1, "owned", z=2.0, a=3.0), one_metric(2, "owned")]
        )
        found = load_metrics(journal)["owned"]
    assert list(found.values) == ["b", "z", "a"]
    assert found.runs.tolist() == [0, 1, 2]
    assert repr(found.values["z"].tolist()) == "[nan, 2.0, nan]"


def test_unreadable_rows_are_said(journal: Journal) -> None:
    """A damaged row is left out of the numbers and named in the summary."""
    journal._connection.execute("update results set series = x'00' where run = 2 and strategy = 'cloud'")
    summary = summarise(journal)
    assert summary["unreadable"] == [{"run": 2, "strategy": "cloud"}]
    assert [of["runs"] for of in summary["strategies"].values()] == [8, 7, 8]
    assert [pair["runs"] for pair in summary["pairs"]] == [7, 8, 7]
