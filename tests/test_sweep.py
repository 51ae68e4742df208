"""Sweeps: how axes are read, that cells meet the same worlds, and what is left behind."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from sim.errors import ScenarioError, UsageError
from sim.loading import load_text
from sim.planning.axes import Axis, grid, numbers, parse_axes, short_names
from sim.planning.sweep import HEADLINES, Cell, concerned, default_folder, read_cells
from sim.report import sweeps
from sim.scenario.model import Scenario
from sim.study import simulation
from sim.study.tables import read_table
from sim.world import World
from tests.cli_miniature import TINY, Shell

NODES = "strategies.burst.own.room/nodes.nodes"
RATE = "workloads.train.arrivals.poisson.rate"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Gives commands."""
    return Shell(monkeypatch, capsys)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The small scenario as a file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path


def read(changes: Sequence[str]) -> Scenario:
    """The small scenario with changes."""
    return load_text(TINY, overrides=changes)


def cells(*axes: str) -> list[Cell]:
    """Those of a grid over the small scenario."""
    return read_cells(read, parse_axes(axes), ())


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("a.b=0..3", "0 1 2 3"),
        ("a.b=-1..1", "-1 0 1"),
        ("a.b=0..12..5", "0 5 10"),
        (" a.b = 2..2 ", "2"),
        ("a.b=0.5,1", "0.5 1"),
        ("a.b=4 weeks, 8 weeks", "4 weeks|8 weeks"),
        ("a.b={x: [1, 2]},{x: 3}", "{x: [1, 2]}|{x: 3}"),
        ('a.b="p, q",r', '"p, q"|r'),
        ("a.b=x=1", "x=1"),
        ("a.b=../one.csv,../2.csv", "../one.csv ../2.csv"),
        ("a.b='1..2'", "'1..2'"),
    ],
)
def test_axes_are_ranges_or_lists(written: str, values: str) -> None:
    """A range has both of its ends; commas inside of brackets and quotes divide nothing."""
    expected = values.split("|") if "|" in values or " w" in values else values.split(" ")
    assert parse_axes([written]) == [Axis("a.b", tuple(expected))]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (["nodes"], "--vary nodes: write PATH=FIRST..LAST"),
        (["=1..2"], "write PATH=FIRST..LAST"),
        (["a.b="], "write PATH=FIRST..LAST"),
        (["a.b=3..1"], "a range rises"),
        (["a.b=1..3..0"], "a range rises, by a step above 0"),
        (["a.b=0.5..2"], "a range goes over whole numbers alone"),
        (["a.b=1 week..3 weeks"], "a range goes over whole numbers alone"),
        (["a.b=5,1 week .. 3 weeks"], "a range goes over whole numbers alone"),
        (["a.b=1,,2"], "a value is missing between two commas"),
        (["a.b=1,2,1"], "the value 1 is given twice"),
        (["a.b=1..2", "a.b=5"], "--vary a.b: the path is given twice"),
        (["a.b=0..1000"], "1,001 values are more than 1,000"),
        (["a.b=1..50", "a.c=1..50"], "2,500 cells are more than 1,000"),
    ],
)
def test_a_wrong_axis_is_a_mistake_of_usage(written: list[str], told: str) -> None:
    """Each mistake is named, with a way out."""
    with pytest.raises(UsageError) as raised:
        parse_axes(written)
    assert told in str(raised.value)


def test_a_grid_has_every_combination() -> None:
    """2 x 3 points, the last axis changing fastest."""
    points = list(grid(parse_axes(["a=1,2", "b=x,y,z"])))
    assert [tuple(point.values()) for point in points] == [
        ("1", "x"), ("1", "y"), ("1", "z"), ("2", "x"), ("2", "y"), ("2", "z"),
    ]  # fmt: skip


def test_values_that_are_numbers_become_numbers() -> None:
    """All of them, or none."""
    assert numbers(["0", "-1.5", "2e3"]) == [0.0, -1.5, 2000.0]
    assert numbers(["0", "4 weeks"]) is None
    assert numbers(["nan", "1_0"]) is None


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.b.c.nodes"], ["c.nodes"]),
        (["horizon"], ["horizon"]),
        (["a.own.nodes", "b.own.nodes"], ["a.own.nodes", "b.own.nodes"]),
        (["x.a.c.n", "x.b.d.n"], ["c.n", "d.n"]),
        ([], []),
    ],
)
def test_headings_tell_paths_apart(paths: list[str], names: list[str]) -> None:
    """Two steps, and more only where two paths end alike."""
    assert short_names(paths) == names


def test_a_mistake_in_any_cell_is_named_as_vary_has_set_it() -> None:
    """The last value is read before the first runs, and is not blamed on --set."""
    with pytest.raises(ScenarioError) as raised:
        cells(f"{NODES}=1,2,many")
    assert str(raised.value).startswith(f"--vary {NODES}=many: {NODES}")
    with pytest.raises(ScenarioError) as raised:
        cells("strategies.brust.own.room/nodes.nodes=1..2")
    assert "--vary strategies.brust.own.room/nodes.nodes=1" in str(raised.value)
    assert "did you mean 'burst'?" in str(raised.value)


@pytest.mark.parametrize(
    ("axes", "chosen", "expected"),
    [
        ([NODES], [], ["burst"]),
        ([NODES, "strategies.home.own.room/nodes.nodes"], [], ["home", "burst"]),
        ([NODES, RATE], [], ["home", "burst"]),
        ([RATE], [], ["home", "burst"]),
        ([NODES], ["home"], ["home"]),
        ([RATE], ["burst", "home"], ["home", "burst"]),
    ],
)
def test_strategies_that_no_axis_changes_are_not_run(
    axes: list[str], chosen: list[str], expected: list[str]
) -> None:
    """Unless they are asked for, or an axis changes what concerns all; in the scenario's order."""
    assert list(concerned([Axis(path, ("1",)) for path in axes], read(()), chosen)) == expected


def test_two_sweeps_do_not_meet_in_one_folder() -> None:
    """The default folder changes with the axes and with the scenario, and with nothing else."""
    folders = [
        default_folder("tiny", found)
        for found in (
            cells(f"{NODES}=1..2"),
            cells(f"{NODES}=1..3"),
            cells(f"{RATE}=1 per day"),
            read_cells(read, parse_axes([f"{NODES}=1..2"]), ["title=Other"]),
        )
    ]
    assert len(set(folders)) == 4
    assert folders[0] == default_folder("tiny", cells(f"{NODES}=1..2"))
    assert str(folders[0]).startswith("results/tiny-sweep-")


def test_cells_have_folders_of_their_own() -> None:
    """However odd the values are: names that a shell takes as they are, each with its scenario's digest."""
    found = cells(f"{RATE}=1 per day,1.0 per day,2 per day") + cells(f"{NODES}=1..2")
    names = [cell.folder for cell in found]
    assert len(set(names)) == len(names)
    assert names[0] == f"rate=1-per-day-{found[0].digest[:8]}"


def test_a_sweep_holds_what_its_cells_hold(shell: Shell, tiny: Path, tmp_path: Path) -> None:
    """Values are those of the cells' summaries; differences are worked out run by run, in the same worlds."""
    folder = tmp_path / "out"
    said = shell("sweep", tiny, "--vary", f"{NODES}=1..2", "--runs", 5, "--workers", 1, "--out", folder)
    assert said.code == 0
    first, second = sorted((folder / "cells").iterdir())
    assert (first.name[:8], second.name[:8]) == ("nodes=1-", "nodes=2-")
    table = read_table(folder / "sweep.parquet")
    assert set(table["strategy"].to_pylist()) == {"burst"}
    assert table.schema.field(NODES).type == pa.float64()
    rows = {
        (row[NODES], row["metric"], row["statistic"]): tuple(row[end] for end in ("value", "low", "high"))
        for row in table.to_pylist()
    }
    for nodes, study in ((1.0, first), (2.0, second)):
        summary = json.loads((study / "summary.json").read_text(encoding="utf-8"))
        for metric, statistics in summary["strategies"]["burst"]["metrics"].items():
            for statistic, found in statistics.items():
                ends = (None if found[end] is None else float(found[end]) for end in ("value", "low", "high"))
                assert rows[nodes, metric, statistic] == tuple(ends)
    one, two = (read_table(study / "runs.parquet").to_pydict() for study in (first, second))
    assert one["jobs_submitted:train"] == two["jobs_submitted:train"], "not the same worlds"
    differences = [b - a for a, b in zip(one["cost_usd"], two["cost_usd"], strict=True)]
    assert rows[2.0, "cost_usd", "mean_difference"][0] == pytest.approx(sum(differences) / 5)
    assert rows[2.0, "cost_usd", "p50_difference"][0] == pytest.approx(sorted(differences)[2])
    assert rows[2.0, "cost_usd", "share_below"][0] == sum(d < 0 for d in differences) / 5
    assert rows[1.0, "cost_usd", "mean_difference"] == (0.0, 0.0, 0.0)
    flat = " ".join(said.out.split())
    assert "burst: 2 cells, 5 futures of 2 days each, seed 0" in flat
    assert "room/nodes.nodes" in flat
    assert "burst: the median cost is lowest at room/nodes.nodes = " in flat
    assert f"files in {folder}" in said.out
    assert (folder / "sweep.png").stat().st_size > 10_000


def test_an_interrupted_sweep_goes_on(
    shell: Shell, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in its second cell, it carries out what is missing, and leaves what an undisturbed one does."""
    axes = ("--vary", "strategies.home.own.room/nodes.nodes=1..2", "--vary", f"{NODES}=1,2")
    command = ("sweep", tiny, *axes, "--runs", 2, "--workers", 1, "--strategy", "burst", "--json")
    undisturbed = shell(*command, "--out", tmp_path / "one")
    assert undisturbed.code == 0
    done = patched_runs(monkeypatch, stop_at=4)
    stopped = shell(*command, "--out", tmp_path / "two")
    assert (stopped.code, stopped.out) == (130, "")
    assert "the same command goes on from here" in stopped.err
    assert len(done) == 3
    resumed = shell(*command, "--out", tmp_path / "two")
    assert len(done) == 8  # 4 cells of 2 runs, each once
    assert resumed.out == undisturbed.out
    for name in ("sweep.parquet", "sweep.json", "sweep.png", "sweep.svg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    again = shell(*command, "--out", tmp_path / "two")
    assert (again.out, len(done)) == (undisturbed.out, 8)


def patched_runs(monkeypatch: pytest.MonkeyPatch, stop_at: int) -> list[int]:
    """The runs carried out from now on; the one with this number is interrupted, once."""
    done: list[int] = []
    calls = [0]
    real: Callable[..., simulation.Run] = simulation.simulate_once

    def simulate(*facts: object) -> simulation.Run:
        calls[0] += 1
        if calls[0] == stop_at:
            raise KeyboardInterrupt
        found = real(*facts)
        done.append(found.world.run)
        return found

    monkeypatch.setattr(simulation, "simulate_once", simulate)
    return done


def test_json_is_the_sweep_and_nothing_else(
    shell: Shell, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """stdout holds sweep.json: schema, cells, and the headline metrics with money as decimal strings."""
    monkeypatch.chdir(tmp_path)
    said = shell(
        "sweep",
        tiny,
        "--vary",
        f"{RATE}=6 per day,18 per day",
        "--runs",
        2,
        "--workers",
        1,
        "--json",
        "--quiet",
    )
    assert (said.code, said.err) == (0, "")
    (folder,) = (tmp_path / "results").glob("tiny-sweep-*")
    assert said.out == (folder / "sweep.json").read_text(encoding="utf-8")
    document = json.loads(said.out)
    assert (document["schema"], document["version"], document["runs"]) == ("simulate.sweep", 2, 2)
    assert [cell["values"] for cell in document["cells"]] == [{RATE: "6 per day"}, {RATE: "18 per day"}]
    assert all((folder / cell["folder"] / "summary.json").is_file() for cell in document["cells"])
    assert {row["metric"] for row in document["rows"]} <= set(HEADLINES)
    money = [row for row in document["rows"] if row["metric"] in {"cost_usd", "cost_usd_per_year"}]
    assert all(isinstance(row["value"], str) for row in money if row["statistic"] != "share_below")
    cost = next(row for row in document["rows"] if row["metric"] == "cost_usd")
    assert cost.keys() == {RATE, "strategy", "metric", "statistic", "value", "low", "high"}
    assert isinstance(cost["value"], str)
    texts = pq.read_table(folder / "sweep.parquet")[RATE].to_pylist()
    assert set(texts) == {"6 per day", "18 per day"}


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        (f"{NODES}=1,many", f"--vary {NODES}=many"),
        (f"{NODES}=2..1", "a range rises"),
        ("strategies.burst.own.room/node.nodes=1", "did you mean"),
    ],
)
def test_mistakes_come_before_anything_runs(
    shell: Shell, tiny: Path, tmp_path: Path, axis: str, told: str
) -> None:
    """Exit code 2, and no folder."""
    said = shell("sweep", tiny, "--vary", axis, "--runs", 2, "--out", tmp_path / "out")
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert not (tmp_path / "out").exists()


def test_failed_cells_exit_with_75(
    shell: Shell, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell without any result is left out of table and figure, and said to be."""
    real = simulation.simulate_once

    def fail_with_one_node(world: World, strategy: str, *rest: Any) -> simulation.Run:
        if world.scenario.strategies[strategy].own["room/nodes"].nodes == 1:
            raise ArithmeticError("no")
        return real(world, strategy, *rest)

    monkeypatch.setattr(simulation, "simulate_once", fail_with_one_node)
    said = shell(
        "sweep", tiny, "--vary", f"{NODES}=1..2", "--runs", 2, "--workers", 1, "--out", tmp_path / "out"
    )
    assert said.code == 75
    flat = " ".join(said.out.split())
    assert "2 futures failed and are left out" in flat
    assert "2 cells, 2 futures of 2 days each" in flat
    assert "the median cost is lowest at room/nodes.nodes = 2" in flat
    assert "than the first cell" not in flat
    statistics = read_table(tmp_path / "out/sweep.parquet")["statistic"].to_pylist()
    assert "mean_difference" not in statistics


def test_the_figure_says_which_axis_is_which(
    shell: Shell, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Points carry values of the first axis, lines those of the second, and a note says so."""
    found: list[Figure] = []
    monkeypatch.setattr(sweeps, "save", lambda figure, folder, name: found.append(figure))
    axes = ("--vary", f"{NODES}=1..2", "--vary", f"{RATE}=6 per day,18 per day")
    assert (
        shell(
            "sweep", tiny, *axes, "--runs", 2, "--workers", 1, "--strategy", "burst", "--out", tmp_path
        ).code
        == 0
    )
    (figure,) = found
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]
    assert texts.count("1") == texts.count("2") == 2  # at the points
    assert {"burst, poisson.rate = 6 per day", "burst, poisson.rate = 18 per day"} <= set(texts)
    note = " ".join(" ".join(texts).split())
    assert "number at a point: room/nodes.nodes; line: strategy, poisson.rate" in note
    assert "jobs past their deadline, %" in texts  # there are no services
