"""Figures of a study, as PNG and SVG: the same bytes for the same study.

Nothing a user wrote is read as mathematics (a `$` in a title would be), and each figure states what its band is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sim.calendar import month_edges, month_labels
from sim.scenario.model import Scenario
from sim.study.files import replacing
from sim.study.tables import COSTS, RUNS, SERIES, read_batches, read_table

Floats = NDArray[np.float64]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555", "#8c6d31")
"""Colours that the colour-blind can tell apart (after Okabe and Ito, "Color universal design", 2008)."""

STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "font.size": 9,
    "svg.hashsalt": "simulate",
    "figure.dpi": 130,
}
MILLION = 1e6


def new_figure(title: str, rows: int = 1, width: float = 8.0, height: float = 4.5) -> tuple[Figure, Any]:
    """A figure with `rows` axes below each other (one: the axes itself)."""
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, 1, sharex=rows > 1)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, parse_math=False)
    return figure, axes


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write `name.png` and `name.svg` into the folder, whole or not at all."""
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        with rc_context(STYLE), replacing(folder / f"{name}.{kind}") as partial:
            figure.savefig(partial, format=kind, metadata=metadata)


def draw_figures(folder: Path, summary: Mapping[str, Any], scenario: Scenario) -> None:
    """Draw all figures of a study from its tables into its folder."""
    strategies = list(summary["strategies"])
    hours = np.diff(month_edges(scenario.start, scenario.horizon_s)) / 3600
    months = month_labels(scenario.start, scenario.horizon_s)
    runs = 1 + max(read_table(folder / RUNS, ["run"])["run"].to_pylist())
    draw_costs(folder, strategies, scenario.currency)
    draw_categories(folder, strategies, summary, scenario.currency)
    pools, services = (_Series.read(folder, kind, months, runs) for kind in ("pool", "service"))
    draw_capacity(folder, strategies, pools, hours)
    draw_violations(folder, strategies, services)


def draw_costs(folder: Path, strategies: Sequence[str], currency: str) -> None:
    """`costs`: for each strategy the share of futures in which the cost stays below an amount."""
    table = read_table(folder / RUNS, ["strategy", "cost_usd"])
    names, costs = np.array(table["strategy"].to_pylist()), table["cost_usd"].to_numpy() / MILLION
    figure, axes = new_figure("Cost over the horizon: share of futures that stay below an amount")
    for colour, strategy in zip(_colours(), strategies, strict=False):
        ordered = np.sort(costs[names == strategy])
        shares = 100 * np.arange(1, len(ordered) + 1) / len(ordered)
        axes.step(ordered, shares, where="post", color=colour, label=strategy)
        median = float(np.median(ordered))
        axes.plot([median], [50], "o", color=colour, ms=4)
    axes.set_xlabel(f"million {currency}", parse_math=False)
    axes.set_ylabel("futures, %")
    axes.set_ylim(0, 100)
    _legend(axes)
    save(figure, folder, "costs")


def draw_categories(folder: Path, strategies: Sequence[str], summary: Mapping[str, Any], currency: str) -> None:
    """`categories`: mean cost by category, credits to the left of zero."""
    table = read_table(folder / COSTS, ["x_Strategy", "x_Category", "BilledCost"])
    sums = table.group_by(["x_Strategy", "x_Category"]).aggregate([("BilledCost", "sum")]).to_pydict()
    found = {
        (strategy, category): amount / MILLION / summary["strategies"][strategy]["runs"]
        for strategy, category, amount in zip(
            sums["x_Strategy"], sums["x_Category"], sums["BilledCost_sum"], strict=True
        )
    }
    categories = sorted({category for _, category in found}, key=lambda c: -sum(abs(found.get((s, c), 0)) for s in strategies))
    figure, axes = new_figure("Mean cost by category", height=1.6 + 0.5 * len(strategies))
    right, left = np.zeros(len(strategies)), np.zeros(len(strategies))
    for colour, category in zip(_colours(), categories, strict=False):
        amounts = np.array([found.get((strategy, category), 0.0) for strategy in strategies])
        begins = np.where(amounts >= 0, right, left)
        axes.barh(strategies, amounts, left=begins, color=colour, label=category, height=0.6)
        right, left = right + np.maximum(amounts, 0), left + np.minimum(amounts, 0)
    axes.invert_yaxis()
    axes.set_xlabel(f"million {currency} over the horizon", parse_math=False)
    _legend(axes)
    save(figure, folder, "categories")


def draw_capacity(folder: Path, strategies: Sequence[str], series: "_Series", hours: Floats) -> None:
    """`capacity`: accelerators at hand and the share of them at useful work by month, median and 5th to 95th percentile.

    Capacity is what stands of owned pools and what is leased of rented ones; `hours` are those of each month.
    """
    figure, (above, below) = new_figure("Capacity and utilisation by month", rows=2, height=6.0)
    for colour, strategy in zip(_colours(), strategies, strict=False):
        capacity = series.sums(strategy, "capacity_accelerator_h")
        useful = series.sums(strategy, "useful_accelerator_h")
        _band(above, series.months, capacity / hours, colour, strategy)
        with np.errstate(invalid="ignore", divide="ignore"):
            _band(below, series.months, 100 * useful / capacity, colour, strategy)
    above.set_ylabel("accelerators")
    below.set_ylabel("at useful work, %")
    below.set_ylim(0, 100)
    _legend(above)
    _thin_months(below, series.months)
    save(figure, folder, "capacity")


def draw_violations(folder: Path, strategies: Sequence[str], series: "_Series") -> None:
    """`violations`: requests outside their SLO by month, one panel a service, median and 5th to 95th percentile."""
    if not series.names:
        return
    count = len(series.names)
    figure, panels = new_figure("Requests outside their SLO by month", rows=count, height=1.5 + 2.3 * count)
    panels = np.atleast_1d(panels)
    for axes, name in zip(panels.ravel(), series.names, strict=True):
        for colour, strategy in zip(_colours(), strategies, strict=False):
            asked = series.sums(strategy, "requests", name)
            missed = series.sums(strategy, "requests_violated", name) + series.sums(strategy, "requests_abandoned", name)
            with np.errstate(invalid="ignore", divide="ignore"):
                _band(axes, series.months, 100 * missed / asked, colour, strategy)
        axes.set_ylabel(f"{name}, %", parse_math=False)
        axes.set_ylim(bottom=0)
    _legend(panels.ravel()[0])
    _thin_months(panels.ravel()[-1], series.months)
    save(figure, folder, "violations")


@dataclass(frozen=True, slots=True)
class _Series:
    """The monthly series of one kind of subject: values by (strategy, name, quantity), shape [runs, months]."""

    months: list[str]
    names: list[str]
    values: dict[tuple[str, str, str], Floats]

    @classmethod
    def read(cls, folder: Path, kind: str, months: list[str], runs: int) -> "_Series":
        """Read batch by batch, so that memory holds the sums and not the table."""
        values: dict[tuple[str, str, str], Floats] = {}
        place = {month: n for n, month in enumerate(months)}
        for batch in read_batches(folder / SERIES):
            columns = {name: batch.column(name) for name in batch.schema.names}
            keys = [columns[name].to_pylist() for name in ("kind", "strategy", "name", "quantity", "run", "month")]
            for (of_kind, *key, run, month), value in zip(
                zip(*keys, strict=True), columns["value"].to_pylist(), strict=True
            ):
                if of_kind == kind:
                    strategy, name, quantity = key
                    table = values.setdefault((strategy, name, quantity), np.zeros((runs, len(months))))
                    table[run, place[month]] = value
        return cls(months, list(dict.fromkeys(name for _, name, _ in values)), values)

    def sums(self, strategy: str, quantity: str, name: str | None = None) -> Floats:
        """Values by run and month, summed over the subjects (or of one of them)."""
        found = [v for (s, n, q), v in self.values.items() if s == strategy and q == quantity and name in {None, n}]
        return np.sum(found, axis=0)


def _band(axes: Axes, months: Sequence[str], values: Floats, colour: str, label: str) -> None:
    """Median over the runs as a line, 5th to 95th percentile as a band; months that no run knows are left out."""
    known = np.flatnonzero(~np.all(np.isnan(values), axis=0))
    low, middle, high = np.nanquantile(values[:, known], (0.05, 0.5, 0.95), axis=0)
    axes.fill_between(known, low, high, color=colour, alpha=0.18, lw=0)
    axes.plot(known, middle, color=colour, label=label, marker="o" if len(known) == 1 else None)


def _thin_months(axes: Axes, months: Sequence[str]) -> None:
    step = max(len(months) // 12, 1)
    axes.set_xticks(range(0, len(months), step), [months[n] for n in range(0, len(months), step)], rotation=45, ha="right")


def _colours() -> list[str]:
    return [*COLOURS, *(f"#{n:02x}{n:02x}{n:02x}" for n in range(60, 200, 20))]


def _legend(axes: Axes) -> None:
    legend = axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for text in legend.get_texts():
        text.set_parse_math(False)
