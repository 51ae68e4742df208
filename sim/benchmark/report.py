"""All comparisons of one run: as values, as tables for a terminal, as one JSON document."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from sim import __version__
from sim.benchmark.comparisons import (
    Comparison,
    Size,
    compiled_events,
    fifo,
    scenario_engines,
    simpy_events,
    training_only,
)
from sim.benchmark.growth import Growth, growths
from sim.benchmark.machine import Machine, this_machine
from sim.report.layout import Column, Layout, line
from sim.scenario.model import Scenario
from sim.study.ready import make_ready

SCHEMA, VERSION = "simulate.benchmark", 1
PREFIXES = ((1e6, "M"), (1e3, "k"), (1, ""))


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, and where."""

    machine: Machine
    comparisons: tuple[Comparison, ...]
    growth: tuple[Growth, ...]


def measure(
    size: Size,
    scenario: Scenario | None = None,
    name: str = "",
    data: Path | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> Report:
    """Everything, in one run; a comparison on `scenario` (called `name`) where there is one."""
    make_ready(say)
    found: list[Comparison] = []
    say("events")
    found += simpy_events(size) + compiled_events(size)
    say("a training-only world")
    found += training_only(size)
    say("one pool, first come first served")
    found += fifo(size, data)
    if scenario is not None:
        say(f"{name}, all strategies")
        found += scenario_engines(size, scenario, name)
    say("growth")
    return Report(this_machine(), tuple(found), tuple(growths(size)))


def document(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "tool": {"name": "simulate", "version": __version__},
        **asdict(report),
    }


def report_of(report: Report) -> RenderableType:
    """The tables."""
    return Group(
        line(str(report.machine)),
        _comparisons(report.comparisons),
        Text("medians of processor time in turns; ratio: median, lowest and highest of the rounds"),
        Text(),
        Text("what a job costs the compiled engine [microseconds]; ratio: the dearest beside the first"),
        *(_growth(list(series)) for _, series in groupby(report.growth, lambda one: one.grows)),
    )


def _comparisons(rows: tuple[Comparison, ...]) -> Layout:
    return Layout(
        [
            Column("", [(f"{row.name}, {row.about}", "") for row in rows], to_the_right=False),
            Column("engine", [(row.engine, "") for row in rows], to_the_right=False),
            Column("rate", [(rate(row.per_s, row.unit), "") for row in rows]),
            Column("beside it", [(row.beside, "") for row in rows], to_the_right=False),
            Column("rate", [(rate(row.beside_per_s), "") for row in rows]),
            Column("ratio", [(digits(r.ratio), f"{digits(r.lowest)}..{digits(r.highest)}") for r in rows]),
            Column("goal", [(row.goal, "") for row in rows]),
        ]
    )


def _growth(series: list[Growth]) -> Layout:
    sizes = series[0].sizes
    return Layout(
        [
            Column("growing", [(one.name, "") for one in series], to_the_right=False),
            *(
                Column(f"{size:,}", [(f"{one.us_per_job[n]:.2f}", "") for one in series])
                for n, size in enumerate(sizes)
            ),
            Column("ratio", [(digits(one.ratio), "") for one in series]),
        ]
    )


def rate(per_s: float, unit: str = "") -> str:
    """A rate with three digits: `14.3 k events/s`, or `14.3 k/s` without a unit."""
    factor, prefix = next((pair for pair in PREFIXES if per_s >= pair[0]), PREFIXES[-1])
    return f"{digits(per_s / factor)} {prefix}{' ' * bool(prefix and unit)}{unit}/s"


def digits(number: float) -> str:
    """A positive number with three digits, or all those before the point."""
    places = next((n for n, least in enumerate((100, 10, 1)) if number >= least), 3)
    return f"{number:.{places}f}"
