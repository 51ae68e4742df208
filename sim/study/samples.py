"""The values of one metric over the runs, and what estimates need of them, each worked out once.

Sums are taken with `math.fsum`, and the bootstrap adds integers that float64 holds exactly, so that no sum
depends on the processor or on the order in which the runs ended.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.streams import generator, stream_key

Floats = NDArray[np.float64]
Sums = tuple[Floats, Floats]
"""Over each resample: the sum of some values, and of their squares."""

RESAMPLES = 999
SKEWED = 0.06
"""Skewness / sqrt(n) above which the t-interval is not used.

Each of its ends then misses by more than half a point: the first term of the Edgeworth series is
phi(z) * skewness * (2 z^2 + 1) / (6 sqrt(n)) (Hall 1992, The Bootstrap and Edgeworth Expansion, section 2.6).
"""
TINY = math.ulp(0.0)
"""What a spread that is not zero must not be rounded below."""
BLOCK = 1 << 18
"""Weights that are multiplied at a time."""


class Sample:
    """The defined values of a metric, one per run."""

    def __init__(self, values: ArrayLike) -> None:
        """Undefined values (NaN) are left out and counted."""
        given = np.asarray(values, dtype=np.float64)
        self.values: Floats = given[~np.isnan(given)]
        self.n = len(self.values)
        missing = len(given) - self.n
        self.notes = [f"undefined in {missing} of {len(given)} runs, which are left out"] if missing else []

    @classmethod
    def of(cls, values: "ArrayLike | Sample") -> "Sample | Self":
        """The sample itself, or that of the values."""
        return values if isinstance(values, Sample) else cls(values)

    @cached_property
    def constant(self) -> bool:
        """Whether all values are the same, and there is one at least."""
        return self.n > 0 and bool(self.values.min() == self.values.max())

    @cached_property
    def ordered(self) -> Floats:
        """In rising order."""
        return np.sort(self.values)

    @cached_property
    def mean(self) -> float:
        """NaN of nothing."""
        return total(self.values) / self.n if self.n else math.nan

    @cached_property
    def deviations(self) -> Floats:
        """From the mean."""
        return self.values - self.mean

    @cached_property
    def variance(self) -> float:
        """Unbiased; of two values at least."""
        return total(self.deviations**2) / (self.n - 1)

    @cached_property
    def skewness(self) -> float:
        """Of values that are not all the same."""
        scaled = self.deviations / np.abs(self.deviations).max()
        second = total(scaled * scaled) / self.n
        third = total(scaled * scaled * scaled) / self.n
        return third / (second * math.sqrt(second))

    @cached_property
    def skewed(self) -> bool:
        """Whether the t-interval of the mean is not to be trusted."""
        return abs(self.skewness) > SKEWED * math.sqrt(self.n)

    @cached_property
    def squared(self) -> "Sample":
        """The squared deviations."""
        return Sample(self.deviations**2)

    @cached_property
    def units(self) -> Floats:
        """The deviations in whole numbers."""
        return in_units(self.deviations, self.n)[0]

    @cached_property
    def resampled(self) -> Sums:
        """Of the deviations [units]."""
        return weighted(resamples(self.n), [self.units])[0]

    @cached_property
    def tail(self) -> "Tail":
        """The highest 5 %."""
        return Tail(self.ordered[::-1])


class Tail:
    """The values that can lie in the highest 5 % of a resample, in falling order."""

    def __init__(self, falling: Floats) -> None:
        """Of values in falling order."""
        self.n = len(falling)
        self.edge = math.ceil(self.n / 20) - 1
        """Where the value on the edge of the 5 % stands."""
        weights, _ = tail_resamples(self.n)
        self.values = falling[: weights.shape[1]]
        self.units, self.unit = in_units(self.values - falling[self.edge], self.n)
        """What each lies above the edge, in whole numbers, and what these are of."""

    @cached_property
    def resampled(self) -> Sums:
        """Of what lies above the edge, weighted by twentieths [units]."""
        return weighted(tail_resamples(self.n)[0], [self.units])[0]


def resample(samples: Iterable[Sample]) -> None:
    """Resample those that are skewed together, which takes a fraction of what one after the other takes."""
    skewed = [s for s in samples if s.n > 1 and not s.constant and s.skewed]
    _resample_alike(skewed, resamples)


def resample_tails(samples: Iterable[Sample]) -> None:
    """The same for the highest 5 % of all that are not constant."""
    tails = [s.tail for s in samples if s.n > 1 and not s.constant]
    _resample_alike(tails, lambda n: tail_resamples(n)[0])


def total(values: Floats) -> float:
    """The sum, rounded once."""
    return math.fsum(values.tolist())


def in_units(deviations: Floats, n: int) -> tuple[Floats, float]:
    """The deviations as whole numbers, and their unit.

    They are so small that n squares of them, times 8, stay below 2^53: sums of them and of their squares over
    a resample are then exact in whatever order the processor adds.
    """
    largest = float(np.abs(deviations).max()) or 1.0
    count = 2.0 ** ((50 - math.ceil(math.log2(n))) // 2)
    return np.rint(deviations / largest * count), max(largest / count, TINY)


def weighted(weights: NDArray[Any], units: Sequence[Floats]) -> list[Sums]:
    """For each of several rows of units their weighted sums, one for each row of weights."""
    columns = np.stack([*units, *(row * row for row in units)], axis=1)
    sums = np.empty((columns.shape[1], len(weights)))
    step = max(BLOCK // max(weights.shape[1], 1), 1)
    for start in range(0, len(weights), step):
        some = slice(start, start + step)
        sums[:, some] = (weights[some].astype(np.float64) @ columns).T
    return list(zip(sums[: len(units)], sums[len(units) :], strict=True))


@lru_cache(maxsize=4)
def resamples(n: int) -> NDArray[np.uint8]:
    """How often each of n values occurs in each resample, shape (RESAMPLES, n): the same for every metric."""
    random = generator(stream_key(0, 0, "study.bootstrap"))
    counts = np.empty((RESAMPLES, n), dtype=np.uint8)
    for row in counts:
        row[:] = np.bincount(random.integers(0, n, size=n), minlength=n)
    return counts


@lru_cache(maxsize=4)
def tail_resamples(n: int) -> tuple[Floats, NDArray[np.intp]]:
    """For values in falling order: how many twentieths of each lie in a resample's highest 5 %, n in all.

    And the position of the value on the edge of these 5 %.
    """
    counts = resamples(n)
    counted = np.cumsum(counts, axis=1, dtype=np.int64)
    weights = np.clip(n - 20 * (counted - counts), 0, 20 * counts.astype(np.int64))
    edges = np.count_nonzero(20 * counted < n, axis=1)
    used = max(int(edges.max()), math.ceil(n / 20) - 1) + 1
    return weights[:, :used].astype(np.float64), edges


def _resample_alike(
    parts: "Sequence[Sample] | Sequence[Tail]", weights_of: Callable[[int], NDArray[Any]]
) -> None:
    """Fill `resampled` of all, those of one length together."""
    alike: defaultdict[int, list[Any]] = defaultdict(list)
    for part in parts:
        alike[part.n].append(part)
    for n, some in alike.items():
        for part, sums in zip(some, weighted(weights_of(n), [part.units for part in some]), strict=True):
            part.resampled = sums
