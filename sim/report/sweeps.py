"""A sweep in the terminal, and its figure: cost against SLO violations over the split."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from rich.console import Group, RenderableType
from rich.text import Text

from sim.errors import printable
from sim.planning.axes import short_names
from sim.planning.sweep import FIGURE, Result
from sim.report.figures import legend, new_figure, save, style
from sim.report.layout import COSTS, Layout, cost_column, line, names, share_columns
from sim.report.wording import Ends, Unit, ends, money_unit, number, odds
from sim.units import DURATION, render

ACROSS = {
    "slo_violation_share": "requests outside their SLO, %",
    "deadline_miss_share": "jobs past their deadline, %",
}
"""What the figure shows the cost against: the first of these that the sweep has numbers for."""


@dataclass(frozen=True, slots=True)
class Row:
    """A strategy in a cell."""

    result: Result
    strategy: str
    metrics: Mapping[str, Any]

    @property
    def values(self) -> list[str]:
        """Those of the axes."""
        return list(self.result.cell.point.values())

    def mean(self, metric: str, scale: float) -> Ends:
        """The mean of a metric with its interval, times `scale`."""
        value, low, high = ends(self.metrics[metric]["mean"])
        return value * scale, low * scale, high * scale


def sweep_report(results: Sequence[Result], folder: str) -> RenderableType:
    """One row per cell and strategy, where each strategy is cheapest, and where the files are."""
    rows = _rows(results)
    if not rows:
        return line(f"no future has a result; files in {folder}")
    first, unit = results[0], _unit(rows)
    paths = list(first.cell.point)
    columns = [
        names(name, [row.values[n] for row in rows], to_the_right=True)
        for n, name in enumerate(short_names(paths))
    ]
    strategies = list(dict.fromkeys(row.strategy for row in rows))
    if len(strategies) > 1:
        columns.append(names("strategy", [row.strategy for row in rows]))
    metrics = [row.metrics for row in rows]
    title, futures = first.cell.scenario.title, max(result.summary["runs"] for result in results)
    horizon = render(first.cell.scenario.horizon, DURATION)
    only = f"{strategies[0]}: " if len(strategies) == 1 else ""
    about = f"{only}{len(results)} cells, {futures:,} futures of {horizon} each, seed {first.summary['seed']}"
    failed = sum(len(result.summary["failed"]) for result in results)
    return Group(
        Text(printable(title), style="bold"),
        Text(printable(about), style="dim"),
        Layout([*columns, cost_column(metrics, unit), *share_columns(metrics)]),
        *(
            Text(printable(_cheapest([row for row in rows if row.strategy == name], unit)))
            for name in strategies
        ),
        *(
            [Text(f"{failed} futures failed and are left out; the same command tries them again")]
            if failed
            else []
        ),
        line(f"files in {folder}"),
    )


def draw_sweep(folder: Path, results: Sequence[Result]) -> None:
    """Draw `sweep`: mean cost against mean violations, a point a cell, with both intervals.

    Without services the misses of deadlines stand in their place, and without those the values of the first
    axis. A line runs along the first axis, the others tell the lines apart.
    """
    rows = _rows(results)
    if not rows:
        return
    unit = _unit(rows)
    across = next(
        (m for m in ACROSS if any(m in r.metrics and not math.isnan(r.mean(m, 1)[0]) for r in rows)), None
    )
    along, *others = short_names(list(results[0].cell.point))
    apart = ["strategy", *others]
    note = "point: mean over the futures and its 95 % interval; "
    note += f"number at a point: {along}; line: {', '.join(apart)}"
    futures = max(result.summary["runs"] for result in results)
    about = f"{results[0].cell.scenario.title}; {futures:,} futures a cell"
    figure, axes = new_figure("Cost against violations" if across else "Cost", f"{note}. {about}", height=5.0)
    for place, (label, along_first) in enumerate(_lines(rows, others)):
        _draw_line(axes, along_first, across, unit, label, place)
    axes.set_xlabel(ACROSS[across] if across else along, parse_math=False)
    axes.set_ylabel(f"cost over the horizon, {unit.name}", parse_math=False)
    legend(axes)
    save(figure, folder, FIGURE)


def _draw_line(
    axes: Axes, rows: Sequence[Row], across: str | None, unit: Unit, label: str, place: int
) -> None:
    y = [row.mean("cost_usd", 1 / unit.divisor) for row in rows]
    x = [row.mean(across, 100.0) if across else (float(n),) * 3 for n, row in enumerate(rows)]
    axes.errorbar(
        [value for value, _, _ in x], [value for value, _, _ in y],
        xerr=_arms(x) if across else None, yerr=_arms(y), fmt="o", ms=4, capsize=2, lw=0.8, label=label,
        **style(place),
    )  # fmt: skip
    for row, (at_x, _, _), (at_y, _, _) in zip(rows, x, y, strict=True):
        if not math.isnan(at_x):
            axes.annotate(
                row.values[0], (at_x, at_y), xytext=(4, 4), textcoords="offset points", fontsize=8,
                parse_math=False,
            )  # fmt: skip
    if not across:
        axes.set_xticks(range(len(rows)), [row.values[0] for row in rows], parse_math=False)


def _arms(estimates: Sequence[Ends]) -> list[list[float]]:
    """How far the intervals reach below and above; nothing where the runs give no bound."""
    below = [0.0 if math.isnan(low) else max(value - low, 0.0) for value, low, _ in estimates]
    return [below, [0.0 if math.isnan(high) else max(high - value, 0.0) for value, _, high in estimates]]


def _lines(rows: Sequence[Row], others: Sequence[str]) -> Iterator[tuple[str, list[Row]]]:
    """The rows that differ in the first axis alone, and what they have in common."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        common = (f"{name} = {value}" for name, value in zip(others, row.values[1:], strict=True))
        lines.setdefault(", ".join([row.strategy, *common]), []).append(row)
    yield from lines.items()


def _cheapest(rows: Sequence[Row], unit: Unit) -> str:
    """Where the median cost of a strategy is the lowest, and how that compares with the first cell."""
    best = min(rows, key=lambda row: _median_cost(row.metrics))
    paths = short_names(list(best.result.cell.point))
    where = ", ".join(f"{name} = {value}" for name, value in zip(paths, best.values, strict=True))
    said = f"{best.strategy}: the median cost is lowest at {where}, {unit.amount(_median_cost(best.metrics))}"
    against = best.result.against_first.get(best.strategy, {}).get("cost_usd")
    if against is None or best.result is rows[0].result:
        return said
    return f"{said}; cheaper than the first cell in {odds(ends(against['share_below']))}"


def _median_cost(metrics: Mapping[str, Any]) -> float:
    return number(metrics["cost_usd"]["p50"]["value"])


def _unit(rows: Sequence[Row]) -> Unit:
    amounts = (number(row.metrics["cost_usd"][statistic]["value"]) for row in rows for statistic in COSTS)
    return money_unit(amounts, rows[0].result.cell.scenario.currency)


def _rows(results: Sequence[Result]) -> list[Row]:
    """A row for each strategy of each cell that has results."""
    return [
        Row(result, strategy, facts["metrics"])
        for result in results
        for strategy, facts in result.summary["strategies"].items()
    ]
