"""Numbers as a planner reads them aloud."""

import math
from collections.abc import Mapping
from typing import Any

UNKNOWN = "–"


def number(written: Any) -> float:
    """A number of a summary: money comes as a decimal string, what has no number as None (here NaN)."""
    return math.nan if written is None else float(written)


def money(amount: float, currency: str = "USD") -> str:
    """An amount with three significant digits: `1.23 M USD`, `45.6 k USD`, `789 USD`."""
    if math.isnan(amount):
        return UNKNOWN
    for limit, divisor, letter in ((999_500.0, 1e6, "M "), (9_995.0, 1e3, "k ")):
        if abs(amount) >= limit:
            return f"{_three_digits(amount / divisor)} {letter}{currency}"
    return f"{amount:,.0f} {currency}" if abs(amount) >= 100 else f"{amount:,.2f} {currency}"


def share(value: float) -> str:
    """A share in percent: two digits after the point where it is small."""
    if math.isnan(value):
        return UNKNOWN
    percent = 100 * value
    if percent and abs(percent) < 0.01:
        return "<0.01 %" if percent > 0 else ">-0.01 %"
    return f"{percent:.2f} %" if abs(percent) < 10 else f"{percent:.1f} %"


def whole_share(value: float) -> str:
    """A share in whole percent, never rounded to certainty."""
    if math.isnan(value):
        return UNKNOWN
    percent = round(100 * value)
    if percent == 100 and value < 1:
        return ">99 %"
    return "<1 %" if percent == 0 and value > 0 else f"{percent} %"


def with_interval(estimate: Mapping[str, Any]) -> str:
    """A share with its interval: `12.3 % (11.9..12.8)`."""
    value, low, high = (number(estimate[end]) for end in ("value", "low", "high"))
    if math.isnan(value):
        return UNKNOWN
    ends = "..".join(UNKNOWN if math.isnan(end) else share(end).removesuffix(" %") for end in (low, high))
    return f"{share(value)} ({ends})"


def _three_digits(value: float) -> str:
    digits = max(2 - math.floor(math.log10(abs(value))), 0) if value else 0
    return f"{value:.{min(digits, 2)}f}"
