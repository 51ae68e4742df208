"""What a scenario expects of its strategies, judged on the interval and not on the point."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, assert_never, cast

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import Problem, ScenarioError, did_you_mean
from sim.metrics import DEFINITIONS, threshold_misfit, threshold_of
from sim.scenario.quantities import Limit
from sim.scenario.strategies import Expect
from sim.study.statistics import Estimate, Floats, Z, cvar95, mean, quantile

Statistic = Literal["mean", "p5", "p50", "p95", "cvar95"]
Comparison = Literal["below", "above"]
Status = Literal["pass", "fail", "undecided"]

MORE_RUNS_LIMIT = 1_000_000
"""Where more runs than this are needed, the value lies on the threshold and no number of runs is named."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A threshold that one metric of one strategy must keep; the threshold itself keeps it."""

    metric: str
    strategy: str
    statistic: Statistic
    comparison: Comparison
    threshold: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """An expectation and what the runs say of it."""

    expectation: Expectation
    status: Status
    estimate: Estimate
    runs: int
    more_runs: int | None = None
    """About how many more would decide it; None where it is decided or where no number can be named."""

    def __str__(self) -> str:
        """One line for people."""
        asked = self.expectation
        wish = f"{asked.metric} {asked.statistic} {asked.comparison} {asked.threshold:g}"
        wait = f" (about {self.more_runs} more runs)" if self.more_runs else ""
        return f"{self.status}{wait}: {asked.strategy}: {wish}"


def expectations_of(entries: Iterable[Expect]) -> tuple[Expectation, ...]:
    """The expectations in a scenario's `expect` list, each threshold in the unit of its metric.

    Raises ScenarioError for a metric that is not defined and for a threshold that measures something else.
    """
    return tuple(
        _expectation(entry, n, name, limit)
        for n, entry in enumerate(entries)
        for name, limit in entry.limits()
    )


def _expectation(entry: Expect, n: int, name: str, limit: Limit) -> Expectation:
    try:
        threshold, fault = threshold_of(entry.metric, limit), threshold_misfit(entry.metric, limit)
    except KeyError:
        hint = did_you_mean(entry.metric, DEFINITIONS)
        problem = Problem(("expect", n, "metric"), "unknown metric", found=entry.metric, hint=hint)
        raise ScenarioError((problem,)) from None
    if fault is not None:
        problem = Problem(("expect", n, name), fault.message, fault.found, fault.allowed, fault.hint)
        raise ScenarioError((problem,))
    assert threshold is not None, f"nothing is wrong with {limit} of {entry.metric}, and it is no threshold"
    statistic, _, comparison = name.partition("_")
    return Expectation(
        entry.metric, entry.strategy, cast(Statistic, statistic), cast(Comparison, comparison), threshold
    )


def judge(expectation: Expectation, values: ArrayLike) -> Verdict:
    """Whether the values of a metric, one per run, keep to a threshold.

    It is decided when the whole 95 % interval lies on one side. For a quantile that is the same as asking
    whether the Clopper-Pearson interval of the share of runs below the threshold lies on one side of the
    quantile's probability.
    """
    sample = np.asarray(values, dtype=np.float64)
    sample = sample[~np.isnan(sample)]
    estimate = estimate_of(expectation.statistic, values)
    within, beyond = _sides(expectation, estimate)
    if within or beyond:
        return Verdict(expectation, "pass" if within else "fail", estimate, len(sample))
    return Verdict(expectation, "undecided", estimate, len(sample), _more_runs(expectation, estimate, sample))


def demand_known_metrics(
    expectations: Iterable[Expectation], strategy: str, metrics: Collection[str]
) -> None:
    """Raise ScenarioError for expectations of a metric that the strategy's results do not have."""
    asked = (wish.metric for wish in expectations if wish.strategy == strategy)
    problems = tuple(
        Problem(("expect",), "unknown metric", found=name, hint=did_you_mean(name, metrics))
        for name in asked
        if name not in metrics
    )
    if problems:
        raise ScenarioError(problems)


def estimate_of(statistic: Statistic, values: ArrayLike) -> Estimate:
    """The statistic that is named."""
    match statistic:
        case "mean":
            return mean(values)
        case "p5" | "p50" | "p95":
            return quantile(values, _probability(statistic))
        case "cvar95":
            return cvar95(values)
        case _:
            assert_never(statistic)


def _probability(statistic: Literal["p5", "p50", "p95"]) -> float:
    return {"p5": 0.05, "p50": 0.5, "p95": 0.95}[statistic]


def _sides(expectation: Expectation, estimate: Estimate) -> tuple[bool, bool]:
    match expectation.comparison:
        case "below":
            return estimate.high <= expectation.threshold, estimate.low > expectation.threshold
        case "above":
            return estimate.low >= expectation.threshold, estimate.high < expectation.threshold
        case _:
            assert_never(expectation.comparison)


def _more_runs(expectation: Expectation, estimate: Estimate, sample: Floats) -> int | None:
    match expectation.statistic:
        case "mean" | "cvar95":
            needed = _runs_for_mean(estimate, expectation.threshold, len(sample))
        case "p5" | "p50" | "p95":
            below = float(np.mean(sample <= expectation.threshold)) if len(sample) else math.nan
            needed = _runs_for_share(below, _probability(expectation.statistic))
        case _:
            assert_never(expectation.statistic)
    more = needed - len(sample)
    if not 0 < more <= MORE_RUNS_LIMIT:
        return None
    step: int = 10 ** max(math.floor(math.log10(more)) - 1, 0)
    return math.ceil(more / step) * step


def _runs_for_mean(estimate: Estimate, threshold: float, runs: int) -> float:
    # The interval's half-width falls as 1 / sqrt(n).
    distance = abs(estimate.value - threshold)
    half = estimate.high - estimate.value if estimate.value < threshold else estimate.value - estimate.low
    return runs * (half / distance) ** 2 if distance > 0 else math.nan


def _runs_for_share(share: float, probability: float) -> float:
    # The share of runs below the threshold has to differ from the probability by Z standard errors.
    distance = abs(share - probability)
    return Z * Z * probability * (1 - probability) / distance**2 if distance > 0 else math.nan
