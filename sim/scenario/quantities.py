"""The types of the language's fields: numbers with units and random quantities, each with its range.

A field typed `Duration` holds seconds, `Money` currency units, and so on: the canonical units of `sim.units`.
Where the user states a *belief* instead of a number, the field holds a `Belief` until `sim.scenario.beliefs`
has put a drawn number in its place; engine, ledger and metrics only ever see scenarios without beliefs.
"""

import datetime as dt
import fractions
import re
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sim import units
from sim.scenario import base
from sim.scenario.random_quantities import (
    MAX_VALUE,
    Belief,
    RandomQuantity,
    Reading,
    ends,
    write,
)
from sim.units import Dimension

Path = base.Path
"""Where something stands in a scenario."""


NO_BELIEF = "a belief cannot stand here: this is known, or ours to decide"


class _Read:
    """Pydantic's view of a number: reads the written form, writes it back, and names its schema."""

    prefix = ""

    def __init__(
        self, dimension: Dimension, low: float, high: float, *, whole: bool = False, certain: bool = False
    ) -> None:
        self.dimension = dimension
        self.low, self.high = low, high
        self.whole = whole
        """Whether a fraction of the canonical unit makes no sense."""
        self.certain = certain
        """Whether a belief cannot stand here: what we decide or promise is known."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(raw: Any, info: core_schema.ValidationInfo) -> Any:
            if isinstance(raw, Belief | RandomQuantity):
                return raw
            reading = Reading(_currency(info))
            value = self.read(raw, reading)
            if reading.faults:
                raise PydanticCustomError(
                    "quantity", "not a valid quantity", {"faults": tuple(reading.faults)}
                )
            return value

        def serialise(value: Any, info: core_schema.SerializationInfo) -> Any:
            return self.write(value, _currency(info))

        return core_schema.with_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(serialise, info_arg=True)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # Which quantity stands here; `sim.loading.schema` knows what may be written for it.
        return {"quantity": self.prefix + self.dimension.name}

    def read(self, raw: Any, reading: Reading) -> Any:
        """The value in canonical units, or a belief."""
        value = reading.number(raw, self.dimension)
        if reading.faults:
            return value
        if not isinstance(value, Belief):
            self.check(value, value, "this is", reading)
            if self.whole and not value.is_integer():
                reading.note((), f"a whole number of {self.dimension.canonical} is needed", str(raw))
        elif self.certain:
            reading.note((), NO_BELIEF)
        else:
            self.check(*ends(value.quantity), "this belief reaches", reading)
        return value

    def check(self, least: float, most: float, reaches: str, reading: Reading) -> None:
        """Note when the values from `least` to `most` are not all in the range allowed here."""
        currency = reading.currency
        if not least >= self.low:
            allowed = f"at least {units.render(self.low, self.dimension, currency)}"
            reading.note(
                (), f"{reaches} {about(least, self.dimension, currency)}, which is too low", None, allowed
            )
        elif not most <= self.high:
            allowed = f"at most {units.render(self.high, self.dimension, currency)}"
            reading.note(
                (), f"{reaches} {about(most, self.dimension, currency)}, which is too high", None, allowed
            )

    def write(self, value: Any, currency: str) -> Any:
        """The plain YAML form."""
        return write(value, self.dimension, currency)


class _ReadRandom(_Read):
    """The same for a random quantity."""

    prefix = "random "

    def read(self, raw: Any, reading: Reading) -> Any:
        """The random quantity."""
        quantity = reading.random(raw, self.dimension)
        if not reading.faults:
            least, most = ends(quantity)
            if most <= MAX_VALUE or quantity.family == "constant":
                self.check(
                    least, most, "this is" if quantity.family == "constant" else "this reaches", reading
                )
            else:
                told = f"the tail is too heavy: draws reach {about(most, self.dimension, reading.currency)}"
                reading.note((), told)
        return quantity

    def write(self, value: Any, currency: str) -> Any:
        """The plain YAML form."""
        return value.written(currency)


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold of a metric as it was written; which metric takes what is for `sim.metrics` to say."""

    value: float
    """In the canonical unit of the dimension; a plain number is in the metric's own unit."""
    dimension: Dimension
    """A fraction (percentages), money, a duration, or a factor: a plain number."""


_LIMITS = (units.FACTOR, replace(units.FRACTION, phrase="a percentage"), units.MONEY, units.DURATION)
_LIMIT = replace(
    units.FRACTION,
    phrase="a threshold",
    accepted="%, USD or a unit of time, or a plain number of the metric's unit",
    example="1%, 900k USD, 4 h or 12.5",
)
"""What messages say of a threshold that cannot be read."""


class _ReadThreshold(_Read):
    """A threshold of a metric: a plain number in its unit, a percentage, an amount of money, a duration."""

    prefix = "threshold of "

    def read(self, raw: Any, reading: Reading) -> Any:
        """The threshold."""
        if isinstance(raw, Limit):
            return raw
        for dimension in _LIMITS:
            attempt = Reading(reading.currency)
            value = attempt.number(raw, dimension)
            if not attempt.faults and not isinstance(value, Belief):
                _Read(dimension, self.low, self.high).check(value, value, "this is", reading)
                return Limit(value, dimension)
        if isinstance(reading.number(raw, _LIMIT), Belief):
            reading.note((), NO_BELIEF)
        return None

    def write(self, value: Limit, currency: str) -> Any:
        """As it was written."""
        return write(value.value, value.dimension, currency)


class _ReadDate:
    """A day, as in 2026-01-05."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _read_date, serialization=core_schema.plain_serializer_function_ser_schema(dt.date.isoformat)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "date", "pattern": _DATE.pattern, "examples": ["2026-01-05"]}


_DATE = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")


def _read_date(raw: Any) -> dt.date:
    if isinstance(raw, dt.date):
        return raw
    if isinstance(raw, str) and _DATE.fullmatch(raw):
        try:
            date = dt.date.fromisoformat(raw)
        except ValueError as error:
            raise PydanticCustomError(
                "date", "there is no such day: {reason}", {"reason": str(error)}
            ) from None
        if 1970 <= date.year <= 2200:
            return date
    raise PydanticCustomError("date", "a day from 1970 to 2200 is needed, such as 2026-01-05")


def about(value: float, dimension: Dimension, currency: str) -> str:
    """A number in a handy unit, to three digits."""
    if not abs(value) < 1e18:
        return f"{value:.3g} {dimension.canonical}".replace("¤", currency).strip()
    factors = (dimension.factors[unit] for unit in dimension.shown)
    factor = next((factor for factor in factors if abs(value) >= factor), fractions.Fraction(1))
    return units.render(
        float(fractions.Fraction(f"{value / float(factor):.3g}") * factor), dimension, currency
    )


def _currency(info: core_schema.ValidationInfo | core_schema.SerializationInfo) -> str:
    context: Any = info.context
    return str(context["currency"]) if isinstance(context, dict) and "currency" in context else "USD"


_YEARS_1000 = 1000 * 365 * 86_400.0

Duration = Annotated[float, _Read(units.DURATION, 0.0, _YEARS_1000)]
PositiveDuration = Annotated[float, _Read(units.DURATION, 1.0, _YEARS_1000)]
"""At least one second: the clock knows nothing shorter."""
KnownDuration = Annotated[float, _Read(units.DURATION, 0.0, _YEARS_1000, certain=True)]
Stay = Annotated[float, _Read(units.DURATION, 0.001, 86_400.0, certain=True)]
Latency = Annotated[float, _Read(units.DURATION, 0.001, 86_400.0, certain=True)]
Grid = Annotated[float, _Read(units.DURATION, 1.0, 86_400.0, whole=True, certain=True)]
Horizon = Annotated[float, _Read(units.DURATION, 1.0, 20 * 365 * 86_400.0, whole=True, certain=True)]
Data = Annotated[float, _Read(units.DATA, 0.0, 1e21)]
KnownData = Annotated[float, _Read(units.DATA, 1.0, 1e21, certain=True)]
Bandwidth = Annotated[float, _Read(units.BANDWIDTH, 1.0, 1e15)]
Power = Annotated[float, _Read(units.POWER, 0.0, 1e9)]
EnergyPrice = Annotated[float, _Read(units.ENERGY_PRICE, 0.0, 1e4)]
Money = Annotated[float, _Read(units.MONEY, 0.0, 1e11)]
HourlyPrice = Annotated[float, _Read(units.HOURLY_PRICE, 0.0, 1e5)]
Salary = Annotated[float, _Read(units.SALARY, 0.0, 1e9)]
DataPrice = Annotated[float, _Read(units.DATA_PRICE, 0.0, 1e4)]
StoragePrice = Annotated[float, _Read(units.STORAGE_PRICE, 0.0, 1e4)]
DataGrowth = Annotated[float, _Read(units.DATA_GROWTH, 0.0, 1e15)]
Rate = Annotated[float, _Read(units.RATE, 0.0, 1e7)]
Fraction = Annotated[float, _Read(units.FRACTION, 0.0, 1.0)]
KnownFraction = Annotated[float, _Read(units.FRACTION, 0.0, 1.0, certain=True)]
Ratio = Annotated[float, _Read(units.FRACTION, 0.0, 100.0)]
KnownRatio = Annotated[float, _Read(units.FRACTION, 0.0, 100.0, certain=True)]
Growth = Annotated[float, _Read(units.GROWTH, -0.99, 100.0)]
Factor = Annotated[float, _Read(units.FACTOR, 0.0, 1e9)]
KnownFactor = Annotated[float, _Read(units.FACTOR, 0.0, 1e9, certain=True)]
PositiveFactor = Annotated[float, _Read(units.FACTOR, 1e-6, 1e9)]
PowerUsage = Annotated[float, _Read(units.FACTOR, 1.0, 10.0)]
"""The meter sees the machines at least. PUE as such has no upper end (The Green Grid, White Paper 49): it
grows as a room empties. Above 10 nine tenths of the power miss the machines: a decimal point is missing."""
Point = Annotated[float, _Read(units.FACTOR, 1e-6, 1e9, certain=True)]
"""A coordinate of a measured point."""
BurstSize = Annotated[float, _Read(units.FACTOR, 1.0, 1e6)]
GapVariation = Annotated[float, _Read(units.FACTOR, 0.0, 10.0, certain=True)]
"""Standard deviation / mean of gaps between requests. At far larger ones all depends on gaps that are not
among those which are simulated. The clients of the catalogue have up to 9.5."""
Target = Annotated[float, _Read(units.FRACTION, 0.01, 1.0, certain=True)]
Threshold = Annotated[Limit, _ReadThreshold(units.FRACTION, -MAX_VALUE, MAX_VALUE, certain=True)]
Date = Annotated[dt.date, _ReadDate()]

RandomDuration = Annotated[RandomQuantity, _ReadRandom(units.DURATION, 0.0, MAX_VALUE)]
RandomCount = Annotated[RandomQuantity, _ReadRandom(units.COUNT, 1.0, 1e6)]
