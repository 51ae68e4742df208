"""Tables for a terminal of which nothing is cut or folded, whatever its width."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from sim.errors import printable
from sim.report.wording import Unit, digits_needed, ends, fixed, number, share, share_interval

COSTS = ("p5", "p50", "p95")
SHARES = {
    "utilisation": "utilisation",
    "slo_violation_share": "SLO violations",
    "deadline_miss_share": "deadline misses",
}
"""Metrics of a strategy that a table shows as mean over the runs, with their headings."""

Metrics = Mapping[str, Any]
"""Metric -> statistic -> estimate, as in a summary."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and in each cell what is said and what stands beside it in a quieter way."""

    heading: str
    cells: Sequence[tuple[str, str]]
    parts: Sequence[str] = ()
    """What is said in the cells and what beside it, for the heading."""
    to_the_right: bool = True

    def texts(self, between: str) -> list[Text]:
        """The cells, lined up among themselves; `between` stands between loud and quiet."""
        loud, quiet = (max((len(cell[n]) for cell in self.cells), default=0) for n in (0, 1))
        if not quiet:
            return [Text(said) for said, _ in self.cells]
        return [
            Text.assemble(said.rjust(loud), between, (beside.rjust(quiet), "dim"))
            for said, beside in self.cells
        ]


@dataclass(frozen=True, slots=True)
class Layout:
    """A table at its own width; where that is too wide, what is quiet stands below instead of beside."""

    columns: Sequence[Column]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table as rich prints it."""
        for between, comma in (("  ", ", "), ("\n", "\n")):
            table = self._table(between, comma)
            width = Measurement.get(console, options.update(width=100_000), table).maximum
            if width <= options.max_width:
                break
        yield from console.render(table, options.update(width=width))

    def _table(self, between: str, comma: str) -> Table:
        headings = [f"{c.heading}:\n{comma.join(c.parts)}" if c.parts else c.heading for c in self.columns]
        lines = max(heading.count("\n") for heading in headings)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for column, heading in zip(self.columns, headings, strict=True):
            lowered = "\n" * (lines - heading.count("\n")) + heading
            table.add_column(Text(lowered), justify="right" if column.to_the_right else "left", no_wrap=True)
        for row in zip(*(column.texts(between) for column in self.columns), strict=True):
            table.add_row(*row)
        return table


def line(said: str) -> Text:
    """A line that is not to be broken, such as the path of a folder."""
    return Text(printable(said), no_wrap=True, overflow="ignore")


def names(heading: str, said: Sequence[str], *, to_the_right: bool = False) -> Column:
    """A column of what users wrote."""
    return Column(printable(heading), [(printable(name), "") for name in said], to_the_right=to_the_right)


def cost_column(rows: Sequence[Metrics], unit: Unit) -> Column:
    """The 5th, 50th and 95th percentile of the cost over the horizon."""
    amounts = [
        [number(row["cost_usd"][statistic]["value"]) / unit.divisor for statistic in COSTS] for row in rows
    ]
    middles = [abs(middle) for _, middle, _ in amounts if middle and math.isfinite(middle)]
    digits = min(digits_needed(min(middles, default=0.0)), 2)
    written = [[fixed(amount, digits) for amount in row] for row in amounts]
    widths = [max(map(len, statistic), default=0) for statistic in zip(*written, strict=True)]
    cells = [
        " / ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in written
    ]
    return Column(f"cost, {unit.name}", [(cell, "") for cell in cells], [" / ".join(COSTS)])


def share_columns(rows: Sequence[Metrics]) -> list[Column]:
    """A column for each of `SHARES` that at least one row has a number for."""
    columns = []
    for metric, heading in SHARES.items():
        means = [ends(row[metric]["mean"]) if metric in row else (math.nan,) * 3 for row in rows]
        if any(not math.isnan(value) for value, _, _ in means):
            cells = [(share(mean[0]), share_interval(mean)) for mean in means]
            columns.append(Column(heading, cells, ["mean", "95 % interval"]))
    return columns
