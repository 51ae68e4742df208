"""Numbers are written as a planner reads them aloud."""

import math

import pytest

from sim.report.wording import Unit, money_unit, odds, share, share_interval, whole_share

NAN = math.nan


@pytest.mark.parametrize(
    ("amounts", "unit"),
    [
        ([999.4], "USD"),
        ([999.5], "k USD"),  # 999.5 would be written 1,000
        ([-2_000.0, 5.0], "k USD"),
        ([12.0, 3.4e6], "M USD"),
        ([2e9, NAN], "bn USD"),
        ([NAN], "USD"),
        ([], "USD"),
    ],
)
def test_the_unit_fits_the_largest_amount(amounts: list[float], unit: str) -> None:
    """One to three digits before the point, whatever the sign; what is unknown does not count."""
    assert money_unit(amounts, "USD").name == unit


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (412_345.0, "0.41 M USD"),
        (1_234_567.0, "1.23 M USD"),
        (12_345_678.0, "12.3 M USD"),
        (1_234_567_890.0, "1,235 M USD"),
        (41_234.0, "0.041 M USD"),
        (-1_234_567.0, "-1.23 M USD"),
        (0.0, "0 M USD"),
        (NAN, "– M USD"),
    ],
)
def test_amounts_have_three_digits_or_two_below_one(value: float, told: str) -> None:
    """Rounded, never with more digits than can be said."""
    assert Unit(1e6, "M ", "USD").amount(value) == told


def test_a_far_amount_gets_a_unit_of_its_own() -> None:
    """30,000 k becomes 30 M and 5 USD do not become 0.005 k; what fits stays in the table's unit."""
    thousands = Unit(1e3, "k ", "USD")
    assert thousands.near(30e6).amount(30e6) == "30.0 M USD"
    assert thousands.near(5.0).amount(5.0) == "5.00 USD"
    assert thousands.near(10.0) is thousands.near(999_000.0) is thousands.near(0.0) is thousands


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.063, "6.3 %"),
        (0.4046, "40.5 %"),
        (0.0046, "0.46 %"),
        (0.00996, "1.0 %"),
        (0.00001, "<0.01 %"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (NAN, "–"),
    ],
)
def test_shares_are_in_percent(value: float, told: str) -> None:
    """One digit after the point, two below 1 %; what is not zero is not written as zero."""
    assert share(value) == told


@pytest.mark.parametrize(
    ("estimate", "told"),
    [
        ((0.063, 0.05, 0.081), "5.0..8.1"),
        ((0.0046, 0.0042, 0.005), "0.42..0.50"),
        ((0.013, -0.0327, 0.058), "0.0..5.8"),  # a t-interval may reach below 0, a share does not
        ((0.9, 0.7, 1.2), "70.0..100.0"),
        ((0.5, 0.4, NAN), "40.0..–"),
        ((0.5, NAN, NAN), ""),
        ((NAN, NAN, NAN), ""),
    ],
)
def test_intervals_of_shares_have_the_digits_of_the_share(
    estimate: tuple[float, float, float], told: str
) -> None:
    """Cut to what a share can be; a side without a bound is a dash, none at all is nothing."""
    assert share_interval(estimate) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.834, "83 %"), (1.0, "100 %"), (0.996, ">99 %"), (0.004, "<1 %"), (0.0, "0 %"), (NAN, "–")],
)
def test_whole_shares_are_never_rounded_to_certainty(value: float, told: str) -> None:
    """99.6 % is not 100 %, and 0.4 % is not 0 %."""
    assert whole_share(value) == told


def test_odds_read_as_a_sentence() -> None:
    """A share of the worlds with its interval."""
    assert odds((0.83, 0.78, 0.87)) == "83 % of the worlds (78..87 %)"
