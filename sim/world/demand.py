"""Demand of inference: requests per second on the interval grid."""

import numpy as np

from sim import distributions as dist
from sim import streams
from sim.scenario.model import Scenario
from sim.scenario.workloads import Demand
from sim.world.arrivals import HOUR_S, WEEK_H, YEAR_S, hour_of_week, weekly_shape
from sim.world.world import Floats


def sample_demand(scenario: Scenario, demand: Demand, name: str, source: streams.Source) -> Floats:
    """Requests/s of service `name` in each interval of the horizon (the last may be cut short).

    Mean x weekly profile (linear between the middles of its hours) x growth x bursts. Bursts are a stationary
    series with gamma marginals of mean 1 whose correlation falls to 1/e over `lasts`.
    """
    step_s = int(scenario.interval)
    intervals = -(-scenario.horizon_s // step_s)
    middle_s = (np.arange(intervals) + 0.5) * step_s
    rate = demand.mean * (1.0 + demand.growth) ** (middle_s / YEAR_S)
    if demand.profile is not None:
        shape = weekly_shape(demand.profile)
        hour = hour_of_week(scenario.start) + middle_s / HOUR_S - 0.5
        rate *= np.interp(hour % WEEK_H, np.arange(WEEK_H + 1), np.append(shape, shape[0]))
    if demand.bursts is not None and demand.bursts.gamma.cv > 0:
        noise = demand.bursts.gamma
        correlation = float(np.exp(-step_s / noise.lasts)) if noise.lasts > 0 else 0.0
        base = dist.gamma_from_mean_cv(1.0, noise.cv)
        rate *= dist.autocorrelated(source.generator(f"bursts:{name}"), intervals, correlation, base)
    return rate
