"""Sweeps: a grid of changed values, each cell a study on the same worlds, gathered into one tidy table."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import UsageError
from sim.scenario.model import Scenario
from sim.study.files import replacing
from sim.study.prepare import Listener, carry_out

TABLE = "sweep.parquet"
METRICS = ("cost_usd", "cost_usd_per_year", "utilisation", "slo_violation_share", "deadline_miss_share")
STATISTICS = ("mean", "p5", "p50", "p95")
MOST_VALUES = 1000

Load = Callable[[tuple[str, ...]], Scenario]
"""Reads the scenario with these overrides (`path=value`)."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A path of the scenario and the values that it takes."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the grid and what its study came to."""

    values: dict[str, str]
    summary: dict[str, Any]


def parse_axis(text: str) -> Axis:
    """The axis written `PATH=0..6`, `PATH=0..12..3` (in steps of 3) or `PATH=a,b,c`.

    Raises UsageError.
    """
    path, sign, written = text.partition("=")
    if not sign or not path.strip() or not written.strip():
        raise UsageError(f"--vary {text}: write PATH=FIRST..LAST, PATH=FIRST..LAST..STEP or PATH=A,B,C")
    span = re.fullmatch(r"\s*(-?\d+)\.\.(-?\d+)(?:\.\.(\d+))?\s*", written)
    if span is None:
        values = tuple(value.strip() for value in written.split(","))
        if ".." in written or not all(values):
            raise UsageError(f"--vary {text}: {written.strip()!r} is neither a range of whole numbers nor a list")
        return Axis(path.strip(), values)
    first, last, step = int(span[1]), int(span[2]), int(span[3] or 1)
    if step == 0 or last < first or (last - first) // step >= MOST_VALUES:
        raise UsageError(f"--vary {text}: a range rises, by a step above 0, over at most {MOST_VALUES} values")
    return Axis(path.strip(), tuple(map(str, range(first, last + 1, step))))


def concerned(axes: Sequence[Axis], scenario: Scenario, chosen: Sequence[str]) -> tuple[str, ...]:
    """The strategies that a sweep has to run: those chosen, else those that an axis changes, else all."""
    if chosen:
        return tuple(chosen)
    changed = {
        name for axis in axes for name in scenario.strategies if axis.path.startswith(f"strategies.{name}.")
    }
    all_inside = all(axis.path.startswith("strategies.") for axis in axes)
    return tuple(name for name in scenario.strategies if name in changed) if all_inside else ()


def sweep(
    load: Load,
    name: str,
    axes: Sequence[Axis],
    *,
    overrides: tuple[str, ...],
    runs: int,
    seed: int,
    strategies: Sequence[str],
    workers: int | None,
    folder: Path,
    command: Sequence[str],
    on_progress: Listener,
) -> list[Cell]:
    """Carry out one study per cell of the grid, below `folder`, all on the same worlds; then write `sweep.parquet`.

    All cells are read before the first one runs, so that a mistake in the last is found at once.
    """
    points = list(_grid(axes))
    scenarios = [load((*overrides, *(f"{path}={value}" for path, value in point.items()))) for point in points]
    chosen = concerned(axes, scenarios[0], strategies)
    cells = []
    for number, (point, scenario) in enumerate(zip(points, scenarios, strict=True)):
        on_progress.say(f"cell {number + 1} of {len(points)}")
        outcome = carry_out(
            scenario, name, runs=runs, seed=seed, strategies=chosen, workers=workers,
            out=folder / "cells" / _cell_name(point), command=command, on_progress=on_progress,
        )  # fmt: skip
        cells.append(Cell(point, outcome.summary))
    write_table(folder / TABLE, cells)
    return cells


def tidy(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """One row per cell, strategy, metric and statistic, with its interval."""
    return [
        {**cell.values, "strategy": strategy, "metric": metric, "statistic": statistic} | _ends(facts, metric, statistic)
        for cell in cells
        for strategy, facts in cell.summary["strategies"].items()
        for metric in METRICS
        if metric in facts["metrics"]
        for statistic in STATISTICS
    ]


def write_table(path: Path, cells: Sequence[Cell]) -> None:
    """Write the tidy table as Parquet; raises StorageError when it cannot be written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replacing(path) as partial:
        pq.write_table(pa.Table.from_pylist(tidy(cells)), partial, write_page_checksum=True, compression="zstd")


def _grid(axes: Sequence[Axis]) -> Iterator[dict[str, str]]:
    for values in itertools.product(*(axis.values for axis in axes)):
        yield dict(zip((axis.path for axis in axes), values, strict=True))


def _ends(facts: dict[str, Any], metric: str, statistic: str) -> dict[str, float | None]:
    estimate = facts["metrics"][metric][statistic]
    return {end: None if estimate[end] is None else float(estimate[end]) for end in ("value", "low", "high")}


def _cell_name(point: dict[str, str]) -> str:
    return re.sub(r"[^A-Za-z0-9=,._-]+", "-", ",".join(f"{path}={value}" for path, value in point.items()))[:150]
