"""Estimates and their intervals: against arithmetic, against theory, and against repeated sampling."""

import math
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim.errors import ScenarioError
from sim.scenario.strategies import Expect
from sim.study.expectations import Expectation, expectations_of, judge
from sim.study.statistics import (
    Estimate,
    Floats,
    cvar95,
    exact_probability,
    mean,
    paired_difference,
    probability,
    quantile,
    sd,
)

REPLICATIONS = 1_000
FEWEST, MOST = 930, 970
"""A true 95 % interval covers fewer or more times out of 1,000 in 0.3 % of such checks."""

Draw = Callable[[np.random.Generator, int], Floats]


def normal(random: np.random.Generator, n: int) -> Floats:
    """Mean 3, standard deviation 2."""
    return random.normal(3.0, 2.0, n)


def exponential(random: np.random.Generator, n: int) -> Floats:
    """Mean 1, standard deviation 1, skewness 2."""
    return random.exponential(1.0, n)


def lognormal(random: np.random.Generator, n: int) -> Floats:
    """Median 1, mean exp(1/2), skewness 6.2."""
    return random.lognormal(0.0, 1.0, n)


def times_covered(interval: Callable[[Floats], Estimate], draw: Draw, truth: float, n: int) -> int:
    """How often the interval holds the truth."""
    random = np.random.default_rng(20260105)
    estimates = (interval(draw(random, n)) for _ in range(REPLICATIONS))
    return sum(estimate.low <= truth <= estimate.high for estimate in estimates)


def plain_t(values: Floats) -> Estimate:
    """The t-interval, whatever the shape."""
    half = float(stats.t.ppf(0.975, len(values) - 1)) * values.std(ddof=1) / math.sqrt(len(values))
    return Estimate(values.mean(), values.mean() - half, values.mean() + half)


def wald(successes: float, trials: int) -> Estimate:
    """The textbook interval of a share."""
    share = successes / trials
    half = 1.96 * math.sqrt(share * (1 - share) / trials)
    return Estimate(share, share - half, share + half)


def exact_coverage(interval: Callable[[int, int], Estimate], share: float, n: int) -> float:
    """The chance that the interval holds the share, summed over all outcomes of n trials."""
    covered = [k for k in range(n + 1) if interval(k, n).low <= share <= interval(k, n).high]
    return math.fsum(float(stats.binom.pmf(k, n, share)) for k in covered)


def test_mean_by_hand() -> None:
    """Of 1, 2, 3: mean 2, standard error 1/sqrt(3), t(2, 97.5 %) = 4.302653."""
    estimate = mean([1, 2, 3])
    assert estimate.value == 2
    assert estimate.high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)
    assert estimate.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6)
    assert (estimate.level, estimate.note) == (0.95, None)


def test_skewed_mean_reaches_further_up() -> None:
    """Where values are skewed to the right, so is the interval, and it says that the runs are few."""
    estimate = mean(lognormal(np.random.default_rng(1), 40))
    assert estimate.high - estimate.value > 1.3 * (estimate.value - estimate.low)
    assert "skewed: the interval may be too short below about" in str(estimate.note)


def test_sums_do_not_depend_on_rounding() -> None:
    """1e16, 1, -1e16 and 1 have the mean 0.5, which plain addition loses."""
    assert mean([1e16, 1.0, -1e16, 1.0]).value == 0.5


def test_sd_by_hand() -> None:
    """Of 2, 4, 4, 4, 5, 5, 7, 9: squared deviations add up to 32, so the variance is 32/7."""
    estimate = sd([2, 4, 4, 4, 5, 5, 7, 9])
    assert estimate.value == pytest.approx(math.sqrt(32 / 7), abs=1e-12)
    assert estimate.low < estimate.value < estimate.high


def test_quantile_ranks_of_the_median() -> None:
    """Of 1..10 the median lies in [2, 9]: P(Bin(10, 1/2) <= 1) = 11/1024 <= 2.5 % < 56/1024."""
    estimate = quantile(np.arange(10, 0, -1), 0.5)
    assert (estimate.value, estimate.low, estimate.high, estimate.note) == (5.5, 2, 9, None)


@pytest.mark.parametrize(("runs", "bounded"), [(71, False), (72, True)])
def test_p95_needs_72_runs(runs: int, bounded: bool) -> None:
    """0.95^71 = 2.6 % and 0.95^72 = 2.49 %: from 72 runs on the largest bounds p95, and the smallest p5."""
    high, low = quantile(np.arange(runs), 0.95), quantile(np.arange(runs), 0.05)
    assert math.isfinite(high.high) == math.isfinite(low.low) == bounded
    assert high.note == (None if bounded else "no upper bound below 72 runs")
    assert low.note == (None if bounded else "no lower bound below 72 runs")


def test_cvar_by_hand() -> None:
    """Of 1..40 the worst 5 % are 39 and 40, mean 39.5; of 1..30 they are 30 and half of 29, so 44.5 / 1.5."""
    assert cvar95(np.arange(1, 41)).value == 39.5
    assert cvar95(np.arange(1, 31)).value == pytest.approx(44.5 / 1.5, abs=1e-12)
    assert "rests on the 2 highest runs: too few below 100 runs" in str(cvar95(np.arange(30)).note)


def test_wilson_by_hand() -> None:
    """Its ends solve (p - share)^2 = z^2 p (1 - p) / n; none in n leaves z^2 / (n + z^2)."""
    estimate = probability(10, 100)
    for end in (estimate.low, estimate.high):
        assert (end - 0.1) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / 100, rel=1e-5)
    assert estimate.low < estimate.value == 0.1 < estimate.high
    assert probability(0, 30).low == 0
    assert probability(0, 30).high == pytest.approx(1.959964**2 / (30 + 1.959964**2), abs=1e-6)
    assert probability(30, 30).high == 1


def test_clopper_pearson_by_hand() -> None:
    """None in n leaves 1 - 0.025^(1/n) on the upper side; all in n is its mirror image."""
    assert exact_probability(0, 30).high == pytest.approx(1 - 0.025 ** (1 / 30), abs=1e-12)
    assert exact_probability(0, 30).low == 0
    assert exact_probability(30, 30).low == pytest.approx(0.025 ** (1 / 30), abs=1e-12)
    assert exact_probability(30, 30).high == 1


def test_paired_difference_by_hand() -> None:
    """Over 4 worlds a is below b twice, above once, tied once: (2 + 1/2) / 4."""
    difference = paired_difference([1, 2, 3, 9], [2, 5, 3, 1])
    assert difference.runs == 4
    assert difference.mean.value == (-1 - 3 + 0 + 8) / 4
    assert difference.p50.value == (-1 + 0) / 2
    assert difference.share_below.value == 2.5 / 4
    assert difference.share_below.note == "1 of 4 worlds are ties, counted half"


def test_pairing_removes_what_worlds_share() -> None:
    """Strategies that differ by one in each world (noise 0.1) are told apart though worlds differ by 100."""
    random = np.random.default_rng(3)
    worlds = random.normal(0, 100, 50)
    difference = paired_difference(worlds + random.normal(0, 0.1, 50), worlds + 1)
    assert -1.1 < difference.mean.low < difference.mean.high < -0.9
    assert mean(worlds).high - mean(worlds).low > 40


def test_undefined_runs_are_left_out_and_counted() -> None:
    """NaN is dropped, from a pair with its partner, and the note says how many."""
    estimate = mean([1, math.nan, 3, math.nan, 2])
    assert estimate.value == 2
    assert estimate.note == "undefined in 2 of 5 runs, which are left out"
    difference = paired_difference([1, math.nan, 3, 5], [1, 2, math.nan, 4])
    assert (difference.runs, difference.mean.value, difference.share_below.value) == (2, 0.5, 0.25)


@pytest.mark.parametrize("of", [mean, sd, cvar95, lambda values: quantile(values, 0.5)])
@pytest.mark.parametrize("values", [[], [math.nan]])
def test_nothing_known(of: Callable[[list[float]], Estimate], values: list[float]) -> None:
    """Without a single value there is neither an estimate nor a bound, and a note says why."""
    estimate = of(values)
    assert math.isnan(estimate.value)
    assert estimate.high == math.inf
    assert estimate.note


@pytest.mark.parametrize("of", [mean, cvar95, lambda values: quantile(values, 0.5)])
def test_one_run(of: Callable[[list[float]], Estimate]) -> None:
    """One run is an estimate without any bound."""
    assert (of([4.0]).value, of([4.0]).low, of([4.0]).high) == (4.0, -math.inf, math.inf)


def test_equal_runs() -> None:
    """Equal values leave no spread; the note says how many worlds may differ, 1 - 0.025^(1/30) = 11.6 %."""
    estimate = mean([0.1] * 30)
    assert (estimate.value, estimate.low, estimate.high) == (0.1, 0.1, 0.1)
    assert estimate.note == "the same in all 30 runs; may differ in up to 11.6% of the worlds"
    assert (sd([0.1] * 30).value, sd([0.1] * 30).high) == (0, 0)
    assert cvar95([0.1] * 30) == estimate


def test_a_tail_of_equal_runs() -> None:
    """Where most runs share the highest value it is the tail's mean; a tenth of them leaves room below it."""
    most = cvar95([0.0] * 100 + [1.0] * 400)
    assert (most.value, most.low, most.high) == (1, 1, 1)
    few = cvar95([0.0] * 475 + [1.0] * 25)
    assert few.value == few.high == 1
    assert 0.5 < few.low < 0.9


def test_tiny_numbers() -> None:
    """Values at the edge of what a float holds break nothing."""
    for estimate in (mean([5e-324] + [0.0] * 30), cvar95([5e-324] + [0.0] * 30)):
        assert estimate.low <= estimate.value <= estimate.high


def test_a_rare_outcome_leaves_the_mean_open() -> None:
    """With one case in 30 a third of all resamples has none, so that no upper bound can be given."""
    estimate = mean([0.0] * 29 + [1.0])
    assert estimate.high == math.inf
    assert "too few different runs for a bound on the upper side" in str(estimate.note)


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_an_interval_holds_its_estimate(values: list[float]) -> None:
    """Whatever the values, low <= value <= high up to rounding, and nothing is NaN."""
    for estimate in (mean(values), sd(values), cvar95(values), quantile(values, 0.95)):
        slack = 1e-9 * (1 + abs(estimate.value))
        assert estimate.low <= estimate.value + slack
        assert estimate.high >= estimate.value - slack


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(0, 2**32), st.sampled_from([2.0**10, 2.0**-10]))
def test_intervals_scale_with_the_unit(n: int, seed: int, factor: float) -> None:
    """Values in another unit (a power of two, so that nothing rounds) have the same interval in that unit."""
    values = lognormal(np.random.default_rng(seed), n)
    plain, scaled = mean(values), mean(values * factor)
    expected = (plain.value * factor, plain.low * factor, plain.high * factor)
    assert (scaled.value, scaled.low, scaled.high) == expected


def test_estimates_repeat() -> None:
    """The same values give the same interval, bit for bit, whatever was asked in between."""
    values = lognormal(np.random.default_rng(5), 200)
    first = (mean(values), sd(values), cvar95(values))
    for n in range(50, 60):
        mean(values[:n])
    assert (mean(values), sd(values), cvar95(values)) == first


@pytest.mark.parametrize(
    ("of", "draw", "truth", "n"),
    [
        (mean, normal, 3.0, 30),
        (mean, exponential, 1.0, 100),
        (cvar95, normal, 3.0 + 2.0 * stats.norm.pdf(1.644854) / 0.05, 200),
    ],
    ids=["mean normal 30", "mean exponential 100", "cvar normal 200"],
)
def test_coverage(of: Callable[[Floats], Estimate], draw: Draw, truth: float, n: int) -> None:
    """Of 1,000 intervals 930 to 970 hold the truth, as those of a true 95 % method do."""
    assert FEWEST <= times_covered(of, draw, truth, n) <= MOST


@pytest.mark.parametrize(("share", "n"), [(0.5, 100), (0.95, 500), (0.05, 500)])
def test_coverage_of_quantiles(share: float, n: int) -> None:
    """Between ranks l and u the interval covers with P(l <= Bin(n, p) < u), 95 % or a little more."""
    ranks = quantile(np.arange(1.0, n + 1), share)
    by_theory = stats.binom.cdf(ranks.high - 1, n, share) - stats.binom.cdf(ranks.low - 1, n, share)
    assert 0.95 <= by_theory < 0.975
    covered = times_covered(lambda values: quantile(values, share), exponential, -math.log(1 - share), n)
    assert abs(covered - REPLICATIONS * by_theory) < 3.5 * math.sqrt(
        REPLICATIONS * by_theory * (1 - by_theory)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of", "draw", "truth", "n", "fewest"),
    [
        (mean, normal, 3.0, 500, FEWEST),
        (mean, exponential, 1.0, 30, 915),
        (mean, lognormal, math.exp(0.5), 100, 915),
        (mean, lognormal, math.exp(0.5), 500, FEWEST),
        (sd, normal, 2.0, 100, 920),
        (sd, exponential, 1.0, 500, 920),
        (cvar95, exponential, 1 + math.log(20), 500, FEWEST),
        (cvar95, lognormal, math.exp(0.5) * stats.norm.sf(1.644854 - 1) / 0.05, 500, 920),
    ],
)
def test_coverage_of_skewed_values(
    of: Callable[[Floats], Estimate], draw: Draw, truth: float, n: int, fewest: int
) -> None:
    """Where bootstrap-t is only nearly exact, it still covers far more often than a t-interval would."""
    assert fewest <= times_covered(of, draw, truth, n) <= 975


def test_the_coverage_check_can_fail() -> None:
    """The same check catches a plain t-interval on strongly skewed values; bootstrap-t does far better."""

    def heavy(random: np.random.Generator, n: int) -> Floats:
        return random.lognormal(0.0, 2.0, n)

    assert times_covered(plain_t, heavy, math.exp(2.0), 100) < FEWEST
    assert (
        times_covered(mean, heavy, math.exp(2.0), 100)
        > times_covered(plain_t, heavy, math.exp(2.0), 100) + 80
    )


def test_heavy_tails_are_said() -> None:
    """Where bootstrap-t falls short too (lognormal, sigma 2), nearly all its intervals carry the note."""
    random = np.random.default_rng(8)
    noted = [bool(mean(random.lognormal(0.0, 2.0, 500)).note) for _ in range(100)]
    assert sum(noted) >= 95


def test_coverage_of_shares() -> None:
    """At 2 % and n = 30 Wald covers 46 %; Clopper-Pearson never less than 95 %, Wilson 95 % on average."""
    assert exact_coverage(wald, 0.02, 30) == pytest.approx(1 - 0.98**30, abs=0.01)
    shares = np.linspace(0.005, 0.995, 199)
    assert min(exact_coverage(exact_probability, share, 30) for share in shares) >= 0.95
    assert np.mean([exact_coverage(probability, share, 30) for share in shares]) == pytest.approx(
        0.953, abs=0.005
    )
    assert np.mean([exact_coverage(wald, share, 30) for share in shares]) < 0.90


@pytest.mark.benchmark_ratio
def test_three_strategies_with_150_metrics_take_seconds() -> None:
    """All estimates of 450 skewed columns of 500 runs, and 450 paired differences, take about two seconds."""
    columns = lognormal(np.random.default_rng(2), 450 * 500).reshape(450, 500)
    begun = time.process_time()
    for column, other in zip(columns, np.roll(columns, 1, axis=0), strict=True):
        for of in (mean, sd, cvar95):
            of(column)
        for share in (0.05, 0.5, 0.95):
            quantile(column, share)
        paired_difference(column, other)
    assert time.process_time() - begun < 5


def expectation(statistic: str, comparison: str, threshold: float) -> Expectation:
    """An expectation of cost."""
    return Expectation("cost_usd", "a", cast(Any, statistic), cast(Any, comparison), threshold)


def expect(metric: str, **threshold: object) -> Expect:
    """An entry of a scenario's `expect`."""
    return Expect.model_validate({"metric": metric, "strategy": "hybrid", **threshold})


def test_expectations_are_in_the_unit_of_their_metric() -> None:
    """Four hours in seconds or minutes, a percentage as a share, money in the currency, a number as it is."""
    entries = [
        expect("wait_s_p95:train", p50_below="4 h"),
        expect("slo_violation_minutes:serve", p95_below="4 h"),
        expect("slo_violation_share", cvar95_below="1%"),
        expect("npv_usd", mean_above="2M USD"),
        expect("nodes_arrived", p5_above=3),
    ]
    assert expectations_of(entries) == (
        Expectation("wait_s_p95:train", "hybrid", "p50", "below", 14_400.0),
        Expectation("slo_violation_minutes:serve", "hybrid", "p95", "below", 240.0),
        Expectation("slo_violation_share", "hybrid", "cvar95", "below", 0.01),
        Expectation("npv_usd", "hybrid", "mean", "above", 2e6),
        Expectation("nodes_arrived", "hybrid", "p5", "above", 3.0),
    )


def test_expectations_that_nobody_has_checked_are_refused_here() -> None:
    """A duration of money, and a metric that there is not."""
    with pytest.raises(ScenarioError, match="a duration cannot be a threshold of 'cost_usd'"):
        expectations_of([expect("cost_usd", mean_below="4 h")])
    with pytest.raises(ScenarioError, match="unknown metric"):
        expectations_of([expect("cost", mean_below=4)])


@pytest.mark.parametrize(
    ("statistic", "comparison", "threshold", "status"),
    [
        ("mean", "below", 7.7, "pass"),
        ("mean", "below", 7.6, "undecided"),
        ("mean", "above", 7.7, "fail"),
        ("mean", "below", 3.3, "fail"),
        ("mean", "above", 3.3, "pass"),
        ("mean", "above", 3.4, "undecided"),
        ("p50", "below", 9.0, "pass"),
        ("p50", "below", 8.9, "undecided"),
        ("p50", "above", 2.0, "pass"),
        ("p50", "below", 1.9, "fail"),
        ("p95", "below", 1000.0, "undecided"),
        ("p5", "above", -1000.0, "undecided"),
    ],
)
def test_judged_on_the_interval(statistic: str, comparison: str, threshold: float, status: str) -> None:
    """Of 1..10: mean 5.5 +- 2.262 * 3.028 / sqrt(10), that is in [3.33, 7.67]; median in [2, 9]; p95 open."""
    assert judge(expectation(statistic, comparison, threshold), np.arange(1, 11)).status == status


def test_how_many_more_runs_for_a_mean() -> None:
    """The half-width 2.166 has to shrink to 0.5: (2.166 / 0.5)^2 * 10 = 188 runs, 178 more, said as 180."""
    verdict = judge(expectation("mean", "below", 6.0), np.arange(1, 11))
    assert (verdict.status, verdict.more_runs, verdict.runs) == ("undecided", 180, 10)
    assert str(verdict) == "undecided (about 180 more runs): a: cost_usd mean below 6"


def test_how_many_more_runs_for_a_quantile() -> None:
    """With none of 30 above, 1.96^2 * 0.95 * 0.05 / 0.05^2 = 73 runs decide on p95, 43 more (72 suffice)."""
    verdict = judge(expectation("p95", "below", 1000.0), np.arange(30))
    assert (verdict.status, verdict.more_runs) == ("undecided", 43)
    assert judge(expectation("p95", "below", 1000.0), np.arange(72)).status == "pass"


def test_a_value_on_the_threshold_names_no_number() -> None:
    """Where the estimate is the threshold, or where there is none, no number of runs is named."""
    assert judge(expectation("mean", "below", 5.5), np.arange(1, 11)).more_runs is None
    assert judge(expectation("mean", "below", 5.5), []).more_runs is None
    assert judge(expectation("p50", "below", 5.5), []).status == "undecided"


def test_the_threshold_itself_keeps_it() -> None:
    """No violation at all keeps `below 0`, and full use keeps `above 1`."""
    assert judge(expectation("mean", "below", 0.0), [0.0] * 20).status == "pass"
    assert judge(expectation("mean", "above", 1.0), [1.0] * 20).status == "pass"


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(0, 300), st.sampled_from([0.05, 0.5, 0.95]))
def test_quantiles_are_judged_as_by_clopper_pearson(n: int, below: int, share: float) -> None:
    """The p-quantile is below a threshold exactly when, by Clopper-Pearson, the share below it exceeds p."""
    below = min(below, n)
    name = {0.05: "p5", 0.5: "p50", 0.95: "p95"}[share]
    values = np.concatenate((np.arange(below) - below, np.arange(n - below) + 1.0))
    interval = exact_probability(below, n)
    expected = "pass" if interval.low >= share else "fail" if interval.high < share else "undecided"
    assert judge(expectation(name, "below", 0.0), values).status == expected
