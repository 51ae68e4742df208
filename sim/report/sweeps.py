"""A sweep in the terminal, and its figure: cost against SLO violations over the split."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sim.report.figures import COLOURS, new_figure, save
from sim.report.wording import money, number, with_interval

if TYPE_CHECKING:
    from sim.planning.sweep import Cell

SHOWN = (("utilisation", "utilisation"), ("slo_violation_share", "SLO violations"), ("deadline_miss_share", "deadline misses"))


def print_sweep(cells: Sequence["Cell"], paths: Sequence[str], folder: str, console: Console) -> None:
    """Print one row per cell and strategy."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for path in paths:
        table.add_column(escape(short(path)), justify="right")
    table.add_column("strategy")
    for heading in ("cost p5", "p50", "p95"):
        table.add_column(heading, justify="right")
    for _, heading in SHOWN:
        table.add_column(heading, justify="right")
    for cell in cells:
        for strategy, facts in cell.summary["strategies"].items():
            metrics = facts["metrics"]
            row = [cell.values[path] for path in paths] + [strategy]
            row += [money(number(metrics["cost_usd"][s]["value"])) for s in ("p5", "p50", "p95")]
            row += [with_interval(metrics[metric]["mean"]) for metric, _ in SHOWN]
            table.add_row(*map(escape, row))
    console.print(table)
    console.print(f"files in {escape(folder)}", highlight=False, soft_wrap=True)


def short(path: str) -> str:
    """The last two steps of a path, enough to tell it from the others in a heading."""
    return ".".join(path.split(".")[-2:])


def draw_sweep(folder: Path, cells: Sequence["Cell"], paths: Sequence[str]) -> None:
    """Draw `sweep.png` and `sweep.svg`: mean cost against mean SLO violations, a point a cell, with both intervals."""
    figure, axes = new_figure("Cost against SLO violations over the split")
    for colour, strategy in zip(COLOURS, cells[0].summary["strategies"], strict=False):
        rows = [
            (cell, *(metrics[m]["mean"] for m in ("slo_violation_share", "cost_usd")))
            for cell in cells
            for metrics in (cell.summary["strategies"][strategy]["metrics"],)
        ]
        x, y = ([number(row[n]["value"]) * scale for row in rows] for n, scale in ((1, 100.0), (2, 1e-6)))
        errors = [
            [[abs(number(row[n][end]) * scale - at) for row, at in zip(rows, values, strict=True)] for end in ("low", "high")]
            for n, scale, values in ((1, 100.0, x), (2, 1e-6, y))
        ]
        axes.errorbar(x, y, xerr=errors[0], yerr=errors[1], fmt="o-", color=colour, label=strategy, capsize=2, lw=0.8)
        for (cell, *_), at_x, at_y in zip(rows, x, y, strict=True):
            label = ", ".join(cell.values[path] for path in paths)
            axes.annotate(label, (at_x, at_y), xytext=(4, 4), textcoords="offset points", fontsize=8, parse_math=False)
    axes.set_xlabel("requests outside their SLO, % (mean and 95 % interval)")
    axes.set_ylabel("cost over the horizon, million (mean and 95 % interval)")
    axes.set_title("points: " + ", ".join(map(short, paths)), fontsize=9, loc="left", parse_math=False)
    axes.legend(frameon=False)
    save(figure, folder, "sweep")
