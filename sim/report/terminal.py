"""What a study prints: one row per strategy, then how the strategies compare, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sim.report.wording import UNKNOWN, money, number, whole_share, with_interval

SHARES = (
    ("utilisation", "utilisation"),
    ("slo_violation_share", "SLO violations"),
    ("deadline_miss_share", "deadline misses"),
)
"""Metrics of the table that are shares, with their headings; shown as mean over the runs with its interval."""

Summary = Mapping[str, Any]


def print_study(summary: Summary, folder: str, currency: str, console: Console) -> None:
    """Print the table of a study, the comparisons and the expectations, and where the files are."""
    title = escape(summary["scenario"]["title"])
    console.print(f"[bold]{title}[/bold]  {summary['runs']} futures, seed {summary['seed']}", highlight=False)
    console.print(_table(summary, currency))
    for sentence in (*comparisons(summary, currency), *states(summary), *expectations(summary), *gaps(summary)):
        console.print(escape(sentence), highlight=False, soft_wrap=True)
    console.print(f"files in {escape(folder)}", highlight=False, soft_wrap=True)


def _table(summary: Summary, currency: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("strategy")
    for heading in ("cost p5", "p50", "p95"):
        table.add_column(heading, justify="right")
    for _, heading in SHARES:
        table.add_column(heading, justify="right")
    for name, facts in summary["strategies"].items():
        metrics = facts["metrics"]
        cost = metrics["cost_usd"]
        cells = [money(number(cost[statistic]["value"]), currency) for statistic in ("p5", "p50", "p95")]
        cells += [with_interval(metrics[m]["mean"]) if m in metrics else UNKNOWN for m, _ in SHARES]
        table.add_row(escape(name), *cells)
    return table


def comparisons(summary: Summary, currency: str) -> list[str]:
    """For each pair: which is cheaper, in which share of the worlds, and by how much a year in the median."""
    return [_comparison(pair, currency) for pair in summary["pairs"] if "cost_usd_per_year" in pair["metrics"]]


def _comparison(pair: Mapping[str, Any], currency: str) -> str:
    found = pair["metrics"]["cost_usd_per_year"]
    below = {end: number(found["share_below"][end]) for end in ("value", "low", "high")}
    difference = number(found["p50_difference"]["value"])
    a, b = pair["a"], pair["b"]
    if below["value"] == 0.5 and difference == 0:
        return f"{a} costs the same as {b}"
    if below["value"] < 0.5:
        a, b = b, a
        below = {"value": 1 - below["value"], "low": 1 - below["high"], "high": 1 - below["low"]}
    odds = f"{whole_share(below['value'])} of the worlds ({_ends(below['low'], below['high'])})"
    return f"{a} is cheaper than {b} in {odds}, by {money(abs(difference), currency)} a year in the median"


def _ends(low: float, high: float) -> str:
    return f"{whole_share(low).removesuffix(' %')}..{whole_share(high)}"


def states(summary: Summary) -> list[str]:
    """Which services and training workloads cannot keep up, and in which share of the worlds."""
    said = []
    for strategy, facts in summary["strategies"].items():
        for metric, estimates in facts["metrics"].items():
            kind, _, name = metric.partition(":")
            often = number(estimates["mean"]["value"])
            if kind == "overloaded" and name and often > 0:
                said.append(f"{strategy}: {name} is OVERLOADED in {whole_share(often)} of the worlds")
    return said


def expectations(summary: Summary) -> Sequence[str]:
    """One line for each threshold of the scenario."""
    lines = []
    for verdict in summary["expectations"]:
        wish = f"{verdict['metric']} {verdict['statistic']} {verdict['comparison']} {verdict['threshold']}"
        more = f" (about {verdict['more_runs']} more runs)" if verdict["more_runs"] else ""
        lines.append(f"expected of {verdict['strategy']}: {wish}: {verdict['status']}{more}")
    return lines


def gaps(summary: Summary) -> list[str]:
    """Runs that have no result."""
    failed = summary["failed"]
    return [f"{len(failed)} runs failed, the first ({failed[0]['run']}): {failed[0]['message']}"] if failed else []


