"""Quantities with units: `40 TB`, `16 weeks`, `0.11 USD/kWh`, `4 per hour` and the number each stands for.

A text is read *as* a dimension, so that `5 min` can never become five of something else. Conversions are
exact fractions, rounded once. A month is 730 h (as in prices quoted by the month), a year 365 days, a GB 1e9
bytes.
In the tables `¤` stands for the scenario's currency, and `per` is written `/`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite

MAX_LENGTH = 80
"""Characters of the longest text that is looked at."""
HANDY_DIGITS = 15
"""Digits that `render` shows at most; a value that needs more is shown in full, in the canonical unit."""


class UnitError(ValueError):
    """A text that is not a quantity of the dimension needed; the message names the units allowed."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a number measures, and the units in which it may be written."""

    name: str
    phrase: str = field(compare=False)
    """The name with its article, for sentences."""
    canonical: str = field(compare=False)
    """The unit of the numbers that `parse` returns."""
    factors: Mapping[str, Fraction] = field(compare=False, repr=False)
    """Spelling of a unit -> canonical units in one."""
    shown: tuple[str, ...] = field(compare=False)
    """The units that `render` chooses from, largest first."""
    accepted: str = field(compare=False)
    """The units for messages, in USD; empty where there is no unit."""
    example: str = field(compare=False)
    signed: bool = field(default=False, compare=False)
    """Whether negative numbers make sense."""
    whole: bool = field(default=False, compare=False)

    @property
    def bare(self) -> bool:
        """Whether a number without a unit is accepted."""
        return "" in self.factors


def _spellings(table: Mapping[str, Fraction | int]) -> dict[str, Fraction]:
    """A table with one entry a spelling from one whose keys list spellings: `min minute minutes`."""
    return {spelling: Fraction(factor) for names, factor in table.items() for spelling in names.split()}


def _ratio(
    above: Mapping[str, Fraction], below: Mapping[str, Fraction], scale: int | Fraction = 1
) -> dict[str, Fraction]:
    """The units `a/b`, in multiples of `scale` times the ratio of the canonical ones."""
    return {f"{a}/{b}": fa / fb * scale for a, fa in above.items() for b, fb in below.items()}


_HOUR, _DAY = 3600, 86400
_TIME = _spellings(
    {
        "ms millisecond milliseconds": Fraction(1, 1000),
        "s sec second seconds": 1,
        "min minute minutes": 60,
        "h hour hours": _HOUR,
        "d day days": _DAY,
        "wk week weeks": 7 * _DAY,
        "month months": 730 * _HOUR,
        "yr year years": 365 * _DAY,
    }
)
_LONG_TIME = {unit: factor for unit, factor in _TIME.items() if factor >= _HOUR}
_DATA = _spellings(
    {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
    | {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
)
_BITS = _spellings(
    {"bit/s bps": 1, "kbit/s kbps": 10**3, "Mbit/s Mbps": 10**6, "Gbit/s Gbps": 10**9, "Tbit/s Tbps": 10**12}
)
_CURRENCY = {"¤": Fraction(1)}
_ONE = Fraction(1)
_PERCENT = Fraction(1, 100)

DURATION = Dimension(
    "duration", "a duration", "s", _TIME, ("year", "month", "week", "day", "h", "min", "s", "ms"),
    "ms, s, min, h, days, weeks, months (730 h) or years (365 days)", "250 ms, 4 h or 14 weeks",
)  # fmt: skip
DATA = Dimension(
    "data", "an amount of data", "B", _DATA, ("PB", "TB", "GB", "MB", "kB", "TiB", "GiB", "MiB", "KiB", "B"),
    "B, kB, MB, GB, TB, PB, KiB, MiB, GiB or TiB", "40 kB, 80 GB or 1.5 TB",
)  # fmt: skip
BANDWIDTH = Dimension(
    "bandwidth", "a bandwidth", "bit/s", _BITS | _ratio(_DATA, {"s": _ONE}, 8),
    ("Tbit/s", "Gbit/s", "Mbit/s", "kbit/s", "bit/s"),
    "bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s, MB/s or GB/s", "100 Mbit/s or 10 Gbit/s",
)  # fmt: skip
POWER = Dimension(
    "power", "a power", "W", _spellings({"W": 1, "kW": 10**3, "MW": 10**6}), ("MW", "kW", "W"),
    "W, kW or MW", "400 W or 5.2 kW",
)  # fmt: skip
ENERGY_PRICE = Dimension(
    "energy price", "an energy price", "¤/kWh", {"¤/kWh": _ONE, "¤/MWh": Fraction(1, 1000)}, ("¤/kWh",),
    "USD/kWh or USD/MWh", "0.11 USD/kWh",
)  # fmt: skip
MONEY = Dimension(
    "money",
    "an amount of money",
    "¤",
    _CURRENCY,
    ("¤",),
    "USD",
    "165000 USD, 165k USD or 1.2M USD",
    signed=True,
)
HOURLY_PRICE = Dimension(
    "hourly price", "an hourly price", "¤/hour", _ratio(_CURRENCY, _LONG_TIME, _HOUR), ("¤/hour",),
    "USD/hour, USD/day, USD/month (730 h) or USD/year", "5.07 USD/hour",
)  # fmt: skip
SALARY = Dimension(
    "salary", "a salary", "¤/year", _ratio(_CURRENCY, _LONG_TIME, 365 * _DAY), ("¤/year",),
    "USD/year or USD/month", "165000 USD/year",
)  # fmt: skip
DATA_PRICE = Dimension(
    "data price", "a price of data", "¤/GB", _ratio(_CURRENCY, _DATA, 10**9), ("¤/GB",),
    "USD/GB or USD/TB", "0.02 USD/GB",
)  # fmt: skip
STORAGE_PRICE = Dimension(
    "storage price", "a price of storage", "¤/GB/month",
    _ratio(_ratio(_CURRENCY, _DATA, 10**9), {"month": _ONE, "year": Fraction(12)}), ("¤/GB/month",),
    "USD/GB/month or USD/TB/month", "0.02 USD/GB/month",
)  # fmt: skip
DATA_GROWTH = Dimension(
    "data growth", "a growth of data", "B/s", _ratio(_DATA, _TIME),
    ("TB/day", "TB/month", "GB/day", "GB/month", "MB/day", "MB/month", "B/s"),
    "MB, GB or TB per hour, day, week, month or year", "1.5 TB/month or 20 GB/day",
)  # fmt: skip
RATE = Dimension(
    "rate", "a rate", "/second", _ratio({"": _ONE}, _TIME) | {"/1000 days": Fraction(1, 1000 * _DAY)},
    ("/second", "/minute", "/hour", "/day", "/week", "/month", "/year", "/1000 days"),
    "per second, minute, hour, day, week, month, year or 1000 days",
    "14 per second, 9 per day or 2.4 per 1000 days",
)  # fmt: skip
FRACTION = Dimension(
    "fraction",
    "a fraction",
    "",
    {"%": _PERCENT, "": _ONE},
    ("%",),
    "% or a plain number",
    "35% or 0.35",
    signed=True,
)
GROWTH = Dimension(
    "growth", "a yearly growth", "/year",
    {"%": _PERCENT, "%/year": _PERCENT, "%/yr": _PERCENT, "/year": _ONE, "/yr": _ONE}, ("%/year",),
    "% or % per year", "35% per year", signed=True,
)  # fmt: skip
COUNT = Dimension("count", "a whole number without a unit", "", {"": _ONE}, ("",), "", "8", whole=True)
FACTOR = Dimension("factor", "a number without a unit", "", {"": _ONE}, ("",), "", "1.58", signed=True)

DIMENSIONS = (
    DURATION, DATA, BANDWIDTH, POWER, ENERGY_PRICE, MONEY, HOURLY_PRICE, SALARY,
    DATA_PRICE, STORAGE_PRICE, DATA_GROWTH, RATE, FRACTION, GROWTH, COUNT, FACTOR,
)  # fmt: skip

_SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP"}
_SCALES = {"": 1, "k": 10**3, "M": 10**6}
_QUANTITY = re.compile(
    r"(?P<symbol>[$€£]?)"
    r"(?P<number>[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?)"
    r"(?P<scale>(?:[kM](?=[\s/]|$))?)\s*(?P<unit>.*)",
    re.DOTALL,
)
_PER = re.compile(r"\s*(?:/|\bper\b)\s*")
_COUNTED = re.compile(r"(.*)/([1-9][0-9]{0,6}) ?([A-Za-z]+)")
_FOREIGN = re.compile(r"[$€£]|[A-Z]{3}(?![A-Za-z])")


def parse(text: str, dimension: Dimension, currency: str = "USD") -> float:
    """The number that `text` stands for, in the canonical unit of `dimension`.

    Raises UnitError, whose sentence names what is allowed.
    """
    found = _QUANTITY.fullmatch(text.strip()) if len(text) <= MAX_LENGTH else None
    if found is None:
        raise UnitError(f"{_quoted(text)} cannot be read; {_needed(dimension, currency)}")
    amount, unit = _amount_and_unit(found, currency)
    if unit not in dimension.factors:
        raise UnitError(f"{_wrong_unit(text, unit, dimension, currency)}; {_needed(dimension, currency)}")
    amount *= dimension.factors[unit]
    if amount < 0 and not dimension.signed:
        raise UnitError(f"{_quoted(text)} is negative; {_needed(dimension, currency)}")
    if dimension.whole and amount.denominator != 1:
        raise UnitError(f"{_quoted(text)} is not whole; {_needed(dimension, currency)}")
    try:
        return float(amount)
    except OverflowError:
        raise UnitError(f"{_quoted(text)} is too large; {_needed(dimension, currency)}") from None


def render(value: float, dimension: Dimension, currency: str = "USD") -> str:
    """The text that people would write for a finite value; `parse` gives back exactly this value.

    Of the units that hold the value exactly, the one that takes the fewest digits; of equals the largest.
    """
    if not isfinite(value):
        raise UnitError(f"{value} is not finite; {_needed(dimension, currency)}")
    smallest = dimension.shown[-1]
    if value == 0:
        unit = dimension.canonical if dimension.canonical in dimension.shown else smallest
        return _joined("0", unit, currency)
    digits, unit, fewest = repr(float(value)).removesuffix(".0"), dimension.canonical, HANDY_DIGITS + 1
    for candidate in dimension.shown:
        factor = dimension.factors[candidate]
        text = f"{value / float(factor):.{HANDY_DIGITS}g}"
        handy = (0.001 if candidate == smallest else 1.0) <= abs(float(text)) < 10.0**HANDY_DIGITS
        if handy and _significant(text) < fewest and float(Fraction(text) * factor) == value:
            digits, unit, fewest = text, candidate, _significant(text)
    return _joined(digits, unit, currency)


def _amount_and_unit(found: re.Match[str], currency: str) -> tuple[Fraction, str]:
    """The number as an exact fraction, and the unit in the spelling of the tables."""
    amount = Fraction(found["number"].replace(",", "")) * _SCALES[found["scale"]]
    unit = found["symbol"] + _PER.sub("/", " ".join(found["unit"].split()))
    if counted := _COUNTED.fullmatch(unit):
        amount /= int(counted[2])
        unit = f"{counted[1]}/{counted[3]}"
    first, slash, rest = unit.partition("/")
    if _SYMBOLS.get(first, first) == currency:
        unit = f"¤{slash}{rest}"
    elif found["scale"]:
        unit = found["scale"] + unit
    return amount, unit


def _wrong_unit(text: str, unit: str, dimension: Dimension, currency: str) -> str:
    """What is wrong with a unit that `dimension` does not have."""
    if not unit:
        return f"{_quoted(text)} has no unit"
    if dimension.canonical.startswith("¤") and _FOREIGN.match(unit):
        return f"{_quoted(text)} is not in the scenario's currency, {currency}"
    if other := next((other.phrase for other in DIMENSIONS if unit in other.factors), None):
        return f"{_quoted(text)} is {other}"
    if unit[0].isalpha() or unit[0] in "%/¤$€£":
        return f"{_quoted(text)} has the unknown unit {unit.replace('¤', currency)!r}"
    return f"{_quoted(text)} cannot be read"


def _needed(dimension: Dimension, currency: str) -> str:
    units = f" in {dimension.accepted}" if dimension.accepted else ""
    return f"{dimension.phrase}{units} is needed, such as {dimension.example}".replace("USD", currency)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= MAX_LENGTH else f"{text[:40]}...")


def _significant(digits: str) -> int:
    return len(digits.replace(".", "").strip("-0"))


def _joined(digits: str, unit: str, currency: str) -> str:
    """Number and unit as people write them."""
    if digits != "1" and unit in _TIME and f"{unit}s" in _TIME:
        unit += "s"
    words = unit.replace("¤", currency)
    if unit.startswith(("/", "%")):
        words = words.replace("/", " per ")
        return f"{digits}{words}"
    return f"{digits} {words}".rstrip()
