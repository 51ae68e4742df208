"""Queueing theory in closed form, or to machine precision: what simulations are held against."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LONGEST = 5000
"""States beyond which a birth-death process is cut off: its probabilities there are below 1e-300."""


def erlang_b(servers: int, offered: float) -> float:
    """P(blocked) in M/M/c/c with `offered` erlangs, by its recursion."""
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """P(wait > 0) in M/M/c with `offered` erlangs."""
    blocked = erlang_b(servers, offered)
    return blocked / (1.0 - offered / servers * (1.0 - blocked))


def erlang_a(servers: int, offered: float, patience: float) -> tuple[float, float]:
    """P(gives up) and the mean wait of all, in service times, in M/M/c + M with a mean patience.

    From the stationary distribution of the birth-death process.
    """
    states = np.arange(1, LONGEST)
    deaths = np.minimum(states, servers) + np.maximum(states - servers, 0) / patience
    logs = np.concatenate(([0.0], np.cumsum(math.log(offered) - np.log(deaths))))
    weights = np.exp(logs - logs.max())
    queue = float(np.maximum(np.arange(LONGEST) - servers, 0) @ weights / weights.sum())
    return queue / patience / offered, queue / offered


def pollaczek_khinchine(load: float, cv: float) -> float:
    """Mean wait in M/G/1, in mean service times."""
    return load * (1.0 + cv**2) / (2.0 * (1.0 - load))


def cobham(load: float, urgent: float) -> tuple[float, float]:
    """Mean waits of two classes in M/M/1 with non-preemptive priorities; `urgent` is the first's share."""
    left = load  # mean residual work of an exponential service, in service times, seen with probability load
    return left / (1.0 - urgent * load), left / ((1.0 - urgent * load) * (1.0 - load))


def gim1(transform: Callable[[float], float]) -> float:
    """Mean wait in GI/M/1, in service times; `transform` is the Laplace transform of the gaps.

    sigma / (1 - sigma), with sigma the root of sigma = transform(1 - sigma) below 1, by bisection.
    """
    low, high = 0.0, 1.0 - 1e-12
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if transform(1.0 - middle) > middle else (low, middle)
    return low / (1.0 - low)


def mmpp_m1(rates: Floats, stays: Floats, load: float) -> float:
    """Mean wait in MMPP/M/1, in service times, for two states that alternate (M. F. Neuts, 1981).

    The rate matrix R of the quasi-birth-death process, by iteration.
    """
    share = stays / stays.sum()
    births = np.diag(rates * load / float(share @ rates))
    turns = np.array([[-1.0, 1.0], [1.0, -1.0]]) / stays[:, None]
    within, deaths = turns - births - np.eye(2), np.eye(2)
    inverse, ratio = -np.linalg.inv(within), np.zeros((2, 2))
    for _ in range(100_000):
        following = (births + ratio @ ratio @ deaths) @ inverse
        done = np.max(np.abs(following - ratio)) < 1e-15
        ratio = following
        if done:
            break
    boundary = turns - births + ratio @ deaths
    system = np.vstack((boundary.T, (np.linalg.inv(np.eye(2) - ratio) @ np.ones(2))[None, :]))
    empty = np.linalg.lstsq(system, np.array([0.0, 0.0, 1.0]), rcond=None)[0]
    beyond = np.linalg.inv(np.eye(2) - ratio)
    present = float(empty @ ratio @ beyond @ beyond @ np.ones(2))
    return present / load - 1.0
