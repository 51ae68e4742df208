"""Calendar months in seconds since the start."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.calendar import month_edges, month_labels

DAY_S = 86_400


def test_a_february_of_a_leap_year_has_29_days() -> None:
    """From 30 January 2028: 2 days of January, 29 of February, and 1 of March."""
    start, horizon_s = dt.date(2028, 1, 30), 32 * DAY_S
    assert month_edges(start, horizon_s).tolist() == [0, 2 * DAY_S, 31 * DAY_S, 32 * DAY_S]
    assert month_labels(start, horizon_s) == ("2028-01", "2028-02", "2028-03")


def test_a_february_of_another_year_has_28_days() -> None:
    """From 1 February 2026 the next edge lies 28 days on; after December comes January."""
    assert month_edges(dt.date(2026, 2, 1), 29 * DAY_S).tolist() == [0, 28 * DAY_S, 29 * DAY_S]
    assert month_labels(dt.date(2025, 12, 31), 2 * DAY_S) == ("2025-12", "2026-01")


def test_a_horizon_at_the_end_of_a_month_opens_no_other() -> None:
    """31 days from 1 January are one month; one second more is a second month of one second."""
    assert month_edges(dt.date(2026, 1, 1), 31 * DAY_S).tolist() == [0, 31 * DAY_S]
    assert month_edges(dt.date(2026, 1, 1), 31 * DAY_S + 1).tolist() == [0, 31 * DAY_S, 31 * DAY_S + 1]


def test_a_century_without_a_leap_day() -> None:
    """2100 is no leap year: 59 days to 1 March; 2000 was one: 60 days."""
    assert month_edges(dt.date(2100, 1, 1), 100 * DAY_S)[2] == 59 * DAY_S
    assert month_edges(dt.date(2000, 1, 1), 100 * DAY_S)[2] == 60 * DAY_S


def test_no_horizon_has_no_months() -> None:
    """A horizon below one second is refused."""
    with pytest.raises(ValueError, match="0 s has no months"):
        month_edges(dt.date(2026, 1, 1), 0)


@given(st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1)), st.integers(1, 20 * 366 * DAY_S))
def test_months_cover_the_horizon_and_agree_with_the_calendar(start: dt.date, horizon_s: int) -> None:
    """Edges rise from 0 to the horizon; each month's first and last second lie in the month that is named."""
    edges, labels = month_edges(start, horizon_s), month_labels(start, horizon_s)
    assert (edges[0], edges[-1], len(edges)) == (0, horizon_s, len(labels) + 1)
    assert all(edges[1:] > edges[:-1])
    midnight = dt.datetime.combine(start, dt.time())
    for first_s, next_s, label in zip(edges[:-1].tolist(), edges[1:].tolist(), labels, strict=True):
        for second in (first_s, next_s - 1):
            assert f"{midnight + dt.timedelta(seconds=second):%Y-%m}" == label
