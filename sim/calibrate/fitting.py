"""Fit laws to durations of which some are censored, and choose among them.

A duration that was running when the record began or ended is only known to be longer than what was seen.
Taken as if it had ended, or dropped, it makes the fit too short; so it enters the likelihood with its
survival. A recorder that looks every few minutes knows an end only to its step, and a point density would
reward laws with a spike there; so an ended duration enters with the probability of its interval.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from sim.calibrate.laws import FAMILIES, FittedLaw, Floats, Law, QuantileTable

KOLMOGOROV_5_PERCENT = 1.358
"""Times 1/sqrt(n): the distance that a law given beforehand exceeds in 5 % of samples (Smirnov 1948).

With fitted parameters it is lenient: a law beyond it is certainly wrong."""

CV_TOLERANCE = 0.25
"""How far a law's cv may be from the sample's: the tail is where most of the time is spent."""

TABLE_LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """Durations [s], which are censored (known to be longer), and how far apart two ends can be told [s]."""

    lengths_s: Floats
    censored: npt.NDArray[np.bool_]
    resolution_s: float

    @property
    def cv(self) -> float:
        """Standard deviation over mean of what was seen, censored spells included as they stand."""
        return float(self.lengths_s.std() / self.lengths_s.mean())


@dataclass(frozen=True, slots=True)
class Fit:
    """A law and how well it fits: `distance` is Kolmogorov's to the Kaplan-Meier curve."""

    law: FittedLaw
    log_likelihood: float
    aicc: float
    distance: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The law that was chosen, and all fits that were tried, best AICc first."""

    law: Law
    distance: float
    tried: tuple[Fit, ...]


def fit(family: type[FittedLaw], sample: Sample, mean_s: float | None = None) -> Fit:
    """The most likely member of a family; with `mean_s` only among those with that mean."""
    bins = _Bins.of(sample)

    def law_at(free: Floats) -> FittedLaw:
        if mean_s is not None:
            return family.with_mean(mean_s, free)
        return family.with_mean(math.exp(free[0]), free[1:])

    first = () if mean_s is not None else (math.log(float(sample.lengths_s.mean())),)
    begins = [np.array((*first, *start), dtype=np.float64) for start in family.starts]
    found = (least(lambda free: -bins.log_likelihood(law_at(free)), begin) for begin in begins)
    law = law_at(min(found, key=lambda result: result[1])[0])
    value = bins.log_likelihood(law)
    parameters = len(family.starts[0]) + 1
    spare = max(len(sample.lengths_s) - parameters - 1, 1)
    aicc = 2 * parameters - 2 * value + 2 * parameters * (parameters + 1) / spare
    return Fit(law, value, aicc, distance(law, sample))


def least(function: Callable[[Floats], float], begin: Floats) -> tuple[Floats, float]:
    """Where a function is least, and its value there, by Nelder and Mead's search from a point."""
    if not begin.size:
        return begin, function(begin)
    tight: Any = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000}
    found = optimize.minimize(function, begin, method="Nelder-Mead", options=tight)
    return np.asarray(found.x, dtype=np.float64), float(found.fun)


def choose(sample: Sample, mean_s: float | None = None) -> Choice:
    """The family with the best AICc among those that fit; a quantile table where none does.

    A law fits when its distance to the Kaplan-Meier curve is below Kolmogorov's 5 % point and its cv is
    within 25 % of the sample's.
    """
    tried = tuple(sorted((fit(family, sample, mean_s) for family in FAMILIES), key=lambda found: found.aicc))
    limit = KOLMOGOROV_5_PERCENT / math.sqrt(len(sample.lengths_s))
    for candidate in tried:
        if candidate.distance < limit and abs(candidate.law.cv / sample.cv - 1) < CV_TOLERANCE:
            return Choice(candidate.law, candidate.distance, tried)
    table = spell_table(sample, mean_s)
    return Choice(table, distance(table, sample), tried)


def distance(law: Law, sample: Sample) -> float:
    """Kolmogorov's distance of a law to the Kaplan-Meier curve, where the recorder can tell lengths apart."""
    longer = _kaplan_meier(sample)
    ends = np.unique(sample.lengths_s[~sample.censored])
    return float(np.abs(longer(ends) - law.survival(ends + sample.resolution_s / 2)).max())


def spell_table(sample: Sample, mean_s: float | None = None) -> QuantileTable:
    """The Kaplan-Meier curve as a quantile table, each end spread over the recorder's step, with the mean
    given.

    A level with fewer than three spells beyond it is left out: it would be a statement about those spells.
    """
    lengths = np.unique(sample.lengths_s)
    survival = np.concatenate(([1.0], _kaplan_meier(sample)(lengths)))
    survival[-1] = 0.0  # what is left when the longest is censored is put there
    weights, half = -np.diff(survival), sample.resolution_s / 2
    edges = np.unique(np.concatenate((lengths - half, lengths + half)))
    spread = np.clip((edges[:, None] - lengths + half) / (2 * half), 0, 1) @ weights
    levels = [level for level in TABLE_LEVELS if level == 1 or len(sample.lengths_s) * (1 - level) >= 3]
    mean = float(weights @ lengths) if mean_s is None else mean_s
    return _with_mean(levels, lambda at: np.interp(at, spread, edges), mean)


def quantile_table(values: Floats, levels: Sequence[float]) -> QuantileTable:
    """Uncensored values as a quantile table with their own mean; `levels` run from 0 to 1."""
    return _with_mean(levels, lambda at: np.quantile(values, at), float(values.mean()))


def _with_mean(levels: Sequence[float], inverse: Callable[[Floats], Floats], mean_s: float) -> QuantileTable:
    """The table of an inverse distribution function whose mean, and that of its last piece, are exact.

    The last value is where the chord of the last piece must end to have the piece's mean: the largest value
    seen is the least certain of all. The other chords lie a little above a convex curve; scaling undoes that.
    """
    values = inverse(np.array(levels, dtype=np.float64))
    last_piece = inverse(levels[-2] + (1 - levels[-2]) * (np.arange(1000) + 0.5) / 1000)
    values[-1] = 2 * float(last_piece.mean()) - values[-2]
    scaled = values * (mean_s / float(np.trapezoid(values, levels)))
    assert (np.diff(scaled) > 0).all(), f"the quantiles do not increase: {scaled}"
    return QuantileTable(tuple(map(float, levels)), tuple(map(float, scaled)))


def _kaplan_meier(sample: Sample) -> Callable[[Floats], Floats]:
    """The survival curve of a censored sample."""
    return stats.ecdf(stats.CensoredData.right_censored(sample.lengths_s, sample.censored)).sf.evaluate


@dataclass(frozen=True, slots=True)
class _Bins:
    """A sample reduced to its different lengths, with how often each was seen."""

    low_s: Floats
    high_s: Floats
    ended: Floats
    longer_than_s: Floats

    @classmethod
    def of(cls, sample: Sample) -> "_Bins":
        lengths, counts = np.unique(sample.lengths_s[~sample.censored], return_counts=True)
        half = sample.resolution_s / 2
        # what is shorter than a step was seen as one step
        low = np.where(lengths <= sample.resolution_s, 0.0, lengths - half)
        return cls(low, lengths + half, counts.astype(np.float64), sample.lengths_s[sample.censored])

    def log_likelihood(self, law: Law) -> float:
        """The logarithm of the probability of the sample under a law."""
        smallest = 1e-300
        ended = np.maximum(law.survival(self.low_s) - law.survival(self.high_s), smallest)
        running = np.maximum(law.survival(self.longer_than_s), smallest)
        return float(self.ended @ np.log(ended) + np.log(running).sum())
