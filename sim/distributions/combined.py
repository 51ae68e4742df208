"""Quantities made of others: a mixture of several, a part of one, one moved by a constant."""
# ruff: noqa: D102, D105  # what the methods of a family return is said once, in Distribution

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from sim.distributions.base import LEAST_U, Distribution, open_uniforms
from sim.distributions.checks import finite, require, weighted
from sim.distributions.lazily import np, scipy
from sim.distributions.search import least
from sim.distributions.tables import cumulative

if TYPE_CHECKING:
    from sim.distributions.base import Floats


@dataclass(frozen=True, slots=True)
class Mixture(Distribution):
    """One of `components`, with probabilities `weights`; kept without the impossible ones."""

    components: tuple[Distribution, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        possible = weighted(self.components, self.weights)
        object.__setattr__(self, "components", tuple(component for component, _ in possible))
        object.__setattr__(self, "weights", tuple(weight for _, weight in possible))

    def quantile(self, u: Floats) -> Floats:
        own = [component.quantile(u) for component in self.components]
        return least(lambda x: self.cdf(x) - u, np.min(own, axis=0), np.max(own, axis=0))

    def reach(self) -> tuple[float, float]:
        lows, highs = zip(*(component.reach() for component in self.components), strict=True)
        return min(lows), max(highs)

    def cdf(self, x: Floats) -> Floats:
        parts = zip(self.components, self.weights, strict=True)
        return sum((weight * component.cdf(x) for component, weight in parts), np.zeros(np.shape(x)))

    def sample(self, generator: np.random.Generator, n: int) -> Floats:
        # The component in whose share u lies, at what is left of u within it: the same law, and no search.
        u, values = open_uniforms(generator, n), np.empty(n)
        ends = np.array(cumulative(self.weights))
        branch = np.searchsorted(ends[1:], u, side="left")
        for index, component in enumerate(self.components):
            here = branch == index
            share = (u[here] - ends[index]) / (ends[index + 1] - ends[index])
            values[here] = component.quantile(np.clip(share, LEAST_U, 1.0 - 2.0**-53))
        return values

    def mean(self) -> float:
        return math.fsum(w * c.mean() for c, w in zip(self.components, self.weights, strict=True))

    def variance(self) -> float:
        mean = self.mean()
        if math.isinf(mean):
            return math.inf
        parts = zip(self.components, self.weights, strict=True)
        return math.fsum(w * (c.variance() + (c.mean() - mean) ** 2) for c, w in parts)

    def support(self) -> tuple[float, float]:
        lows, highs = zip(*(component.support() for component in self.components), strict=True)
        return min(lows), max(highs)

    def scaled(self, factor: float) -> Self:
        return replace(self, components=tuple(component.scaled(factor) for component in self.components))


@dataclass(frozen=True, slots=True)
class Truncated(Distribution):
    """`base`, given that it lies in [low, high]; one of the two may be infinite."""

    base: Distribution
    low: float
    high: float
    _below: float = field(init=False, repr=False, compare=False)
    """P(base < low)."""
    _kept: float = field(init=False, repr=False, compare=False)
    """P(low <= base <= high)."""

    def __post_init__(self) -> None:
        require(self.low <= self.high, f"low must not exceed high, not {self.low:g} and {self.high:g}")
        below, upto = self.base.cdf(np.array([np.nextafter(self.low, -np.inf), self.high])).tolist()
        require(
            upto - below > 1e-9,
            f"hardly anything of the distribution lies between {self.low:g} and {self.high:g}",
        )
        object.__setattr__(self, "_below", below)
        object.__setattr__(self, "_kept", upto - below)

    def quantile(self, u: Floats) -> Floats:
        # Rounding must not lead to `_below` itself, where a base with steps still has a value under `low`.
        inner = np.clip(self._below + self._kept * u, np.nextafter(self._below, 1.0), 1.0 - 2.0**-53)
        return np.clip(self.base.quantile(inner), self.low, self.high)

    def cdf(self, x: Floats) -> Floats:
        upto = np.clip((self.base.cdf(x) - self._below) / self._kept, 0.0, 1.0)
        return np.where(np.asarray(x) < self.low, 0.0, np.where(np.asarray(x) >= self.high, 1.0, upto))

    def mean(self) -> float:
        centre = self.quantile_at(0.5)
        return centre + self._moment(centre, 1)

    def variance(self) -> float:
        mean = self.mean()
        return self._moment(mean, 2) if math.isfinite(mean) else math.inf

    def support(self) -> tuple[float, float]:
        low, high = self.base.support()
        return max(low, self.low), min(high, self.high)

    def scaled(self, factor: float) -> Self:
        return replace(self, base=self.base.scaled(factor), low=self.low * factor, high=self.high * factor)

    def _moment(self, centre: float, power: int) -> float:
        """E[(X - centre)^power] for power 1 or 2, to about 1e-8 (1e-3 where the base has steps).

        With an open upper end it is the base's own moment less what was cut off: much of a heavy tail's
        moment lies where u is too close to 1 to be told from it.
        """
        if math.isinf(self.high):
            offset = self.base.mean() - centre
            whole = offset if power == 1 else self.base.variance() + offset**2
            return (whole - self._integral(centre, power, 0.0, self._below)) / self._kept
        return self._integral(centre, power, self._below, self._kept) / self._kept

    def _integral(self, centre: float, power: int, start: float, length: float) -> float:
        """Of (base.quantile(u) - centre)^power over [start, start + length], by the double-exponential rule.

        H. Takahasi and M. Mori, "Double exponential formulas for numerical integration", Publ. RIMS 9 (1974).
        """
        if length == 0.0:
            return 0.0
        t, step = np.linspace(-4.0, 4.0, 4097, retstep=True)
        share, rest = scipy.special.expit(np.pi * np.sinh(t)), scipy.special.expit(-np.pi * np.sinh(t))
        values = self.base.quantile(np.clip(start + length * share, 5e-324, 1.0 - 2.0**-53)) - centre
        return float(np.sum(values**power * share * rest * np.cosh(t)) * np.pi * step * length)


@dataclass(frozen=True, slots=True)
class Shifted(Distribution):
    """`base` plus the constant `by`."""

    base: Distribution
    by: float

    def __post_init__(self) -> None:
        finite(by=self.by)

    def quantile(self, u: Floats) -> Floats:
        return self.base.quantile(u) + self.by

    def roughly(self, u: float) -> float:
        return self.base.roughly(u) + self.by

    def reach(self) -> tuple[float, float]:
        low, high = self.base.reach()
        return low + self.by, high + self.by

    def cdf(self, x: Floats) -> Floats:
        return self.base.cdf(x - self.by)

    def sample(self, generator: np.random.Generator, n: int) -> Floats:
        return self.base.sample(generator, n) + self.by

    def mean(self) -> float:
        return self.base.mean() + self.by

    def variance(self) -> float:
        return self.base.variance()

    def support(self) -> tuple[float, float]:
        low, high = self.base.support()
        return low + self.by, high + self.by

    def scaled(self, factor: float) -> Self:
        return replace(self, base=self.base.scaled(factor), by=self.by * factor)
