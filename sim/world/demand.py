"""Demand of inference: requests per second on the interval grid."""

import datetime as dt
from functools import lru_cache

import numpy as np

from sim import distributions as dist
from sim import streams
from sim.scenario.model import Scenario
from sim.scenario.workloads import Demand, Profile
from sim.world.arrivals import HOUR_S, WEEK_H, YEAR_S, hour_of_week, weekly_shape
from sim.world.world import Floats


def sample_demand(
    scenario: Scenario, demand: Demand, name: str, source: streams.Source, *, varies: bool
) -> Floats:
    """Requests/s of service `name` in each interval of the horizon (the last may be cut short).

    Mean x weekly profile (linear between the middles of its hours) x growth x bursts. Bursts are a stationary
    series with gamma marginals of mean 1 whose correlation falls to 1/e over `lasts`. `varies` says that the
    demand holds numbers that were drawn for this world.
    """
    step_s = int(scenario.interval)
    intervals = -(-scenario.horizon_s // step_s)
    work_out = expected_rps if varies else known_rps
    expected = work_out(demand.mean, demand.growth, demand.profile, scenario.start, intervals, step_s)
    if demand.bursts is None or demand.bursts.gamma.cv <= 0:
        return expected.copy()
    noise = demand.bursts.gamma
    correlation = float(np.exp(-step_s / noise.lasts)) if noise.lasts > 0 else 0.0
    base = dist.gamma_from_mean_cv(1.0, noise.cv)
    rate = dist.autocorrelated(source.generator(f"bursts:{name}"), intervals, correlation, base)
    rate *= expected
    return rate


def expected_rps(
    mean_rps: float, growth: float, profile: Profile | None, start: dt.date, intervals: int, step_s: int
) -> Floats:
    """The demand in each interval without its bursts."""
    rate: Floats = (1.0 + growth) ** _years(intervals, step_s)
    rate *= mean_rps
    if profile is not None:
        rate *= _weeks(profile, start, intervals, step_s)
    return rate


known_rps = lru_cache(maxsize=8)(expected_rps)
"""The same, remembered: for a demand that is the same in every world."""


@lru_cache(maxsize=8)
def _years(intervals: int, step_s: int) -> Floats:
    """The years until the middle of each interval, the same in every world."""
    return _middles_s(intervals, step_s) / YEAR_S


@lru_cache(maxsize=8)
def _weeks(profile: Profile, start: dt.date, intervals: int, step_s: int) -> Floats:
    """The weekly shape in each interval, the same in every world."""
    shape = weekly_shape(profile)
    hour = hour_of_week(start) + _middles_s(intervals, step_s) / HOUR_S - 0.5
    weeks: Floats = np.interp(hour % WEEK_H, np.arange(WEEK_H + 1), np.append(shape, shape[0]))
    return weeks


def _middles_s(intervals: int, step_s: int) -> Floats:
    """The middles of the intervals [s]."""
    return (np.arange(intervals, dtype=np.float64) + 0.5) * step_s
