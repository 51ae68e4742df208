"""Random quantities and beliefs, as they are written in a scenario.

A random quantity is a number, or a one-key mapping that names a family: `{uniform: {low: 2 h, high: 9 h}}`. A
belief is a number that the planner does not know: `{belief: {triangular: {...}}}`.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sim import distributions as dist
from sim import units
from sim.errors import did_you_mean
from sim.scenario.base import Fault, Path
from sim.units import Dimension, UnitError

MAX_VALUE = 1e15
"""The greatest value that any draw may have, in canonical units: whole seconds must stay exact."""


@dataclass(frozen=True, slots=True)
class RandomQuantity:
    """A random quantity as the user wrote it, its numbers in canonical units.

    `parameters` maps a parameter's name to its value. Those of `choice` are (value, probability) pairs named
    by their position, those of `quantiles` (probability, value), those of `mixture` (weight, quantity).
    """

    dimension: Dimension
    family: str
    parameters: tuple[tuple[str, Any], ...]

    def distribution(self) -> dist.Distribution:
        """The distribution in canonical units; ValueError where the parameters contradict each other."""
        return _distribution(self)

    def beliefs(self) -> list["Belief"]:
        """The beliefs among the parameters, those of a mixture's parts included."""
        return [belief for _, value in self.parameters for belief in _beliefs_in(value)]

    def written(self, currency: str = "USD") -> Any:
        """The plain YAML form: reading it again gives an equal random quantity."""
        values = [value for _, value in self.parameters]
        match self.family:
            case "constant":
                return write(values[0], self.dimension, currency)
            case "choice" | "quantiles":
                first, second = _pair_dimensions(self.family, self.dimension)
                body: Any = {
                    str(write(key, first, currency)): write(value, second, currency) for key, value in values
                }
            case "mixture":
                body = [
                    {"weight": write(weight, units.FRACTION, currency), "of": part.written(currency)}
                    for weight, part in values
                ]
            case _:
                body = {
                    name: write(value, units.FACTOR if name in _PLAIN else self.dimension, currency)
                    for name, value in self.parameters
                }
        return {self.family: body}


@dataclass(frozen=True, slots=True)
class Belief:
    """A number that the planner does not know: drawn once per world from `quantity`."""

    quantity: RandomQuantity

    def written(self, currency: str = "USD") -> Any:
        """The plain YAML form."""
        return {"belief": self.quantity.written(currency)}


_PLAIN = {"sigma", "cv", "shape"}
"""Parameters without a unit, whatever the quantity."""

_FORMS: dict[str, dict[tuple[str, ...], Callable[..., dist.Distribution]]] = {
    "uniform": {("low", "high"): dist.Uniform},
    "triangular": {("low", "mode", "high"): dist.Triangular},
    "normal": {("mean", "sd"): dist.Normal},
    "lognormal": {
        ("mean", "cv"): dist.lognormal_from_mean_cv,
        ("median", "sigma"): dist.lognormal_from_median_sigma,
    },
    "exponential": {("mean",): dist.Exponential},
    "gamma": {("mean", "cv"): dist.gamma_from_mean_cv, ("shape", "scale"): dist.Gamma},
    "weibull": {("mean", "cv"): dist.weibull_from_mean_cv, ("shape", "scale"): dist.Weibull},
    "pareto": {("shape", "scale"): dist.Lomax},
}
"""The parameters that a family takes together, and what builds it from them."""

_QUANTILE_FORMS: dict[str, tuple[Callable[[Mapping[float, float]], dist.Distribution], tuple[int, ...]]] = {
    "normal": (dist.normal_from_quantiles, (2,)),
    "lognormal": (dist.lognormal_from_quantiles, (2, 3)),
    "weibull": (dist.weibull_from_quantiles, (2,)),
}
"""What builds a family from quantiles, and how many of them."""

TAKES = {
    "uniform": "{low, high}",
    "triangular": "{low, mode, high}",
    "normal": "{mean, sd} or two quantiles such as {p5, p95}",
    "lognormal": "{median, p95} or other two or three quantiles, {mean, cv} or {median, sigma}",
    "exponential": "{mean}",
    "gamma": "{mean, cv} or {shape, scale}",
    "weibull": "{shape, scale}, {mean, cv} or two quantiles such as {median, p95}",
    "pareto": "{shape, scale}",
    "choice": "{value: probability, ...}, the probabilities summing to 100%",
    "quantiles": "{probability: value, ...}, both increasing",
    "mixture": "[{weight: 70%, of: {lognormal: ...}}, ...], the weights summing to 100%",
}
"""The families, and what each takes."""

_LEVEL = re.compile(r"p(\d{1,2}(?:\.\d{1,6})?)")


class Reading:
    """Reads quantities of one place in a scenario, and collects what is wrong with them."""

    def __init__(self, currency: str = "USD") -> None:
        """Nothing is wrong yet."""
        self.currency = currency
        self.faults: list[Fault] = []

    def number(self, raw: Any, dimension: Dimension, path: Path = ()) -> float | Belief:
        """A number with its unit, in canonical units, or a belief; 0.0 stands for what cannot be read."""
        if isinstance(raw, Mapping) and set(raw) == {"belief"}:
            return Belief(self._certain(raw["belief"], dimension, (*path, "belief")))
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            needed = dimension.phrase.replace("USD", self.currency)
            self.note(
                path,
                f"{needed} is needed, not {_shape(raw)}",
                _shown(raw),
                _example(dimension, self.currency),
            )
            return 0.0
        try:
            return units.parse(raw if isinstance(raw, str) else repr(raw), dimension, self.currency)
        except UnitError as error:
            message, _, allowed = str(error).rpartition("; ")
            self.note(path, message, None, allowed.replace(" is needed", ""))
            return 0.0

    def random(self, raw: Any, dimension: Dimension, path: Path = ()) -> RandomQuantity:
        """A random quantity: a number, or a one-key mapping that names a family."""
        if not isinstance(raw, Mapping) or set(raw) == {"belief"}:
            return RandomQuantity(dimension, "constant", (("value", self.number(raw, dimension, path)),))
        nothing = RandomQuantity(dimension, "constant", (("value", 0.0),))
        names = [str(name) for name in raw]
        if len(names) != 1 or names[0] not in TAKES:
            hint = did_you_mean(names[0], TAKES) if len(names) == 1 else None
            self.note(
                path,
                "a random quantity is a number with its unit, or one key that names a family",
                ", ".join(names) or "{}",
                ", ".join(TAKES),
                hint,
            )
            return nothing
        family, before = names[0], len(self.faults)
        quantity = RandomQuantity(
            dimension, family, self._parameters(family, raw[family], dimension, (*path, family))
        )
        if len(self.faults) > before:
            return nothing
        for possible in certain_forms(quantity):
            try:
                possible.distribution()
            except (ValueError, ArithmeticError) as error:
                self.note((*path, family), str(error), _shown(raw[family]), TAKES[family])
                return nothing
        return quantity

    def _certain(self, raw: Any, dimension: Dimension, path: Path) -> RandomQuantity:
        """The quantity that a belief is drawn from, which cannot hold beliefs itself."""
        quantity = self.random(raw, dimension, path)
        if quantity.beliefs():
            self.note(path, "a belief cannot be made of beliefs")
        return quantity

    def _parameters(
        self, family: str, raw: Any, dimension: Dimension, path: Path
    ) -> tuple[tuple[str, Any], ...]:
        """The parameters written as `raw`, the value of the family's key."""
        fits = isinstance(raw, list) if family == "mixture" else isinstance(raw, Mapping)
        if not fits or not raw:
            needed = "a list" if family == "mixture" else "a mapping"
            self.note(path, f"{family} takes {needed}, not {_shape(raw)}", _shown(raw), TAKES[family])
            return ()
        match family:
            case "mixture":
                return tuple((str(n), self._part(part, dimension, (*path, n))) for n, part in enumerate(raw))
            case "choice" | "quantiles":
                first, second = _pair_dimensions(family, dimension)
                return tuple(
                    (
                        str(n),
                        (self.number(key, first, (*path, key)), self.number(value, second, (*path, key))),
                    )
                    for n, (key, value) in enumerate(raw.items())
                )
            case _:
                return self._named(family, raw, dimension, path)

    def _part(self, raw: Any, dimension: Dimension, path: Path) -> tuple[float | Belief, RandomQuantity]:
        """One part of a mixture."""
        if not isinstance(raw, Mapping) or set(raw) != {"weight", "of"}:
            self.note(path, "a part of a mixture has a 'weight' and an 'of'", _shown(raw), TAKES["mixture"])
            return 0.0, RandomQuantity(dimension, "constant", (("value", 0.0),))
        weight = self.number(raw["weight"], units.FRACTION, (*path, "weight"))
        return weight, self.random(raw["of"], dimension, (*path, "of"))

    def _named(
        self, family: str, raw: Mapping[Any, Any], dimension: Dimension, path: Path
    ) -> tuple[tuple[str, Any], ...]:
        """Named parameters, which must be ones that the family takes together."""
        known = tuple(name for name, _ in parameter_names(family))
        quantiles = takes_quantiles(family)
        found: list[tuple[str, Any]] = []
        for key, value in raw.items():
            name, here = str(key), (*path, key)
            if name in known or (quantiles and quantile_level(name) is not None):
                unit = units.FRACTION if name in _PLAIN else dimension
                found.append((name, self.number(value, unit, here)))
            else:
                hint = did_you_mean(name, (*known, "median", "p95") if quantiles else known)
                self.note(here, f"{family} has no parameter '{name}'", name, TAKES[family], hint)
        if len(found) == len(raw) and not _is_form(family, [name for name, _ in found]):
            self.note(
                path,
                f"{family} is not described by these parameters",
                ", ".join(map(str, raw)),
                TAKES[family],
            )
        return tuple(found)

    def note(
        self,
        path: Path,
        message: str,
        found: str | None = None,
        allowed: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Remember that something is wrong."""
        self.faults.append(Fault(path, message, found, allowed, hint))


def write(value: Any, dimension: Dimension, currency: str = "USD") -> Any:
    """The plain YAML form of a number or a belief; a number where the dimension has no unit."""
    if isinstance(value, Belief):
        return value.written(currency)
    if dimension in {units.COUNT, units.FACTOR}:
        return int(value) if value.is_integer() and abs(value) < MAX_VALUE else value
    return units.render(value, dimension, currency)


def quantile_level(name: str) -> float | None:
    """0.95 for `p95`, 0.5 for `median`, None for another name."""
    if name == "median":
        return 0.5
    found = _LEVEL.fullmatch(name)
    level = float(found.group(1)) / 100 if found else 0.0
    return level if 0 < level < 1 else None


def parameter_names(family: str) -> tuple[tuple[str, bool], ...]:
    """The named parameters of a family, and whether each is a plain number whatever the quantity."""
    names = dict.fromkeys(name for form in _FORMS[family] for name in form)
    return tuple((name, name in _PLAIN) for name in names)


def takes_quantiles(family: str) -> bool:
    """Whether quantiles such as `p95` may describe the family."""
    return family in _QUANTILE_FORMS


def certain_forms(quantity: RandomQuantity) -> Iterator[RandomQuantity]:
    """The quantity with numbers for its beliefs: each at its least or greatest (all alike if many)."""
    count = len(quantity.beliefs())
    several = (
        itertools.product(dist.ENDS, repeat=count) if count <= 3 else ((end,) * count for end in dist.ENDS)
    )
    for levels in several:
        yield _filled(quantity, iter(levels))


def ends(quantity: RandomQuantity) -> tuple[float, float]:
    """The least and the greatest value that can be drawn."""
    lows, highs = zip(*(form.distribution().reach() for form in certain_forms(quantity)), strict=True)
    return min(lows), max(highs)


def _filled(value: Any, levels: Iterator[float]) -> Any:
    """The value with each belief in it at its next level."""
    match value:
        case Belief():
            return value.quantity.distribution().roughly(next(levels))
        case RandomQuantity():
            return replace(
                value, parameters=tuple((name, _filled(part, levels)) for name, part in value.parameters)
            )
        case tuple():
            return tuple(_filled(part, levels) for part in value)
        case _:
            return value


def _beliefs_in(value: Any) -> Iterator[Belief]:
    match value:
        case Belief():
            yield value
        case RandomQuantity():
            yield from value.beliefs()
        case tuple():
            for part in value:
                yield from _beliefs_in(part)


@lru_cache(maxsize=512)
def _distribution(quantity: RandomQuantity) -> dist.Distribution:
    """The distribution of a random quantity: each world asks again for those of the scenario."""
    values = tuple(value for _, value in quantity.parameters)
    match quantity.family:
        case "constant":
            return dist.Constant(values[0])
        case "choice":
            return dist.Choice(*_columns(values))
        case "quantiles":
            return dist.Quantiles(*_columns(values))
        case "mixture":
            weights, parts = _columns(values)
            return dist.Mixture(tuple(part.distribution() for part in parts), weights)
        case _:
            return _build(quantity.family, dict(quantity.parameters))


def _columns(pairs: tuple[tuple[Any, Any], ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple(first for first, _ in pairs), tuple(second for _, second in pairs)


def _pair_dimensions(family: str, dimension: Dimension) -> tuple[Dimension, Dimension]:
    """What the keys and the values of `choice` and `quantiles` measure."""
    return (dimension, units.FRACTION) if family == "choice" else (units.FRACTION, dimension)


def _quantiles(family: str, names: list[str]) -> dict[str, float] | None:
    """Name -> level when these are quantiles that the family can be built from."""
    if family not in _QUANTILE_FORMS:
        return None
    levels = {name: level for name in names if (level := quantile_level(name)) is not None}
    return levels if len(levels) == len(names) in _QUANTILE_FORMS[family][1] else None


def _is_form(family: str, names: list[str]) -> bool:
    return _quantiles(family, names) is not None or any(set(names) == set(form) for form in _FORMS[family])


def _build(family: str, parameters: Mapping[str, float]) -> dist.Distribution:
    """The distribution of a family with named parameters that it takes together."""
    levels = _quantiles(family, list(parameters))
    if levels is not None:
        return _QUANTILE_FORMS[family][0]({level: parameters[name] for name, level in levels.items()})
    form = next(form for form in _FORMS[family] if set(form) == set(parameters))
    return _FORMS[family][form](*(parameters[name] for name in form))


def _example(dimension: Dimension, currency: str) -> str:
    return dimension.example.replace("USD", currency)


def _shape(raw: Any) -> str:
    """What kind of thing the user wrote."""
    match raw:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case Mapping():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return "a text"


def _shown(raw: Any) -> str | None:
    """What the user wrote, short; None where there is nothing to show."""
    if raw is None or isinstance(raw, Mapping | list):
        return None
    text = str(raw).lower() if isinstance(raw, bool) else str(raw)
    return text if len(text) <= 60 else f"{text[:60]}..."
