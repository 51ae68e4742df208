"""Families from what people know: quantiles, or a mean and a coefficient of variation (cv)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

from sim.distributions.checks import not_negative, positive, rising
from sim.distributions.combined import Mixture, Shifted
from sim.distributions.families import (
    Exponential,
    Gamma,
    Lognormal,
    Lomax,
    Normal,
    Weibull,
    weibull_log_ratio,
)
from sim.distributions.lazily import np, scipy
from sim.distributions.search import solve

if TYPE_CHECKING:
    from sim.distributions.base import Floats


def hyperexponential(means: Sequence[float], weights: Sequence[float]) -> Mixture:
    """A mixture of exponentials: short or long, without memory in between."""
    return Mixture(tuple(Exponential(mean) for mean in means), tuple(weights))


def normal_from_quantiles(quantiles: Mapping[float, float]) -> Normal:
    """The normal with these two quantiles (probability -> value)."""
    (p, x), (q, y) = rising(quantiles, 2)
    z, w = map(NormalDist().inv_cdf, (p, q))
    sd = (y - x) / (w - z)
    return Normal(x - sd * z, sd)


def lognormal_from_quantiles(quantiles: Mapping[float, float]) -> Lognormal | Shifted:
    """The lognormal with these two quantiles (probability -> value), or the shifted one with these three.

    The shift may be negative. Three quantiles that a plain lognormal has give that one.
    """
    if len(quantiles) == 3:
        return _shifted_lognormal(*rising(quantiles, 3))
    (p, x), (q, y) = rising(quantiles, 2, positive=True)
    logs = normal_from_quantiles({p: math.log(x), q: math.log(y)})
    return Lognormal(logs.mu, logs.sd)


def lognormal_from_median_sigma(median: float, sigma: float) -> Lognormal:
    """The lognormal with this median, and this standard deviation of its logarithm."""
    positive(median=median)
    return Lognormal(math.log(median), sigma)


def lognormal_from_mean_cv(mean: float, cv: float) -> Lognormal:
    """The lognormal with this mean and coefficient of variation."""
    positive(mean=mean)
    not_negative(cv=cv)
    variance = math.log1p(cv * cv)
    return Lognormal(math.log(mean) - variance / 2, math.sqrt(variance))


def gamma_from_quantiles(quantiles: Mapping[float, float]) -> Gamma:
    """The gamma with these two quantiles (probability -> value); shapes from 0.05 to 10**6 are found."""
    (p, x), (q, y) = rising(quantiles, 2, positive=True)
    shape = solve(
        lambda k: np.log(scipy.special.gammaincinv(k, q) / scipy.special.gammaincinv(k, p)),
        math.log(y / x), 0.05, 1e6,
        f"the quantiles {x:g} and {y:g} are too far apart or too close together for a gamma",
    )  # fmt: skip
    return Gamma(shape, y / float(scipy.special.gammaincinv(shape, q)))


def gamma_from_mean_cv(mean: float, cv: float) -> Gamma:
    """The gamma with this mean and coefficient of variation."""
    positive(mean=mean, cv=cv)
    return Gamma(1.0 / (cv * cv), mean * cv * cv)


def weibull_from_quantiles(quantiles: Mapping[float, float]) -> Weibull:
    """The Weibull with these two quantiles (probability -> value)."""
    (p, x), (q, y) = rising(quantiles, 2, positive=True)
    a, b = math.log(-math.log1p(-p)), math.log(-math.log1p(-q))
    shape = (b - a) / math.log(y / x)
    return Weibull(shape, x / math.exp(a / shape))


def weibull_from_mean_cv(mean: float, cv: float) -> Weibull:
    """The Weibull with this mean and coefficient of variation, from 0.001 to 100,000."""
    positive(mean=mean, cv=cv)
    impossible = f"the cv of a Weibull must lie between 0.001 and 100,000, not be {cv:g}"
    shape = solve(weibull_log_ratio, math.log1p(cv * cv), 0.05, 2000.0, impossible)
    return Weibull(shape, mean / float(scipy.special.gamma(1.0 + 1.0 / shape)))


def lomax_from_quantiles(quantiles: Mapping[float, float]) -> Lomax:
    """The Lomax with these two quantiles (probability -> value); shapes from 0.1 to 10**6 are found."""
    (p, x), (q, y) = rising(quantiles, 2, positive=True)
    a, b = -math.log1p(-p), -math.log1p(-q)
    shape = solve(
        lambda k: _log_expm1(b / k) - _log_expm1(a / k),
        math.log(y / x), 0.1, 1e6,
        f"the quantiles {x:g} and {y:g} are too far apart or too close together for a Pareto tail, "
        f"which is heavier than an exponential's: the ratio is {y / x:.4g}, an exponential's {b / a:.4g}",
    )  # fmt: skip
    return Lomax(shape, x / math.expm1(a / shape))


def _shifted_lognormal(*three: tuple[float, float]) -> Lognormal | Shifted:
    """The lognormal plus a constant with these three quantiles, in rising order.

    With z the normal scores of the levels, the ratio of the upper to the lower gap between the values is
    expm1(sigma (z3 - z2)) / -expm1(-sigma (z2 - z1)): it rises with sigma from that of the normal.
    """
    (p, x), (q, y), (r, t) = three
    scores = [NormalDist().inv_cdf(level) for level in (p, q, r)]
    lower, upper = scores[1] - scores[0], scores[2] - scores[1]
    sigma = 1.0 / solve(
        lambda k: _log_expm1(upper / k) - np.log(-np.expm1(-lower / k)),
        math.log((t - y) / (y - x)), 1e-3, 1e6,
        "three quantiles of a lognormal lean to the right: "
        f"(highest - middle) / (middle - lowest) must exceed {upper / lower:.4g}, "
        f"not be {(t - y) / (y - x):.4g}",
    )  # fmt: skip
    spread = (y - x) / -math.expm1(-sigma * lower)
    base, shift = Lognormal(math.log(spread) - sigma * scores[1], sigma), y - spread
    return Shifted(base, shift) if abs(shift) > 1e-9 * spread else base


def _log_expm1(x: Floats) -> Floats:
    """ln(e^x - 1) for x > 0, without overflow."""
    return x + np.log(-np.expm1(-x))
