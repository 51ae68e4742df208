"""Quantities of the language: numbers with units, beliefs about numbers, and random quantities.

A field typed `Duration` holds seconds, `Money` holds currency units, and so on: canonical units, as `sim.units` defines
them. Where the user states a *belief* instead of a number, the field holds a `Belief` until `sim.scenario.beliefs`
puts a drawn number in its place; the engine, the ledger and the metrics only ever see scenarios without beliefs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sim import distributions as dist
from sim import units
from sim.errors import closest
from sim.units import Dimension, UnitError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong inside a quantity, at `path` below it."""

    path: Path
    message: str
    found: str | None = None
    allowed: str | None = None
    hint: str | None = None


class QuantityError(ValueError):
    """Everything that is wrong with one quantity, all at once."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(frozen=True, slots=True)
class RandomQuantity:
    """A random quantity as the user wrote it, its numbers in canonical units.

    `parameters` maps a parameter's name (for `choice` and `quantiles`: the position in the list) to its value;
    a `mixture` has other random quantities as values.
    """

    dimension: Dimension
    family: str
    parameters: tuple[tuple[str, Any], ...]

    def distribution(self) -> dist.Distribution:
        """The distribution in canonical units; ValueError where the parameters contradict each other."""
        return FAMILIES[self.family].build(dict(self.parameters))

    def written(self) -> Any:
        """The plain YAML form: reading it again gives an equal random quantity."""
        return FAMILIES[self.family].write(self)


@dataclass(frozen=True, slots=True)
class Belief:
    """A number that the planner does not know: drawn once per world from `quantity`."""

    quantity: RandomQuantity

    def written(self) -> Any:
        """The plain YAML form."""
        return {"belief": self.quantity.written()}


def _number(raw: Any, dimension: Dimension, path: Path, faults: list[Fault], currency: str) -> Any:
    """A number with its unit, or a belief; faults are collected, and 0.0 stands for what could not be read."""
    if isinstance(raw, float | int) and not isinstance(raw, bool) and dimension.bare:
        raw = repr(raw)
    if isinstance(raw, Mapping) and set(raw) == {"belief"}:
        return Belief(_random(raw["belief"], dimension, (*path, "belief"), faults, currency))
    if not isinstance(raw, str | int | float) or isinstance(raw, bool):
        shown = "nothing" if raw is None else type(raw).__name__
        faults.append(Fault(path, f"{dimension.name} needed, not a {shown}", repr(raw)[:60], dimension.example))
        return 0.0
    try:
        return units.parse(str(raw), dimension, currency)
    except UnitError as error:
        faults.append(Fault(path, str(error), str(raw)[:60]))
        return 0.0


@dataclass(frozen=True, slots=True)
class Family:
    """A family of distributions in the language: its parameters, and how it is built."""

    name: str
    in_unit: tuple[str, ...]
    plain: tuple[str, ...] = ()

    def allowed(self) -> tuple[str, ...]:
        """The parameter names, quantile names (`p95`) aside."""
        return (*self.in_unit, *self.plain)

    def read(self, raw: Any, dimension: Dimension, path: Path, faults: list[Fault], currency: str) -> RandomQuantity:
        """The random quantity written as `raw`, the value of the family's key."""
        values: list[tuple[str, Any]] = []
        if not isinstance(raw, Mapping):
            faults.append(Fault(path, f"{self.name} needs a mapping", repr(raw)[:60], ", ".join(self.allowed())))
            return RandomQuantity(dimension, self.name, ())
        takes_quantiles = "median" in self.in_unit
        for key, value in raw.items():
            here = (*path, key)
            if key in self.in_unit or (takes_quantiles and _quantile_level(key) is not None):
                values.append((key, _number(value, dimension, here, faults, currency)))
            elif key in self.plain:
                values.append((key, _number(value, units.FRACTION, here, faults, currency)))
            else:
                hint = closest(str(key), self.allowed())
                more = " or two quantiles such as median and p95" if takes_quantiles else ""
                faults.append(
                    Fault(here, f"{self.name} has no parameter {key!r}", str(key), ", ".join(self.allowed()) + more, hint)
                )
        return RandomQuantity(dimension, self.name, tuple(values))

    def build(self, parameters: dict[str, Any]) -> dist.Distribution:
        """The distribution; ValueError says what is missing or contradictory."""
        quantiles = {
            level: value for name, value in parameters.items() if (level := _quantile_level(name)) is not None
        }
        try:
            return _build(self.name, parameters, quantiles)
        except KeyError as error:
            raise ValueError(f"{self.name} needs {error.args[0]!r}; {_TAKES[self.name]}") from None

    def write(self, quantity: RandomQuantity) -> Any:
        """The plain YAML form of a quantity of this family."""
        body = {
            name: _write(value, units.FRACTION if name in self.plain else quantity.dimension)
            for name, value in quantity.parameters
        }
        return {self.name: body}


class _Constant(Family):
    def build(self, parameters: dict[str, Any]) -> dist.Distribution:
        return dist.Constant(parameters["value"])

    def write(self, quantity: RandomQuantity) -> Any:
        return _write(quantity.parameters[0][1], quantity.dimension)


class _Weighted(Family):
    """`choice: {value: probability}` and `quantiles: {probability: value}`: the keys are numbers themselves."""

    def read(self, raw: Any, dimension: Dimension, path: Path, faults: list[Fault], currency: str) -> RandomQuantity:
        if not isinstance(raw, Mapping) or not raw:
            faults.append(Fault(path, f"{self.name} needs a mapping", repr(raw)[:60], _TAKES[self.name]))
            return RandomQuantity(dimension, self.name, ())
        key_dimension, value_dimension = (
            (dimension, units.FRACTION) if self.name == "choice" else (units.FRACTION, dimension)
        )
        values = tuple(
            (str(n), (_number(key, key_dimension, (*path, key), faults, currency),
                      _number(value, value_dimension, (*path, key), faults, currency)))
            for n, (key, value) in enumerate(raw.items())
        )  # fmt: skip
        return RandomQuantity(dimension, self.name, values)

    def build(self, parameters: dict[str, Any]) -> dist.Distribution:
        pairs = list(parameters.values())
        if self.name == "choice":
            return dist.Choice(tuple(v for v, _ in pairs), tuple(w for _, w in pairs))
        return dist.Quantiles(tuple(p for p, _ in pairs), tuple(v for _, v in pairs))

    def write(self, quantity: RandomQuantity) -> Any:
        first, second = (
            (quantity.dimension, units.FRACTION) if self.name == "choice" else (units.FRACTION, quantity.dimension)
        )
        return {self.name: {str(_write(k, first)): _write(v, second) for _, (k, v) in quantity.parameters}}


class _Mixture(Family):
    def read(self, raw: Any, dimension: Dimension, path: Path, faults: list[Fault], currency: str) -> RandomQuantity:
        values: list[tuple[str, Any]] = []
        if not isinstance(raw, list) or not raw:
            faults.append(Fault(path, "mixture needs a list", repr(raw)[:60], _TAKES[self.name]))
            return RandomQuantity(dimension, self.name, ())
        for n, part in enumerate(raw):
            if not isinstance(part, Mapping) or set(part) != {"weight", "of"}:
                faults.append(Fault((*path, n), "a part of a mixture has a weight and an 'of'", repr(part)[:60], _TAKES[self.name]))
                continue
            weight = _number(part["weight"], units.FRACTION, (*path, n, "weight"), faults, currency)
            values.append((str(n), (weight, _random(part["of"], dimension, (*path, n, "of"), faults, currency))))
        return RandomQuantity(dimension, self.name, tuple(values))

    def build(self, parameters: dict[str, Any]) -> dist.Distribution:
        parts = list(parameters.values())
        return dist.Mixture(tuple(part.distribution() for _, part in parts), tuple(weight for weight, _ in parts))

    def write(self, quantity: RandomQuantity) -> Any:
        parts = [value for _, value in quantity.parameters]
        return {self.name: [{"weight": _write(w, units.FRACTION), "of": part.written()} for w, part in parts]}


_TAKES = {
    "constant": "a number",
    "uniform": "{low, high}",
    "triangular": "{low, mode, high}",
    "normal": "{mean, sd} or two quantiles such as {p5, p95}",
    "lognormal": "{median, p95}, {mean, cv}, {median, sigma} or other two or three quantiles",
    "exponential": "{mean}",
    "gamma": "{mean, cv} or {shape, scale}",
    "weibull": "{shape, scale}, {mean, cv} or two quantiles",
    "pareto": "{shape, scale}",
    "choice": "{value: probability, ...}, the probabilities summing to 100%",
    "quantiles": "{probability: value, ...}, both increasing",
    "mixture": "[{weight: 70%, of: {lognormal: ...}}, ...], the weights summing to 100%",
}

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        _Constant("constant", ("value",)),
        Family("uniform", ("low", "high")),
        Family("triangular", ("low", "mode", "high")),
        Family("normal", ("mean", "sd", "median")),
        Family("lognormal", ("median", "mean"), ("sigma", "cv")),
        Family("exponential", ("mean",)),
        Family("gamma", ("mean", "scale"), ("cv", "shape")),
        Family("weibull", ("scale", "mean", "median"), ("shape", "cv")),
        Family("pareto", ("scale",), ("shape",)),
        _Weighted("choice", ()),
        _Weighted("quantiles", ()),
        _Mixture("mixture", ()),
    )
}


def _build(name: str, p: dict[str, Any], quantiles: dict[float, float]) -> dist.Distribution:
    """The distribution of a family with named parameters; KeyError names a missing one."""
    match name:
        case "uniform":
            return dist.Uniform(p["low"], p["high"])
        case "triangular":
            return dist.Triangular(p["low"], p["mode"], p["high"])
        case "normal":
            return dist.normal_from_quantiles(quantiles) if len(quantiles) > 1 else dist.Normal(p["mean"], p["sd"])
        case "lognormal" if "cv" in p:
            return dist.lognormal_from_mean_cv(p["mean"], p["cv"])
        case "lognormal" if "sigma" in p:
            return dist.lognormal_from_median_sigma(p["median"], p["sigma"])
        case "lognormal":
            return dist.lognormal_from_quantiles(quantiles)
        case "exponential":
            return dist.Exponential(p["mean"])
        case "gamma" if "cv" in p:
            return dist.gamma_from_mean_cv(p["mean"], p["cv"])
        case "gamma":
            return dist.Gamma(p["shape"], p["scale"])
        case "weibull" if "cv" in p:
            return dist.weibull_from_mean_cv(p["mean"], p["cv"])
        case "weibull":
            return dist.weibull_from_quantiles(quantiles) if quantiles else dist.Weibull(p["shape"], p["scale"])
        case "pareto":
            return dist.Lomax(p["shape"], p["scale"])
    raise AssertionError(f"no such family: {name}")


def _quantile_level(name: str) -> float | None:
    """0.95 for `p95`, 0.5 for `median`, None for another name."""
    if name == "median":
        return 0.5
    found = re.fullmatch(r"p(\d{1,2}(?:\.\d+)?)", name)
    return float(found.group(1)) / 100 if found and float(found.group(1)) > 0 else None


def _random(raw: Any, dimension: Dimension, path: Path, faults: list[Fault], currency: str) -> RandomQuantity:
    """A random quantity: a plain number, or a one-key mapping that names a family."""
    if not isinstance(raw, Mapping) or set(raw) == {"belief"}:
        return RandomQuantity(dimension, "constant", (("value", _number(raw, dimension, path, faults, currency)),))
    names = list(raw)
    if len(names) != 1 or names[0] not in FAMILIES or names[0] == "constant":
        hint = closest(str(names[0]), tuple(FAMILIES)) if names else None
        faults.append(
            Fault(path, "a random quantity is a number or one key naming a family", ", ".join(map(str, names)),
                  ", ".join(sorted(set(FAMILIES) - {"constant"})), hint)
        )  # fmt: skip
        return RandomQuantity(dimension, "constant", (("value", 0.0),))
    before = len(faults)
    quantity = FAMILIES[names[0]].read(raw[names[0]], dimension, (*path, names[0]), faults, currency)
    if len(faults) == before and not any(True for _ in beliefs_in(quantity)):
        try:
            quantity.distribution()
        except ValueError as error:
            faults.append(Fault((*path, names[0]), str(error), None, _TAKES[names[0]]))
    return quantity


def beliefs_in(quantity: RandomQuantity) -> "list[Belief]":
    """The beliefs among the parameters of a random quantity."""
    found: list[Belief] = []
    for _, value in quantity.parameters:
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Belief):
                found.append(part)
            elif isinstance(part, RandomQuantity):
                found.extend(beliefs_in(part))
    return found


def _write(value: Any, dimension: Dimension) -> Any:
    return value.written() if isinstance(value, Belief) else units.render(value, dimension)


class _Read:
    """Pydantic's view of a quantity: reads the written form, writes it back, and describes it to editors."""

    def __init__(self, dimension: Dimension, low: float | None = None, high: float | None = None) -> None:
        self.dimension = dimension
        self.low = low
        self.high = high

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: PLW3201
        def validate(raw: Any, info: core_schema.ValidationInfo) -> Any:
            currency = (info.context or {}).get("currency", "USD")
            faults: list[Fault] = []
            value = self.read(raw, faults, currency)
            if faults:
                raise PydanticCustomError("quantity", "not a valid quantity", {"faults": tuple(faults)})
            return value

        return core_schema.with_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:  # noqa: PLW3201
        return {"anyOf": [{"$ref": f"#/definitions/{self.definition}"}], "description": self.dimension.example}

    definition = "quantity"

    def read(self, raw: Any, faults: list[Fault], currency: str) -> Any:
        """The value in canonical units, or a belief."""
        if isinstance(raw, Belief):
            return raw
        value = _number(raw, self.dimension, (), faults, currency)
        for number in _extremes(value.quantity) if isinstance(value, Belief) and not faults else (value,):
            self.check(number, (), faults, str(raw))
        return value

    def check(self, value: Any, path: Path, faults: list[Fault], found: str) -> None:
        """Add a fault when `value` lies outside the range allowed here."""
        if isinstance(value, Belief) or faults:
            return
        if self.low is not None and value < self.low:
            low = units.render(self.low, self.dimension)
            faults.append(Fault(path, f"{self.dimension.name} of at least {low} needed", found[:60], f"at least {low}"))
        elif self.high is not None and value > self.high:
            high = units.render(self.high, self.dimension)
            faults.append(Fault(path, f"{self.dimension.name} of at most {high} needed", found[:60], f"at most {high}"))

    def write(self, value: Any) -> Any:
        """The plain YAML form."""
        return _write(value, self.dimension)


class _ReadRandom(_Read):
    definition = "random"

    def read(self, raw: Any, faults: list[Fault], currency: str) -> Any:
        if isinstance(raw, RandomQuantity):
            return raw
        quantity = _random(raw, self.dimension, (), faults, currency)
        if not faults and not beliefs_in(quantity):
            for number in _extremes(quantity):
                self.check(number, (), faults, str(raw))
        return quantity

    def write(self, value: Any) -> Any:
        return value.written()


def _extremes(quantity: RandomQuantity) -> tuple[float, ...]:
    """The finite ends of what a random quantity can be (a family without ends is asked for its far quantiles)."""
    distribution = quantity.distribution()
    ends = distribution.support()
    far = (distribution.quantile_at(1e-6), distribution.quantile_at(1 - 1e-6))
    return tuple(end if abs(end) != float("inf") else quantile for end, quantile in zip(ends, far, strict=True))


Duration = Annotated[float, _Read(units.DURATION, low=0.0)]
Data = Annotated[float, _Read(units.DATA, low=0.0)]
Bandwidth = Annotated[float, _Read(units.BANDWIDTH, low=1.0)]
Power = Annotated[float, _Read(units.POWER, low=0.0)]
EnergyPrice = Annotated[float, _Read(units.ENERGY_PRICE, low=0.0)]
Money = Annotated[float, _Read(units.MONEY, low=0.0)]
HourlyPrice = Annotated[float, _Read(units.HOURLY_PRICE, low=0.0)]
Salary = Annotated[float, _Read(units.SALARY, low=0.0)]
DataPrice = Annotated[float, _Read(units.DATA_PRICE, low=0.0)]
StoragePrice = Annotated[float, _Read(units.STORAGE_PRICE, low=0.0)]
DataGrowth = Annotated[float, _Read(units.DATA_GROWTH, low=0.0)]
Rate = Annotated[float, _Read(units.RATE, low=0.0)]
Fraction = Annotated[float, _Read(units.FRACTION, low=0.0, high=1.0)]
Ratio = Annotated[float, _Read(units.FRACTION, low=0.0)]
Growth = Annotated[float, _Read(units.GROWTH, low=-0.99)]
Factor = Annotated[float, _Read(units.FACTOR, low=0.0)]

RandomDuration = Annotated[RandomQuantity, _ReadRandom(units.DURATION, low=0.0)]
RandomCount = Annotated[RandomQuantity, _ReadRandom(units.COUNT, low=1.0)]
