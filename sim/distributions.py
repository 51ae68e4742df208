"""Families of random quantities, by their quantile functions.

Each is a frozen value with `quantile` (inverse CDF, vectorised), `mean`, `variance`, `support` and `scaled`. Samples are
quantiles of uniform draws, so that equal draws give comparable values whatever the family.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
NORMAL_GRID = np.linspace(-8.0, 8.0, 8193)


class Distribution(Protocol):
    """A random quantity."""

    def quantile(self, u: Floats) -> Floats:
        """Values below which a share `u` in (0, 1) lies, shape as `u`."""
        ...

    def quantile_at(self, u: float) -> float:
        """`quantile` of one number, the same bits."""
        ...

    def sample(self, generator: np.random.Generator, n: int) -> Floats:
        """`n` independent values."""
        ...

    def mean(self) -> float:
        """Expectation; may be infinite."""
        ...

    def variance(self) -> float:
        """Variance; may be infinite."""
        ...

    def support(self) -> tuple[float, float]:
        """Least and greatest value; may be infinite."""
        ...

    def scaled(self, factor: float) -> "Distribution":
        """The quantity multiplied by `factor` > 0."""
        ...


class _ByQuantile:
    """What all families share: a single quantile and a sample are computed by `quantile`."""

    __slots__ = ()

    def quantile(self, u: Floats) -> Floats:
        raise NotImplementedError

    def quantile_at(self, u: float) -> float:
        """`quantile` of one number, the same bits."""
        return float(self.quantile(np.array([u]))[0])

    def sample(self, generator: np.random.Generator, n: int) -> Floats:
        """`n` independent values."""
        # random() can be 0, where quantiles of unbounded families are infinite: half a step away from both ends.
        return self.quantile((np.floor(generator.random(n) * 2.0**52) + 0.5) * 2.0**-52)


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _positive(name: str, **values: float) -> None:
    for key, value in values.items():
        _check(math.isfinite(value) and value > 0, f"{name}: {key} must be above 0, not {value:g}")


@dataclass(frozen=True, slots=True)
class Constant(_ByQuantile):
    """Always `value`."""

    value: float

    def __post_init__(self) -> None:
        _check(math.isfinite(self.value), "a constant must be finite")

    def quantile(self, u: Floats) -> Floats:
        """`value` everywhere."""
        return np.full(np.shape(u), self.value)

    def mean(self) -> float:
        """The value."""
        return self.value

    def variance(self) -> float:
        """Zero."""
        return 0.0

    def support(self) -> tuple[float, float]:
        """The value twice."""
        return self.value, self.value

    def scaled(self, factor: float) -> Self:
        """`factor` times the value."""
        return replace(self, value=self.value * factor)


@dataclass(frozen=True, slots=True)
class Uniform(_ByQuantile):
    """Evenly between `low` and `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check(self.low <= self.high, f"uniform: low must not exceed high, {self.low:g} > {self.high:g}")

    def quantile(self, u: Floats) -> Floats:
        """Linear in u."""
        return self.low + (self.high - self.low) * u

    def mean(self) -> float:
        """The middle."""
        return (self.low + self.high) / 2

    def variance(self) -> float:
        """(high - low)^2 / 12."""
        return (self.high - self.low) ** 2 / 12

    def support(self) -> tuple[float, float]:
        """Low and high."""
        return self.low, self.high

    def scaled(self, factor: float) -> Self:
        """Both ends multiplied."""
        return replace(self, low=self.low * factor, high=self.high * factor)


@dataclass(frozen=True, slots=True)
class Triangular(_ByQuantile):
    """Between `low` and `high`, most likely `mode`."""

    low: float
    mode: float
    high: float

    def __post_init__(self) -> None:
        _check(
            self.low <= self.mode <= self.high and self.low < self.high,
            f"triangular: low <= mode <= high needed, not {self.low:g}, {self.mode:g}, {self.high:g}",
        )

    def quantile(self, u: Floats) -> Floats:
        """Square roots on both sides of the mode."""
        width = self.high - self.low
        turn = (self.mode - self.low) / width
        rising = self.low + np.sqrt(u * width * (self.mode - self.low))
        falling = self.high - np.sqrt((1 - u) * width * (self.high - self.mode))
        return np.where(u < turn, rising, falling)

    def mean(self) -> float:
        """(low + mode + high) / 3."""
        return (self.low + self.mode + self.high) / 3

    def variance(self) -> float:
        """Of the three corners, / 18."""
        a, c, b = self.low, self.mode, self.high
        return (a * a + b * b + c * c - a * b - a * c - b * c) / 18

    def support(self) -> tuple[float, float]:
        """Low and high."""
        return self.low, self.high

    def scaled(self, factor: float) -> Self:
        """All three multiplied."""
        return replace(self, low=self.low * factor, mode=self.mode * factor, high=self.high * factor)


@dataclass(frozen=True, slots=True)
class Normal(_ByQuantile):
    """Gaussian."""

    mu: float
    sd: float

    def __post_init__(self) -> None:
        _check(math.isfinite(self.mu), "normal: the mean must be finite")
        _check(math.isfinite(self.sd) and self.sd >= 0, f"normal: sd must be 0 or more, not {self.sd:g}")

    def quantile(self, u: Floats) -> Floats:
        """mu + sd z(u)."""
        return self.mu + self.sd * special.ndtri(u)

    def mean(self) -> float:
        """Mu."""
        return self.mu

    def variance(self) -> float:
        """sd^2."""
        return self.sd**2

    def support(self) -> tuple[float, float]:
        """The whole line."""
        return -math.inf, math.inf

    def scaled(self, factor: float) -> Self:
        """Both multiplied."""
        return replace(self, mu=self.mu * factor, sd=self.sd * factor)


@dataclass(frozen=True, slots=True)
class Lognormal(_ByQuantile):
    """exp of a normal with mean `mu` and standard deviation `sigma`, plus `shift`."""

    mu: float
    sigma: float
    shift: float = 0.0

    def __post_init__(self) -> None:
        _check(math.isfinite(self.mu) and math.isfinite(self.shift), "lognormal: finite parameters needed")
        _check(math.isfinite(self.sigma) and self.sigma >= 0, f"lognormal: sigma must be 0 or more, not {self.sigma:g}")

    def quantile(self, u: Floats) -> Floats:
        """shift + exp(mu + sigma z(u))."""
        return self.shift + np.exp(self.mu + self.sigma * special.ndtri(u))

    def mean(self) -> float:
        """shift + exp(mu + sigma^2 / 2)."""
        return self.shift + math.exp(self.mu + self.sigma**2 / 2)

    def variance(self) -> float:
        """(exp(sigma^2) - 1) exp(2 mu + sigma^2)."""
        return math.expm1(self.sigma**2) * math.exp(2 * self.mu + self.sigma**2)

    def support(self) -> tuple[float, float]:
        """Shift to infinity."""
        return self.shift, math.inf

    def scaled(self, factor: float) -> Self:
        """Mu moves by the logarithm of the factor."""
        return replace(self, mu=self.mu + math.log(factor), shift=self.shift * factor)


@dataclass(frozen=True, slots=True)
class Gamma(_ByQuantile):
    """Gamma with mean shape x scale; an exponential for shape 1."""

    shape: float
    scale: float

    def __post_init__(self) -> None:
        _positive("gamma", shape=self.shape, scale=self.scale)

    def quantile(self, u: Floats) -> Floats:
        """Inverse of the regularised incomplete gamma function."""
        return self.scale * special.gammaincinv(self.shape, u)

    def mean(self) -> float:
        """Shape x scale."""
        return self.shape * self.scale

    def variance(self) -> float:
        """Shape x scale^2."""
        return self.shape * self.scale**2

    def support(self) -> tuple[float, float]:
        """0 to infinity."""
        return 0.0, math.inf

    def scaled(self, factor: float) -> Self:
        """The scale multiplied."""
        return replace(self, scale=self.scale * factor)


@dataclass(frozen=True, slots=True)
class Weibull(_ByQuantile):
    """Weibull; heavy-tailed for shapes below 1, exponential for 1."""

    shape: float
    scale: float

    def __post_init__(self) -> None:
        _positive("weibull", shape=self.shape, scale=self.scale)

    def quantile(self, u: Floats) -> Floats:
        """scale (-ln(1 - u))^(1 / shape)."""
        return self.scale * (-np.log1p(-u)) ** (1 / self.shape)

    def mean(self) -> float:
        """scale Gamma(1 + 1 / shape)."""
        return self.scale * float(special.gamma(1 + 1 / self.shape))

    def variance(self) -> float:
        """From the first two moments."""
        second = self.scale**2 * float(special.gamma(1 + 2 / self.shape))
        return second - self.mean() ** 2

    def support(self) -> tuple[float, float]:
        """0 to infinity."""
        return 0.0, math.inf

    def scaled(self, factor: float) -> Self:
        """The scale multiplied."""
        return replace(self, scale=self.scale * factor)


def Exponential(mean: float) -> Weibull:  # noqa: N802  # named like the family that it gives
    """Memoryless with this mean."""
    return Weibull(1.0, mean)


@dataclass(frozen=True, slots=True)
class Lomax(_ByQuantile):
    """Pareto from 0 on: P(X > x) = (1 + x / scale)^-shape; the mean is infinite for shapes up to 1."""

    shape: float
    scale: float

    def __post_init__(self) -> None:
        _positive("pareto", shape=self.shape, scale=self.scale)

    def quantile(self, u: Floats) -> Floats:
        """scale ((1 - u)^(-1 / shape) - 1)."""
        return self.scale * np.expm1(-np.log1p(-u) / self.shape)

    def mean(self) -> float:
        """scale / (shape - 1)."""
        return self.scale / (self.shape - 1) if self.shape > 1 else math.inf

    def variance(self) -> float:
        """Infinite for shapes up to 2."""
        if self.shape <= 2:
            return math.inf
        return self.scale**2 * self.shape / ((self.shape - 1) ** 2 * (self.shape - 2))

    def support(self) -> tuple[float, float]:
        """0 to infinity."""
        return 0.0, math.inf

    def scaled(self, factor: float) -> Self:
        """The scale multiplied."""
        return replace(self, scale=self.scale * factor)


def _weights(name: str, weights: tuple[float, ...], count: int) -> None:
    _check(count > 0 and len(weights) == count, f"{name}: one probability for each value needed")
    _check(all(w >= 0 for w in weights), f"{name}: probabilities must not be negative")
    _check(abs(sum(weights) - 1) < 1e-6, f"{name}: probabilities must sum to 100%, not {sum(weights) * 100:g}%")


@dataclass(frozen=True, slots=True)
class Choice(_ByQuantile):
    """One of `values`, with probabilities `weights`."""

    values: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        _weights("choice", self.weights, len(self.values))
        _check(len(set(self.values)) == len(self.values), "choice: each value once")

    def quantile(self, u: Floats) -> Floats:
        """The value, in ascending order, in whose share of probability u lies."""
        order = np.argsort(self.values)
        upper = np.cumsum(np.array(self.weights)[order])
        return np.array(self.values)[order][np.minimum(np.searchsorted(upper, u, side="right"), len(order) - 1)]

    def mean(self) -> float:
        """Weighted mean."""
        return math.fsum(v * w for v, w in zip(self.values, self.weights, strict=True))

    def variance(self) -> float:
        """Weighted."""
        mean = self.mean()
        return math.fsum((v - mean) ** 2 * w for v, w in zip(self.values, self.weights, strict=True))

    def support(self) -> tuple[float, float]:
        """Least and greatest possible value."""
        possible = [v for v, w in zip(self.values, self.weights, strict=True) if w > 0]
        return min(possible), max(possible)

    def scaled(self, factor: float) -> Self:
        """All values multiplied."""
        return replace(self, values=tuple(v * factor for v in self.values))


@dataclass(frozen=True, slots=True)
class Quantiles(_ByQuantile):
    """A table of quantiles with straight lines between: `values[k]` at `probabilities[k]`, flat beyond the ends."""

    probabilities: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.probabilities, self.probabilities[1:], strict=False))
        _check(rising and 0 <= self.probabilities[0] and self.probabilities[-1] <= 1, "quantiles: rising probabilities needed")
        _check(all(a <= b for a, b in zip(self.values, self.values[1:], strict=False)), "quantiles: rising values needed")

    def quantile(self, u: Floats) -> Floats:
        """Linear interpolation."""
        return np.interp(u, self.probabilities, self.values)

    def _knots(self) -> tuple[Floats, Floats]:
        p, v = np.array(self.probabilities), np.array(self.values)
        return np.concatenate(([0.0], p, [1.0])), np.concatenate((v[:1], v, v[-1:]))

    def mean(self) -> float:
        """Integral of the quantile function."""
        p, v = self._knots()
        return math.fsum((np.diff(p) * (v[1:] + v[:-1]) / 2).tolist())

    def variance(self) -> float:
        """Integral of the squared quantile function, less the squared mean."""
        p, v = self._knots()
        second = math.fsum((np.diff(p) * (v[1:] ** 2 + v[1:] * v[:-1] + v[:-1] ** 2) / 3).tolist())
        return max(second - self.mean() ** 2, 0.0)

    def support(self) -> tuple[float, float]:
        """First and last value."""
        return self.values[0], self.values[-1]

    def scaled(self, factor: float) -> Self:
        """All values multiplied."""
        return replace(self, values=tuple(v * factor for v in self.values))


@dataclass(frozen=True, slots=True)
class Mixture(_ByQuantile):
    """One of several families, with probabilities `weights`."""

    components: tuple[Distribution, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        _weights("mixture", self.weights, len(self.components))

    def quantile(self, u: Floats) -> Floats:
        """The branch in whose share u lies, at what is left of u within it.

        This has the mixture's distribution for uniform u, though it rises only inside each branch.
        """
        u = np.asarray(u, dtype=np.float64)
        upper = np.cumsum(self.weights)
        branch = np.minimum(np.searchsorted(upper, u, side="right"), len(upper) - 1)
        values = np.empty_like(u)
        for n, (component, weight) in enumerate(zip(self.components, self.weights, strict=True)):
            here = branch == n
            if np.any(here):
                within = (u[here] - (upper[n] - weight)) / weight
                values[here] = component.quantile(np.clip(within, 2.0**-53, 1 - 2.0**-53))
        return values

    def mean(self) -> float:
        """Weighted mean."""
        return math.fsum(c.mean() * w for c, w in zip(self.components, self.weights, strict=True))

    def variance(self) -> float:
        """Within and between the branches."""
        mean = self.mean()
        parts = zip(self.components, self.weights, strict=True)
        return math.fsum(w * (c.variance() + (c.mean() - mean) ** 2) for c, w in parts)

    def support(self) -> tuple[float, float]:
        """Of all branches together."""
        ends = [c.support() for c in self.components]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def scaled(self, factor: float) -> Self:
        """All branches scaled."""
        return replace(self, components=tuple(c.scaled(factor) for c in self.components))


def _two(name: str, quantiles: Mapping[float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    _check(len(quantiles) == 2, f"{name}: two quantiles needed")
    (p, x), (q, y) = sorted(quantiles.items())
    _check(x < y, f"{name}: the higher quantile must be the larger, not {y:g} after {x:g}")
    return (p, x), (q, y)


def normal_from_quantiles(quantiles: Mapping[float, float]) -> Normal:
    """The normal with these two quantiles (probability -> value)."""
    (p, x), (q, y) = _two("normal", quantiles)
    z, w = special.ndtri(p), special.ndtri(q)
    sd = (y - x) / (w - z)
    return Normal(float(x - sd * z), float(sd))


def lognormal_from_quantiles(quantiles: Mapping[float, float]) -> Lognormal:
    """The lognormal with these two quantiles, or the shifted one with three (probability -> value)."""
    if len(quantiles) == 3:
        return _shifted_lognormal(quantiles)
    (p, x), (q, y) = _two("lognormal", quantiles)
    _check(x > 0, "lognormal: quantiles must be above 0")
    z, w = special.ndtri(p), special.ndtri(q)
    sigma = (math.log(y) - math.log(x)) / (w - z)
    return Lognormal(float(math.log(x) - sigma * z), float(sigma))


def _shifted_lognormal(quantiles: Mapping[float, float]) -> Lognormal:
    """Exactly three quantiles: the shift at which the two upper ones agree with the two lower ones on sigma."""
    from scipy.optimize import brentq

    (p, x), (q, y), (r, t) = sorted(quantiles.items())
    _check(x < y < t, "lognormal: higher quantiles must be larger")
    z = special.ndtri([p, q, r])

    def gap(shift: float) -> float:
        logs = np.log([x - shift, y - shift, t - shift])
        return float((logs[1] - logs[0]) * (z[2] - z[1]) - (logs[2] - logs[1]) * (z[1] - z[0]))

    low, high = x - 1e6 * (t - x), x - 1e-9 * (y - x)
    _check(gap(low) * gap(high) < 0, "lognormal: no shifted lognormal has these three quantiles")
    shift = float(brentq(gap, low, high, xtol=1e-12 * abs(low), maxiter=500))
    sigma = math.log((y - shift) / (x - shift)) / (z[1] - z[0])
    return Lognormal(float(math.log(y - shift) - sigma * z[1]), float(sigma), shift)


def lognormal_from_median_sigma(median: float, sigma: float) -> Lognormal:
    """The lognormal with this median and standard deviation of its logarithm."""
    _positive("lognormal", median=median)
    return Lognormal(math.log(median), sigma)


def lognormal_from_mean_cv(mean: float, cv: float) -> Lognormal:
    """The lognormal with this mean and coefficient of variation."""
    _positive("lognormal", mean=mean)
    _check(cv >= 0, "lognormal: cv must be 0 or more")
    sigma = math.sqrt(math.log1p(cv**2))
    return Lognormal(math.log(mean) - sigma**2 / 2, sigma)


def gamma_from_mean_cv(mean: float, cv: float) -> Gamma:
    """The gamma with this mean and coefficient of variation."""
    _positive("gamma", mean=mean, cv=cv)
    return Gamma(1 / cv**2, mean * cv**2)


def weibull_from_mean_cv(mean: float, cv: float) -> Weibull:
    """The Weibull with this mean and coefficient of variation (0.02 to 100)."""
    from scipy.optimize import brentq

    _positive("weibull", mean=mean, cv=cv)
    _check(0.02 <= cv <= 100, "weibull: cv between 0.02 and 100 needed")

    def gap(log_shape: float) -> float:
        shape = math.exp(log_shape)
        logs = special.gammaln(1 + 2 / shape) - 2 * special.gammaln(1 + 1 / shape)
        return float(logs - math.log1p(cv**2))

    shape = math.exp(float(brentq(gap, math.log(0.1), math.log(80.0))))
    return Weibull(shape, mean / float(special.gamma(1 + 1 / shape)))


def weibull_from_quantiles(quantiles: Mapping[float, float]) -> Weibull:
    """The Weibull with these two quantiles (probability -> value)."""
    (p, x), (q, y) = _two("weibull", quantiles)
    _check(x > 0, "weibull: quantiles must be above 0")
    a, b = math.log(-math.log1p(-p)), math.log(-math.log1p(-q))
    shape = (b - a) / (math.log(y) - math.log(x))
    return Weibull(shape, x / math.exp(a / shape))


def autocorrelated(generator: np.random.Generator, n: int, correlation: float, base: Distribution) -> Floats:
    """A stationary series of length n with marginals `base` and a memory.

    An AR(1) series of normal scores with lag-1 correlation `correlation`, mapped through the quantiles of `base` (a
    Gaussian copula). Quantiles are read from a table over 8,193 scores between -8 and 8, linear between them: for the
    gammas and lognormals used here the relative error stays below 1e-4.
    """
    from scipy.signal import lfilter

    _check(0 <= correlation < 1, f"a correlation of at least 0 and below 1 is needed, not {correlation:g}")
    shocks = generator.standard_normal(n)
    shocks[1:] *= math.sqrt(1 - correlation**2)
    scores = lfilter([1.0], [1.0, -correlation], shocks)
    table = base.quantile(special.ndtr(NORMAL_GRID).clip(2.0**-53, 1 - 2.0**-53))
    return np.interp(scores, NORMAL_GRID, table)


def whole_seconds(values: Floats) -> NDArray[np.int64]:
    """Durations rounded up to whole seconds; ValueError names the first that is not finite and >= 0."""
    wrong = ~(np.isfinite(values) & (values >= 0))
    if np.any(wrong):
        first = int(np.argmax(wrong))
        raise ValueError(f"value {first} is {values[first]}, not a duration")
    return np.ceil(values).astype(np.int64)
