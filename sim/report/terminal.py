"""What a study prints: one row per strategy, then how the strategies compare, in sentences."""

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from sim.errors import printable
from sim.metrics import definition_of
from sim.report.layout import COSTS, Layout, cost_column, line, names, share_columns
from sim.report.wording import Unit, ends, money_unit, number, odds, share, share_interval
from sim.study.statistics import probability
from sim.units import DURATION, render

MOST_PAIRS = 6
"""Where there are more, all strategies are compared with the one whose median cost is the lowest."""

Summary = Mapping[str, Any]


def study_report(summary: Summary, folder: str, currency: str, horizon_s: float) -> RenderableType:
    """The table of a study, the comparisons, what is wrong with the plans, and where the files are."""
    rows = [facts["metrics"] for facts in summary["strategies"].values()]
    unit = money_unit(
        (number(row["cost_usd"][statistic]["value"]) for row in rows for statistic in COSTS), currency
    )
    columns = [names("strategy", list(summary["strategies"])), cost_column(rows, unit), *share_columns(rows)]
    sentences = [
        *comparisons(summary, unit),
        *overloads(summary),
        *expectations(summary, currency),
        *reservations(summary),
    ]
    futures = f"{summary['runs']:,} {'future' if summary['runs'] == 1 else 'futures'}"
    return Group(
        Text(printable(summary["scenario"]["title"]), style="bold"),
        Text(f"{futures} of {render(horizon_s, DURATION)}, seed {summary['seed']}", style="dim"),
        Layout(columns) if rows else Text(),
        *(Text(printable(sentence)) for sentence in sentences),
        line(f"files in {folder}"),
    )


def comparisons(summary: Summary, unit: Unit) -> list[str]:
    """Which of two strategies is cheaper, in which share of the worlds, and by how much a year."""
    pairs = [pair for pair in summary["pairs"] if "cost_usd_per_year" in pair["metrics"] and pair["runs"]]
    if len(pairs) > MOST_PAIRS:
        medians = {
            name: number(facts["metrics"]["cost_usd"]["p50"]["value"])
            for name, facts in summary["strategies"].items()
        }
        cheapest = min(medians, key=lambda name: medians[name])
        pairs = [pair for pair in pairs if cheapest in {pair["a"], pair["b"]}]
    return [_comparison(pair, unit) for pair in pairs]


def _comparison(pair: Mapping[str, Any], unit: Unit) -> str:
    found = pair["metrics"]["cost_usd_per_year"]
    below, difference = ends(found["share_below"]), ends(found["p50_difference"])
    a, b = pair["a"], pair["b"]
    if below[0] == 0.5 and difference[0] == 0:
        return f"{a} costs the same as {b}"
    if below[0] > 0.5 or (below[0] == 0.5 and difference[0] < 0):
        difference = (-difference[0], -difference[2], -difference[1])
    else:
        a, b = b, a
        below = (1 - below[0], 1 - below[2], 1 - below[1])
    return f"{a} is cheaper than {b} in {odds(below)}, by {_amount(difference, unit)} a year in the median"


def _amount(saved: tuple[float, float, float], unit: Unit) -> str:
    value, low, high = saved
    unit = unit.near(value)
    if math.isnan(low) and math.isnan(high):
        return unit.amount(value)
    return f"{unit.amount(value)} ({unit.number(low)}..{unit.number(high)})"


def overloads(summary: Summary) -> list[str]:
    """Which workloads fall further and further behind, and in which share of the worlds."""
    said = []
    for strategy, facts in summary["strategies"].items():
        found = {name: of for name, of in facts["metrics"].items() if name.startswith("overloaded:")}
        for metric, estimates in found.items():
            times = round(number(estimates["mean"]["value"]) * facts["runs"])
            if times:
                often = probability(times, facts["runs"])
                worlds = odds((often.value, often.low, often.high))
                workload = metric.partition(":")[2]
                said.append(f"{strategy} cannot keep up with {workload} in {worlds}: OVERLOADED")
                stable = facts["metrics"].get(f"stable_demand_share:{workload}")
                if stable is not None and number(stable["p5"]["value"]) < 1.0:
                    low, high = (share(number(stable[level]["value"])) for level in ("p5", "p95"))
                    room = f"its replicas could answer {low} (p5) to {high} (p95) of the requests"
                    said[-1] += f"; in the tightest month {room}"
    return said


def expectations(summary: Summary, currency: str) -> list[str]:
    """A line for each threshold of the scenario: whether it is kept, and what was found."""
    return [_expectation(verdict, currency) for verdict in summary["expectations"]]


def _expectation(verdict: Mapping[str, Any], currency: str) -> str:
    metric, threshold = verdict["metric"], number(verdict["threshold"])
    found = ends(verdict["estimate"])
    unit = definition_of(metric).unit
    if unit in {"share", "1 or 0"}:
        limit, value, interval = share(threshold), share(found[0]), share_interval(found)
    else:
        of_money = unit.startswith("USD")
        scale = money_unit((threshold, *found), currency) if of_money else Unit(1.0, "", unit)
        limit, value = scale.amount(threshold), scale.amount(found[0])
        interval = "..".join(map(scale.number, found[1:]))
    said = (
        f"expected of {verdict['strategy']}: "
        f"{metric} {verdict['statistic']} {verdict['comparison']} {limit}, "
        f"found {value} ({interval or 'no interval'}): {verdict['status']}"
    )
    if verdict["status"] != "undecided":
        return said
    more = (
        f"about {verdict['more_runs']:,} more runs"
        if verdict["more_runs"]
        else "no number of runs that can be named"
    )
    return f"{said}, {more} would decide it"


def reservations(summary: Summary) -> list[str]:
    """What the numbers above do not tell: costs without a bound, and futures without a result."""
    said = []
    for facts in list(summary["strategies"].values())[:1]:
        p95 = facts["metrics"]["cost_usd"]["p95"]
        if p95["high"] is None and "note" in p95:
            said.append(f"few futures: the p95 of a cost has {p95['note']}")
    failed = summary["failed"]
    if failed:
        count, first = len(failed), failed[0]
        said.append(
            f"{count} {'future has' if count == 1 else 'futures have'} no result, "
            f"future {first['run']} because of {first['message']}; the same command tries again"
        )
    return said
