"""Traces in CSV files beside a scenario -> rows of the scenario.

`arrivals: {trace: jobs.csv}` has the columns submit_s, duration_s and accelerators; `market: {trace:
spot.csv}` has spell_s and largest_gang, which is empty where every gang is served; `arrivals: {replay:
requests.csv}` of a demand has arrival_s, ascending.
"""

import csv
import re
from collections.abc import Callable, Mapping
from itertools import islice, pairwise
from typing import Any, TextIO

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
        spread = mapping(workload, "demand", "arrivals")
        if isinstance(spread.get("replay"), str):
            place = (*path, "demand", "arrivals", "replay")
            times = _read(resolution, place, spread["replay"], ("arrival_s",), _arrival)
            spread["replay"] = _gaps(resolution, place, times)
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
    try:
        with (resolution.folder / name).open(encoding="utf-8-sig", newline="") as stream:
            rows, complaints = _parse(stream, name, columns, make)
    except OSError as error:
        complaints = [f"{name} cannot be read: {error.strerror or error}"]
    except (ValueError, csv.Error) as error:
        complaints = [f"{name} is not a CSV file in UTF-8: {error}"]
    for complaint in complaints[:MAX_SHOWN]:
        resolution.note(path, complaint)
    if len(complaints) > MAX_SHOWN:
        resolution.note(path, f"{name} has {len(complaints) - MAX_SHOWN:,} more lines that cannot be read")
    if complaints:
        resolution.unresolved.append(path)
    return rows


def _parse(
    stream: TextIO, name: str, columns: tuple[str, ...], make: Callable[[Row], Any]
) -> tuple[list[Any], list[str]]:
    """The rows of a stream, and what is wrong with them."""
    reader = csv.DictReader(stream, strict=True)
    header = list(reader.fieldnames or ())
    if missing := [column for column in columns if column not in header]:
        return [], [f"{name} has no column {' or '.join(missing)}; {', '.join(columns)} are needed"]
    if twice := [column for column in columns if header.count(column) > 1]:
        return [], [f"{name} has the column {twice[0]} {header.count(twice[0])} times"]
    rows: list[Any] = []
    complaints: list[str] = []
    for row in islice(reader, MAX_TRACE + 1):
        try:
            _demand_no_more(row, len(header))
            rows.append(make(row))
        except ValueError as error:
            complaints.append(f"line {reader.line_num} of {name}: {error}")
    if len(rows) > MAX_TRACE:
        complaints.append(f"{name} has more than {MAX_TRACE:,} rows")
    elif not rows and not complaints:
        complaints.append(f"{name} has no rows")
    return rows, complaints


def _demand_no_more(row: Mapping[str | None, Any], columns: int) -> None:
    """Raise ValueError where a row has more fields than the header, unless they are empty."""
    extra = row.get(None) or []
    if any(extra):
        raise ValueError(f"{columns + len(extra)} fields, and the header has {columns}")


def _job(row: Row) -> dict[str, Any]:
    return {
        "submit": _seconds(row, "submit_s"),
        "duration": _seconds(row, "duration_s"),
        "accelerators": _whole(row, "accelerators"),
    }


def _spell(row: Row) -> list[Any]:
    return [_seconds(row, "spell_s"), _whole(row, "largest_gang") if row["largest_gang"] else None]


def _arrival(row: Row) -> float:
    return float(_seconds(row, "arrival_s").removesuffix(" s"))


def _gaps(resolution: Resolution, path: Path, times_s: list[float]) -> list[str]:
    """Gaps between arrivals; a fault where one comes before the last."""
    gaps_s = [round(after - before, 9) for before, after in pairwise(times_s)]
    early = next((n for n, gap_s in enumerate(gaps_s, 2) if gap_s < 0.0), None)
    if early is not None:
        resolution.give_up(path, f"arrival {early} comes before the one above it")
    elif len(times_s) == 1:
        resolution.give_up(path, "one arrival has no gap to the next")
    return [f"{gap_s:.9f} s" for gap_s in gaps_s]


def _seconds(row: Row, column: str) -> str:
    text = (row[column] or "").strip()
    if not _SECONDS.fullmatch(text):
        raise ValueError(f"{column} is {text!r}, not a number of seconds such as 5400 or 0.25")
    return f"{text} s"


def _whole(row: Row, column: str) -> int:
    text = (row[column] or "").strip()
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{column} is {text!r}, not a whole number such as 8")
    return int(text)
