"""What arrives in a world, jobs and requests, against the theory of its processes."""

import math

import numpy as np
import pytest
from scipy import stats

from sim.world import sample
from sim.world.demand import known_rps
from tests.worlds import (
    DAY_S,
    HOUR_S,
    RUNS,
    SEED,
    TRAIN,
    WEEK_S,
    YEAR_S,
    counts,
    demand,
    jobs,
    ks,
    scenario,
    worlds,
    z_of_mean,
)


def test_poisson_counts_have_mean_and_variance_alike() -> None:
    """10 a day for 28 days: 280 in the mean, and a variance of 280, whose standard error is sqrt(2 / 400)."""
    found = counts(jobs("{poisson: {rate: 10 per day}}"))
    assert abs(z_of_mean(found, 280, math.sqrt(280))) < 5
    assert found.var(ddof=1) / 280 == pytest.approx(1, abs=5 * math.sqrt(2 / RUNS))


def test_poisson_arrivals_are_spread_evenly() -> None:
    """All times are as likely, whole seconds of [0, horizon), in ascending order."""
    submit_s = sample(jobs("{poisson: {rate: 10 per hour}}"), SEED, 0).jobs.submit_s
    assert submit_s.dtype == np.int64
    assert bool(np.all(np.diff(submit_s) >= 0))
    assert 0 <= submit_s[0] <= submit_s[-1] < 4 * WEEK_S
    assert ks((submit_s / (4 * WEEK_S)).tolist(), stats.uniform.cdf) < 2.4


def test_growth_raises_the_rate_continuously() -> None:
    """Doubling each year: from a to b years the integral of rate x 2^t is rate x (2^b - 2^a) / ln 2."""
    facts = jobs("{poisson: {rate: 10 per day}}", "2 years", ", growth: 100%")
    submit_s = np.concatenate([world.jobs.submit_s for world in worlds(facts, 20)])
    found = np.histogram(submit_s, np.arange(5) * YEAR_S / 2)[0]
    expected = 20 * 10 * 365 * np.diff(2.0 ** (np.arange(5) / 2)) / math.log(2)
    assert np.max(np.abs(found - expected) / np.sqrt(expected)) < 5


HOUR_OF_WEEK = [(day + 1) * hour for day in range(7) for hour in range(24)]
"""Every day and hour its own; nothing between midnight and one. The mean is 4 x 11.5 = 46."""
SHARES = np.array(HOUR_OF_WEEK) / 46
PROFILE = f"profile: {{hour_of_week: {HOUR_OF_WEEK}}}"
WEDNESDAY_H = 48


@pytest.mark.parametrize(
    "arrivals", ["seasonal: {rate: 60 per hour, ", "bursty: {rate: 60 per hour, burst_size: 1, within: 0 s, "]
)
def test_arrivals_follow_the_week(arrivals: str) -> None:
    """Counts by hour of the week, from a Wednesday on, are Poisson around 8 weeks x 60 x the hour's share."""
    submit_s = sample(jobs(f"{{{arrivals}{PROFILE}}}}}", "8 weeks"), SEED, 0).jobs.submit_s
    hours = (submit_s // HOUR_S + WEDNESDAY_H) % 168
    found, expected = np.bincount(hours, minlength=168), 8 * 60 * SHARES
    open_hours = expected > 0
    assert found[~open_hours].sum() == 0
    chi2 = np.sum((found - expected)[open_hours] ** 2 / expected[open_hours])
    assert chi2 < stats.chi2.ppf(1 - 1e-6, open_hours.sum())


def test_arrivals_follow_the_months() -> None:
    """Months weighted 1 to 12, of mean 6.5: 240 a day x the days of the month x its weight / 6.5."""
    facts = jobs(
        "{seasonal: {rate: 10 per hour, monthly: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}}", "358 days"
    )
    days = sample(facts, SEED, 0).jobs.submit_s // DAY_S + 6
    lengths = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 30])
    found = np.histogram(days, np.concatenate(([0], np.cumsum(lengths))))[0]
    expected = 240 * (lengths - np.array([6] + 11 * [0])) * np.arange(1, 13) / 6.5
    assert np.sum((found - expected) ** 2 / expected) < stats.chi2.ppf(1 - 1e-6, 12)


def test_bursts_keep_the_rate_and_spread_the_counts() -> None:
    """Geometric sizes K of mean m = 4: the rate stays, and variance / mean is E[K^2] / E[K] = 2 m - 1 = 7.

    A burst's jobs come within 2 h after it, so that an hour's worth of them falls beyond the 672 h.
    The sample variance of n compound Poisson counts has variance k4 / n + 2 k2^2 / (n - 1), k the cumulants.
    """
    found = counts(jobs("{bursty: {rate: 12 per day, burst_size: 4, within: 2 h}}"))
    mean, bursts = 12 / 24 * (672 - 1), 3 * 28
    sizes = np.arange(1, 500)
    k2, k4 = (bursts * np.sum(sizes**k * 0.25 * 0.75 ** (sizes - 1)) for k in (2.0, 4.0))
    assert k2 / (12 * 28) == pytest.approx(7)
    assert abs(z_of_mean(found, mean, math.sqrt(k2))) < 5
    error = math.sqrt(k4 / RUNS + 2 * k2**2 / (RUNS - 1)) / k2
    assert found.var(ddof=1) / k2 == pytest.approx(1, abs=5 * error)
    assert 7 * (1 - 5 * error) > 1, "the check is too weak to tell bursts from none"


def test_a_burst_is_over_in_time() -> None:
    """Of rare bursts of some hundred jobs each, all jobs come within the hour, and not at once."""
    facts = jobs("{bursty: {rate: 5 per day, burst_size: 200, within: 1 h}}", "1 year")
    submit_s = sample(facts, SEED, 1).jobs.submit_s
    bursts = np.split(submit_s, np.flatnonzero(np.diff(submit_s) > HOUR_S) + 1)
    assert len(bursts) > 3
    assert max(int(burst[-1] - burst[0]) for burst in bursts) <= HOUR_S
    assert max(int(burst[-1] - burst[0]) for burst in bursts) > HOUR_S * 0.8


def test_jobs_have_the_stated_sizes_and_durations() -> None:
    """Six gangs of ten hold 1 accelerator, the others 4; durations are exponential with a mean of 2 h."""
    facts = scenario(TRAIN.replace("10 per day", "10 per hour"))
    drawn = sample(facts, SEED, 0).jobs
    assert set(drawn.accelerators.tolist()) == {1, 4}
    assert abs(z_of_mean(drawn.accelerators == 1, 0.6, math.sqrt(0.6 * 0.4))) < 5
    assert ks(drawn.work_s.tolist(), stats.expon(scale=2 * HOUR_S).cdf) < 2.4
    assert abs(np.corrcoef(drawn.accelerators, drawn.work_s)[0, 1]) * math.sqrt(len(drawn)) < 5


def test_a_trace_of_jobs_is_taken_as_it_is() -> None:
    """Rows come by time, up to the horizon; durations are rounded up to whole seconds."""
    rows = (
        "{submit: 2 h, duration: 90 min, accelerators: 2}, {submit: 1 h, duration: 1.2 s},"
        " {submit: 3 h, duration: 1 h}"
    )
    drawn = sample(jobs(f"{{trace: [{rows}]}}", "3 hours"), SEED, 0).jobs
    assert drawn.submit_s.tolist() == [HOUR_S, 2 * HOUR_S]
    assert drawn.accelerators.tolist() == [1, 2]
    assert drawn.work_s.tolist() == [2, 5400]


def test_demand_follows_the_week_around_its_mean() -> None:
    """In the middle of an hour the rate is mean x share, between two a straight line; weeks have the mean."""
    rate = sample(demand(f"mean: 20 per second, {PROFILE}"), SEED, 0).demand_rps["serve"]
    middles = rate[1::3]
    expected = 20 * np.roll(SHARES, -WEDNESDAY_H)
    np.testing.assert_allclose(middles, np.tile(expected, 4), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rate[2:-1:3], middles[:-1] * 2 / 3 + middles[1:] / 3, rtol=1e-9)
    np.testing.assert_allclose(rate.reshape(4, -1).mean(axis=1), 20, rtol=1e-12)


def test_demand_grows_by_the_year() -> None:
    """With 50 % a year, the rate is 1.5 times that of 365 days before."""
    rate = sample(demand("mean: 20 per second, growth: 50%", "2 years"), SEED, 0).demand_rps["serve"]
    np.testing.assert_allclose(rate[365 * 72 :], 1.5 * rate[: 365 * 72], rtol=1e-12)
    assert rate[0] == pytest.approx(20, rel=1e-4)


BELIEVED = "mean: 20 per second, growth: {belief: {normal: {mean: 30%, sd: 10%}}}"


@pytest.mark.parametrize(("facts", "remembered"), [("mean: 20 per second", 1), (BELIEVED, 0)])
def test_demand_that_is_known_is_remembered_and_nobody_elses(facts: str, remembered: int) -> None:
    """What no belief touches is worked out once; each world has an array of its own, of equal numbers."""
    known_rps.cache_clear()
    one, other = (world.demand_rps["serve"] for world in worlds(demand(facts), 2))
    assert known_rps.cache_info().currsize == remembered
    assert not np.shares_memory(one, other)
    assert (one.tolist() == other.tolist()) is bool(remembered)


def test_bursts_of_demand_have_the_stated_spread_and_memory() -> None:
    """Gamma with mean 1 and cv 0.4; its normal scores have a correlation of exp(-1/3) from step to step.

    Errors of an AR(1) series: of the mean sd x sqrt((1 + r) / (1 - r) / n); of the variance, with the excess
    kurtosis 6 cv^2 of the gamma, sqrt((2 + 6 cv^2) (1 + r^2) / (1 - r^2) / n); of r, sqrt((1 - r^2) / n).
    """
    facts = demand("mean: 20 per second, bursts: {gamma: {cv: 0.4, lasts: 1 h}}", "4 years")
    noise = sample(facts, SEED, 0).demand_rps["serve"] / 20
    n, r = len(noise), math.exp(-1 / 3)
    assert noise.mean() == pytest.approx(1, abs=5 * 0.4 * math.sqrt((1 + r) / (1 - r) / n))
    error = math.sqrt((2 + 6 * 0.16) * (1 + r * r) / (1 - r * r) / n)
    assert noise.var() / 0.16 == pytest.approx(1, abs=5 * error)
    law = stats.gamma(1 / 0.16, scale=0.16)
    scores = stats.norm.ppf(law.cdf(noise))
    assert np.corrcoef(scores[1:], scores[:-1])[0, 1] == pytest.approx(r, abs=5 * math.sqrt((1 - r * r) / n))
    assert ks(noise[::60].tolist(), law.cdf) < 2.4


def test_jobs_of_one_second_keep_the_order_of_the_trace() -> None:
    """Rows at 1 h of (8 GPUs, 10 h) and (1 GPU, 2 h) stay in it; the one of the second before goes first."""
    rows = (
        "{submit: 3600.9 s, duration: 10 h, accelerators: 8}, {submit: 3600 s, duration: 2 h},"
        "{submit: 3599 s, duration: 5 h, accelerators: 4}, {submit: 3600.5 s, duration: 1 h}"
    )
    drawn = sample(jobs(f"{{trace: [{rows}]}}", "3 hours"), SEED, 0).jobs
    assert drawn.submit_s.tolist() == [3599, 3600, 3600, 3600]
    assert drawn.accelerators.tolist() == [4, 8, 1, 1]
    assert drawn.work_s.tolist() == [5 * HOUR_S, 10 * HOUR_S, 2 * HOUR_S, HOUR_S]
