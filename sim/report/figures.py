"""Figures of a study, as PNG and SVG: the same bytes for the same study.

Nothing a user wrote is read as mathematics (a `$` in a title would be), and each figure says in small letters
what its lines and bands are.
"""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.calendar import month_edges, month_labels
from sim.report.monthly import Floats, Style, draw_months, explained, name_places
from sim.report.series import Series
from sim.report.wording import Unit, money_unit
from sim.scenario.model import Scenario
from sim.scenario.workloads import Inference
from sim.study.columns import codes_of, integers_of
from sim.study.files import replacing
from sim.study.tables import COSTS, RUNS, SERIES, read_batches, read_table
from sim.units import DURATION, render

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00",
    "#56b4e9", "#555555", "#8c6d31", "#332288", "#882255",
)  # fmt: skip
"""Colours that the colour-blind can tell apart (after Okabe and Ito, "Color universal design", 2008)."""
DASHES = ("-", "--", ":", "-.")
"""What tells lines apart when the colours come round again."""

RC: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "font.size": 9,
    "svg.hashsalt": "simulate",
    "figure.dpi": 130,
}
SMALL = 7


def new_figure(
    title: str, note: str, rows: int = 1, width: float = 8.0, height: float = 4.5
) -> tuple[Figure, Any]:
    """A figure with `rows` axes below each other (one: the axes itself), and a note in small letters.

    The lines of the note are broken where they are too long.
    """
    with rc_context(RC):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, 1, sharex=rows > 1)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, parse_math=False)
        lines = "\n".join(textwrap.fill(line, int(width * 16)) for line in note.splitlines())
        figure.supxlabel(lines, x=0.01, ha="left", fontsize=SMALL, color="#555555", parse_math=False)
    return figure, axes


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write `name.png` and `name.svg` into the folder, whole or not at all; StorageError where that fails."""
    with rc_context(RC):
        arrange(figure)
        with replacing(folder / f"{name}.png") as partial:
            fast = {"compress_level": 3}
            figure.savefig(partial, format="png", metadata={"Software": None}, pil_kwargs=fast)
        with replacing(folder / f"{name}.svg") as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None, "Creator": None})


def arrange(figure: Figure) -> None:
    """Give everything its place, once for all formats: left to itself, matplotlib would do so for each."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def style(place: int) -> Style:
    """Colour and dashes of the strategy at a place."""
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place // len(COLOURS) % len(DASHES)]}


def legend(axes: Axes) -> None:
    """A legend beside the axes, in which names stand as they were written."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        shown = axes.legend(
            handles, labels, frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5)
        )
        for text in shown.get_texts():
            text.set_parse_math(False)


def draw_figures(folder: Path, summary: Mapping[str, Any], scenario: Scenario) -> None:
    """Draw all figures of a study from its tables into its folder; nothing where no run has a result."""
    strategies = list(summary["strategies"])
    if not strategies:
        return
    about = f"{summary['scenario']['title']}; {summary['runs']:,} futures, seed {summary['seed']}"
    period = render(scenario.horizon, DURATION)
    hours = np.diff(month_edges(scenario.start, scenario.horizon_s)) / 3600
    months = month_labels(scenario.start, scenario.horizon_s)
    runs = 1 + max(read_table(folder / RUNS, ["run"])["run"].to_pylist())
    draw_costs(folder, strategies, scenario.currency, period, about)
    draw_categories(folder, strategies, summary, scenario.currency, period, about)
    draw_capacity(folder, strategies, Series.read(folder / SERIES, "pool", months, runs), hours, about)
    services = Series.read(folder / SERIES, "service", months, runs)
    draw_violations(folder, strategies, services, allowed_shares(scenario), about)


def allowed_shares(scenario: Scenario) -> dict[str, float]:
    """For each service the share of requests that its SLO lets pass it by."""
    return {
        name: 1 - workload.slo.share
        for name, workload in scenario.workloads.items()
        if isinstance(workload, Inference)
    }


def draw_costs(folder: Path, strategies: Sequence[str], currency: str, period: str, about: str) -> None:
    """`costs`: for each strategy the share of futures in which the cost stays below an amount."""
    table = read_table(folder / RUNS, ["strategy", "cost_usd"]).to_pydict()
    of, costs = np.array(table["strategy"]), np.array(table["cost_usd"])
    unit = money_unit(costs.tolist(), currency)
    figure, axes = new_figure(
        f"Cost over {period}",
        f"line: share of the futures in which the cost is at most this; dot: median\n{about}",
    )
    for place, strategy in enumerate(strategies):
        ordered = np.sort(costs[of == strategy]) / unit.divisor
        shares = 100 * np.arange(len(ordered) + 1) / len(ordered)
        axes.step([ordered[0], *ordered], shares, where="post", label=strategy, **style(place))
        axes.plot([np.median(ordered)], [50], "o", color=style(place)["color"], ms=4)
    axes.set_xlabel(f"cost, {unit.name}", parse_math=False)
    axes.set_ylabel("share of the futures, %")
    axes.set_ylim(0, 102)
    legend(axes)
    save(figure, folder, "costs")


def draw_categories(
    folder: Path,
    strategies: Sequence[str],
    summary: Mapping[str, Any],
    currency: str,
    period: str,
    about: str,
) -> None:
    """`categories`: mean cost by category, credits to the left of zero, and the whole beside each bar."""
    means = _mean_costs(folder, summary)
    size = {
        category: sum(abs(mean) for (_, of), mean in means.items() if of == category) for _, category in means
    }
    categories = sorted((category for category in size if size[category]), key=lambda c: (-size[c], c))
    unit = _bar_unit(means, strategies, currency)
    figure, axes = new_figure(
        f"Mean cost over {period} by category",
        "bar: mean over the futures; credits stand to the left of zero; number: what all comes to\n" + about,
        height=1.9 + 0.45 * max(len(strategies), len(categories) // 2),
    )
    places = np.arange(len(strategies))
    right, left = np.zeros(len(strategies)), np.zeros(len(strategies))
    for place, category in enumerate(categories):
        amounts = np.array([means.get((strategy, category), 0.0) for strategy in strategies]) / unit.divisor
        begins = np.where(amounts >= 0, right, left)
        axes.barh(places, amounts, left=begins, color=style(place)["color"], label=category, height=0.6)
        right, left = right + np.maximum(amounts, 0), left + np.minimum(amounts, 0)
    for at, end, whole in zip(places, right, right + left, strict=True):
        axes.annotate(
            unit.number(whole * unit.divisor), (end, at), xytext=(5, 0), textcoords="offset points",
            va="center", parse_math=False,
        )  # fmt: skip
    axes.margins(x=0.1)
    axes.axvline(0.0, color="#555555", lw=0.8)
    axes.set_yticks(places, strategies, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel(f"mean cost, {unit.name}", parse_math=False)
    legend(axes)
    save(figure, folder, "categories")


def draw_capacity(folder: Path, strategies: Sequence[str], series: Series, hours: Floats, about: str) -> None:
    """`capacity`: accelerators at hand and the share of them at useful work by month.

    Capacity is what stands of owned pools and what is leased of rented ones; `hours` are those of each month.
    """
    figure, (above, below) = new_figure(
        "Capacity and utilisation by month", f"{explained(series.months)}\n{about}", rows=2, height=6.0
    )
    for place, strategy in enumerate(strategies):
        capacity = series.sums(strategy, "capacity_accelerator_h")
        useful = series.sums(strategy, "useful_accelerator_h")
        draw_months(above, capacity / hours, strategy, place, style(place))
        draw_months(below, _percent(useful, capacity), strategy, place, style(place))
    above.set_ylabel("accelerators, owned or leased")
    above.set_ylim(bottom=0)
    below.set_ylabel("at useful work, %")
    below.set_ylim(0, 100)
    legend(above)
    name_places(below, series.months, strategies)
    save(figure, folder, "capacity")


def draw_violations(
    folder: Path, strategies: Sequence[str], series: Series, allowed: Mapping[str, float], about: str
) -> None:
    """`violations`: requests outside their SLO by month, one panel a service; no figure without services.

    A dotted line shows what share of a service's requests is allowed to be.
    """
    if not series.names:
        return
    count = len(series.names)
    figure, found = new_figure(
        "Requests outside their SLO by month",
        f"{explained(series.months)}; dotted line: as many as the SLO allows\n{about}",
        rows=count,
        height=1.8 + 2.3 * count,
    )
    panels: Sequence[Axes] = np.atleast_1d(found).tolist()
    for axes, name in zip(panels, series.names, strict=True):
        for place, strategy in enumerate(strategies):
            asked = series.sums(strategy, "requests", name)
            missed = series.sums(strategy, "requests_violated", name) + series.sums(
                strategy, "requests_abandoned", name
            )
            draw_months(axes, _percent(missed, asked), strategy, place, style(place))
        if name in allowed:
            axes.axhline(100 * allowed[name], color="#555555", lw=1.0, ls=":", label="SLO")
        axes.set_ylabel(f"{name}, %", parse_math=False)
        axes.set_ylim(bottom=0)
    legend(panels[0])
    name_places(panels[-1], series.months, strategies)
    save(figure, folder, "violations")


def _mean_costs(folder: Path, summary: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Mean cost over the runs by strategy and category."""
    keys = ("x_Strategy", "x_Category")
    sums: Counter[tuple[str, str]] = Counter()
    for batch in read_batches(folder / COSTS, [*keys, "x_EffectiveMicros"], coded=keys):
        (strategy, strategies), (category, categories) = (codes_of(batch[key]) for key in keys)
        totals = np.zeros((len(strategies), len(categories)), dtype=np.int64)
        np.add.at(totals, (strategy, category), integers_of(batch["x_EffectiveMicros"]))
        for s, c in np.argwhere(totals).tolist():
            sums[strategies[s], categories[c]] += int(totals[s, c])
    return {
        (strategy, category): micros / 1e6 / summary["strategies"][strategy]["runs"]
        for (strategy, category), micros in sums.items()
    }


def _bar_unit(means: Mapping[tuple[str, str], float], strategies: Sequence[str], currency: str) -> Unit:
    """The unit in which the longest bar is told."""
    bars = (
        sum(max(mean, 0.0) for (of, _), mean in means.items() if of == strategy) for strategy in strategies
    )
    return money_unit(bars, currency)


def _percent(part: Floats, whole: Floats) -> Floats:
    """NaN where the whole is nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return 100 * part / whole
