"""Families given by a list: values with their probabilities, or quantiles.

They have no slots, so that their arrays can be made when they are first needed.
"""
# ruff: noqa: D102, D105  # what the methods of a family return is said once, in Distribution

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Self

from sim.distributions.base import Distribution
from sim.distributions.checks import checked, finite, require, weighted
from sim.distributions.lazily import np

if TYPE_CHECKING:
    from sim.distributions.base import Floats, Ints


@dataclass(frozen=True)
class Choice(Distribution):
    """One of `values`, with probabilities `weights`; kept in ascending order, without the impossible ones."""

    values: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        finite(**{f"value {n}": value for n, value in enumerate(self.values)})
        require(len(set(self.values)) == len(self.values), "each value must be given once")
        possible = sorted(weighted(self.values, self.weights))
        object.__setattr__(self, "values", tuple(value for value, _ in possible))
        object.__setattr__(self, "weights", tuple(weight for _, weight in possible))

    @cached_property
    def _points(self) -> Floats:
        return np.array(self.values, dtype=np.float64)

    @cached_property
    def _levels(self) -> Floats:
        """P(X <= point), with a leading 0."""
        return np.array(cumulative(self.weights))

    def quantile(self, u: Floats) -> Floats:
        return self._points[np.searchsorted(self._levels[1:], u, side="left")]

    def roughly(self, u: float) -> float:
        return self.values[bisect_left(cumulative(self.weights)[1:], u)]

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
        return replace(self, values=tuple(value * checked(factor) for value in self.values))


@dataclass(frozen=True)
class Quantiles(Distribution):
    """A table: `values[k]` is the quantile at `probabilities[k]`; linear between them, flat beyond."""

    probabilities: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        p, v = self.probabilities, self.values
        require(len(p) == len(v) > 0, "as many probabilities as values, and at least one, are needed")
        finite(**{f"value {n}": value for n, value in enumerate(v)})
        require(all(0 <= level <= 1 for level in p), f"probabilities must lie between 0 and 1, not {p}")
        require(all(a < b for a, b in pairwise(p)), f"probabilities must rise, unlike {p}")
        require(all(a <= b for a, b in pairwise(v)), f"values must not fall with the probability, unlike {v}")

    @cached_property
    def _levels(self) -> Floats:
        return np.array((0.0, *self.probabilities, 1.0))

    @cached_property
    def _points(self) -> Floats:
        return np.array((self.values[0], *self.values, self.values[-1]), dtype=np.float64)

    def quantile(self, u: Floats) -> Floats:
        left = np.minimum(np.searchsorted(self._levels, u, side="right"), len(self._levels) - 1) - 1
        return _between(u, left, self._levels, self._points)

    def roughly(self, u: float) -> float:
        p, v = (0.0, *self.probabilities, 1.0), (self.values[0], *self.values, self.values[-1])
        right = bisect_right(p, u, hi=len(p) - 1)
        share = (u - p[right - 1]) / (p[right] - p[right - 1])
        return v[right - 1] + share * (v[right] - v[right - 1])

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
        return replace(self, values=tuple(value * checked(factor) for value in self.values))


def cumulative(weights: Sequence[float]) -> tuple[float, ...]:
    """From 0 to 1 exactly, one longer than `weights`."""
    return (*(min(level, 1.0) for level in accumulate(weights[:-1], initial=0.0)), 1.0)


def _between(at: Floats, left: Ints, xs: Floats, ys: Floats) -> Floats:
    """Straight lines from knot `left` to the next, never beyond it by rounding."""
    width = xs[left + 1] - xs[left]
    share = (at - xs[left]) / np.where(width > 0.0, width, 1.0)
    return np.minimum(ys[left] + share * (ys[left + 1] - ys[left]), ys[left + 1])
