"""Sweeps: a grid of changed values, each cell a study on the same worlds, gathered into one tidy table."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.engine import Engine
from sim.errors import ScenarioError
from sim.loading import digest
from sim.planning.axes import Axis, Point, grid, numbers
from sim.scenario.model import Scenario
from sim.study.columns import array_of
from sim.study.files import FORMATS, claim_folder, replacing
from sim.study.journal import Journal
from sim.study.prepare import DIGEST_LENGTH, RESULTS, Listener, carry_out, choose
from sim.study.summary import compare
from sim.study.values import MetricValues, load_metrics

TABLE, DOCUMENT, FIGURE, CELLS = "sweep.parquet", "sweep.json", "sweep", "cells"
SCHEMA, VERSION = "simulate.sweep", 2
HEADLINES = ("cost_usd", "cost_usd_per_year", "utilisation", "slo_violation_share", "deadline_miss_share")
"""Metrics that are compared with the first cell, and that `sweep.json` holds."""

Load = Callable[[tuple[str, ...]], Scenario]
"""Reads the scenario with these overrides (`path=value`)."""
Row = dict[str, Any]
ENDS = ("value", "low", "high")


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the grid: the scenario there, and its digest."""

    point: Point
    scenario: Scenario
    digest: str

    @property
    def folder(self) -> str:
        """A name for people, and enough of the digest to tell cells apart."""
        last_steps = ",".join(f"{path.rpartition('.')[2]}={value}" for path, value in self.point.items())
        return f"{re.sub(r'[^A-Za-z0-9=,._-]+', '-', last_steps)[:60]}-{self.digest[:DIGEST_LENGTH]}"


@dataclass(frozen=True, slots=True)
class Result:
    """What a cell's study came to."""

    cell: Cell
    summary: dict[str, Any]
    against_first: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """Strategy -> metric -> statistic -> estimate, of this cell less the first, in the same worlds."""


def read_cells(load: Load, axes: Sequence[Axis], overrides: Sequence[str]) -> list[Cell]:
    """The scenario at every point of the grid, so that a mistake at the last is found before the first runs.

    Raises ScenarioError; what `--vary` has set is called by that name.
    """
    cells = []
    for point in grid(axes):
        changes = [f"{path}={value}" for path, value in point.items()]
        try:
            scenario = load((*overrides, *changes))
        except ScenarioError as error:
            renamed = {f"--set {change}": f"--vary {change}" for change in changes}
            raise ScenarioError(
                tuple(replace(p, file=renamed.get(p.file or "", p.file)) for p in error.problems)
            ) from None
        cells.append(Cell(point, scenario, digest(scenario)))
    return cells


def concerned(axes: Sequence[Axis], scenario: Scenario, chosen: Sequence[str]) -> tuple[str, ...]:
    """The strategies that a sweep runs: those chosen, else those that the axes change, else all.

    Raises UsageError for a strategy that there is not.
    """
    if chosen:
        return choose(scenario, chosen)
    of = {
        axis.path: [s for s in scenario.strategies if axis.path.startswith(f"strategies.{s}.")]
        for axis in axes
    }
    changed = {name for names in of.values() for name in names}
    everywhere = not all(of.values())  # an axis outside of the strategies concerns all of them
    return tuple(name for name in scenario.strategies if everywhere or name in changed)


def default_folder(name: str, cells: Sequence[Cell]) -> Path:
    """A folder that no other grid and no other scenario leads to."""
    told = json.dumps([[cell.point, cell.digest] for cell in cells])
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "scenario"
    return RESULTS / f"{safe}-sweep-{hashlib.sha256(told.encode()).hexdigest()[:DIGEST_LENGTH]}"


def sweep(
    cells: Sequence[Cell],
    name: str,
    *,
    runs: int,
    seed: int,
    strategies: tuple[str, ...],
    workers: int | None,
    folder: Path,
    command: Sequence[str],
    on_progress: Listener,
    engine: Engine = Engine.AUTO,
) -> list[Result]:
    """Carry out one study per cell below `folder`, all on the same worlds, or what is missing of them.

    Then write `sweep.parquet` and `sweep.json`. Raises StorageError where files of others would be lost.
    """
    claim_folder(folder, (TABLE, DOCUMENT, *(f"{FIGURE}.{kind}" for kind in FORMATS)), CELLS)
    results: list[Result] = []
    first: dict[str, MetricValues] = {}
    for place, cell in enumerate(cells):
        outcome = carry_out(
            cell.scenario, name, runs=runs, seed=seed, strategies=strategies, workers=workers,
            out=folder / CELLS / cell.folder, command=command,
            on_progress=_InCell(on_progress, place, len(cells)), engine=engine,
        )  # fmt: skip
        values = _headlines(outcome.folder, runs, strategies)
        first = values if place == 0 else first
        common = [strategy for strategy in values if strategy in first]
        differences = {strategy: compare(values[strategy], first[strategy])["metrics"] for strategy in common}
        results.append(Result(cell, outcome.summary, differences))
    write_table(folder / TABLE, results)
    write_document(folder / DOCUMENT, results)
    return results


def tidy(results: Sequence[Result], only: Sequence[str] | None = None) -> Iterator[Row]:
    """One row per cell, strategy, metric and statistic, with `value`, `low` and `high` as in a summary.

    The statistics are those of a summary, and for `HEADLINES` the differences from the first cell in the same
    worlds: `mean_difference`, `p50_difference`, and `share_below`, the share of worlds in which this cell is
    below the first.
    """
    for result in results:
        for strategy, facts in result.summary["strategies"].items():
            against_first = result.against_first.get(strategy, {})
            for metric, estimates in facts["metrics"].items():
                if only is None or metric in only:
                    place = {**result.cell.point, "strategy": strategy, "metric": metric}
                    for statistic, estimate in {**estimates, **against_first.get(metric, {})}.items():
                        yield {**place, "statistic": statistic, **{end: estimate[end] for end in ENDS}}


def write_table(path: Path, results: Sequence[Result]) -> None:
    """Write the tidy table as Parquet, axes of numbers as numbers; StorageError when it cannot be written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(tidy(results))
    axes = list(results[0].cell.point)
    columns: dict[str, list[Any]] = {
        name: [row[name] for row in rows] for name in (*axes, "strategy", "metric", "statistic", *ENDS)
    }
    columns |= {axis: numbers(columns[axis]) or columns[axis] for axis in axes}
    columns |= {end: [None if x is None else float(x) for x in columns[end]] for end in ENDS}
    table = pa.Table.from_arrays([array_of(column) for column in columns.values()], names=list(columns))
    with replacing(path) as partial:
        pq.write_table(table, partial, write_page_checksum=True, compression="zstd")


def write_document(path: Path, results: Sequence[Result]) -> None:
    """Write the headline metrics of all cells as JSON, money as decimal strings."""
    summary = results[0].summary
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        **{name: summary[name] for name in ("tool", "seed", "level", "intervals")},
        "runs": max(result.summary["runs"] for result in results),
        "scenario": {"title": summary["scenario"]["title"]},
        "cells": [
            {
                "values": result.cell.point,
                "digest": result.cell.digest,
                "folder": f"{CELLS}/{result.cell.folder}",
                "failed": len(result.summary["failed"]),
            }
            for result in results
        ],
        "rows": list(tidy(results, HEADLINES)),
    }
    with replacing(path) as partial:
        text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _InCell:
    """Tells of a cell's study as a part of the sweep."""

    outer: Listener
    place: int
    cells: int

    def say(self, message: str) -> None:
        self.outer.say(f"cell {self.place + 1} of {self.cells}: {message}")

    def count(self, done: int, total: int) -> None:
        self.outer.count(self.place * total + done, self.cells * total)


def _headlines(folder: Path, runs: int, strategies: Sequence[str]) -> dict[str, MetricValues]:
    """The headline metrics of each strategy, run by run."""
    with Journal.open(folder) as journal:
        found = load_metrics(journal, range(runs), strategies)
    return {
        strategy: replace(
            known, values={name: known.values[name] for name in HEADLINES if name in known.values}
        )
        for strategy, known in found.items()
    }
