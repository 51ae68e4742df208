"""Estimates from the runs of a study, each with the error that a finite number of runs leaves.

All functions take the values of one metric, one per run and in run order. Undefined values (NaN) are left out
and the estimate says how many. A side on which the runs give no bound is infinite, and the estimate says why.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrc, betaincinv, stdtrit

from sim.study.samples import RESAMPLES, TINY, Sample, Sums, tail_resamples, total

Floats = NDArray[np.float64]
Values = ArrayLike | Sample

LEVEL = 0.95
"""Confidence of every interval."""
TAIL = (1 - LEVEL) / 2
"""(RESAMPLES + 1) * TAIL is whole, so that the bootstrap's quantiles are order statistics."""
Z = NormalDist().inv_cdf(1 - TAIL)

SKEWED_SQUARES = 6.0
"""Runs per squared skewness of the squared deviations below which a standard deviation is noted as uncertain;
chosen so that 100 normal, 500 exponential and some thousand lognormal (sigma 1) values are enough."""
TAIL_RUNS = 5
"""Runs that the highest 5 % should hold before their mean is trusted."""


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


def mean(values: Values) -> Estimate:
    """The mean: t-interval when nearly symmetric, bootstrap-t (studentised) when skewed.

    Says so when the runs are too few for the skew: n < 25 * skewness^2 (Cochran 1977, Sampling Techniques,
    section 2.15).
    """
    sample = Sample.of(values)
    if sample.n < 2:
        return _too_few(sample, needed=2)
    if sample.constant:
        return _same_everywhere(sample)
    low, high = _mean_interval(sample)
    return _bounded(sample.mean, low, high, [*sample.notes, *_too_skewed(sample, runs_per_square=25)])


def sd(values: Values) -> Estimate:
    """The standard deviation; its interval is that of the mean squared deviation, for any shape."""
    sample = Sample.of(values)
    n = sample.n
    if n < 2:
        unknown = _too_few(sample, needed=2)
        return Estimate(math.nan, 0.0, math.inf, note=unknown.note)
    if sample.constant:
        return Estimate(0.0, 0.0, 0.0, note=_same_everywhere(sample).note)
    if sample.squared.constant:
        return _bounded(math.sqrt(sample.variance), 0.0, math.inf, sample.notes)
    low, high = (math.sqrt(max(end, 0.0) * n / (n - 1)) for end in _mean_interval(sample.squared))
    notes = [*sample.notes, *_too_skewed(sample.squared, runs_per_square=SKEWED_SQUARES)]
    return _bounded(math.sqrt(sample.variance), low, high, notes)


def quantile(values: Values, p: float) -> Estimate:
    """The p-quantile, interpolated as numpy does and its interval by order statistics, any shape."""
    sample = Sample.of(values)
    if not sample.n:
        return _too_few(sample, needed=1)
    lower, upper = _order_ranks(sample.n, p)
    low = float(sample.ordered[lower - 1]) if lower else -math.inf
    high = float(sample.ordered[upper - 1]) if upper <= sample.n else math.inf
    notes = sample.notes
    for side, bound, share in (("lower", low, 1 - p), ("upper", high, p)):
        if math.isinf(bound):
            notes = [*notes, f"no {side} bound below {math.ceil(math.log(TAIL) / math.log(share))} runs"]
    return Estimate(_interpolated(sample.ordered, p), low, high, note=_joined(notes))


def cvar95(values: Values) -> Estimate:
    """The mean of the highest 5 % of the runs (upper tail: for a cost or a violation, the worst worlds).

    The run on the edge of the 5 % counts in part. The interval is bootstrap-t, the standard error that of the
    influence function: (E[(x - q)^2 | tail] / 5 % - (CVaR - q)^2) / n with q the 95 % quantile.
    """
    sample = Sample.of(values)
    if sample.n < 2:
        return _too_few(sample, needed=2)
    if sample.constant:
        return _same_everywhere(sample)
    few = f"rests on the {math.ceil(sample.n / 20)} highest runs: too few below {20 * TAIL_RUNS} runs"
    notes = [*sample.notes, few] if sample.n < 20 * TAIL_RUNS else sample.notes
    value, low, high = _tail_mean(sample)
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
    low = float(betaincinv(successes, trials - successes + 1, TAIL)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - TAIL)) if successes < trials else 1.0
    return Estimate(successes / trials, low, high)


def paired_difference(a: ArrayLike, b: ArrayLike) -> PairedDifference:
    """The difference a - b over the same worlds, in the same order."""
    return difference_of(Sample(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)))


def difference_of(sample: Sample) -> PairedDifference:
    """The same, of differences that have been taken already."""
    ties = int(np.count_nonzero(sample.values == 0))
    share = probability(int(np.count_nonzero(sample.values < 0)) + ties / 2, sample.n)
    note = f"{ties} of {sample.n} worlds are ties, counted half" if ties else share.note
    return PairedDifference(
        runs=sample.n,
        mean=mean(sample),
        p50=quantile(sample, 0.5),
        share_below=Estimate(share.value, share.low, share.high, note=note),
    )


def _too_few(sample: Sample, needed: int) -> Estimate:
    note = _joined([*sample.notes, f"no interval below {needed} runs"])
    return Estimate(sample.mean, -math.inf, math.inf, note=note)


def _same_everywhere(sample: Sample) -> Estimate:
    # Clopper-Pearson for no success: what was never seen may still happen in this share of the worlds.
    unseen = 1 - TAIL ** (1 / sample.n)
    same = f"the same in all {sample.n} runs; may differ in up to {unseen:.1%} of the worlds"
    value = float(sample.values[0])
    return Estimate(value, value, value, note=_joined([*sample.notes, same]))


def _bounded(value: float, low: float, high: float, notes: Sequence[str]) -> Estimate:
    missing = [side for side, end in (("lower", low), ("upper", high)) if math.isinf(end)]
    absent = [f"too few different runs for a bound on the {side} side" for side in missing]
    return Estimate(value, low, high, note=_joined([*notes, *absent]))


def _joined(notes: Sequence[str]) -> str | None:
    return "; ".join(notes) or None


def _too_skewed(sample: Sample, runs_per_square: float) -> list[str]:
    advised = math.ceil(runs_per_square * sample.skewness**2)
    few = sample.n < advised
    return [f"skewed: the interval may be too short below about {advised} runs"] if few else []


def _mean_interval(sample: Sample) -> tuple[float, float]:
    n, centre = sample.n, sample.mean
    error = max(math.sqrt(sample.variance / n), TINY)
    if not sample.skewed:
        t = _student(n - 1)
        return centre - t * error, centre + t * error
    sums, squares = sample.resampled
    spread = np.sqrt(np.maximum(n * squares - sums * sums, 0.0) / (n - 1))
    t_low, t_high = _studentised_tails(sums - sample.units.sum(), spread)
    return centre - t_high * error, centre - t_low * error


def _tail_mean(sample: Sample) -> tuple[float, float, float]:
    """The mean of the highest 5 % and its interval."""
    n, tail = sample.n, sample.tail
    plain = np.clip(n - 20.0 * np.arange(len(tail.values)), 0, 20)
    whole = ((plain @ tail.units)[np.newaxis], (plain @ tail.units**2)[np.newaxis])
    (centre,), (error,) = _above_edge(whole, tail.units[[tail.edge]], n)
    means, errors = _above_edge(tail.resampled, tail.units[tail_resamples(n)[1]], n)
    value = total(plain * tail.values) / n
    if error == 0:  # the highest 5 % are all the same
        low, high = _tails(means - centre)
        return value, value + low * tail.unit, value + high * tail.unit
    t_low, t_high = _studentised_tails(means - centre, errors)
    return value, value - t_high * error * tail.unit, value - t_low * error * tail.unit


def _above_edge(resampled: Sums, quantiles: Floats, n: int) -> tuple[Floats, Floats]:
    """The tail's mean and its standard error in each resample [units]."""
    sums, squares = resampled
    above = sums - n * quantiles
    above_squared = squares - 2 * quantiles * sums + n * quantiles * quantiles
    return sums / n, np.sqrt(np.maximum(20 * n * above_squared - above * above, 0.0) / n) / n


def _studentised_tails(shifts: Floats, spreads: Floats) -> tuple[float, float]:
    """The tail quantiles of shift / spread over the resamples; infinite where too many have no spread."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return _tails(np.where(shifts == 0, 0.0, shifts / spreads))


def _tails(resampled: Floats) -> tuple[float, float]:
    rank = round((RESAMPLES + 1) * TAIL)
    ordered = np.sort(resampled)
    return float(ordered[rank - 1]), float(ordered[RESAMPLES - rank])


def _interpolated(ordered: Floats, p: float) -> float:
    """The p-quantile of values in rising order: the line between the two around place (n - 1) p, from 0."""
    place = (len(ordered) - 1) * p
    left = min(int(place), len(ordered) - 2) if len(ordered) > 1 else 0
    a, b = float(ordered[left]), float(ordered[min(left + 1, len(ordered) - 1)])
    share = place - left
    # From the nearer end, so that it lies between the two whatever the rounding.
    return a + (b - a) * share if share < 0.5 else b - (b - a) * (1 - share)


@lru_cache(maxsize=64)
def _student(freedom: int) -> float:
    """Student's t at the upper tail."""
    return float(stdtrit(freedom, 1 - TAIL))


@lru_cache(maxsize=64)
def _order_ranks(n: int, p: float) -> tuple[int, int]:
    """Ranks (from 1) of the order statistics that enclose a quantile; 0 and n + 1 where there is none."""
    counts: NDArray[np.int_] = np.arange(n + 1)
    lower = int(np.count_nonzero(bdtr(counts, n, p) <= TAIL))
    upper = 1 + int(np.count_nonzero(bdtrc(counts, n, p) > TAIL))
    return lower, upper
