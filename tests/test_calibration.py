"""Fits against records made from known parameters, and the writer of the catalogue."""

import math

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import TypeAdapter
from scipy import stats

from sim import streams
from sim.calibrate import arrivals, fitting, laws, llm, loads, markets, network, profiles, spot_prices, tokens
from sim.calibrate.catalogue import Entry, Source, duration, number, percentages, round_to_sum, yaml_text
from sim.calibrate.laws import Floats, Law
from sim.scenario.quantities import RandomDuration

HOUR_S = 3600.0


def generator(name: str) -> np.random.Generator:
    """The random stream of one test."""
    return streams.Source(11, 0).generator(name)


EVERY_LAW: tuple[Law, ...] = (
    laws.Exponential(1800.0),
    laws.Weibull(0.6, 7560.0),
    laws.Lognormal(5400.0, 1.2),
    laws.Lomax(2.5, 9000.0),
    laws.Hyperexponential(0.7, 600.0, 30000.0),
    laws.QuantileTable((0.0, 0.5, 1.0), (600.0, 1800.0, 36000.0)),
)


def draw(law: Law, n: int, name: str) -> Floats:
    """n durations by inversion of the survival function, found by bisection."""
    wanted = generator(name).random(n)
    low, high = np.full(n, 1e-6), np.full(n, 1e9)
    for _ in range(80):
        middle = np.sqrt(low * high)
        beyond = law.survival(middle) > wanted
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return np.asarray(np.sqrt(low * high), dtype=np.float64)


def observed(lengths_s: Floats, limit_s: float, step_s: float = 1.0) -> fitting.Sample:
    """A sample in which nothing can be seen for longer than `limit_s`, recorded in whole steps."""
    seen = np.ceil(np.minimum(lengths_s, limit_s) / step_s) * step_s
    return fitting.Sample(seen, lengths_s > limit_s, step_s)


@pytest.mark.parametrize("law", EVERY_LAW, ids=lambda law: type(law).__name__)
def test_mean_and_cv_are_those_of_the_survival_function(law: Law) -> None:
    """Mean = integral of S and mean square = integral of 2 t S, integrated numerically."""
    t = np.concatenate(([0.0], np.geomspace(1e-3, 1e13, 200_001)))
    mean = np.trapezoid(law.survival(t), t)
    square = np.trapezoid(2 * t * law.survival(t), t)
    assert law.mean_s == pytest.approx(mean, rel=1e-4)
    assert law.cv == pytest.approx(math.sqrt(square / mean**2 - 1), rel=5e-3)


@pytest.mark.parametrize("law", EVERY_LAW, ids=lambda law: type(law).__name__)
def test_a_written_law_is_read_by_the_language_as_the_same_law(law: Law) -> None:
    """Mean and cv within 0.1 % after writing and reading (numbers are rounded to 4 digits)."""
    read = TypeAdapter(RandomDuration).validate_python(law.written()).distribution()
    assert read.mean() == pytest.approx(law.mean_s, rel=1e-3)
    assert math.sqrt(read.variance()) / read.mean() == pytest.approx(law.cv, rel=1e-3)


def test_a_cut_off_exponential_is_fitted_to_its_mean_and_a_naive_fit_would_not_be() -> None:
    """Mean 1 h cut at 1 h: events are exponential, so mean = time seen / ends seen, and the naive mean is 1 -
    1/e h.
    """
    lengths = draw(laws.Exponential(HOUR_S), 4000, "exponential")
    sample = observed(lengths, HOUR_S)
    found = fitting.fit(laws.Exponential, sample).law
    exact = sample.lengths_s.sum() / (~sample.censored).sum()
    assert found.mean_s == pytest.approx(exact, rel=1e-3)
    assert found.mean_s == pytest.approx(HOUR_S, rel=4.5 / math.sqrt(4000 * (1 - math.exp(-1))))
    assert sample.lengths_s.mean() == pytest.approx((1 - math.exp(-1)) * HOUR_S, rel=0.05)


@pytest.mark.parametrize("law", EVERY_LAW[1:5], ids=lambda law: type(law).__name__)
def test_each_family_recovers_its_law_from_a_censored_sample(law: laws.FittedLaw) -> None:
    """With a fifth of 6,000 spells cut off, the fit is within 0.02 in probability at five quantiles."""
    lengths = draw(law, 6000, law.name)
    limit_s = float(np.quantile(lengths, 0.8))
    found = fitting.fit(type(law), observed(lengths, limit_s)).law
    at = np.quantile(lengths, [0.1, 0.25, 0.5, 0.75, 0.9])
    assert np.abs(found.survival(at) - law.survival(at)).max() < 0.02


def test_a_coarse_recorder_does_not_hide_a_falling_hazard() -> None:
    """Weibull spells of shape 0.6 to the nearest 10 min: a fit to the recorded lengths as exact sees 0.9 or
    more.
    """
    lengths = draw(laws.Weibull(0.6, 1200.0), 8000, "coarse")
    seen = np.maximum(np.round(lengths / 600), 1) * 600
    found = fitting.fit(laws.Weibull, fitting.Sample(seen, np.zeros(8000, dtype=np.bool_), 600.0)).law
    assert isinstance(found, laws.Weibull)
    assert found.shape == pytest.approx(0.6, abs=0.03)
    assert found.scale_s == pytest.approx(1200, rel=0.06)
    assert stats.weibull_min.fit(seen, floc=0)[0] > 0.9


@pytest.mark.parametrize("family", laws.FAMILIES, ids=lambda family: family.name)
def test_a_fit_holds_the_mean_that_it_is_given(family: type[laws.FittedLaw]) -> None:
    """Whatever the sample, the mean of the law is the one asked for."""
    sample = observed(draw(laws.Weibull(0.7, 3000.0), 300, "held"), 20000.0)
    assert fitting.fit(family, sample, 4321.0).law.mean_s == pytest.approx(4321.0, rel=1e-9)


def test_the_true_family_is_chosen() -> None:
    """Of 3,000 spells that are short or long, the two-branch law has the best AICc and fits."""
    truth = laws.Hyperexponential(0.7, 900.0, 36000.0)
    choice = fitting.choose(observed(draw(truth, 3000, "choose"), 1e9), None)
    assert isinstance(choice.law, laws.Hyperexponential)
    assert (choice.law.weight, choice.law.short_s, choice.law.long_s) == pytest.approx(
        (0.7, 900, 36000), rel=0.1
    )


def test_where_no_family_fits_a_quantile_table_keeps_the_mean() -> None:
    """Spells of either 10 min or 10 h, half each, have mean 18,300 s and a median gap that no family has."""
    lengths = np.repeat([600.0, 36000.0], 200)
    choice = fitting.choose(fitting.Sample(lengths, np.zeros(400, dtype=np.bool_), 600.0), 18300.0)
    assert isinstance(choice.law, laws.QuantileTable)
    assert choice.law.mean_s == pytest.approx((600 + 36000) / 2, rel=1e-9)
    assert choice.law.survival(np.array([1200.0, 30000.0])) == pytest.approx([0.5, 0.5], abs=0.11)


def test_a_quantile_table_keeps_the_mean_of_a_heavy_tail() -> None:
    """The quantiles are those of the values within 2 % and the mean is exact."""
    values = draw(laws.Lognormal(3600.0, 1.5), 20_000, "table")
    table = fitting.quantile_table(values, arrivals.LEVELS)
    assert table.mean_s == pytest.approx(values.mean(), rel=1e-12)
    assert np.array(table.values_s[1:-1]) == pytest.approx(
        np.quantile(values, arrivals.LEVELS[1:-1]), rel=0.02
    )


def record(*spells: tuple[str, float]) -> markets.Runs:
    """A record of spells, back to back from 0."""
    return markets.Runs(np.cumsum([0.0, *(s for _, s in spells)]), tuple(name for name, _ in spells))


def test_the_mean_spell_is_time_per_visit_and_keeps_the_share() -> None:
    """Open 1 + 6 + 2 = 9 h in half + one + half visits, shut 2 + 1 = 3 h in two: means 4.5 and 1.5, share
    3/4.
    """
    runs = record(("open", 1), ("shut", 2), ("open", 6), ("shut", 1), ("open", 2))
    up, down = markets.mean_spell_s(runs, "open"), markets.mean_spell_s(runs, "shut")
    assert (up, down) == (9 / 2, 3 / 2)
    assert up / (up + down) == markets.share(runs, "open") == 9 / 12
    assert markets.spells(runs, "open").censored.tolist() == [True, False, True]
    assert not markets.spells(runs, "shut").censored.any()


def test_two_records_join_into_three_regimes() -> None:
    """Singles 0-6 of 10 h, nodes 2-4 and 8-9 h: scarce, open, scarce, shut, open (though no single), shut."""
    single = record(("open", 6), ("shut", 4))
    whole = record(("shut", 2), ("open", 2), ("shut", 4), ("open", 1), ("shut", 1))
    runs = markets.join(single, whole)
    assert runs.regimes == ("scarce", "open", "scarce", "shut", "open", "shut")
    assert runs.edges_s.tolist() == [0, 2, 4, 6, 8, 9, 10]
    assert markets.next_shares(runs, "scarce") == {"open": 0.5, "shut": 0.5}


def test_a_market_is_recovered_from_its_own_record() -> None:
    """A long record of known spells gives the family of each regime, and the shares of time as recorded."""
    up, down = draw(laws.Exponential(7200.0), 900, "up"), draw(laws.Weibull(0.6, 1200.0), 900, "down")
    spells_s = np.maximum(np.round(np.column_stack((up, down)).ravel() / 60), 1) * 60
    runs = markets.Runs(np.concatenate(([0.0], np.cumsum(spells_s))), ("open", "shut") * 900)
    found = markets.find_regimes(runs)
    open_s, shut_s = found["open"].choice.law.mean_s, found["shut"].choice.law.mean_s
    assert open_s / (open_s + shut_s) == pytest.approx(markets.share(runs, "open"), rel=1e-9)
    assert found["open"].choice.law.cv == pytest.approx(1, abs=0.1)
    assert found["shut"].choice.law.cv == pytest.approx(laws.Weibull(0.6, 1200.0).cv, rel=0.25)
    value = markets.market_value(found, {"shut": 0})["regimes"]
    assert list(value) == ["open", "shut"]
    assert "largest_gang" not in value["open"]
    assert value["shut"]["largest_gang"] == 0


def week_of(shape: Floats, weeks: int) -> Floats:
    """A daily shape as [week, day, hour]."""
    return np.tile(shape, (weeks, 7, 1))


DAY = 1 + 0.5 * np.sin(2 * np.pi * (np.arange(24) - 9) / 24)


def test_a_clean_weekly_shape_is_found_exactly_and_gaps_do_not_matter() -> None:
    """A daily shape with weekends at half, on a level that doubles from week to week, one hour missing."""
    weeks = week_of(DAY, 4)
    weeks[:, 5:] /= 2
    weeks *= 2.0 ** np.arange(4)[:, None, None]
    expected = weeks[0].ravel() / weeks[0].mean()
    assert profiles.daily_shape(weeks, weekends=True).ravel() == pytest.approx(expected)
    weeks[2, 3, 4] = np.nan
    week = profiles.weekly_shape(weeks, weekends=True)
    assert week.intensity == pytest.approx(expected, rel=0.01)
    assert week.intensity.mean() == pytest.approx(1)


def test_noise_is_not_taken_for_a_weekly_shape() -> None:
    """Two weeks of a daily shape with noise of 30 %: less than a quarter of the deviations is kept."""
    noisy = week_of(DAY, 2) * generator("noise").lognormal(0, 0.3, (2, 7, 24))
    assert profiles.weekly_shape(noisy, weekends=False).kept < 0.25


def test_hours_are_means_of_what_was_seen() -> None:
    """Windows of 30 min: 2 and 4 make 3, 6 and a gap make 6; two gaps are a gap."""
    rates = np.ones(2 * 168)
    rates[:6] = [2, 4, 6, np.nan, np.nan, np.nan]
    hours = profiles.hourly(rates, 2)
    assert hours.shape == (1, 7, 24)
    assert hours[0, 0, :2].tolist() == [3, 6]
    assert np.isnan(hours[0, 0, 2])


def test_a_week_is_turned_to_its_quietest_hour_and_weekend() -> None:
    """Quietest at 21:00 and on Tuesday and Wednesday: moved 7 h later and 4 days later."""
    week = np.tile(DAY, (7, 1))
    week[1:3] *= 0.6
    assert DAY.argmin() == 3
    moved, hours, days = profiles.rotate(np.roll(week.ravel(), -6), quietest_hour=4)
    assert (hours, days) == (7, 4)
    assert moved.reshape(7, 24).mean(axis=0).argmin() == 4
    assert set(moved.reshape(7, 24).mean(axis=1).argsort()[:2]) == {5, 6}


def test_bursts_of_a_known_series_are_recovered() -> None:
    """A year of noise with cv 0.3 and a correlation time of 3 h over a daily shape; gaps are skipped."""
    n, step_s, lasts_s, cv = 52 * 1008, 600.0, 3 * HOUR_S, 0.3
    memory = math.exp(-step_s / lasts_s)
    shocks = generator("bursts").standard_normal(n)
    scores = np.empty(n)
    scores[0] = shocks[0]
    for k in range(1, n):
        scores[k] = memory * scores[k - 1] + math.sqrt(1 - memory**2) * shocks[k]
    intensity = np.tile(DAY, 7)
    rates = 50 * np.resize(np.repeat(intensity, 6), n) * (1 + cv * scores)
    rates[1000:1010] = np.nan
    found_cv, found_s = profiles.burstiness(rates, intensity, step_s)
    assert found_cv == pytest.approx(cv, rel=0.05)
    assert found_s == pytest.approx(lasts_s, rel=0.1)


def test_a_profile_has_a_mean_of_exactly_one_as_written() -> None:
    """168 numbers with four decimals sum to 168."""
    written = profiles.profile_value(np.tile(DAY, 7))["hour_of_week"]
    assert len(written) == 168
    assert math.fsum(written) / 168 == pytest.approx(1, abs=1e-12)
    assert written == pytest.approx(np.tile(DAY, 7), abs=1e-4)


def test_single_jobs_are_poisson_and_long_windows_see_whole_bursts() -> None:
    """b = 1 has index 1; windows far longer than `within` see E[N^2]/E[N] = 2b - 1 of the geometric law."""
    assert arrivals.bursty_index(600, 1, 1800) == 1
    assert arrivals.bursty_index(1e9, 5, 1800) == pytest.approx(2 * 5 - 1)
    assert arrivals.bursty_index(1800, 5, 1800) == pytest.approx(1 + 8 * (1 - 1 / 3))
    below, above = (arrivals.bursty_index(1800 * factor, 5, 1800) for factor in (1 - 1e-9, 1 + 1e-9))
    assert below == pytest.approx(above)


def test_bursts_of_jobs_are_recovered_from_their_counts() -> None:
    """20,000 bursts with a mean of 6 jobs over 40 min: index of dispersion as derived, and the fit finds
    both.
    """
    random, length_s = generator("jobs"), 20_000 * 1800.0
    begins = random.random(20_000) * length_s
    sizes = random.geometric(1 / 6, 20_000)
    times = np.repeat(begins, sizes) + random.random(sizes.sum()) * 2400
    counts = np.bincount((times / 600).astype(np.int64))[4 : int(length_s / 600)].astype(np.float64)
    expected = np.full(len(counts), counts.mean())
    steps = (1, 2, 3, 6, 12, 24)
    indices = [arrivals.index_of_dispersion(counts, expected, n) for n in steps]
    assert indices == pytest.approx([arrivals.bursty_index(600.0 * n, 6, 2400) for n in steps], rel=0.08)
    assert arrivals.fit_bursts([600.0 * n for n in steps], indices) == pytest.approx((6, 2400), rel=0.1)


def test_representative_pairs_keep_marginals_and_dependence() -> None:
    """Bimodal, anti-correlated lengths: p10, p50, p90 within 3 %, rank correlation within 0.03, sums within 2
    %.
    """
    random = generator("tokens")
    inputs = np.ceil(random.lognormal(6.5, 0.9, 20_000)).astype(np.int64)
    short = random.random(20_000) < 0.3 + 0.5 * (inputs > np.median(inputs))
    outputs = np.ceil(np.where(short, random.gamma(4, 15, 20_000), random.normal(400, 40, 20_000))).astype(
        np.int64
    )
    outputs = np.maximum(outputs, 1)
    kept = np.array(tokens.representative_pairs(inputs, outputs))
    assert kept.shape == (256, 2)
    for column, seen in ((kept[:, 0], inputs), (kept[:, 1], outputs)):
        assert np.percentile(column, [10, 50, 90]) == pytest.approx(
            np.percentile(seen, [10, 50, 90]), rel=0.03
        )
        assert column.mean() == pytest.approx(seen.mean(), rel=0.03)
    ranks = [
        np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1] for a, b in (kept.T, (inputs, outputs))
    ]
    assert ranks[1] < -0.3
    assert ranks[0] == pytest.approx(ranks[1], abs=0.03)


def test_iteration_times_rise_and_neighbours_the_wrong_way_round_become_their_mean() -> None:
    """Medians 10 (three times), 6 (once), 20: the first two become (3 x 10 + 6) / 4 = 9."""
    points = pd.DataFrame({"batch": [1, 1, 1, 2, 4], "ms": [9.0, 10.0, 30.0, 6.0, 20.0]})
    assert llm.rising(points, "batch", "ms") == [(1, 9.0), (2, 9.0), (4, 20.0)]


def test_a_batch_that_was_not_run_as_one_is_left_out() -> None:
    """Prompts of a batch of 64 cannot take less time than those of a batch of 32."""
    points = pd.DataFrame({"batch_size": [1, 32, 64], "prompt_time_ms": [100.0, 2400.0, 360.0]})
    assert llm.batched_whole(points)["batch_size"].tolist() == [1, 32]


def test_a_price_path_is_recovered() -> None:
    """Three years of an hourly log price with sd 8 % and a half-life of 4 days; every second price is a
    change.
    """
    n, half_life_h, sd = 3 * 8760, 96.0, 0.08
    memory = 0.5 ** (1 / half_life_h)
    shocks = generator("prices").standard_normal(n) * sd * math.sqrt(1 - memory**2)
    log_price = np.zeros(n)
    for k in range(1, n):
        log_price[k] = memory * log_price[k - 1] + shocks[k]
    log_price[1::2] = log_price[:-1:2]
    path = spot_prices.price_path(np.arange(n, dtype=np.float64) * HOUR_S, np.exp(log_price))
    assert path.sd == pytest.approx(sd, rel=0.15)
    assert path.half_life_s == pytest.approx(half_life_h * HOUR_S, rel=0.3)
    assert path.changes_per_s * 86400 == pytest.approx(12, rel=0.01)


def test_round_trips_come_from_the_direction_without_a_slow_first_packet() -> None:
    """36.4 ms there and 96 ms back is 36.4 ms; p99 is the greater of the slowest ping and average + 2.326
    mdev.
    """
    columns = ["avg_rtt_ms", "max_rtt_ms", "mdev_rtt_ms"]
    slow = pd.DataFrame([[96.2, 156.2, 60.0], [36.4, 36.6, math.nan]], columns=columns)
    assert network.round_trip(slow) == (36.4, 36.6)
    steady = pd.DataFrame([[20.0, 20.5, 1.0]], columns=columns)
    assert network.round_trip(steady) == pytest.approx((20, 20 + 2.326))


def test_rounded_durations_are_spread_over_their_step() -> None:
    """Two of 1 s and one of 3 s become 0.75, 1.25 and 3 s."""
    assert loads.spread_over_step(np.array([3.0, 1.0, 1.0]), 1.0).tolist() == [0.75, 1.25, 3.0]


def test_numbers_are_written_as_people_write_them() -> None:
    """No exponent, no trailing zeros, and the unit in which one would say it."""
    assert [number(x) for x in (0.00099, 1e6, 12.30, 0.0, -0.0)] == ["0.00099", "1000000", "12.3", "0", "0"]
    assert [duration(x) for x in (0, 0.25, 45, 600, 5400, 86400, 40 * 86400)] == [
        "0 s", "250 ms", "45 s", "10 min", "90 min", "24 h", "40 days",
    ]  # fmt: skip


def test_shares_are_rounded_to_exactly_a_hundred_percent() -> None:
    """Thirds become 33.4, 33.3 and 33.3 %; a sum that is not the total is refused."""
    assert percentages([1 / 3, 1 / 3, 1 / 3]) == ["33.4%", "33.3%", "33.3%"]
    assert round_to_sum([0.26, 0.26, 0.48], 1, 1) == [0.3, 0.2, 0.5]
    with pytest.raises(AssertionError):
        round_to_sum([0.2, 0.2], 1, 1)


def test_what_is_written_is_read_back_by_yaml() -> None:
    """Texts that look like other things, long notes, long lists and nested mappings survive PyYAML."""
    value = {
        "texts": ["no", "1e6", "12:30", "35%", "a, b: {c}", "0.12 USD/GB", 'it\'s "so"', "×"],
        "numbers": list(range(1000, 1100)),
        "pairs": [[n, n * n] for n in range(40)],
        "parts": [{"weight": "70%", "of": {"exponential": {"mean": "2 h"}}}] * 3,
        "choice": {1: "45%", 2: "55%"},
        "nothing": None,
        "small": 0.0001,
    }
    note = "A long note: with a colon, " + "words " * 60 + "and an end."
    text = yaml_text(
        "A title", [Entry("x.y-1", "kind", value, Source("who, what @ 12", "2026-09"), "measured", note=note)]
    )
    read = yaml.safe_load(text)["x.y-1"]
    assert read["value"] == value
    assert " ".join(read["note"].split()) == " ".join(note.split())
    assert read["date"] == "2026-09"
    assert read["range"] is None
    assert max(map(len, text.splitlines())) <= 110
