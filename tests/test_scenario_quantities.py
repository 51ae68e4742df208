"""Numbers with units, beliefs and random quantities of the language; expectations by hand or from theory."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sim import distributions as dist
from sim import units
from sim.scenario.base import Fault
from sim.scenario.quantities import (
    Duration,
    Growth,
    Horizon,
    KnownFraction,
    Limit,
    RandomCount,
    RandomDuration,
    Threshold,
)
from sim.scenario.random_quantities import Belief, RandomQuantity, Reading, ends, quantile_level
from sim.units import Dimension

HOUR_S = 3600.0


def read(raw: Any, dimension: units.Dimension = units.DURATION) -> RandomQuantity:
    """A random quantity without faults."""
    reading = Reading()
    quantity = reading.random(raw, dimension)
    assert not reading.faults, reading.faults
    return quantity


def faults(kind: Any, raw: Any, currency: str = "USD") -> list[Fault]:
    """What is wrong with a value of a field."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(raw, context={"currency": currency})
    (error,) = caught.value.errors()
    return list(error["ctx"]["faults"])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("90 s", dist.Constant(90.0)),
        ({"uniform": {"low": "1 h", "high": "2 h"}}, dist.Uniform(3600.0, 7200.0)),
        ({"triangular": {"low": "0 s", "mode": "1 s", "high": "9 s"}}, dist.Triangular(0.0, 1.0, 9.0)),
        ({"normal": {"mean": "1 h", "sd": "1 min"}}, dist.Normal(3600.0, 60.0)),
        ({"lognormal": {"median": "1 h", "sigma": 0.5}}, dist.Lognormal(math.log(3600), 0.5)),
        ({"exponential": {"mean": "5 min"}}, dist.Exponential(300.0)),
        ({"gamma": {"mean": "1 h", "cv": 2}}, dist.Gamma(0.25, 14400.0)),
        ({"gamma": {"shape": 3, "scale": "1 s"}}, dist.Gamma(3.0, 1.0)),
        ({"weibull": {"shape": 0.5, "scale": "1 min"}}, dist.Weibull(0.5, 60.0)),
        ({"pareto": {"shape": 2.5, "scale": "1 min"}}, dist.Lomax(2.5, 60.0)),
        ({"choice": {"1 s": "25%", "1 min": "75%"}}, dist.Choice((1.0, 60.0), (0.25, 0.75))),
        (
            {"quantiles": {"0%": "0 s", "90%": "1 s", "100%": "1 h"}},
            dist.Quantiles((0, 0.9, 1), (0, 1, 3600)),
        ),
        (
            {
                "mixture": [
                    {"weight": "90%", "of": "1 s"},
                    {"weight": "10%", "of": {"exponential": {"mean": "1 h"}}},
                ]
            },
            dist.Mixture((dist.Constant(1.0), dist.Exponential(3600.0)), (0.9, 0.1)),
        ),
    ],
)
def test_a_family_is_what_its_parameters_say(raw: Any, expected: dist.Distribution) -> None:
    """Each family in canonical units: seconds here."""
    assert read(raw).distribution() == expected


@pytest.mark.parametrize(
    ("raw", "levels"),
    [
        ({"lognormal": {"median": "2 h", "p95": "9 h"}}, {0.5: 2, 0.95: 9}),
        ({"lognormal": {"p5": "1 h", "p99.9": "40 h"}}, {0.05: 1, 0.999: 40}),
        ({"normal": {"p5": "1 h", "p95": "3 h"}}, {0.05: 1, 0.5: 2, 0.95: 3}),
        ({"weibull": {"median": "1 h", "p90": "7 h"}}, {0.5: 1, 0.9: 7}),
        ({"lognormal": {"p5": "1 h", "median": "2 h", "p95": "8 h"}}, {0.05: 1, 0.5: 2, 0.95: 8}),
    ],
)
def test_quantiles_come_out_as_they_were_written(raw: Any, levels: dict[float, float]) -> None:
    """Two quantiles (three for a shifted lognormal) are hit exactly."""
    law = read(raw).distribution()
    for level, hours in levels.items():
        assert law.quantile_at(level) == pytest.approx(hours * HOUR_S, rel=1e-6)


def test_quantile_names() -> None:
    """`median` and p1 to p99.999, nothing else."""
    assert quantile_level("median") == 0.5
    assert quantile_level("p99.9") == pytest.approx(0.999)
    assert [quantile_level(name) for name in ("p0", "p100", "mean", "q95", "p9999")] == [None] * 5


numbers = st.floats(1e-3, 1e6).map(lambda seconds: units.render(seconds, units.DURATION))
plain = st.floats(0.05, 5).map(lambda number: round(number, 6))
leaves = st.one_of(
    numbers,
    st.builds(lambda mean, cv: {"lognormal": {"mean": mean, "cv": cv}}, numbers, plain),
    st.builds(lambda scale, shape: {"weibull": {"shape": shape, "scale": scale}}, numbers, plain),
    st.builds(lambda mean: {"exponential": {"mean": {"belief": {"exponential": {"mean": mean}}}}}, numbers),
    st.builds(lambda one: {"choice": {one: "40%", "2000 weeks": "60%"}}, numbers),
    st.builds(lambda high: {"quantiles": {"5%": "0 s", "50%": high, "99.5%": "2000 weeks"}}, numbers),
)
quantities = st.one_of(
    leaves,
    st.builds(
        lambda a, b: {"mixture": [{"weight": "12.5%", "of": a}, {"weight": "87.5%", "of": b}]}, leaves, leaves
    ),
)


@given(quantities)
def test_what_is_written_is_read_as_an_equal_quantity(raw: Any) -> None:
    """The written form of a quantity gives the same numbers, to the last bit."""
    quantity = read(raw)
    assert read(quantity.written()) == quantity


def test_beliefs_in_parameters_are_found_and_bound_the_quantity() -> None:
    """An uncertain end of a uniform: its greatest value is that of the belief."""
    quantity = read(
        {"uniform": {"low": "1 s", "high": {"belief": {"uniform": {"low": "2 s", "high": "9 s"}}}}}
    )
    (belief,) = quantity.beliefs()
    assert isinstance(belief, Belief)
    assert ends(quantity) == pytest.approx((1.0, 9.0))


def test_a_belief_may_not_make_a_quantity_impossible() -> None:
    """The low end may come out above the high one."""
    reading = Reading()
    reading.random(
        {"uniform": {"low": {"belief": {"uniform": {"low": "1 s", "high": "9 s"}}}, "high": "5 s"}},
        units.DURATION,
    )
    assert [fault.path for fault in reading.faults] == [("uniform",)]


def test_all_faults_of_a_quantity_come_at_once_with_their_paths() -> None:
    """A misspelt family in one part, a number without a unit in the other."""
    raw = {
        "mixture": [
            {"weight": "50%", "of": {"lognorm": {}}},
            {"weight": "50%", "of": {"exponential": {"mean": 5}}},
        ]
    }
    found = faults(RandomDuration, raw)
    assert [fault.path for fault in found] == [
        ("mixture", 0, "of"),
        ("mixture", 1, "of", "exponential", "mean"),
    ]
    assert found[0].hint == "did you mean 'lognormal'?"
    assert found[1].message == "'5' has no unit"


@pytest.mark.parametrize(
    "raw", [None, True, [], ["1 h"], {}, {"median": "1 h"}, {"uniform": 3}, {"choice": [1]}]
)
def test_what_is_no_quantity_is_a_fault(raw: Any) -> None:
    """Whatever its type, one fault says what is needed."""
    (fault,) = faults(RandomDuration, raw)
    assert fault.allowed


def test_fields_have_ranges() -> None:
    """Seconds below 0, more than 20 years, half seconds of a horizon, growths below -99 %, shares above 1."""
    assert "too high" in faults(Horizon, "21 years")[0].message
    assert faults(Horizon, "1.5 s")[0].message == "a whole number of s is needed"
    assert "too low" in faults(Growth, "-120%")[0].message
    assert "too high" in faults(KnownFraction, "120%")[0].message
    assert "is negative" in faults(Duration, "-1 s")[0].message
    assert "too low" in faults(RandomCount, {"choice": {"0": "50%", "2": "50%"}})[0].message


def test_what_we_promise_is_no_belief() -> None:
    """A share of users is known; a growth may be believed."""
    belief = {"belief": {"uniform": {"low": "10%", "high": "20%"}}}
    assert "belief cannot stand here" in faults(KnownFraction, belief)[0].message
    assert isinstance(TypeAdapter(Growth).validate_python(belief), Belief)


def test_gangs_are_plain_whole_numbers() -> None:
    """`8` is a number in YAML; half an accelerator is none."""
    assert TypeAdapter(RandomCount).validate_python(8).distribution() == dist.Constant(8.0)
    assert faults(RandomCount, 2.5)[0].message == "'2.5' is not whole"


@pytest.mark.parametrize(
    ("raw", "number", "dimension"),
    [
        ("1%", 0.01, units.FRACTION),
        (0.01, 0.01, units.FACTOR),
        ("0.01", 0.01, units.FACTOR),
        ("2M USD", 2e6, units.MONEY),
        ("-5 USD", -5.0, units.MONEY),
        ("2 h", 7200.0, units.DURATION),
        (-3, -3.0, units.FACTOR),
        (2000000, 2e6, units.FACTOR),
    ],
)
def test_thresholds_keep_what_they_measure(raw: Any, number: float, dimension: Dimension) -> None:
    """A percentage, an amount of money, a duration or a plain number; written out and read it is the same."""
    limit = TypeAdapter(Threshold).validate_python(raw)
    assert limit == Limit(number, dimension)
    assert TypeAdapter(Threshold).validate_python(TypeAdapter(Threshold).dump_python(limit)) == limit


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("5 parsecs", "'5 parsecs' has the unknown unit 'parsecs'"),
        ("4 GB", "'4 GB' is an amount of data"),
        (True, "a threshold is needed, not true or false"),
        ("1e18%", "which is too high"),
        ({"belief": {"uniform": {"low": "1%", "high": "2%"}}}, "a belief cannot stand here"),
    ],
)
def test_what_is_no_threshold_says_what_is(raw: Any, message: str) -> None:
    """The unit that is not known, or what else the text is."""
    assert message in faults(Threshold, raw)[0].message


def test_a_threshold_in_another_currency_says_which_is_allowed() -> None:
    """The scenario's own currency stands in the list."""
    (fault,) = faults(Threshold, "5 parsecs", currency="EUR")
    assert fault.allowed == (
        "a threshold in %, EUR or a unit of time, or a plain number of the metric's unit, such as 1%, "
        "900k EUR, 4 h or 12.5"
    )
