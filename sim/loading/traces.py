"""Traces in CSV files beside a scenario -> rows of the scenario.

`arrivals: {trace: jobs.csv}` has the columns submit_s, duration_s and accelerators; `market: {trace: spot.csv}` has
spell_s and largest_gang, which is empty where every gang is served.
"""

import csv
import re
from collections.abc import Callable
from typing import Any

from sim.loading.resolution import Resolution, mapping
from sim.scenario.base import Path
from sim.scenario.workloads import MAX_TRACE

_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_WHOLE = re.compile(r"[0-9]{1,7}")
MAX_SHOWN = 10
"""Lines of one file that are complained about."""

Row = dict[str, str]


def resolve_traces(resolution: Resolution) -> None:
    """Replace the paths of trace files by what stands in the files."""
    for path, workload in resolution.workloads():
        arrivals = mapping(workload, "arrivals")
        if isinstance(arrivals.get("trace"), str):
            columns = ("submit_s", "duration_s", "accelerators")
            place = (*path, "arrivals", "trace")
            arrivals["trace"] = _read(resolution, place, arrivals["trace"], columns, _job)
    for path, pool, _ in resolution.pools():
        market = mapping(pool, "market")
        if isinstance(market.get("trace"), str):
            place = (*path, "market", "trace")
            market["trace"] = _read(resolution, place, market["trace"], ("spell_s", "largest_gang"), _spell)


def _read(
    resolution: Resolution, path: Path, name: str, columns: tuple[str, ...], make: Callable[[Row], Any]
) -> list[Any]:
    """The rows of a file; faults name the file and the line."""
    rows: list[Any] = []
    wrong, before = 0, len(resolution.faults)
    try:
        with (resolution.folder / name).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                found = ", ".join(reader.fieldnames or ())
                resolution.note(path, f"{name} has no column {' or '.join(missing)}", found, ", ".join(columns))
                break
            for row in reader:
                try:
                    rows.append(make(row))
                except ValueError as error:
                    wrong += 1
                    if wrong <= MAX_SHOWN:
                        resolution.note(path, f"line {reader.line_num} of {name}: {error}")
                if len(rows) > MAX_TRACE:
                    resolution.note(path, f"{name} has more than {MAX_TRACE:,} rows")
                    return rows[:1]
    except OSError as error:
        resolution.note(path, f"{name} cannot be read: {error.strerror or error}")
    except (ValueError, csv.Error) as error:
        resolution.note(path, f"{name} is not a CSV file in UTF-8: {error}")
    if wrong > MAX_SHOWN:
        resolution.note(path, f"{name} has {wrong - MAX_SHOWN:,} more lines that cannot be read")
    if not rows and len(resolution.faults) == before:
        resolution.note(path, f"{name} has no rows")
    if len(resolution.faults) > before:
        resolution.unresolved.append(path)
    return rows


def _job(row: Row) -> dict[str, Any]:
    return {
        "submit": _seconds(row, "submit_s"),
        "duration": _seconds(row, "duration_s"),
        "accelerators": _whole(row, "accelerators"),
    }


def _spell(row: Row) -> list[Any]:
    return [_seconds(row, "spell_s"), _whole(row, "largest_gang") if row["largest_gang"] else None]


def _seconds(row: Row, column: str) -> str:
    text = (row[column] or "").strip()
    if not _SECONDS.fullmatch(text):
        raise ValueError(f"{column} is {text!r}, not a number of seconds")
    return f"{text} s"


def _whole(row: Row, column: str) -> int:
    text = (row[column] or "").strip()
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{column} is {text!r}, not a whole number")
    return int(text)
