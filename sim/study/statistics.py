"""Estimates from the runs of a study, each with the error that a finite number of runs leaves.

All functions take the values of one metric, one per run and in run order. Undefined values (NaN) are left out
and the estimate says how many. A side on which the runs give no bound is infinite, and the estimate says why.

Sums are taken with `math.fsum`, and the bootstrap adds integers that float64 holds exactly, so that no sum
depends on the processor or on the order in which the runs ended.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.streams import generator, stream_key

Floats = NDArray[np.float64]

LEVEL = 0.95
"""Confidence of every interval."""
TAIL = (1 - LEVEL) / 2
Z = NormalDist().inv_cdf(1 - TAIL)

RESAMPLES = 999
"""(RESAMPLES + 1) * TAIL is whole, so that the bootstrap's quantiles are order statistics."""
SKEWED = 0.06
"""Skewness / sqrt(n) above which the t-interval is not used.

Each of its ends then misses by more than half a point: the first term of the Edgeworth series is
phi(z) * skewness * (2 z^2 + 1) / (6 sqrt(n)) (Hall 1992, The Bootstrap and Edgeworth Expansion, section 2.6).
"""
SKEWED_SQUARES = 6.0
"""Runs per squared skewness of the squared deviations below which a standard deviation is noted as uncertain;
chosen so that 100 normal, 500 exponential and some thousand lognormal (sigma 1) values are enough."""
TAIL_RUNS = 5
"""Runs that the highest 5 % should hold before their mean is trusted."""

TINY = math.ulp(0.0)
"""What a spread that is not zero must not be rounded below."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantity with its confidence interval; an infinite end means that the runs give no bound there."""

    value: float
    low: float
    high: float
    level: float = LEVEL
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How a differs from b in the same worlds."""

    runs: int
    mean: Estimate
    """Of a - b."""
    p50: Estimate
    """Of a - b."""
    share_below: Estimate
    """Share of worlds in which a is below b; a tie counts half."""


def mean(values: ArrayLike) -> Estimate:
    """The mean: t-interval when nearly symmetric, bootstrap-t (studentised) when skewed.

    Says so when the runs are too few for the skew: n < 25 * skewness^2 (Cochran 1977, Sampling Techniques,
    section 2.15).
    """
    sample, notes = _defined(values)
    if len(sample) < 2:
        return _too_few(sample, notes, needed=2)
    if _constant(sample):
        return _same_everywhere(sample, notes)
    low, high = _mean_interval(sample)
    return _bounded(_mean(sample), low, high, [*notes, *_too_skewed(sample, runs_per_square=25)])


def sd(values: ArrayLike) -> Estimate:
    """The standard deviation; its interval is that of the mean squared deviation, for any shape."""
    sample, notes = _defined(values)
    n = len(sample)
    if n < 2:
        unknown = _too_few(sample, notes, needed=2)
        return Estimate(math.nan, 0.0, math.inf, note=unknown.note)
    if _constant(sample):
        return Estimate(0.0, 0.0, 0.0, note=_same_everywhere(sample, notes).note)
    squares = (sample - _mean(sample)) ** 2
    if _constant(squares):
        return _bounded(math.sqrt(_variance(sample)), 0.0, math.inf, notes)
    low, high = (math.sqrt(max(end, 0.0) * n / (n - 1)) for end in _mean_interval(squares))
    notes = [*notes, *_too_skewed(squares, runs_per_square=SKEWED_SQUARES)]
    return _bounded(math.sqrt(_variance(sample)), low, high, notes)


def quantile(values: ArrayLike, p: float) -> Estimate:
    """The p-quantile, interpolated as numpy does and its interval by order statistics, any shape."""
    sample, notes = _defined(values)
    if not len(sample):
        return _too_few(sample, notes, needed=1)
    ordered = np.sort(sample)
    lower, upper = _order_ranks(len(ordered), p)
    low = float(ordered[lower - 1]) if lower else -math.inf
    high = float(ordered[upper - 1]) if upper <= len(ordered) else math.inf
    for side, bound, share in (("lower", low, 1 - p), ("upper", high, p)):
        if math.isinf(bound):
            notes = [*notes, f"no {side} bound below {math.ceil(math.log(TAIL) / math.log(share))} runs"]
    return Estimate(float(np.quantile(ordered, p)), low, high, note=_joined(notes))


def cvar95(values: ArrayLike) -> Estimate:
    """The mean of the highest 5 % of the runs (upper tail: for a cost or a violation, the worst worlds).

    The run on the edge of the 5 % counts in part. The interval is bootstrap-t, the standard error that of the
    influence function: (E[(x - q)^2 | tail] / 5 % - (CVaR - q)^2) / n with q the 95 % quantile.
    """
    sample, notes = _defined(values)
    n = len(sample)
    if n < 2:
        return _too_few(sample, notes, needed=2)
    if _constant(sample):
        return _same_everywhere(sample, notes)
    if n < 20 * TAIL_RUNS:
        few = f"rests on the {math.ceil(n / 20)} highest runs: too few below {20 * TAIL_RUNS} runs"
        notes = [*notes, few]
    value, low, high = _tail_mean(np.sort(sample)[::-1])
    return _bounded(value, low, high, notes)


def probability(successes: float, trials: int) -> Estimate:
    """A share with its Wilson interval, for display; `successes` may hold halves (ties)."""
    if trials < 1:
        return Estimate(math.nan, 0.0, 1.0, note="no runs")
    share = successes / trials
    centre = (share + Z * Z / (2 * trials)) / (1 + Z * Z / trials)
    half = Z / (1 + Z * Z / trials) * math.sqrt(share * (1 - share) / trials + (Z / (2 * trials)) ** 2)
    low = 0.0 if successes == 0 else max(centre - half, 0.0)
    high = 1.0 if successes == trials else min(centre + half, 1.0)
    return Estimate(share, low, high)


def exact_probability(successes: int, trials: int) -> Estimate:
    """A share with its Clopper-Pearson interval, which never covers less than it says: for thresholds."""
    if trials < 1:
        return Estimate(math.nan, 0.0, 1.0, note="no runs")
    from scipy.special import betaincinv

    low = float(betaincinv(successes, trials - successes + 1, TAIL)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - TAIL)) if successes < trials else 1.0
    return Estimate(successes / trials, low, high)


def paired_difference(a: ArrayLike, b: ArrayLike) -> PairedDifference:
    """The difference a - b over the same worlds, in the same order."""
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    sample, _ = _defined(difference)
    ties = int(np.count_nonzero(sample == 0))
    share = probability(int(np.count_nonzero(sample < 0)) + ties / 2, len(sample))
    note = f"{ties} of {len(sample)} worlds are ties, counted half" if ties else share.note
    return PairedDifference(
        runs=len(sample),
        mean=mean(difference),
        p50=quantile(difference, 0.5),
        share_below=Estimate(share.value, share.low, share.high, note=note),
    )


def _defined(values: ArrayLike) -> tuple[Floats, list[str]]:
    sample = np.asarray(values, dtype=np.float64)
    kept = sample[~np.isnan(sample)]
    missing = len(sample) - len(kept)
    return kept, [f"undefined in {missing} of {len(sample)} runs, which are left out"] if missing else []


def _too_few(sample: Floats, notes: Sequence[str], needed: int) -> Estimate:
    value = _mean(sample) if len(sample) else math.nan
    note = _joined([*notes, f"no interval below {needed} runs"])
    return Estimate(value, -math.inf, math.inf, note=note)


def _same_everywhere(sample: Floats, notes: Sequence[str]) -> Estimate:
    # Clopper-Pearson for no success: what was never seen may still happen in this share of the worlds.
    unseen = 1 - TAIL ** (1 / len(sample))
    same = f"the same in all {len(sample)} runs; may differ in up to {unseen:.1%} of the worlds"
    value = float(sample[0])
    return Estimate(value, value, value, note=_joined([*notes, same]))


def _bounded(value: float, low: float, high: float, notes: Sequence[str]) -> Estimate:
    missing = [side for side, end in (("lower", low), ("upper", high)) if math.isinf(end)]
    absent = [f"too few different runs for a bound on the {side} side" for side in missing]
    return Estimate(value, low, high, note=_joined([*notes, *absent]))


def _joined(notes: Sequence[str]) -> str | None:
    return "; ".join(notes) or None


def _constant(sample: Floats) -> bool:
    return bool(sample.min() == sample.max())


def _sum(values: Floats) -> float:
    return math.fsum(values.tolist())


def _mean(sample: Floats) -> float:
    return _sum(sample) / len(sample)


def _variance(sample: Floats) -> float:
    return _sum((sample - _mean(sample)) ** 2) / (len(sample) - 1)


def _skewness(sample: Floats) -> float:
    deviations = sample - _mean(sample)
    scaled = deviations / np.abs(deviations).max()
    second = _sum(scaled * scaled) / len(sample)
    third = _sum(scaled * scaled * scaled) / len(sample)
    return third / (second * math.sqrt(second))


def _too_skewed(sample: Floats, runs_per_square: float) -> list[str]:
    advised = math.ceil(runs_per_square * _skewness(sample) ** 2)
    few = len(sample) < advised
    return [f"skewed: the interval may be too short below about {advised} runs"] if few else []


def _mean_interval(sample: Floats) -> tuple[float, float]:
    n = len(sample)
    centre, error = _mean(sample), max(math.sqrt(_variance(sample) / n), TINY)
    if abs(_skewness(sample)) <= SKEWED * math.sqrt(n):
        from scipy.special import stdtrit

        t = float(stdtrit(n - 1, 1 - TAIL))
        return centre - t * error, centre + t * error
    t_low, t_high = _bootstrap_t(sample)
    return centre - t_high * error, centre - t_low * error


def _bootstrap_t(sample: Floats) -> tuple[float, float]:
    n = len(sample)
    units, _ = _in_units(sample - _mean(sample), n)
    sums, squares = _weighted(_resamples(n), units)
    spread = np.sqrt(np.maximum(n * squares - sums * sums, 0.0) / (n - 1))
    return _studentised_tails(sums - units.sum(), spread)


def _tail_mean(falling: Floats) -> tuple[float, float, float]:
    """The mean of the first 5 % and its interval."""
    n = len(falling)
    weights, edges = _tail_resamples(n)
    edge = math.ceil(n / 20) - 1
    units, unit = _in_units(falling[: weights.shape[1]] - falling[edge], n)

    def above_edge(weights: Floats, edges: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """The tail's mean and its standard error, both [unit]."""
        quantiles = units[edges]
        sums, squares = _weighted(weights, units)
        above = sums - n * quantiles
        above_squared = squares - 2 * quantiles * sums + n * quantiles * quantiles
        return sums / n, np.sqrt(np.maximum(20 * n * above_squared - above * above, 0.0) / n) / n

    plain = np.clip(n - 20.0 * np.arange(len(units)), 0, 20)
    (centre,), (error,) = above_edge(plain[np.newaxis], np.array([edge]))
    means, errors = above_edge(weights, edges)
    value = _sum(plain * falling[: len(units)]) / n
    if error == 0:  # the highest 5 % are all the same
        low, high = _tails(means - centre)
        return value, value + low * unit, value + high * unit
    t_low, t_high = _studentised_tails(means - centre, errors)
    return value, value - t_high * error * unit, value - t_low * error * unit


def _weighted(weights: NDArray[Any], units: Floats) -> tuple[Floats, Floats]:
    """The weighted sums of the units and of their squares, one of each per row of weights."""
    # Not a BLAS product: on small ones its threads cost far more than they save.
    sums, squares = np.einsum("ij,kj->ki", weights, np.stack((units, units * units)))
    return sums, squares


def _in_units(deviations: Floats, n: int) -> tuple[Floats, float]:
    """The deviations as whole numbers, and their unit.

    They are so small that n squares of them, times 8, stay below 2^53: sums of them and of their squares over
    a resample are then exact in whatever order the processor adds.
    """
    largest = float(np.abs(deviations).max()) or 1.0
    count = 2.0 ** ((50 - math.ceil(math.log2(n))) // 2)
    return np.rint(deviations / largest * count), max(largest / count, TINY)


def _studentised_tails(shifts: Floats, spreads: Floats) -> tuple[float, float]:
    """The tail quantiles of shift / spread over the resamples; infinite where too many have no spread."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return _tails(np.where(shifts == 0, 0.0, shifts / spreads))


def _tails(resampled: Floats) -> tuple[float, float]:
    rank = round((RESAMPLES + 1) * TAIL)
    ordered = np.sort(resampled)
    return float(ordered[rank - 1]), float(ordered[RESAMPLES - rank])


@lru_cache(maxsize=4)
def _resamples(n: int) -> NDArray[np.uint8]:
    """How often each of n values occurs in each resample, shape (RESAMPLES, n): the same for every metric."""
    random = generator(stream_key(0, 0, "study.bootstrap"))
    counts = np.empty((RESAMPLES, n), dtype=np.uint8)
    for row in counts:
        row[:] = np.bincount(random.integers(0, n, size=n), minlength=n)
    return counts


@lru_cache(maxsize=4)
def _tail_resamples(n: int) -> tuple[Floats, NDArray[np.intp]]:
    """For values in falling order: how many twentieths of each lie in a resample's highest 5 %, n in all.

    And the position of the value on the edge of these 5 %.
    """
    counts = _resamples(n)
    counted = np.cumsum(counts, axis=1, dtype=np.int64)
    weights = np.clip(n - 20 * (counted - counts), 0, 20 * counts.astype(np.int64))
    edges = np.count_nonzero(20 * counted < n, axis=1)
    used = max(int(edges.max()), math.ceil(n / 20) - 1) + 1
    return weights[:, :used].astype(np.float64), edges


@lru_cache(maxsize=64)
def _order_ranks(n: int, p: float) -> tuple[int, int]:
    """Ranks (from 1) of the order statistics that enclose a quantile; 0 and n + 1 where there is none."""
    from scipy.special import bdtr, bdtrc

    counts = np.arange(n + 1)
    lower = int(np.count_nonzero(bdtr(counts, n, p) <= TAIL))
    upper = 1 + int(np.count_nonzero(bdtrc(counts, n, p) > TAIL))
    return lower, upper
