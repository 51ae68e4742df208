"""Families with parameters: from a constant to a Pareto tail."""
# ruff: noqa: D102, D105  # what the methods of a family return is said once, in Distribution

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Self

from sim.distributions.base import Distribution
from sim.distributions.checks import checked, finite, not_negative, positive, require
from sim.distributions.lazily import np, scipy

if TYPE_CHECKING:
    from sim.distributions.base import Floats


@dataclass(frozen=True, slots=True)
class Constant(Distribution):
    """Always `value`."""

    value: float

    def __post_init__(self) -> None:
        finite(value=self.value)

    def quantile(self, u: Floats) -> Floats:
        return np.full(np.shape(u), self.value, dtype=np.float64)

    def roughly(self, u: float) -> float:
        return self.value

    def cdf(self, x: Floats) -> Floats:
        return (np.asarray(x) >= self.value).astype(np.float64)

    def mean(self) -> float:
        return self.value

    def variance(self) -> float:
        return 0.0

    def support(self) -> tuple[float, float]:
        return self.value, self.value

    def scaled(self, factor: float) -> Self:
        return replace(self, value=self.value * checked(factor))


@dataclass(frozen=True, slots=True)
class Uniform(Distribution):
    """Evenly between `low` and `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        finite(low=self.low, high=self.high)
        require(self.low <= self.high, f"low must not exceed high, but {self.low:g} > {self.high:g}")

    def quantile(self, u: Floats) -> Floats:
        return np.minimum(self.low + (self.high - self.low) * u, self.high)

    def roughly(self, u: float) -> float:
        return min(self.low + (self.high - self.low) * u, self.high)

    def cdf(self, x: Floats) -> Floats:
        if self.low == self.high:
            return Constant(self.low).cdf(x)
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)

    def mean(self) -> float:
        return (self.low + self.high) / 2

    def variance(self) -> float:
        return (self.high - self.low) ** 2 / 12

    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def scaled(self, factor: float) -> Self:
        return replace(self, low=self.low * checked(factor), high=self.high * factor)


@dataclass(frozen=True, slots=True)
class Triangular(Distribution):
    """Between `low` and `high`, most likely `mode`."""

    low: float
    mode: float
    high: float

    def __post_init__(self) -> None:
        finite(low=self.low, mode=self.mode, high=self.high)
        require(
            self.low <= self.mode <= self.high and self.low < self.high,
            f"low <= mode <= high and low < high are needed, not {self.low:g}, {self.mode:g}, {self.high:g}",
        )

    def quantile(self, u: Floats) -> Floats:
        width, left, right = self._widths()
        rising = np.minimum(self.low + np.sqrt(u * width * left), self.mode)
        falling = np.maximum(self.high - np.sqrt((1.0 - u) * width * right), self.mode)
        return np.where(u * width < left, rising, falling)

    def roughly(self, u: float) -> float:
        width, left, right = self._widths()
        if u * width < left:
            return min(self.low + math.sqrt(u * width * left), self.mode)
        return max(self.high - math.sqrt((1.0 - u) * width * right), self.mode)

    def cdf(self, x: Floats) -> Floats:
        width, left, right = self._widths()
        rising = (np.clip(x, self.low, self.mode) - self.low) ** 2 / (width * left or 1.0)
        falling = 1.0 - (self.high - np.clip(x, self.mode, self.high)) ** 2 / (width * right or 1.0)
        return np.where(np.asarray(x) < self.mode, rising, falling)

    def mean(self) -> float:
        return (self.low + self.mode + self.high) / 3

    def variance(self) -> float:
        width, left, right = self._widths()
        return (width**2 + left**2 + right**2) / 36

    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def scaled(self, factor: float) -> Self:
        return replace(self, low=self.low * checked(factor), mode=self.mode * factor, high=self.high * factor)

    def _widths(self) -> tuple[float, float, float]:
        return self.high - self.low, self.mode - self.low, self.high - self.mode


@dataclass(frozen=True, slots=True)
class Normal(Distribution):
    """Gaussian with mean `mu` and standard deviation `sd`."""

    mu: float
    sd: float

    def __post_init__(self) -> None:
        finite(mean=self.mu)
        not_negative(sd=self.sd)

    def quantile(self, u: Floats) -> Floats:
        return self.mu + self.sd * scipy.special.ndtri(u)

    def roughly(self, u: float) -> float:
        return self.mu + self.sd * NormalDist().inv_cdf(u)

    def cdf(self, x: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return scipy.special.ndtr((x - self.mu) / self.sd) if self.sd > 0 else Constant(self.mu).cdf(x)

    def mean(self) -> float:
        return self.mu

    def variance(self) -> float:
        return self.sd**2

    def support(self) -> tuple[float, float]:
        return -math.inf, math.inf

    def scaled(self, factor: float) -> Self:
        return replace(self, mu=self.mu * checked(factor), sd=self.sd * factor)


@dataclass(frozen=True, slots=True)
class Lognormal(Distribution):
    """The logarithm is normal with mean `mu` and standard deviation `sigma`."""

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        finite(mu=self.mu)
        not_negative(sigma=self.sigma)

    def quantile(self, u: Floats) -> Floats:
        return np.exp(self.mu + self.sigma * scipy.special.ndtri(u))

    def roughly(self, u: float) -> float:
        try:
            return math.exp(Normal(self.mu, self.sigma).roughly(u))
        except OverflowError:
            return math.inf

    def cdf(self, x: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return Normal(self.mu, self.sigma).cdf(np.log(np.maximum(x, 0.0)))

    def mean(self) -> float:
        with np.errstate(over="ignore"):
            return float(np.exp(self.mu + self.sigma**2 / 2))

    def variance(self) -> float:
        with np.errstate(over="ignore"):
            return float(np.expm1(self.sigma**2) * np.exp(2 * self.mu + self.sigma**2))

    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def scaled(self, factor: float) -> Self:
        return replace(self, mu=self.mu + math.log(checked(factor)))


@dataclass(frozen=True, slots=True)
class Exponential(Distribution):
    """Without memory, with mean `scale`."""

    scale: float

    def __post_init__(self) -> None:
        positive(mean=self.scale)

    def quantile(self, u: Floats) -> Floats:
        return -self.scale * np.log1p(-u)

    def roughly(self, u: float) -> float:
        return -self.scale * math.log1p(-u)

    def cdf(self, x: Floats) -> Floats:
        return -np.expm1(-np.maximum(x, 0.0) / self.scale)

    def mean(self) -> float:
        return self.scale

    def variance(self) -> float:
        return self.scale**2

    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def scaled(self, factor: float) -> Self:
        return replace(self, scale=self.scale * checked(factor))


@dataclass(frozen=True, slots=True)
class _ShapeScale(Distribution):
    """What the positive families with a shape and a scale have in common."""

    shape: float
    scale: float

    def __post_init__(self) -> None:
        positive(shape=self.shape, scale=self.scale)

    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def scaled(self, factor: float) -> Self:
        return replace(self, scale=self.scale * checked(factor))


@dataclass(frozen=True, slots=True)
class Gamma(_ShapeScale):
    """Density proportional to x^(shape - 1) exp(-x / scale); its coefficient of variation is shape^(-1/2)."""

    def quantile(self, u: Floats) -> Floats:
        return np.asarray(self.scale * scipy.special.gammaincinv(self.shape, u), dtype=np.float64)

    def cdf(self, x: Floats) -> Floats:
        return np.asarray(
            scipy.special.gammainc(self.shape, np.maximum(x, 0.0) / self.scale), dtype=np.float64
        )

    def mean(self) -> float:
        return self.shape * self.scale

    def variance(self) -> float:
        return self.shape * self.scale**2


@dataclass(frozen=True, slots=True)
class Weibull(_ShapeScale):
    """P(X > x) = exp(-(x / scale)^shape): a hazard that falls with age for shapes below 1, else rises."""

    def quantile(self, u: Floats) -> Floats:
        return self.scale * (-np.log1p(-u)) ** (1.0 / self.shape)

    def roughly(self, u: float) -> float:
        try:
            return self.scale * math.pow(-math.log1p(-u), 1.0 / self.shape)
        except OverflowError:
            return math.inf

    def cdf(self, x: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return -np.expm1(-((np.maximum(x, 0.0) / self.scale) ** self.shape))

    def mean(self) -> float:
        return self.scale * float(scipy.special.gamma(1.0 + 1.0 / self.shape))

    def variance(self) -> float:
        mean = self.mean()
        with np.errstate(over="ignore"):
            return mean * mean * float(np.expm1(weibull_log_ratio(self.shape)))


@dataclass(frozen=True, slots=True)
class Lomax(_ShapeScale):
    """A Pareto tail that starts at 0: P(X > x) = (1 + x / scale)^-shape."""

    def quantile(self, u: Floats) -> Floats:
        return self.scale * np.expm1(-np.log1p(-u) / self.shape)

    def roughly(self, u: float) -> float:
        try:
            return self.scale * math.expm1(-math.log1p(-u) / self.shape)
        except OverflowError:
            return math.inf

    def cdf(self, x: Floats) -> Floats:
        return -np.expm1(-self.shape * np.log1p(np.maximum(x, 0.0) / self.scale))

    def mean(self) -> float:
        return self.scale / (self.shape - 1) if self.shape > 1 else math.inf

    def variance(self) -> float:
        return self.mean() ** 2 * self.shape / (self.shape - 2) if self.shape > 2 else math.inf


def weibull_log_ratio(shape: Floats | float) -> Floats:
    """ln(E[X^2] / E[X]^2) = ln(1 + cv^2) of a Weibull; falls with the shape."""
    return np.asarray(
        scipy.special.gammaln(1.0 + 2.0 / shape) - 2.0 * scipy.special.gammaln(1.0 + 1.0 / shape)
    )
