"""Numbers as a planner reads them aloud."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN = "–"

Estimate = Mapping[str, Any]
"""An estimate as it stands in a summary: `value`, `low`, `high`, and a `note` where there is one."""
Ends = tuple[float, float, float]
"""Value, low and high end of an estimate; NaN where there is none."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What amounts are told in, as in millions of USD."""

    divisor: float
    prefix: str
    """`M `, or nothing."""
    currency: str

    @property
    def name(self) -> str:
        """What it is called: `M USD`."""
        return self.prefix + self.currency

    def amount(self, value: float) -> str:
        """An amount with its unit: `0.41 M USD`."""
        return f"{self.number(value)} {self.name}"

    def number(self, value: float) -> str:
        """Three digits of an amount, two where it is below one unit: `12.3`, `1.23`, `0.41`."""
        return fixed(value / self.divisor, digits_needed(value / self.divisor))

    def near(self, value: float) -> "Unit":
        """This unit, or a better one for an amount of a thousand or of less than a hundredth of it."""
        if not value or 0.01 <= abs(value) / self.divisor < 999.5:
            return self
        return money_unit([value], self.currency)


def money_unit(amounts: Iterable[float], currency: str) -> Unit:
    """The unit in which the largest of these amounts has one to three digits before the point."""
    largest = max((abs(amount) for amount in amounts if math.isfinite(amount)), default=0.0)
    for divisor, prefix in ((1e9, "bn "), (1e6, "M "), (1e3, "k ")):
        if largest >= 0.9995 * divisor:
            return Unit(divisor, prefix, currency)
    return Unit(1.0, "", currency)


def digits_needed(value: float) -> int:
    """Digits after the point with which a number has three significant ones; two where it is below one."""
    if not value or not math.isfinite(value):
        return 0
    magnitude = math.floor(math.log10(abs(value)))
    return max(2 - magnitude, 0) if magnitude >= 0 else 1 - magnitude


def fixed(value: float, digits: int) -> str:
    """A number with so many digits after the point, or a dash for NaN."""
    return UNKNOWN if math.isnan(value) else f"{value:,.{digits}f}"


def number(written: Any) -> float:
    """A number of a summary: money comes as a decimal string, what has no number as None (here NaN)."""
    return math.nan if written is None else float(written)


def ends(estimate: Estimate) -> Ends:
    """The numbers of an estimate."""
    value, low, high = (number(estimate[end]) for end in ("value", "low", "high"))
    return value, low, high


def share(value: float) -> str:
    """A share in percent: `6.3 %`, and two digits after the point where it is below 1 %."""
    return UNKNOWN if math.isnan(value) else f"{_percent(value, _share_digits(value))} %"


def share_interval(estimate: Ends) -> str:
    """The interval of a share as it stands beside it: `5.0..8.1`; nothing where the runs give none.

    What an interval has below 0 or above 100 % is cut off: no share lies there.
    """
    value, low, high = estimate
    if math.isnan(value) or (math.isnan(low) and math.isnan(high)):
        return ""
    digits = _share_digits(value)
    return "..".join(
        UNKNOWN if math.isnan(end) else _percent(min(max(end, 0), 1), digits) for end in (low, high)
    )


def odds(estimate: Ends) -> str:
    """A share of the worlds, in whole percent and with its interval: `83 % of the worlds (78..87 %)`."""
    value, low, high = estimate
    return f"{whole_share(value)} of the worlds ({whole_share(low).removesuffix(' %')}..{whole_share(high)})"


def whole_share(value: float) -> str:
    """A share in whole percent, never rounded to certainty."""
    if math.isnan(value):
        return UNKNOWN
    percent = round(100 * value)
    if percent == 100 and value < 1:
        return ">99 %"
    return "<1 %" if percent == 0 and value > 0 else f"{percent} %"


def _share_digits(value: float) -> int:
    return 2 if 0 < abs(value) < 0.00995 else 1


def _percent(value: float, digits: int) -> str:
    percent = 100 * value
    smallest = 10.0**-digits
    return f"<{smallest:g}" if 0 < percent < smallest / 2 else f"{percent:.{digits}f}"
