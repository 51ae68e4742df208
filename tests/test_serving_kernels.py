"""The compiled queues against queueing theory, plain Python, and worlds worked out by hand."""

import heapq
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.serving.kernels import read_surface
from sim.serving.requests.single import waits_ggc, waits_scaled
from sim.serving.requests.tables import read_table

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]
REPLICATIONS = 40
WARM_UP = 0.05
Z = 4.0
"""One of the 8 z tests of a correct kernel would fail with probability 5e-4; the seeds are fixed."""


def erlang_c(servers: int, offered: float) -> float:
    """P(wait > 0) in M/M/c with `offered` erlangs, by the recursion of Erlang B."""
    blocked = 1.0
    for c in range(1, servers + 1):
        blocked = offered * blocked / (c + offered * blocked)
    return blocked / (1.0 - offered / servers * (1.0 - blocked))


def replicated(
    gaps: Draw, service: Draw, servers: int, count: int, statistic: Callable[[Floats], np.floating]
) -> tuple[float, float]:
    """`statistic` of the settled waits in independent replications: mean and standard error."""
    rng = np.random.default_rng(20260105)
    values = []
    for _ in range(REPLICATIONS):
        waits = waits_ggc(np.cumsum(gaps(rng, count)), service(rng, count), servers)
        values.append(float(statistic(waits[int(WARM_UP * count) :])))
    return float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(REPLICATIONS)


def agrees(estimate: tuple[float, float], theory: float) -> bool:
    """Whether the estimate is within Z standard errors of theory, and would not be if theory were 3 % off."""
    mean, error = estimate
    assert 2 * Z * error < 0.03 * theory, f"too weak to see 3 %: {mean} +- {error}"
    return abs(mean - theory) < Z * error


def test_erlang_c_gives_the_known_closed_forms() -> None:
    """Mean waits of M/M/c in units of the service time, as tabulated: 1, 0.9608, 0.6687, 0.0565."""
    cases = ((1, 0.5, 1.0), (2, 1.4, 0.9608), (10, 9.0, 0.6687), (64, 58.0, 0.0565))
    for servers, offered, wait in cases:
        assert erlang_c(servers, offered) / (servers - offered) == pytest.approx(wait, abs=5e-5)


@pytest.mark.parametrize(
    ("servers", "offered", "count"), [(1, 0.5, 300_000), (2, 1.4, 500_000), (4, 2.8, 500_000)]
)
def test_waits_of_mmc_agree_with_erlang_c(servers: int, offered: float, count: int) -> None:
    """Mean wait and share of waiting requests of M/M/c, service time 1."""

    def gaps(rng: np.random.Generator, n: int) -> Floats:
        return rng.exponential(1.0 / offered, n)

    def times(rng: np.random.Generator, n: int) -> Floats:
        return rng.exponential(1.0, n)

    waiting = erlang_c(servers, offered)
    assert agrees(replicated(gaps, times, servers, count, lambda w: np.mean(w > 0.0)), waiting)
    assert agrees(replicated(gaps, times, servers, count, np.mean), waiting / (servers - offered))


def test_waits_of_md1_are_half_of_mm1() -> None:
    """M/D/1 at load 0.6 waits rho / (2 (1 - rho)) = 0.75 service times."""
    estimate = replicated(
        lambda rng, n: rng.exponential(1.0 / 0.6, n), lambda _, n: np.ones(n), 1, 60_000, np.mean
    )
    assert agrees(estimate, 0.75)


def test_waits_of_mg1_agree_with_pollaczek_and_khinchine() -> None:
    """M/G/1, lognormal service of mean 1 and cv^2 0.5, at load 0.6: 0.6 (1 + 0.5) / (2 x 0.4) = 1.125."""
    sigma = math.sqrt(math.log(1.5))
    estimate = replicated(
        lambda rng, n: rng.exponential(1.0 / 0.6, n),
        lambda rng, n: rng.lognormal(-(sigma**2) / 2.0, sigma, n),
        1,
        100_000,
        np.mean,
    )
    assert agrees(estimate, 1.125)


def test_the_time_integral_of_the_queue_is_the_sum_of_the_waits() -> None:
    """Little's law on a path: the queue length, counted from its own events, integrates to the total wait."""
    rng = np.random.default_rng(1)
    arrival = np.cumsum(rng.exponential(1.0, 20_000))
    waits = waits_ggc(arrival, rng.exponential(3.6, 20_000), 4)
    times = np.concatenate((arrival, arrival + waits))
    steps = np.concatenate((np.ones(20_000), -np.ones(20_000)))
    order = np.argsort(times, kind="stable")
    length = np.cumsum(steps[order])
    assert np.sum(length[:-1] * np.diff(times[order])) == pytest.approx(waits.sum(), rel=1e-9)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=40),
    st.integers(1, 9),
)
@settings(max_examples=200, deadline=None)
def test_waits_equal_a_plain_queue(requests: list[tuple[int, int]], servers: int) -> None:
    """The kernel leaves the same waits as a few lines of Python, for whole numbers exactly."""
    arrival = np.cumsum([gap for gap, _ in requests], dtype=np.float64)
    service = np.array([time for _, time in requests], dtype=np.float64)
    free = [0.0] * servers
    expected = []
    for at, time in zip(arrival, service, strict=True):
        start = max(at, free[0])
        heapq.heapreplace(free, start + time)
        expected.append(start - at)
    assert waits_ggc(arrival, service, servers).tolist() == expected


V4_PREFILL = (np.array([512.0, 2048.0, 8192.0]), np.array([0.0930, 0.2742, 1.5498]))
V4_DECODE = (np.array([1.0, 8.0, 32.0, 64.0]), np.array([0.0450, 0.0465, 0.0530, 0.0716]))
"""Llama2-70B on eight A100 (Splitwise, medians)."""


def test_measured_iteration_times_are_read_back() -> None:
    """A table gives at its points what was measured, half-way the mean, beyond the last the last slope."""
    tokens = np.array([512.0, 1280.0, 2048.0, 8192.0, 14336.0])
    expected = [0.0930, (0.0930 + 0.2742) / 2, 0.2742, 1.5498, 1.5498 + (1.5498 - 0.2742)]
    assert read_table(*V4_PREFILL, tokens) == pytest.approx(expected, rel=1e-12)
    assert read_table(*V4_DECODE, V4_DECODE[0]).tolist() == V4_DECODE[1].tolist()


def test_a_table_holds_below_its_first_point_and_never_falls_beyond_its_last() -> None:
    """1 token costs what 512 do; a falling last segment is not continued; one point is a constant."""
    assert read_table(*V4_PREFILL, np.array([1.0])).tolist() == [0.0930]
    assert read_table(np.array([1.0, 2.0]), np.array([4.0, 3.0]), np.array([9.0])).tolist() == [3.0]
    assert read_table(np.array([8.0]), np.array([0.5]), np.array([1.0, 8.0, 64.0])).tolist() == [0.5] * 3


def test_a_surface_is_read_between_its_corners_and_clamped() -> None:
    """[[0, 10], [100, 110]] over 1, 4 replicas and loads 0, 1: 2 replicas at 0.5 are half-way twice, 55."""
    replicas, loads = np.array([1.0, 4.0]), np.array([0.0, 1.0])
    table = np.array([[0.0, 10.0], [100.0, 110.0]])
    at = (np.array([1.0, 4.0, 2.0, 9.0, 0.2, 2.0]), np.array([0.0, 1.0, 0.5, np.inf, 0.5, -1.0]))
    assert read_surface(replicas, loads, table, *at) == pytest.approx([0.0, 110.0, 55.0, 110.0, 5.0, 50.0])
    assert read_surface(replicas[:1], loads, table[:1], *at).tolist() == [0.0, 10.0, 5.0, 10.0, 5.0, 0.0]


def test_a_surface_says_the_same_in_any_order() -> None:
    """Each search starts at the last place; what it finds must not depend on where it started."""
    rng = np.random.default_rng(4)
    replicas, loads = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.1, 0.5, 0.7, 0.9, 1.0])
    table = rng.random((4, 5))
    at = (
        rng.choice(np.array([0.5, 1.0, 1.5, 2.0, 5.0, 8.0, 20.0]), 500),
        rng.choice(np.append(loads, 0.3), 500),
    )
    order = np.lexsort(at)
    read = read_surface(replicas, loads, table, *at)
    assert read[order].tolist() == read_surface(replicas, loads, table, at[0][order], at[1][order]).tolist()


def test_servers_that_come_and_go_with_the_window() -> None:
    """Windows of 10 s with 1, 2, 0, 1 servers, and requests of 8 s at 0, 1, 2 and 19 s, the last two of 2 s.

    The first is answered at once, the second from 8 s on. At 10 s another server comes, idle: the third
    starts. At 20 s both go: the one that is free at 18 s answered the request of 19 s first. The last, at
    21 s, waits for the window that begins at 30 s.
    """
    arrival_s = np.array([0.0, 1.0, 2.0, 19.0, 21.0])
    service_s = np.array([8.0, 8.0, 8.0, 2.0, 2.0])
    waits_s = waits_scaled(arrival_s, service_s, np.array([1, 2, 0, 1]), 10.0)
    assert waits_s.tolist() == [0.0, 7.0, 8.0, 0.0, 9.0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_servers_that_stay_are_a_plain_queue(seed: int, servers: int) -> None:
    """The same waits as of a queue with so many servers, to the bit."""
    rng = np.random.default_rng(seed)
    arrival_s, service_s = np.cumsum(rng.exponential(1.0, 200)), rng.exponential(0.9 * servers, 200)
    plain_s = waits_ggc(arrival_s, service_s, servers)
    assert waits_scaled(arrival_s, service_s, np.full(30, servers), 7.0).tolist() == plain_s.tolist()
