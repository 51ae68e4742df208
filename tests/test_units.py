"""Quantities with units: what they mean, how they are written, and what is refused."""

import copy
import math
import pickle
import re
import sys
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim import units
from sim.units import DIMENSIONS, Dimension, UnitError, parse, render

FIXED = settings(derandomize=True, deadline=None, max_examples=300)
ANY_DIMENSION = st.sampled_from(DIMENSIONS)
EXACT = [
    ("250 ms", units.DURATION, 0.25),
    ("1.5 h", units.DURATION, 5400.0),
    ("90min", units.DURATION, 5400.0),
    ("1 hour", units.DURATION, 3600.0),
    ("2 days", units.DURATION, 172800.0),
    ("16 weeks", units.DURATION, 16 * 604800.0),
    ("1 month", units.DURATION, 2628000.0),
    ("12 months", units.DURATION, 31536000.0),
    ("2 years", units.DURATION, 2 * 365 * 86400.0),
    ("40 TB", units.DATA, 4e13),
    ("40 kB", units.DATA, 40000.0),
    ("0.1 GB", units.DATA, 1e8),
    ("3 GiB", units.DATA, 3 * 2.0**30),
    ("1 TiB", units.DATA, 2.0**40),
    ("10 Gbit/s", units.BANDWIDTH, 1e10),
    ("10 Gbps", units.BANDWIDTH, 1e10),
    ("1.25 GB/s", units.BANDWIDTH, 1e10),
    ("1.6 kW", units.POWER, 1600.0),
    ("0.2 MW", units.POWER, 200000.0),
    ("0.11 USD/kWh", units.ENERGY_PRICE, 0.11),
    ("110 USD / MWh", units.ENERGY_PRICE, 0.11),
    ("165000 USD", units.MONEY, 165000.0),
    ("$165,000", units.MONEY, 165000.0),
    ("165k USD", units.MONEY, 165000.0),
    ("1.2M USD", units.MONEY, 1200000.0),
    ("-1,234,567.5 USD", units.MONEY, -1234567.5),
    ("5.07 USD/hour", units.HOURLY_PRICE, 5.07),
    ("$2.5/h", units.HOURLY_PRICE, 2.5),
    ("5.07 USD per hour", units.HOURLY_PRICE, 5.07),
    ("120 USD/day", units.HOURLY_PRICE, 5.0),
    ("7300 USD/month", units.HOURLY_PRICE, 10.0),
    ("165k USD/year", units.SALARY, 165000.0),
    ("10000 USD/month", units.SALARY, 120000.0),
    ("0.02 USD/GB", units.DATA_PRICE, 0.02),
    ("20 USD/TB", units.DATA_PRICE, 0.02),
    ("0.02 USD/GB/month", units.STORAGE_PRICE, 0.02),
    ("20 USD per TB per month", units.STORAGE_PRICE, 0.02),
    ("86.4 GB/day", units.DATA_GROWTH, 1e6),
    ("2.628 TB/month", units.DATA_GROWTH, 1e6),
    ("14 per second", units.RATE, 14.0),
    ("14/s", units.RATE, 14.0),
    ("4 per hour", units.RATE, 4 / 3600),
    ("9 per day", units.RATE, 9 / 86400),
    ("5 per week", units.RATE, 5 / 604800),
    ("30 per month", units.RATE, 30 / 2628000),
    ("2.4 per 1000 days", units.RATE, 2.4 / 86400000),
    ("35%", units.FRACTION, 0.35),
    ("35 %", units.FRACTION, 0.35),
    ("0.35", units.FRACTION, 0.35),
    ("35%", units.GROWTH, 0.35),
    ("-2% per year", units.GROWTH, -0.02),
    ("8", units.COUNT, 8.0),
    ("1e6", units.COUNT, 1e6),
    ("1.58", units.FACTOR, 1.58),
    (" 14\u00a0weeks ", units.DURATION, 14 * 604800.0),
]


def message(text: str, dimension: Dimension, currency: str = "USD") -> str:
    """What is said when `text` is refused."""
    with pytest.raises(UnitError) as caught:
        parse(text, dimension, currency)
    return str(caught.value)


@pytest.mark.parametrize(("text", "dimension", "value"), EXACT)
def test_a_quantity_means_exactly_what_it_says(text: str, dimension: Dimension, value: float) -> None:
    """The canonical value is the float nearest to the exact product, with no rounding on the way."""
    assert parse(text, dimension) == value


@pytest.mark.parametrize(
    ("text", "dimension", "start"),
    [
        ("40", units.DURATION, "'40' has no unit; a duration in ms, s, min, h, days, weeks"),
        ("40 TB", units.DURATION, "'40 TB' is an amount of data; a duration in ms, s"),
        ("5 USD", units.HOURLY_PRICE, "'5 USD' is an amount of money; an hourly price in USD/hour"),
        ("5 days", units.FACTOR, "'5 days' is a duration; a number without a unit is needed"),
        ("500m", units.DURATION, "'500m' has the unknown unit 'm'; a duration in"),
        ("5 mb", units.DATA, "'5 mb' has the unknown unit 'mb'; an amount of data in B, kB, MB"),
        ("2% per month", units.GROWTH, "'2% per month' has the unknown unit '%/month'; a yearly growth in %"),
        ("9**9", units.COUNT, "'9**9' cannot be read; a whole number"),
        ("9**9**9 s", units.DURATION, "'9**9**9 s' cannot be read; a duration"),
        ("", units.RATE, "'' cannot be read; a rate in per second, minute"),
        ("h", units.DURATION, "'h' cannot be read; a duration"),
        ("nan", units.FACTOR, "'nan' cannot be read; a number"),
        ("inf h", units.DURATION, "'inf h' cannot be read; a duration"),
        ("1e999 h", units.DURATION, "'1e999 h' is too large; a duration"),
        ("1e99999999 h", units.DURATION, "'1e99999999 h' cannot be read; a duration"),
        ("2.5", units.COUNT, "'2.5' is not whole; a whole number"),
        ("-3 days", units.DURATION, "'-3 days' is negative; a duration"),
        ("1,5 h", units.DURATION, "'1,5 h' cannot be read; a duration"),
        ("1,65,000 USD", units.MONEY, "'1,65,000 USD' cannot be read; an amount of money in USD"),
        ("165,0000 USD", units.MONEY, "'165,0000 USD' cannot be read; an amount of money in USD"),
        ("165 000 USD", units.MONEY, "'165 000 USD' cannot be read; an amount of money in USD"),
        ("5 EUR", units.MONEY, "'5 EUR' is not in the scenario's currency, USD; an amount of money in USD"),
        ("€5/h", units.HOURLY_PRICE, "'€5/h' is not in the scenario's currency, USD; an hourly price"),
        ("5k GB", units.DATA, "'5k GB' has the unknown unit 'kGB'; an amount of data"),
        ("3 per 0 days", units.RATE, "'3 per 0 days' has the unknown unit '/0 days'; a rate"),
        ("٣ h", units.DURATION, "'٣ h' cannot be read; a duration"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_is_needed(text: str, dimension: Dimension, start: str) -> None:
    """The sentence says what was found, and names the units allowed."""
    assert message(text, dimension).startswith(start)
    assert " is needed, such as " in message(text, dimension)


@pytest.mark.parametrize("dimension", [d for d in DIMENSIONS if d.canonical], ids=lambda d: d.name)
def test_a_bare_number_is_refused_where_a_unit_is_needed(dimension: Dimension) -> None:
    """No dimension guesses a unit, save that a fraction may be written 0.35."""
    if dimension is units.FRACTION:
        assert parse("40", dimension) == 40.0
    else:
        assert "'40' has no unit" in message("40", dimension)


def test_the_scenarios_currency_is_the_only_one() -> None:
    """Prices are read, written and asked for in the scenario's currency; $ is the US dollar, and no other."""
    assert parse("0.2 EUR/kWh", units.ENERGY_PRICE, "EUR") == 0.2
    assert parse("€0.2/kWh", units.ENERGY_PRICE, "EUR") == 0.2
    assert render(0.2, units.ENERGY_PRICE, "EUR") == "0.2 EUR/kWh"
    assert message("0.2", units.ENERGY_PRICE, "EUR").endswith(
        "in EUR/kWh or EUR/MWh is needed, such as 0.11 EUR/kWh"
    )
    assert "is not in the scenario's currency, CAD" in message("$5", units.MONEY, "CAD")


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (0.25, units.DURATION, "250 ms"),
        (0.0005, units.DURATION, "0.5 ms"),
        (1.5, units.DURATION, "1.5 s"),
        (90.0, units.DURATION, "90 s"),
        (1000.0, units.DURATION, "1000 s"),
        (5040.0, units.DURATION, "1.4 h"),
        (3600.0, units.DURATION, "1 h"),
        (86400.0, units.DURATION, "1 day"),
        (14 * 604800.0, units.DURATION, "14 weeks"),
        (31536000.0, units.DURATION, "1 year"),
        (0.0, units.DURATION, "0 s"),
        (-0.0, units.DURATION, "0 s"),
        (1 / 3, units.DURATION, "0.3333333333333333 s"),
        (4e13, units.DATA, "40 TB"),
        (1e10, units.BANDWIDTH, "10 Gbit/s"),
        (0.11, units.ENERGY_PRICE, "0.11 USD/kWh"),
        (165000.0, units.MONEY, "165000 USD"),
        (5.07, units.HOURLY_PRICE, "5.07 USD/hour"),
        (0.02, units.STORAGE_PRICE, "0.02 USD/GB/month"),
        (1.5e12 / 2628000, units.DATA_GROWTH, "1.5 TB/month"),
        (9 / 86400, units.RATE, "9 per day"),
        (2.4 / 86400000, units.RATE, "2.4 per 1000 days"),
        (1.2, units.RATE, "1.2 per second"),
        (0.07, units.FRACTION, "7%"),
        (0.005, units.FRACTION, "0.5%"),
        (0.35, units.GROWTH, "35% per year"),
        (0.0, units.GROWTH, "0% per year"),
        (8.0, units.COUNT, "8"),
        (1.58, units.FACTOR, "1.58"),
        (1e300, units.FACTOR, "1e+300"),
    ],
)
def test_rendered_quantities_read_as_people_write_them(value: float, dimension: Dimension, text: str) -> None:
    """Fewest digits, then the largest unit; plural where there are several; prices in their usual unit."""
    assert render(value, dimension) == text


@FIXED
@given(st.floats(allow_nan=False, allow_infinity=False), ANY_DIMENSION)
@example(5e-324, units.DATA_GROWTH)
@example(sys.float_info.max, units.DURATION)
@example(0.1 + 0.2, units.FRACTION)
def test_rendering_loses_nothing(value: float, dimension: Dimension) -> None:
    """Every finite value allowed in a dimension comes back bit for bit (zero without its sign)."""
    value = value if dimension.signed else abs(value)
    value = float(round(value)) if dimension.whole else value
    assert parse(render(value, dimension), dimension).hex() == (value + 0.0).hex()


@FIXED
@given(st.integers(1, 10**6), st.integers(0, 3), ANY_DIMENSION, st.data())
def test_what_people_write_comes_back(
    digits: int, decimals: int, dimension: Dimension, data: st.DataObject
) -> None:
    """A short decimal in any spelling of any unit is read exactly, and its value survives rendering."""
    spelling = data.draw(st.sampled_from(sorted(dimension.factors)))
    number = Fraction(digits, 1 if dimension.whole else 10**decimals)
    value = parse(f"{float(number)!r} {spelling.replace('¤', 'USD')}", dimension)
    assert value == float(number * dimension.factors[spelling])
    assert parse(render(value, dimension), dimension) == value


@FIXED
@given(
    st.one_of(
        st.text(max_size=120),
        st.text("0123456789+-.,eE $€%/kMGTBbhsdy perUSDay*_\t\n", max_size=90),
        st.builds("{} {}".format, st.floats(), st.sampled_from(["s", "h", "%", "USD", "/ per", "GB/day"])),
    ),
    ANY_DIMENSION,
)
@example("9" * 80 + " h", units.DURATION)
@example("1e999", units.FACTOR)
@example(" per" * 19, units.RATE)
def test_any_text_is_a_finite_number_or_a_unit_error(text: str, dimension: Dimension) -> None:
    """Nothing that a user can type does anything else."""
    try:
        value = parse(text, dimension)
    except UnitError:
        return
    assert math.isfinite(value)


def test_a_text_of_a_million_characters_is_refused_unread() -> None:
    """The text is cut in the message, too."""
    assert len(message("1" * 10**6, units.DURATION)) < 300


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_only_finite_values_are_rendered(value: float) -> None:
    """There is no text for what cannot be read back."""
    with pytest.raises(UnitError, match="is not finite"):
        render(value, units.DURATION)


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda d: d.name)
def test_the_examples_in_messages_are_valid(dimension: Dimension) -> None:
    """Every example of a dimension can be read in it, and its canonical unit is worth exactly one."""
    for text in re.split(r", | or ", dimension.example):
        assert parse(text, dimension) > 0
    assert dimension.factors[dimension.canonical] == 1
    assert set(dimension.shown) <= set(dimension.factors)


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda d: d.name)
def test_a_dimension_survives_the_way_to_a_worker(dimension: Dimension) -> None:
    """Pickled and copied dimensions are equal, hash alike, and read the same."""
    for twin in (pickle.loads(pickle.dumps(dimension)), copy.deepcopy(dimension)):
        assert twin == dimension
        assert hash(twin) == hash(dimension)
        assert twin.factors == dimension.factors


def test_pint_agrees() -> None:
    """An independent library converts every unit that both know to the same number, within float rounding."""
    pint = pytest.importorskip("pint", reason="pint is the oracle here")
    registry = pint.UnitRegistry()
    registry.define("USD = [currency]")
    theirs = {
        units.DURATION: "s", units.DATA: "byte", units.BANDWIDTH: "bit/s", units.POWER: "W",
        units.ENERGY_PRICE: "USD/kWh", units.MONEY: "USD", units.HOURLY_PRICE: "USD/hour",
        units.SALARY: "USD/hour", units.DATA_PRICE: "USD/GB", units.DATA_GROWTH: "byte/s", units.RATE: "1/s",
    }  # fmt: skip
    ours_alone = re.compile(r"month|year|yr|wk|bps|B/d$|/1000")  # other lengths of month and year there
    compared = 0
    for dimension, target in theirs.items():
        for spelling in dimension.factors:
            if ours_alone.search(spelling):
                continue
            text = spelling.replace("¤", "USD")
            expected = registry.Quantity(2.5, f"1{text}" if text.startswith("/") else text).to(target)
            scale = 24 * 365 if dimension is units.SALARY else 1  # a year has 365 days here
            assert parse(f"2.5 {text}", dimension) == pytest.approx(expected.magnitude * scale, rel=1e-12)
            compared += 1
    assert compared > 100
