"""The axes of a sweep: paths of the scenario and the values that they take, as `--vary` writes them."""

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sim.errors import UsageError, printable

MOST_CELLS = 1000
WAYS = "write PATH=FIRST..LAST, PATH=FIRST..LAST..STEP or PATH=A,B,C"

_SPAN = re.compile(r"(-?\d{1,9})\.\.(-?\d{1,9})(?:\.\.(\d{1,9}))?", re.ASCII)
_LIKE_A_SPAN = re.compile(r"[^{}\[\]\"'/]*\w\s*\.\.\s*[-.\d]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)

Point = dict[str, str]
"""One point of the grid: the value of each path."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A path of the scenario and the values that it takes."""

    path: str
    values: tuple[str, ...]


def parse_axes(texts: Sequence[str]) -> list[Axis]:
    """The axes of a grid.

    Raises UsageError for one that cannot be read, for a path that is given twice, and for too many cells.
    """
    axes = [_parse_axis(text) for text in texts]
    paths = [axis.path for axis in axes]
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError(
                f"--vary {printable(path)}: the path is given twice; list all of its values in one --vary"
            )
    cells = math.prod(len(axis.values) for axis in axes)
    if cells > MOST_CELLS:
        raise UsageError(f"--vary: {cells:,} cells are more than {MOST_CELLS:,}")
    return axes


def grid(axes: Sequence[Axis]) -> Iterator[Point]:
    """All combinations of values, the last axis changing fastest."""
    for values in itertools.product(*(axis.values for axis in axes)):
        yield dict(zip((axis.path for axis in axes), values, strict=True))


def numbers(values: Sequence[str]) -> list[float] | None:
    """The values as numbers; None unless all of them are."""
    return [float(value) for value in values] if all(map(_NUMBER.fullmatch, values)) else None


def short_names(paths: Sequence[str]) -> list[str]:
    """The last steps of each path, two at least, and as many as tell the paths apart."""
    most = max((path.count(".") + 1 for path in paths), default=0)
    for steps in range(2, most + 1):
        names = [".".join(path.split(".")[-steps:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return list(paths)


def _parse_axis(text: str) -> Axis:
    """The axis written `PATH=0..6`, `PATH=0..12..3` (in steps of 3) or `PATH=a,b,c`."""
    option = f"--vary {printable(text)}"
    path, sign, written = (part.strip() for part in text.partition("="))
    if not sign or not path or not written:
        raise UsageError(f"{option}: {WAYS}")
    span = _SPAN.fullmatch(written)
    values = _span(option, *span.groups()) if span else tuple(value.strip() for value in _items(written))
    if not all(values):
        raise UsageError(f"{option}: a value is missing between two commas; {WAYS}")
    if not span and any(map(_LIKE_A_SPAN.match, values)):
        raise UsageError(
            f"{option}: a range goes over whole numbers alone; list other values, as in PATH=0.5,1,1.5"
        )
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise UsageError(f"{option}: the value {printable(twice)} is given twice")
    return Axis(path, values)


def _span(option: str, first: str, last: str, step: str | None) -> tuple[str, ...]:
    span = range(int(first), int(last) + 1, int(step or 1) or MOST_CELLS)
    if int(last) < int(first) or (step is not None and int(step) == 0):
        raise UsageError(f"{option}: a range rises, by a step above 0")
    if len(span) > MOST_CELLS:
        raise UsageError(f"{option}: {len(span):,} values are more than {MOST_CELLS:,}")
    return tuple(map(str, span))


def _items(written: str) -> Iterator[str]:
    """The text between commas, those inside of brackets and quotes left alone."""
    begins, depth, quote = 0, 0, ""
    for place, letter in enumerate(written):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and depth == 0:
            yield written[begins:place]
            begins = place + 1
    yield written[begins:]
