"""Families of random quantities: by their quantile function, from parameters or from what people know.

All are frozen values; parameters and results are in the unit of the quantity. Values are quantiles of uniform
draws, so that equal draws give comparable values whatever the family or its parameters.
"""
# ruff: noqa: D102, D105  # what the methods of a family return is said once, in Distribution

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Part = TypeVar("Part")

LEAST_U = 2.0**-54
"""Stands for the 0 that `Generator.random` can give, the step above which is 2**-53."""

SCORES = np.linspace(-7.0, 7.0, 8193)
"""Normal scores at which `autocorrelated` tabulates quantiles; one in 4 * 10**11 lies beyond."""

PROBES = np.array(
    [[0.0, 0.25], [0.0, 0.5], [0.0, 0.75]]
    + [[1.0, sign * 2.0**power] for power in (-24, -12, -4) for sign in (-1, 1)]
)
"""Where `_least` looks, in widths of its bracket: at `[:, 0] * root + [:, 1]`."""

LEAST_INT = -(1 << 63)

LONGEST_S = 1 << 40
"""35,000 years [s]: a longer duration outlives every scenario, and sums of these still fit 64 bits."""


class Distribution(Protocol):
    """A random quantity X."""

    __slots__ = ()

    def quantile(self, u: Floats) -> Floats:
        """The least x with P(X <= x) >= u, for each u in (0, 1); in the shape of `u`."""

    def cdf(self, x: Floats) -> Floats:
        """P(X <= x), in the shape of `x`."""

    def mean(self) -> float:
        """The expectation; may be infinite."""

    def variance(self) -> float:
        """The variance; may be infinite."""

    def support(self) -> tuple[float, float]:
        """Bounds of X; may be infinite."""

    def scaled(self, factor: float) -> "Distribution":
        """`factor` times X. Raises ValueError unless the factor is above 0."""

    def quantile_at(self, u: float) -> float:
        """`quantile` of one number, the same bits."""
        return float(self.quantile(np.array([u]))[0])

    def sample(self, generator: np.random.Generator, n: int) -> Floats:
        """`n` independent values, shape [n]; the first k are the same for every n >= k."""
        return self.quantile(_open_uniforms(generator, n))


@dataclass(frozen=True, slots=True)
class Constant(Distribution):
    """Always `value`."""

    value: float

    def __post_init__(self) -> None:
        _finite(value=self.value)

    def quantile(self, u: Floats) -> Floats:
        return np.full(np.shape(u), self.value, dtype=np.float64)

    def cdf(self, x: Floats) -> Floats:
        return (np.asarray(x) >= self.value).astype(np.float64)

    def mean(self) -> float:
        return self.value

    def variance(self) -> float:
        return 0.0

    def support(self) -> tuple[float, float]:
        return self.value, self.value

    def scaled(self, factor: float) -> Self:
        return replace(self, value=self.value * _factor(factor))


@dataclass(frozen=True, slots=True)
class Uniform(Distribution):
    """Evenly between `low` and `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _finite(low=self.low, high=self.high)
        _require(self.low <= self.high, f"low must not exceed high, but {self.low:g} > {self.high:g}")

    def quantile(self, u: Floats) -> Floats:
        return np.minimum(self.low + (self.high - self.low) * u, self.high)

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
        return replace(self, low=self.low * _factor(factor), high=self.high * factor)


@dataclass(frozen=True, slots=True)
class Triangular(Distribution):
    """Between `low` and `high`, most likely `mode`."""

    low: float
    mode: float
    high: float

    def __post_init__(self) -> None:
        _finite(low=self.low, mode=self.mode, high=self.high)
        _require(
            self.low <= self.mode <= self.high and self.low < self.high,
            f"low <= mode <= high and low < high are needed, not {self.low:g}, {self.mode:g}, {self.high:g}",
        )

    def quantile(self, u: Floats) -> Floats:
        width, left, right = self._widths()
        rising = np.minimum(self.low + np.sqrt(u * width * left), self.mode)
        falling = np.maximum(self.high - np.sqrt((1.0 - u) * width * right), self.mode)
        return np.where(u * width < left, rising, falling)

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
        return replace(self, low=self.low * _factor(factor), mode=self.mode * factor, high=self.high * factor)

    def _widths(self) -> tuple[float, float, float]:
        return self.high - self.low, self.mode - self.low, self.high - self.mode


@dataclass(frozen=True, slots=True)
class Normal(Distribution):
    """Gaussian with mean `mu` and standard deviation `sd`."""

    mu: float
    sd: float

    def __post_init__(self) -> None:
        _finite(mean=self.mu)
        _not_negative(sd=self.sd)

    def quantile(self, u: Floats) -> Floats:
        return self.mu + self.sd * special.ndtri(u)

    @np.errstate(over="ignore")
    def cdf(self, x: Floats) -> Floats:
        return special.ndtr((x - self.mu) / self.sd) if self.sd > 0 else Constant(self.mu).cdf(x)

    def mean(self) -> float:
        return self.mu

    def variance(self) -> float:
        return self.sd**2

    def support(self) -> tuple[float, float]:
        return -math.inf, math.inf

    def scaled(self, factor: float) -> Self:
        return replace(self, mu=self.mu * _factor(factor), sd=self.sd * factor)


@dataclass(frozen=True, slots=True)
class Lognormal(Distribution):
    """The logarithm is normal with mean `mu` and standard deviation `sigma`."""

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        _finite(mu=self.mu)
        _not_negative(sigma=self.sigma)

    def quantile(self, u: Floats) -> Floats:
        return np.exp(self.mu + self.sigma * special.ndtri(u))

    def cdf(self, x: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return Normal(self.mu, self.sigma).cdf(np.log(np.maximum(x, 0.0)))

    @np.errstate(over="ignore")
    def mean(self) -> float:
        return float(np.exp(self.mu + self.sigma**2 / 2))

    @np.errstate(over="ignore")
    def variance(self) -> float:
        return float(np.expm1(self.sigma**2) * np.exp(2 * self.mu + self.sigma**2))

    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def scaled(self, factor: float) -> Self:
        return replace(self, mu=self.mu + math.log(_factor(factor)))


@dataclass(frozen=True, slots=True)
class Exponential(Distribution):
    """Without memory, with mean `scale`."""

    scale: float

    def __post_init__(self) -> None:
        _positive(mean=self.scale)

    def quantile(self, u: Floats) -> Floats:
        return -self.scale * np.log1p(-u)

    def cdf(self, x: Floats) -> Floats:
        return -np.expm1(-np.maximum(x, 0.0) / self.scale)

    def mean(self) -> float:
        return self.scale

    def variance(self) -> float:
        return self.scale**2

    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def scaled(self, factor: float) -> Self:
        return replace(self, scale=self.scale * _factor(factor))


@dataclass(frozen=True, slots=True)
class _ShapeScale(Distribution):
    """What the positive families with a shape and a scale have in common."""

    shape: float
    scale: float

    def __post_init__(self) -> None:
        _positive(shape=self.shape, scale=self.scale)

    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def scaled(self, factor: float) -> Self:
        return replace(self, scale=self.scale * _factor(factor))


@dataclass(frozen=True, slots=True)
class Gamma(_ShapeScale):
    """Density proportional to x^(shape - 1) exp(-x / scale); its coefficient of variation is shape^(-1/2)."""

    def quantile(self, u: Floats) -> Floats:
        return np.asarray(self.scale * special.gammaincinv(self.shape, u), dtype=np.float64)

    def cdf(self, x: Floats) -> Floats:
        return np.asarray(special.gammainc(self.shape, np.maximum(x, 0.0) / self.scale), dtype=np.float64)

    def mean(self) -> float:
        return self.shape * self.scale

    def variance(self) -> float:
        return self.shape * self.scale**2


@dataclass(frozen=True, slots=True)
class Weibull(_ShapeScale):
    """P(X > x) = exp(-(x / scale)^shape): a hazard that falls with age for shapes below 1, else rises."""

    def quantile(self, u: Floats) -> Floats:
        return self.scale * (-np.log1p(-u)) ** (1.0 / self.shape)

    @np.errstate(over="ignore")
    def cdf(self, x: Floats) -> Floats:
        return -np.expm1(-((np.maximum(x, 0.0) / self.scale) ** self.shape))

    def mean(self) -> float:
        return self.scale * float(special.gamma(1.0 + 1.0 / self.shape))

    @np.errstate(over="ignore")
    def variance(self) -> float:
        mean = self.mean()
        return mean * mean * float(np.expm1(_weibull_log_ratio(self.shape)))


@dataclass(frozen=True, slots=True)
class Lomax(_ShapeScale):
    """A Pareto tail that starts at 0: P(X > x) = (1 + x / scale)^-shape."""

    def quantile(self, u: Floats) -> Floats:
        return self.scale * np.expm1(-np.log1p(-u) / self.shape)

    def cdf(self, x: Floats) -> Floats:
        return -np.expm1(-self.shape * np.log1p(np.maximum(x, 0.0) / self.scale))

    def mean(self) -> float:
        return self.scale / (self.shape - 1) if self.shape > 1 else math.inf

    def variance(self) -> float:
        return self.mean() ** 2 * self.shape / (self.shape - 2) if self.shape > 2 else math.inf


@dataclass(frozen=True, slots=True)
class Choice(Distribution):
    """One of `values`, with probabilities `weights`; kept in ascending order, without the impossible ones."""

    values: tuple[float, ...]
    weights: tuple[float, ...]
    _points: Floats = field(init=False, repr=False, compare=False)
    _levels: Floats = field(init=False, repr=False, compare=False)
    """P(X <= point), with a leading 0."""

    def __post_init__(self) -> None:
        _finite(**{f"value {n}": value for n, value in enumerate(self.values)})
        _require(len(set(self.values)) == len(self.values), "each value must be given once")
        possible = sorted(_weighted(self.values, self.weights))
        object.__setattr__(self, "values", tuple(value for value, _ in possible))
        object.__setattr__(self, "weights", tuple(weight for _, weight in possible))
        object.__setattr__(self, "_points", np.array(self.values, dtype=np.float64))
        object.__setattr__(self, "_levels", _cumulative(self.weights))

    def quantile(self, u: Floats) -> Floats:
        return self._points[np.searchsorted(self._levels[1:], u, side="left")]

    def cdf(self, x: Floats) -> Floats:
        return self._levels[np.searchsorted(self._points, x, side="right")]

    def mean(self) -> float:
        return math.fsum(v * w for v, w in zip(self.values, self.weights, strict=True))

    def variance(self) -> float:
        mean = self.mean()
        return math.fsum((v - mean) ** 2 * w for v, w in zip(self.values, self.weights, strict=True))

    def support(self) -> tuple[float, float]:
        return self.values[0], self.values[-1]

    def scaled(self, factor: float) -> Self:
        return replace(self, values=tuple(value * _factor(factor) for value in self.values))


@dataclass(frozen=True, slots=True)
class Quantiles(Distribution):
    """A table: `values[k]` is the quantile at `probabilities[k]`; linear between them, flat beyond."""

    probabilities: tuple[float, ...]
    values: tuple[float, ...]
    _levels: Floats = field(init=False, repr=False, compare=False)
    _points: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        p, v = self.probabilities, self.values
        _require(len(p) == len(v) > 0, "as many probabilities as values, and at least one, are needed")
        _finite(**{f"value {n}": value for n, value in enumerate(v)})
        _require(all(0 <= level <= 1 for level in p), f"probabilities must lie between 0 and 1, not {p}")
        _require(all(a < b for a, b in pairwise(p)), f"probabilities must rise, unlike {p}")
        _require(
            all(a <= b for a, b in pairwise(v)), f"values must not fall with the probability, unlike {v}"
        )
        object.__setattr__(self, "_levels", np.array((0.0, *p, 1.0)))
        object.__setattr__(self, "_points", np.array((v[0], *v, v[-1]), dtype=np.float64))

    def quantile(self, u: Floats) -> Floats:
        left = np.minimum(np.searchsorted(self._levels, u, side="right"), len(self._levels) - 1) - 1
        return _between(u, left, self._levels, self._points)

    def cdf(self, x: Floats) -> Floats:
        points, inside = self._points, np.clip(x, self._points[0], self._points[-1])
        left = np.minimum(np.searchsorted(points, inside, side="right"), len(points) - 1) - 1
        within = np.where(inside < points[-1], _between(inside, left, points, self._levels), 1.0)
        return np.where(np.asarray(x) < points[0], 0.0, within)

    def mean(self) -> float:
        return float(np.trapezoid(self._points, self._levels))

    def variance(self) -> float:
        a, b = self._points[:-1] - self.mean(), self._points[1:] - self.mean()
        return math.fsum(np.diff(self._levels) * (a * a + a * b + b * b) / 3)

    def support(self) -> tuple[float, float]:
        return self.values[0], self.values[-1]

    def scaled(self, factor: float) -> Self:
        return replace(self, values=tuple(value * _factor(factor) for value in self.values))


@dataclass(frozen=True, slots=True)
class Mixture(Distribution):
    """One of `components`, with probabilities `weights`; kept without the impossible ones."""

    components: tuple[Distribution, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        possible = _weighted(self.components, self.weights)
        object.__setattr__(self, "components", tuple(component for component, _ in possible))
        object.__setattr__(self, "weights", tuple(weight for _, weight in possible))

    def quantile(self, u: Floats) -> Floats:
        own = [component.quantile(u) for component in self.components]
        return _least(lambda x: self.cdf(x) - u, np.min(own, axis=0), np.max(own, axis=0))

    def cdf(self, x: Floats) -> Floats:
        parts = zip(self.components, self.weights, strict=True)
        return sum((weight * component.cdf(x) for component, weight in parts), np.zeros(np.shape(x)))

    def sample(self, generator: np.random.Generator, n: int) -> Floats:
        # The component in whose share u lies, at what is left of u within it: the same law, and no search.
        u, values = _open_uniforms(generator, n), np.empty(n)
        ends = _cumulative(self.weights)
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
        _require(self.low <= self.high, f"low must not exceed high, not {self.low:g} and {self.high:g}")
        below, upto = self.base.cdf(np.array([np.nextafter(self.low, -np.inf), self.high])).tolist()
        _require(
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
        share, rest = special.expit(np.pi * np.sinh(t)), special.expit(-np.pi * np.sinh(t))
        values = self.base.quantile(np.clip(start + length * share, 5e-324, 1.0 - 2.0**-53)) - centre
        return float(np.sum(values**power * share * rest * np.cosh(t)) * np.pi * step * length)


@dataclass(frozen=True, slots=True)
class Shifted(Distribution):
    """`base` plus the constant `by`."""

    base: Distribution
    by: float

    def __post_init__(self) -> None:
        _finite(by=self.by)

    def quantile(self, u: Floats) -> Floats:
        return self.base.quantile(u) + self.by

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


def hyperexponential(means: Sequence[float], weights: Sequence[float]) -> Mixture:
    """A mixture of exponentials: short or long, without memory in between."""
    return Mixture(tuple(Exponential(mean) for mean in means), tuple(weights))


def normal_from_quantiles(quantiles: Mapping[float, float]) -> Normal:
    """The normal with these two quantiles (probability -> value)."""
    (p, x), (q, y) = _rising(quantiles, 2)
    z, w = special.ndtri([p, q]).tolist()
    sd = (y - x) / (w - z)
    return Normal(x - sd * z, sd)


def lognormal_from_quantiles(quantiles: Mapping[float, float]) -> Lognormal | Shifted:
    """The lognormal with these two quantiles (probability -> value), or the shifted one with these three.

    The shift may be negative. Three quantiles that a plain lognormal has give that one.
    """
    if len(quantiles) == 3:
        return _shifted_lognormal(*_rising(quantiles, 3))
    (p, x), (q, y) = _rising(quantiles, 2, positive=True)
    logs = normal_from_quantiles({p: math.log(x), q: math.log(y)})
    return Lognormal(logs.mu, logs.sd)


def lognormal_from_median_sigma(median: float, sigma: float) -> Lognormal:
    """The lognormal with this median, and this standard deviation of its logarithm."""
    _positive(median=median)
    return Lognormal(math.log(median), sigma)


def lognormal_from_mean_cv(mean: float, cv: float) -> Lognormal:
    """The lognormal with this mean and coefficient of variation."""
    _positive(mean=mean)
    _not_negative(cv=cv)
    variance = math.log1p(cv * cv)
    return Lognormal(math.log(mean) - variance / 2, math.sqrt(variance))


def gamma_from_quantiles(quantiles: Mapping[float, float]) -> Gamma:
    """The gamma with these two quantiles (probability -> value); shapes from 0.05 to 10**6 are found."""
    (p, x), (q, y) = _rising(quantiles, 2, positive=True)
    shape = _solve(
        lambda k: np.log(special.gammaincinv(k, q) / special.gammaincinv(k, p)),
        math.log(y / x), 0.05, 1e6,
        f"the quantiles {x:g} and {y:g} are too far apart or too close together for a gamma",
    )  # fmt: skip
    return Gamma(shape, y / float(special.gammaincinv(shape, q)))


def gamma_from_mean_cv(mean: float, cv: float) -> Gamma:
    """The gamma with this mean and coefficient of variation."""
    _positive(mean=mean, cv=cv)
    return Gamma(1.0 / (cv * cv), mean * cv * cv)


def weibull_from_quantiles(quantiles: Mapping[float, float]) -> Weibull:
    """The Weibull with these two quantiles (probability -> value)."""
    (p, x), (q, y) = _rising(quantiles, 2, positive=True)
    a, b = math.log(-math.log1p(-p)), math.log(-math.log1p(-q))
    shape = (b - a) / math.log(y / x)
    return Weibull(shape, x / math.exp(a / shape))


def weibull_from_mean_cv(mean: float, cv: float) -> Weibull:
    """The Weibull with this mean and coefficient of variation, from 0.001 to 100,000."""
    _positive(mean=mean, cv=cv)
    impossible = f"the cv of a Weibull must lie between 0.001 and 100,000, not be {cv:g}"
    shape = _solve(_weibull_log_ratio, math.log1p(cv * cv), 0.05, 2000.0, impossible)
    return Weibull(shape, mean / float(special.gamma(1.0 + 1.0 / shape)))


def lomax_from_quantiles(quantiles: Mapping[float, float]) -> Lomax:
    """The Lomax with these two quantiles (probability -> value); shapes from 0.1 to 10**6 are found."""
    (p, x), (q, y) = _rising(quantiles, 2, positive=True)
    a, b = -math.log1p(-p), -math.log1p(-q)
    shape = _solve(
        lambda k: _log_expm1(b / k) - _log_expm1(a / k),
        math.log(y / x), 0.1, 1e6,
        f"the quantiles {x:g} and {y:g} are too far apart or too close together for a Pareto tail, "
        f"which is heavier than an exponential's: the ratio is {y / x:.4g}, an exponential's {b / a:.4g}",
    )  # fmt: skip
    return Lomax(shape, x / math.expm1(a / shape))


def autocorrelated(generator: np.random.Generator, n: int, correlation: float, base: Distribution) -> Floats:
    """A stationary series with marginals `base` and a memory, shape [n].

    An AR(1) series of normal scores with lag-1 correlation `correlation`, cut at +-7 and mapped to the
    quantiles of `base` (a Gaussian copula). A long series reads them from a table over the scores, linear in
    their logarithm, where that is right to 1e-4 (relative); else (steps, values around 0) each is worked out.
    Raises ValueError unless |correlation| < 1.
    """
    from scipy.signal import lfilter

    _require(abs(correlation) < 1, f"the correlation must lie between -1 and 1, not {correlation:g}")
    shocks = generator.standard_normal(n)
    shocks[1:] *= math.sqrt(1.0 - correlation * correlation)
    scores = np.clip(lfilter([1.0], [1.0, -correlation], shocks), SCORES[0], SCORES[-1])
    if n > 2 * len(SCORES):
        table = base.quantile(special.ndtr(SCORES))
        if table[0] > 0.0:
            logs = np.log(table)
            # Half the entries test the lines between the others; a kink is at worst twice as far from those
            # between all, a smooth curve a quarter.
            if np.all(np.abs(logs[1::2] - (logs[:-1:2] + logs[2::2]) / 2) < 5e-5):
                return np.exp(np.interp(scores, SCORES, logs))
    return base.quantile(special.ndtr(scores))


def whole_seconds(values: Floats) -> Ints:
    """Durations [s] rounded up to whole seconds, 1 at least and `LONGEST_S` at most.

    Raises ValueError naming the first that is not finite and >= 0.
    """
    values = np.asarray(values)
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(f"a duration is finite and at least 0 s, but value {first} is {values.flat[first]}")
    return np.clip(np.ceil(values), 1, LONGEST_S).astype(np.int64)


def _shifted_lognormal(*three: tuple[float, float]) -> Lognormal | Shifted:
    """The lognormal plus a constant with these three quantiles, in rising order.

    With z the normal scores of the levels, the ratio of the upper to the lower gap between the values is
    expm1(sigma (z3 - z2)) / -expm1(-sigma (z2 - z1)): it rises with sigma from that of the normal.
    """
    (p, x), (q, y), (r, t) = three
    scores = special.ndtri([p, q, r]).tolist()
    lower, upper = scores[1] - scores[0], scores[2] - scores[1]
    sigma = 1.0 / _solve(
        lambda k: _log_expm1(upper / k) - np.log(-np.expm1(-lower / k)),
        math.log((t - y) / (y - x)), 1e-3, 1e6,
        "three quantiles of a lognormal lean to the right: "
        f"(highest - middle) / (middle - lowest) must exceed {upper / lower:.4g}, "
        f"not be {(t - y) / (y - x):.4g}",
    )  # fmt: skip
    spread = (y - x) / -math.expm1(-sigma * lower)
    base, shift = Lognormal(math.log(spread) - sigma * scores[1], sigma), y - spread
    return Shifted(base, shift) if abs(shift) > 1e-9 * spread else base


def _solve(
    falling: Callable[[Floats], Floats], target: float, low: float, high: float, impossible: str
) -> float:
    """Where in [low, high] a falling function reaches `target`; ValueError(impossible) if nowhere."""
    ends = falling(np.array([low, high]))
    _require(bool(ends[1] <= target <= ends[0]), impossible)
    return float(_least(lambda x: target - falling(x), np.array([low]), np.array([high]))[0])


def _least(gap: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """The least float in [low, high] where the rising function `gap` is >= 0, to the last bit; else `high`.

    A search over the floats as ordered integers. Each round probes the quarters of the bracket, so that some
    32 rounds are the most, and both sides of the root of the straight line between its ends: about 7 rounds
    for smooth functions. Each element is searched for by itself: it does not matter which others there are.
    """
    under, upto = _ordered(low) - 1, _ordered(high)
    below, above = gap(low), gap(high)
    by_root, fixed = (column.reshape(-1, *(1 for _ in np.shape(low))) for column in PROBES.T)
    for _ in range(64):
        width = (upto - under).view(np.uint64)
        if np.all(width <= 1):
            break
        room = width.astype(np.float64)
        root = below / np.where(below < above, below - above, -np.inf)
        steps = np.minimum(np.maximum((by_root * root + fixed) * room, 1.0), np.maximum(room - 1.0, 0.0))
        probes = under + steps.astype(np.uint64).view(np.int64)
        gaps = gap(_ordered(probes).view(np.float64))
        holds = (gaps >= 0.0) & (probes > under)
        upto, above = np.where(holds, probes, upto).min(axis=0), np.where(holds, gaps, above).min(axis=0)
        short = (gaps < 0.0) & (probes < upto)
        under, below = np.where(short, probes, under).max(axis=0), np.where(short, gaps, below).max(axis=0)
    return _ordered(upto).view(np.float64)


def _ordered(numbers: Floats | Ints) -> Ints:
    """The bits of floats as integers in the order of the floats; its own inverse."""
    bits = np.asarray(numbers).view(np.int64)
    return np.where(bits >= 0, bits, LEAST_INT - bits)


def _between(at: Floats, left: Ints, xs: Floats, ys: Floats) -> Floats:
    """Straight lines from knot `left` to the next, never beyond it by rounding."""
    width = xs[left + 1] - xs[left]
    share = (at - xs[left]) / np.where(width > 0.0, width, 1.0)
    return np.minimum(ys[left] + share * (ys[left + 1] - ys[left]), ys[left + 1])


def _weibull_log_ratio(shape: Floats | float) -> Floats:
    """ln(E[X^2] / E[X]^2) = ln(1 + cv^2) of a Weibull; falls with the shape."""
    return np.asarray(special.gammaln(1.0 + 2.0 / shape) - 2.0 * special.gammaln(1.0 + 1.0 / shape))


def _log_expm1(x: Floats) -> Floats:
    """ln(e^x - 1) for x > 0, without overflow."""
    return x + np.log(-np.expm1(-x))


def _open_uniforms(generator: np.random.Generator, n: int) -> Floats:
    return np.maximum(generator.random(n), LEAST_U)


def _rising(
    quantiles: Mapping[float, float], count: int, positive: bool = False
) -> list[tuple[float, float]]:
    """The (probability, value) pairs in order; ValueError when they cannot be quantiles."""
    pairs = sorted(quantiles.items())
    _require(len(pairs) == count, f"{count} quantiles are needed, not {len(pairs)}")
    _require(
        all(0 < p < 1 for p, _ in pairs), f"probabilities must lie between 0 and 1, not {list(quantiles)}"
    )
    for p, x in pairs:
        _finite(**{f"the {p:.4g} quantile": x})
        _require(x > 0 or not positive, f"quantiles must be above 0, not {x:g}")
    for (p, x), (q, y) in pairwise(pairs):
        _require(x < y, f"the {q:.4g} quantile must exceed the {p:.4g} quantile, but {y:g} <= {x:g}")
    return pairs


def _weighted(parts: Sequence[Part], weights: Sequence[float]) -> list[tuple[Part, float]]:
    """The possible parts with their weights, which sum to 1."""
    _require(len(parts) == len(weights) > 0, "one probability for each, and at least one, are needed")
    _require(all(weight >= 0 for weight in weights), "probabilities must not be negative")
    total = math.fsum(weights)
    _require(abs(total - 1) <= 1e-6, f"the probabilities must sum to 100%, not {100 * total:.6g}%")
    return [(part, weight / total) for part, weight in zip(parts, weights, strict=True) if weight > 0]


def _cumulative(weights: Sequence[float]) -> Floats:
    """From 0 to 1 exactly, one longer than `weights`."""
    return np.append(np.minimum(np.cumsum((0.0, *weights))[:-1], 1.0), 1.0)


def _factor(factor: float) -> float:
    _positive(factor=factor)
    return factor


def _positive(**numbers: float) -> None:
    for name, number in numbers.items():
        _require(0 < number < math.inf, f"{name} must be a finite number above 0, not {number:g}")


def _not_negative(**numbers: float) -> None:
    for name, number in numbers.items():
        _require(0 <= number < math.inf, f"{name} must be a finite number of at least 0, not {number:g}")


def _finite(**numbers: float) -> None:
    for name, number in numbers.items():
        _require(math.isfinite(number), f"{name} must be a finite number, not {number:g}")


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
