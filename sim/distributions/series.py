"""Drawn values put to use: a series with a memory, and durations in whole seconds."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sim.distributions.checks import require
from sim.distributions.lazily import np, scipy

if TYPE_CHECKING:
    from sim.distributions.base import Distribution, Floats, Ints

LONGEST_S = 1 << 40
"""35,000 years [s]: a longer duration outlives every scenario, and sums of these still fit 64 bits."""


def autocorrelated(generator: np.random.Generator, n: int, correlation: float, base: Distribution) -> Floats:
    """A stationary series with marginals `base` and a memory, shape [n].

    An AR(1) series of normal scores with lag-1 correlation `correlation`, cut at +-7 and mapped to the
    quantiles of `base` (a Gaussian copula). A long series reads them from a table over the scores, linear in
    their logarithm, where that is right to 1e-4 (relative); else (steps, values around 0) each is worked out.
    Raises ValueError unless |correlation| < 1.
    """
    from sim.distributions.kernels import between, normals, remembering  # who checks needs no compiler
    from sim.jit import constant

    require(abs(correlation) < 1, f"the correlation must lie between -1 and 1, not {correlation:g}")
    shocks = normals(generator, constant(n))
    shocks[1:] *= math.sqrt(1.0 - correlation * correlation)
    knots = scores()
    series = remembering(shocks, correlation)
    np.clip(series, knots[0], knots[-1], out=series)
    # Families are frozen values, which the type of a protocol cannot say.
    logs = log_quantiles(base) if n > 2 * len(knots) else None  # type: ignore[arg-type]
    if logs is None:
        return base.quantile(scipy.special.ndtr(series))
    read = between(series, knots, logs)
    return np.exp(read, out=read)


@lru_cache(maxsize=32)
def log_quantiles(base: Distribution) -> Floats | None:
    """The logarithms of a distribution's quantiles at `scores`; None where lines between them are wrong."""
    table = base.quantile(scipy.special.ndtr(scores()))
    if table[0] <= 0.0:
        return None
    logs = np.log(table)
    # Half the entries test the lines between the others; a kink is at worst twice as far from those
    # between all, a smooth curve a quarter.
    right = np.all(np.abs(logs[1::2] - (logs[:-1:2] + logs[2::2]) / 2) < 5e-5)
    return logs if right else None


@cache
def scores() -> Floats:
    """Normal scores at which `autocorrelated` tabulates quantiles; one in 4 * 10**11 lies beyond."""
    return np.linspace(-7.0, 7.0, 8193)


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
