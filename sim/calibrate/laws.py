"""Families of durations that can be fitted, each in a form in which its mean can be pinned.

What a plan costs hangs on means first: how long capacity lasts, and how long it stays away. So each family
takes its mean and free shape parameters `theta` on the whole real line, and a fit may hold the mean.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
from scipy import special

from sim.calibrate.catalogue import duration, number

Floats = npt.NDArray[np.float64]


class Law(Protocol):
    """A distribution of durations [s]."""

    def survival(self, t_s: Floats) -> Floats:
        """The probability to last longer than `t_s`."""

    @property
    def mean_s(self) -> float:
        """The mean [s]."""

    @property
    def cv(self) -> float:
        """Standard deviation over mean; infinite where the variance is."""

    def written(self) -> dict[str, Any]:
        """The law in the scenario language."""


class FittedLaw(Law, Protocol):
    """A law of a family whose parameters can be searched for."""

    name: ClassVar[str]
    starts: ClassVar[tuple[tuple[float, ...], ...]]
    """Where the search for `theta` begins; every start is tried."""

    @classmethod
    def with_mean(cls, mean_s: float, theta: Floats) -> Self:
        """The member of the family with this mean and these shape parameters."""


@dataclass(frozen=True, slots=True)
class Exponential:
    """Without memory."""

    name: ClassVar[str] = "exponential"
    starts: ClassVar[tuple[tuple[float, ...], ...]] = ((),)
    mean_s: float

    @classmethod
    def with_mean(cls, mean_s: float, theta: Floats) -> Self:
        """It has no shape parameters."""
        return cls(mean_s)

    def survival(self, t_s: Floats) -> Floats:
        """See `Law`."""
        return np.exp(-t_s / self.mean_s)

    @property
    def cv(self) -> float:
        """Always 1."""
        return 1.0

    def written(self) -> dict[str, Any]:
        """See `Law`."""
        return {"exponential": {"mean": duration(self.mean_s)}}


@dataclass(frozen=True, slots=True)
class Weibull:
    """With a hazard that falls as a power of age (shape under 1)."""

    name: ClassVar[str] = "weibull"
    starts: ClassVar[tuple[tuple[float, ...], ...]] = ((-0.5,), (0.5,))
    shape: float
    scale_s: float

    @classmethod
    def with_mean(cls, mean_s: float, theta: Floats) -> Self:
        """`theta` is the logarithm of the shape."""
        shape = math.exp(theta[0])
        return cls(shape, mean_s / math.gamma(1 + 1 / shape))

    def survival(self, t_s: Floats) -> Floats:
        """See `Law`."""
        return np.exp(-((t_s / self.scale_s) ** self.shape))

    @property
    def mean_s(self) -> float:
        """See `Law`."""
        return self.scale_s * math.gamma(1 + 1 / self.shape)

    @property
    def cv(self) -> float:
        """See `Law`."""
        return math.sqrt(math.gamma(1 + 2 / self.shape) / math.gamma(1 + 1 / self.shape) ** 2 - 1)

    def written(self) -> dict[str, Any]:
        """See `Law`."""
        return {"weibull": {"shape": float(number(self.shape, 6)), "scale": duration(self.scale_s, 6)}}


@dataclass(frozen=True, slots=True)
class Lognormal:
    """The logarithm is normal with standard deviation `sigma`."""

    name: ClassVar[str] = "lognormal"
    starts: ClassVar[tuple[tuple[float, ...], ...]] = ((0.3,), (-1.0,))
    mean_s: float
    sigma: float

    @classmethod
    def with_mean(cls, mean_s: float, theta: Floats) -> Self:
        """`theta` is the logarithm of sigma."""
        return cls(mean_s, math.exp(theta[0]))

    def survival(self, t_s: Floats) -> Floats:
        """See `Law`."""
        mu = math.log(self.mean_s) - self.sigma**2 / 2
        ahead = (mu - np.log(np.maximum(t_s, 1e-12))) / self.sigma
        return np.asarray(special.ndtr(ahead), dtype=np.float64)

    @property
    def cv(self) -> float:
        """See `Law`."""
        return math.sqrt(math.expm1(self.sigma**2))

    def written(self) -> dict[str, Any]:
        """See `Law`."""
        return {"lognormal": {"mean": duration(self.mean_s), "cv": float(number(self.cv))}}


@dataclass(frozen=True, slots=True)
class Lomax:
    """A Pareto tail that starts at 0: survival (1 + t/scale)^-shape; its shape is above 1, its mean "
    "finite."""

    name: ClassVar[str] = "lomax"
    starts: ClassVar[tuple[tuple[float, ...], ...]] = ((0.0,), (1.5,))
    shape: float
    scale_s: float

    @classmethod
    def with_mean(cls, mean_s: float, theta: Floats) -> Self:
        """`theta` is the logarithm of how far the shape is above 1."""
        shape = 1 + math.exp(theta[0])
        return cls(shape, mean_s * (shape - 1))

    def survival(self, t_s: Floats) -> Floats:
        """See `Law`."""
        return (1 + t_s / self.scale_s) ** -self.shape

    @property
    def mean_s(self) -> float:
        """See `Law`."""
        return self.scale_s / (self.shape - 1)

    @property
    def cv(self) -> float:
        """See `Law`."""
        return math.sqrt(self.shape / (self.shape - 2)) if self.shape > 2 else math.inf

    def written(self) -> dict[str, Any]:
        """See `Law`."""
        return {"pareto": {"shape": float(number(self.shape, 6)), "scale": duration(self.scale_s, 6)}}


@dataclass(frozen=True, slots=True)
class Hyperexponential:
    """Either short or long, each exponential: `weight` is the probability of the short branch."""

    name: ClassVar[str] = "hyperexponential"
    starts: ClassVar[tuple[tuple[float, ...], ...]] = ((0.5, -1.0), (2.0, -1.0), (-0.5, -2.5))
    weight: float
    short_s: float
    long_s: float

    @classmethod
    def with_mean(cls, mean_s: float, theta: Floats) -> Self:
        """`theta` holds the log odds of the weight, and of the short branch's mean over the mean."""
        weight, ratio = (float(x) for x in special.expit(np.clip(theta, -30, 30)))
        return cls(weight, ratio * mean_s, mean_s * (1 - weight * ratio) / (1 - weight))

    def survival(self, t_s: Floats) -> Floats:
        """See `Law`."""
        return self.weight * np.exp(-t_s / self.short_s) + (1 - self.weight) * np.exp(-t_s / self.long_s)

    @property
    def mean_s(self) -> float:
        """See `Law`."""
        return self.weight * self.short_s + (1 - self.weight) * self.long_s

    @property
    def cv(self) -> float:
        """See `Law`."""
        second = 2 * (self.weight * self.short_s**2 + (1 - self.weight) * self.long_s**2)
        return math.sqrt(second / self.mean_s**2 - 1)

    def written(self) -> dict[str, Any]:
        """The weights are rounded first; the long branch takes up the rounding, so that the mean stays."""
        weight = round(self.weight, 3)
        short_s = float(number(self.short_s))
        long_s = (self.mean_s - weight * short_s) / (1 - weight)
        parts = ((weight, duration(short_s)), (1 - weight, duration(long_s, 5)))
        return {
            "mixture": [
                {"weight": f"{number(100 * w)}%", "of": {"exponential": {"mean": mean}}} for w, mean in parts
            ]
        }


FAMILIES: tuple[type[FittedLaw], ...] = (Exponential, Weibull, Lognormal, Lomax, Hyperexponential)


@dataclass(frozen=True, slots=True)
class QuantileTable:
    """A piecewise-linear inverse distribution function from 0 to 1; not searched for, but read from data."""

    levels: tuple[float, ...]
    values_s: tuple[float, ...]

    @property
    def mean_s(self) -> float:
        """See `Law`."""
        return float(np.trapezoid(self.values_s, self.levels))

    @property
    def cv(self) -> float:
        """See `Law`; over a linear piece from a to b the mean square is (a^2 + ab + b^2) / 3."""
        a, b = np.array(self.values_s[:-1]), np.array(self.values_s[1:])
        second = float(np.sum(np.diff(self.levels) * (a * a + a * b + b * b) / 3))
        return math.sqrt(second / self.mean_s**2 - 1)

    def survival(self, t_s: Floats) -> Floats:
        """See `Law`."""
        return 1 - np.interp(t_s, self.values_s, self.levels)

    def written(self) -> dict[str, Any]:
        """See `Law`."""
        return {
            "quantiles": {
                f"{number(100 * level)}%": duration(value, 5)
                for level, value in zip(self.levels, self.values_s, strict=True)
            }
        }
