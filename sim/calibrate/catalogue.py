"""Catalogue entries, and how they are written as YAML text.

An entry says one thing that a scenario may refer to by name: its value in the scenario language, and where
the value comes from. The text is made here, not by a YAML library: the same entries always give the same
bytes.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Grade = Literal["measured", "published", "assumed"]

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/%()+<>=;-]*(?<! )")
_NOT_TEXT = re.compile(
    r"true|false|yes|no|on|off|y|n|null|[-+]?[\d._]+(e[-+]?\d+)?|0x[\da-f]+|0o[0-7]+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Source:
    """Who says it and where, and the date that the figures are of (`2026-09-06`, or as much of it as is
    known).
    """

    text: str
    date: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One catalogue entry; `value` is a plain tree of mappings, lists, texts and numbers."""

    name: str
    kind: str
    value: Any
    source: Source
    grade: Grade
    range: str | None = None
    note: str | None = None


def quantity(value: float, unit: str, digits: int = 4) -> str:
    """A number with its unit, to so many significant digits: `0.12 USD/GB`."""
    return f"{number(value, digits)}{'' if unit == '%' else ' '}{unit}"


def duration(seconds: float, digits: int = 4) -> str:
    """A duration in the unit in which people would say it, to so many significant digits."""
    for unit, length_s in (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= (2 * length_s if length_s > 1 else 1):
            return quantity(seconds / length_s, unit, digits)
    return quantity(seconds * 1000, "ms", digits) if seconds else "0 s"


def number(value: float, digits: int = 4) -> str:
    """The number to so many significant digits, without an exponent and without trailing zeros."""
    text = f"{float(f'{value:.{digits}g}'):.12f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def percentages(shares: Iterable[float], decimals: int = 1) -> list[str]:
    """Shares that sum to 1 as percentages that sum to exactly 100 % (largest remainders are rounded up)."""
    rounded = round_to_sum([100 * share for share in shares], 100, decimals)
    return [f"{number(share, 12)}%" for share in rounded]


def round_to_sum(values: list[float], total: float, decimals: int) -> list[float]:
    """The values rounded to so many decimals, summing to exactly `total` (largest remainders are rounded "
    "up)."""
    scale = 10**decimals
    exact = [value * scale for value in values]
    floors = [int(value // 1) for value in exact]
    missing = round(total * scale) - sum(floors)
    assert 0 <= missing <= len(values), f"the values sum to {sum(values)}, not to {total}"
    by_remainder = sorted(range(len(values)), key=lambda n: (floors[n] - exact[n], n))
    for n in by_remainder[:missing]:
        floors[n] += 1
    return [value / scale for value in floors]


def write_entries(path: Path, title: str, entries: Iterable[Entry]) -> None:
    """Write a catalogue file: a comment with `title`, then the entries in order."""
    path.write_text(yaml_text(title, entries), encoding="utf-8", newline="\n")


def yaml_text(title: str, entries: Iterable[Entry]) -> str:
    """A catalogue file as text."""
    head = "\n".join(f"# {line}" for line in textwrap.wrap(title, WIDTH - 2))
    return head + "\n" + "".join("\n" + _entry_text(entry) for entry in entries)


def _entry_text(entry: Entry) -> str:
    fields = {
        "kind": entry.kind,
        "value": entry.value,
        "range": entry.range,
        "source": entry.source.text,
        "date": entry.source.date,
        "grade": entry.grade,
        "note": entry.note,
    }
    lines = [f"{_scalar(entry.name)}:"]
    for key, value in fields.items():
        if value is not None or key == "range":
            lines.extend(_field(key, value, 2))
    return "\n".join(lines) + "\n"


def _field(key: Any, value: Any, indent: int) -> list[str]:
    """`key: value` at an indentation: on one line where it fits, else as a block."""
    lead = " " * indent + f"{_scalar(key)}:"
    line = f"{lead} {_date_or_flow(key, value)}"
    if len(line) <= WIDTH or (not isinstance(value, Mapping | list | str)):
        return [line]
    inner = " " * (indent + 2)
    match value:
        case str():
            return [
                f"{lead} >-",
                *(inner + text for text in textwrap.wrap(value, WIDTH - indent - 2, break_on_hyphens=False)),
            ]
        case Mapping():
            return [lead, *(text for k, v in value.items() for text in _field(k, v, indent + 2))]
        case [Mapping(), *_]:
            return [lead, *(f"{inner}- {_flow(item)}" for item in value)]
        case _:
            return [
                f"{lead} [",
                *(inner + text for text in _filled(value, WIDTH - indent - 2)),
                f"{' ' * indent}]",
            ]


def _filled(items: list[Any], width: int) -> list[str]:
    """The items in flow style, as many on a line as fit."""
    lines = [""]
    for n, item in enumerate(items):
        text = _flow(item) + ("," if n + 1 < len(items) else "")
        if lines[-1] and len(lines[-1]) + 1 + len(text) > width:
            lines.append(text)
        else:
            lines[-1] = f"{lines[-1]} {text}".lstrip()
    return lines


def _date_or_flow(key: Any, value: Any) -> str:
    return str(value) if key == "date" else _flow(value)


def _flow(value: Any) -> str:
    """The value in flow style, on one line."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case _:
            return _scalar(value)


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case int():
            return str(value)
        case float():
            return number(value, 12)
    if _PLAIN.fullmatch(value) and not _NOT_TEXT.fullmatch(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
