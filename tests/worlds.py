"""Small scenarios whose worlds are held against theory, and how far off a sample is.

Bounds are in standard errors from theory: 5 of them are passed by chance once in 1.7 million tests.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy import stats

from sim.loading import load_text
from sim.scenario.model import Scenario
from sim.world import World, sample
from sim.world.world import Floats, Ints

SEED = 20260107
RUNS = 400
HOUR_S, DAY_S, WEEK_S, YEAR_S = 3600, 86_400, 7 * 86_400, 365 * 86_400
NODES, SPOT = "room/nodes", "cloud/spot"

SCENARIO = """
title: A world of everything
start: 2026-01-07  # a Wednesday
horizon: {horizon}
interval: 20 min
locations: [here]
sites:
  room:
    {{kind: on-prem, location: here, zone: home, access: {{here: 1 ms}}, pools: {{{owned}}}}}
  cloud:
    {{kind: cloud, location: here, zone: cloud, access: {{here: 1 ms}}, pools: {{{rented}}}}}
workloads: {{{workloads}}}
strategies: {{{strategies}}}
"""
FAILURES = "{per_node: 1 per 10 days, repair: {lognormal: {mean: 6 h, cv: 2}}}"
OWNED = (
    "nodes: {purchase: owned, accelerator: A100-80GB, nodes: 3, lead_time: {exponential: {mean: 40 days}}}"
)
FAILING = OWNED.replace("nodes: 3", f"nodes: 3, failures: {FAILURES}")
PRICE = "{mean: 2 USD/hour, sd: 0.8, half_life: 12 h, changes: 6 per day}"
MARKET = "{regimes: {on: {spell: {exponential: {mean: 6 h}}}, off: {spell: 2 h, largest_gang: 0}}}"
RENTED = (
    "spot: {purchase: spot, accelerator: A100-80GB, price: 2 USD/hour, boot: {exponential: {mean: 300 s}}}"
)
PRICED = RENTED.replace("2 USD/hour", PRICE)
CHANGING = PRICED.replace("boot:", f"market: {MARKET}, lifetime: {{exponential: {{mean: 9 h}}}}, boot:")
TRAIN = (
    "train: {kind: training, arrivals: {poisson: {rate: 10 per day}},"
    " accelerators: {choice: {1: 60%, 4: 40%}}, duration: {exponential: {mean: 2 h}},"
    " growth: {belief: {triangular: {low: 10%, mode: 35%, high: 80%}}}}"
)
SERVE = (
    "serve: {kind: inference, users: {here: 100%}, demand: {mean: 20 per second, bursts: {gamma: {cv: 0.4}}},"
    " service: {kind: single, time: 60 ms, replica: {accelerators: 1, load: {exponential: {mean: 90 s}}}},"
    " slo: {latency: 300 ms, share: 99%}}"
)
ONLY = f"only: {{place: {{all: [{NODES}, {SPOT}]}}}}"


@cache
def scenario(
    workloads: str = TRAIN,
    horizon: str = "4 weeks",
    *,
    owned: str = OWNED,
    rented: str = RENTED,
    strategies: str = ONLY,
) -> Scenario:
    """A scenario of an owned and a spot pool and of training, where little happens but arrivals."""
    parts = {"workloads": workloads, "owned": owned, "rented": rented, "strategies": strategies}
    return load_text(SCENARIO.format(horizon=horizon, **parts))


def everything(**changed: str) -> Scenario:
    """A scenario in which all kinds of things are drawn."""
    parts = {"workloads": f"{TRAIN}, {SERVE}", "owned": FAILING, "rented": CHANGING}
    return scenario(**(parts | changed))


def jobs(arrivals: str, horizon: str = "4 weeks", more: str = "") -> Scenario:
    """A scenario of one training workload with these arrivals."""
    sizes = "" if "trace" in arrivals else ", accelerators: 1, duration: 1 h"
    return scenario(f"train: {{kind: training, arrivals: {arrivals}{sizes}{more}}}", horizon)


def demand(facts: str, horizon: str = "4 weeks") -> Scenario:
    """A scenario of one service with this demand."""
    return scenario(SERVE.replace("mean: 20 per second, bursts: {gamma: {cv: 0.4}}", facts), horizon)


def market(facts: str, horizon: str = "4 weeks") -> Scenario:
    """A scenario whose spot pool has this market."""
    return scenario(TRAIN, horizon, rented=RENTED.replace("boot:", f"market: {facts}, boot:"))


def worlds(facts: Scenario, runs: int = RUNS) -> list[World]:
    """The first worlds of a scenario."""
    return [sample(facts, SEED, run) for run in range(runs)]


def counts(facts: Scenario) -> Ints:
    """How many jobs arrive in each of the worlds."""
    return np.array([len(world.jobs) for world in worlds(facts)])


def z_of_mean(values: Ints | Floats, mean: float, sd: float) -> float:
    """Standard errors between the mean of independent values and its expectation."""
    return (float(np.mean(values)) - mean) * math.sqrt(len(values)) / sd


def ks(values: Sequence[float], cdf: Callable[..., Any]) -> float:
    """Kolmogorov's distance times root n: above 2.4 by chance once in 50,000 times."""
    return float(stats.kstest(np.array(values), cdf).statistic) * math.sqrt(len(values))
