"""What every family of random quantities offers."""

from __future__ import annotations  # numpy is not to be loaded for a signature

from typing import TYPE_CHECKING, Protocol

from sim.distributions.lazily import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LEAST_U = 2.0**-54
"""Stands for the 0 that `Generator.random` can give, the step above which is 2**-53."""
ENDS = (2.0**-53, 1.0 - 2.0**-53)
"""The least and the greatest draw of `sim.streams.uniform`."""


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

    def scaled(self, factor: float) -> Distribution:
        """`factor` times X. Raises ValueError unless the factor is above 0."""

    def quantile_at(self, u: float) -> float:
        """`quantile` of one number, the same bits."""
        return float(self.quantile(np.array([u]))[0])

    def roughly(self, u: float) -> float:
        """`quantile_at` up to rounding; what has a closed form needs no numpy for it, which loads slowly."""
        with np.errstate(all="ignore"):
            return self.quantile_at(u)

    def reach(self) -> tuple[float, float]:
        """The least and the greatest value that can be drawn, up to rounding; infinite where it overflows."""
        least, greatest = ENDS
        return self.roughly(least), self.roughly(greatest)

    def sample(self, generator: np.random.Generator, n: int) -> Floats:
        """`n` independent values, shape [n]; the first k are the same for every n >= k."""
        return self.quantile(open_uniforms(generator, n))


def open_uniforms(generator: np.random.Generator, n: int) -> Floats:
    """`n` draws from (0, 1), shape [n]."""
    return np.maximum(generator.random(n), LEAST_U)
