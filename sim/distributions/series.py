"""Drawn values put to use: a series with a memory, and durations in whole seconds."""

from __future__ import annotations

import math
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from sim.distributions.checks import require
from sim.distributions.lazily import np, scipy

if TYPE_CHECKING:
    from sim.distributions.base import Distribution, Floats, Ints

BLOCK = 256
"""Values of a series that are worked out one after the other."""
LONGEST_S = 1 << 40
"""35,000 years [s]: a longer duration outlives every scenario, and sums of these still fit 64 bits."""


def autocorrelated(generator: np.random.Generator, n: int, correlation: float, base: Distribution) -> Floats:
    """A stationary series with marginals `base` and a memory, shape [n].

    An AR(1) series of normal scores with lag-1 correlation `correlation`, cut at +-7 and mapped to the
    quantiles of `base` (a Gaussian copula). A long series reads them from a table over the scores, linear in
    their logarithm, where that is right to 1e-4 (relative); else (steps, values around 0) each is worked out.
    Raises ValueError unless |correlation| < 1.
    """
    require(abs(correlation) < 1, f"the correlation must lie between -1 and 1, not {correlation:g}")
    shocks = generator.standard_normal(n)
    shocks[1:] *= math.sqrt(1.0 - correlation * correlation)
    knots = scores()
    series = np.clip(remembering(shocks, correlation), knots[0], knots[-1])
    if n > 2 * len(knots):
        table = base.quantile(scipy.special.ndtr(knots))
        if table[0] > 0.0:
            logs = np.log(table)
            # Half the entries test the lines between the others; a kink is at worst twice as far from those
            # between all, a smooth curve a quarter.
            if np.all(np.abs(logs[1::2] - (logs[:-1:2] + logs[2::2]) / 2) < 5e-5):
                return np.exp(np.interp(series, knots, logs))
    return base.quantile(scipy.special.ndtr(series))


def remembering(shocks: Floats, correlation: float) -> Floats:
    """The series with y[t] = shocks[t] + correlation * y[t - 1]; more shocks leave its first values alone.

    It is cut into blocks that take each step together, as if each began with nothing; then each gets what it
    should have begun with, which fades. (`scipy.signal` can do it as well, and takes half a second to load.)
    """
    blocks = np.zeros((-(-len(shocks) // BLOCK), BLOCK))
    blocks.reshape(-1)[: len(shocks)] = shocks
    steps = blocks.T.copy()
    for step in range(1, BLOCK):
        steps[step] += correlation * steps[step - 1]
    fading = np.cumprod(np.full(BLOCK, correlation))
    last = accumulate(steps[-1].tolist(), lambda before, own: own + float(fading[-1]) * before)
    steps[:, 1:] += fading[:, np.newaxis] * np.array(list(last))[:-1]
    return steps.T.reshape(-1)[: len(shocks)]


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
