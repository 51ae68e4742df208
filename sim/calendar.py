"""Calendar months: costs are billed and series are told by them. Days have 86,400 s and begin at midnight."""

import datetime as dt
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400
YEAR_S = 365 * DAY_S
"""The year of yearly rates: growth, interest, salaries."""


def month_edges(start: dt.date, horizon_s: int) -> NDArray[np.int64]:
    """Where the calendar months of [0, horizon_s) begin and end, [s] since `start`: shape [months + 1].

    The first is 0 and the last is `horizon_s`: the first and the last month may be parts of one.
    Raises ValueError for a horizon without a second in it.
    """
    return np.array(_month_edges(start, horizon_s), dtype=np.int64)


@lru_cache(maxsize=8)
def _month_edges(start: dt.date, horizon_s: int) -> tuple[int, ...]:
    return (*((first - start).days * DAY_S for first in _first_days(start, horizon_s)), horizon_s)


def first_intervals(interval_s: int, month_edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first interval of each month: shape [months]; no interval spans two months."""
    return -(-month_edges[:-1] // interval_s)


@lru_cache(maxsize=8)
def month_labels(start: dt.date, horizon_s: int) -> tuple[str, ...]:
    """The months of `month_edges`, as in "2026-01"."""
    return tuple(f"{first:%Y-%m}" for first in _first_days(start, horizon_s))


def _first_days(start: dt.date, horizon_s: int) -> list[dt.date]:
    """The first simulated day of each month."""
    if horizon_s < 1:
        raise ValueError(f"a horizon of {horizon_s} s has no months")
    days = -(-horizon_s // DAY_S)
    last = start + dt.timedelta(days=days - 1)
    months = range(start.year * 12 + start.month, last.year * 12 + last.month)
    return [start, *(dt.date(month // 12, month % 12 + 1, 1) for month in months)]
