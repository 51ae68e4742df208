"""Thresholds in the unit of their metric."""

import pytest

from sim import units
from sim.metrics import DEFINITIONS, threshold_misfit, threshold_of
from sim.scenario.quantities import Limit
from sim.units import Dimension


def written(text: str, dimension: Dimension) -> Limit:
    """A threshold as it is written."""
    return Limit(units.parse(text, dimension), dimension)


@pytest.mark.parametrize(
    ("metric", "text", "dimension", "number"),
    [
        ("wait_s_p95:train", "4 h", units.DURATION, 14_400.0),
        ("request_p99_s:serve", "250 ms", units.DURATION, 0.25),
        ("slo_violation_minutes:serve", "4 h", units.DURATION, 240.0),
        ("slo_violation_minutes:serve", "90 s", units.DURATION, 1.5),
        ("slo_violation_share", "1%", units.FRACTION, 0.01),
        ("slo_met:serve", "95%", units.FRACTION, 0.95),
        ("cost_usd", "900k USD", units.MONEY, 900_000.0),
        ("cost_usd_per_million_requests:serve", "40 USD", units.MONEY, 40.0),
    ],
)
def test_thresholds_are_told_in_the_unit_of_the_metric(
    metric: str, text: str, dimension: Dimension, number: float
) -> None:
    """Four hours are 14,400 of a metric in seconds and 240 of one in minutes."""
    assert threshold_of(metric, written(text, dimension)) == number
    assert threshold_misfit(metric, written(text, dimension)) is None


@pytest.mark.parametrize("metric", DEFINITIONS)
def test_a_plain_number_is_in_the_unit_of_any_metric(metric: str) -> None:
    """Whatever the metric, 12.5 is 12.5 of its unit."""
    assert threshold_of(metric, Limit(12.5, units.FACTOR)) == 12.5


@pytest.mark.parametrize("metric", DEFINITIONS)
def test_a_metric_takes_one_kind_of_threshold_at_most(metric: str) -> None:
    """Besides plain numbers; what it refuses, it says."""
    limits = [Limit(1.0, dimension) for dimension in (units.FRACTION, units.MONEY, units.DURATION)]
    taken = [limit for limit in limits if threshold_of(metric, limit) is not None]
    assert len(taken) <= 1
    assert all((threshold_misfit(metric, limit) is None) == (limit in taken) for limit in limits)


def test_a_metric_without_a_definition_is_an_error() -> None:
    """A misspelt name is no metric with any unit."""
    with pytest.raises(KeyError):
        threshold_of("wait", Limit(1.0, units.FACTOR))


def test_the_currency_is_the_scenario_s() -> None:
    """What is allowed is told in it."""
    fault = threshold_misfit("cost_usd", Limit(1.0, units.DURATION), "EUR")
    assert fault is not None
    assert fault.allowed == "an amount of money such as 900k EUR, or a plain number of EUR"


@pytest.mark.parametrize(
    ("threshold", "dimension", "told", "hint"),
    [
        (3.0, units.FACTOR, "'slo_violation_share' is never above 100%", "3 % is written 3%"),
        (3.0, units.FRACTION, "'slo_violation_share' is never above 100%", None),
        (101.0, units.FACTOR, "'slo_violation_share' is never above 100%", None),
        (-0.01, units.FACTOR, "'slo_violation_share' is never below 0%", None),
    ],
)
def test_a_share_has_no_threshold_that_it_cannot_reach(
    threshold: float, dimension: Dimension, told: str, hint: str | None
) -> None:
    """A plain 3 is probably meant as a percentage; 300%, 101 and -0.01 are nothing of the kind."""
    fault = threshold_misfit("slo_violation_share", Limit(threshold, dimension))
    assert fault is not None
    assert (fault.message, fault.allowed, fault.hint) == (told, "0% to 100%", hint)


def test_the_ends_of_a_share_may_be_its_thresholds() -> None:
    """That everything is met, or nothing, can be expected; a budget can be overdrawn three times."""
    for metric, most in (("slo_met:serve", 1.0), ("utilisation", 1.0), ("error_budget_used:serve", 3.0)):
        assert threshold_misfit(metric, Limit(0.0, units.FRACTION)) is None
        assert threshold_misfit(metric, Limit(most, units.FACTOR)) is None
