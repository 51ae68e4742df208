"""Queues between two loads, beside a reflected Brownian motion and exact chains of births and deaths."""

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.stats import erlang

from sim.jit import kernel
from sim.serving.intervals import ReplicaGroup, Span, close_intervals
from sim.serving.layout import ServiceMemory, memory_of
from sim.serving.reading import find_rows
from sim.serving.spread import one_stream
from sim.serving.surface import Surface
from sim.serving.transient import AGE, LAWS, MEAN, PRESSURE, SHAPES, follow
from tests import transient_oracle as oracle

Floats = NDArray[np.float64]

LOADS = np.append(np.arange(1, 1021) / 1024.0, 1.0)
LONG_S = 90_000.0
TIMES = 400
"""Most requests in a chain."""


def surface(wait_s: Floats, violation: Floats, slack_s: float, replicas: Floats) -> Surface:
    """Tables of shape [replicas, loads]; in the last column a queue has no long run."""
    wait_s, violation = wait_s.copy(), violation.copy()
    wait_s[:, -1], violation[:, -1] = np.inf, 1.0
    return Surface(
        LOADS, replicas, violation, 0.0 * violation, wait_s, wait_s, wait_s, wait_s, slack_s, 1.0, 1.0
    )


def erlang_c(servers: int, load: Floats) -> Floats:
    """P(wait) in M/M/c."""
    blocked = np.ones(len(load))
    for k in range(1, servers + 1):
        blocked = servers * load * blocked / (k + servers * load * blocked)
    found: Floats = blocked / (1.0 - load * (1.0 - blocked))
    return found


def late_behind(servers: int, limit: float) -> Floats:
    """P(wait + service > limit) for who finds 0, 1, .. TIMES requests there; services have a mean of 1."""
    x = np.linspace(0.0, limit, 2001)
    late = np.full(TIMES + 1, math.exp(-limit))
    for found in range(servers, TIMES + 1):
        turns = found - servers + 1
        wait = erlang(turns, scale=1.0 / servers)
        late[found] = wait.sf(limit) + np.trapezoid(wait.pdf(x) * np.exp(x - limit), x)
    return late


def rates(servers: int, load: float) -> Floats:
    """The generator of M/M/c with at most TIMES requests."""
    there = np.arange(TIMES + 1)
    up, down = np.full(TIMES, load * servers), np.minimum(there[1:], servers).astype(np.float64)
    found: Floats = np.diag(up, 1) + np.diag(down, -1)
    return found - np.diag(found.sum(axis=1))


def through(chance: Floats, servers: int, load: float, length_s: float) -> tuple[Floats, Floats]:
    """A chain's chances for who comes at any time, and at the end."""
    step, mean = expm(rates(servers, load) * length_s / 200.0), np.zeros(TIMES + 1)
    for _ in range(200):
        after = chance @ step
        mean += 0.5 * (chance + after) / 200.0
        chance = after
    return mean, chance


def mmc(servers: int, limit: float) -> tuple[Floats, Floats]:
    """Mean wait and P(late) at LOADS but the last, where they are 0."""
    load = LOADS[:-1]
    wait = erlang_c(servers, load) / (servers * (1.0 - load))
    behind, found = late_behind(servers, limit), []
    there = np.arange(TIMES + 1)
    weights = np.concatenate(([0.0], np.cumsum(np.log(np.minimum(there[1:], servers)))))
    for each in load:
        logs = there * math.log(each * servers) - weights
        chance = np.exp(logs - logs.max())
        found.append(float(chance @ behind / chance.sum()))
    return np.append(wait, 0.0), np.append(found, 0.0)


@kernel
def follow_first(
    m: ServiceMemory, load: float, length_s: float, work_s: float, width: float
) -> tuple[float, float, float, float, float]:
    """`follow`, for Python: of the first lane, with one replica."""
    find_rows(m, 0, m.state[0].interval_s)
    return follow(m, m.lanes[0], load, length_s, work_s, width)


def followed(
    built: Surface, load: float, length_s: float, work_s: float, width: float
) -> tuple[float, float, float, float, float]:
    """What `follow` finds for a surface whose first row is read; nobody loses patience."""
    ready_s = np.full((1, 1), built.replicas[0] * length_s)
    times_s = (length_s, np.inf, length_s)
    service = memory_of(
        one_stream([built]), [1.0], np.ones(1), ready_s, times_s, 1.0, np.zeros(1, dtype=np.int64), keep=False
    )
    return follow_first(service, load, length_s, work_s, width)


@pytest.mark.parametrize("age", [-1.5, -0.5, 0.005, 1.0, 3.0])
def test_laws_of_a_queue_that_began_empty(age: float) -> None:
    """Mean and width are integrals of the tail; the pressure is its slope at 0 times the mean."""
    x = np.linspace(0.0, 14.0, 200_001)
    tail = oracle.tail(x, age)
    mean = np.trapezoid(tail, x)
    width = 2.0 * np.trapezoid(x * tail, x) / mean**2 - 1.0
    read = [np.interp(width * SHAPES, np.arange(SHAPES + 1), LAWS[row]) for row in (AGE, MEAN, PRESSURE)]
    wanted = [age, mean, (tail[0] - tail[1]) / x[1] * mean]
    assert read == pytest.approx(wanted, rel=2e-3, abs=2e-3)


def test_without_drift_half_a_normal_distribution() -> None:
    """|N(0, 1)|: mean sqrt(2 / pi), width pi / 2 - 1, density at 0 times the mean 2 / pi."""
    width = math.pi / 2.0 - 1.0
    read = [np.interp(width * SHAPES, np.arange(SHAPES + 1), LAWS[row]) for row in (MEAN, PRESSURE)]
    assert read == pytest.approx([math.sqrt(2.0 / math.pi), 2.0 / math.pi], rel=1e-3)


@pytest.mark.parametrize("load", [0.993, 1.0, 1.007])
def test_a_long_queue_is_a_reflected_brownian_motion(load: float) -> None:
    """W = u / (1 - u), near 1: variance 2 a second. From empty the mean after 25 h, and P(W > 200 s)."""
    wait_s = np.append(LOADS[:-1] / (1.0 - LOADS[:-1]), 0.0)
    violation = np.exp(-200.0 / np.maximum(wait_s, 0.1))
    built = surface(wait_s[None, :], violation[None, :], 200.0, np.ones(1))
    late, _, end_s, _, _ = followed(built, load, LONG_S, 0.0, 1.0)
    times = (np.arange(2000) + 0.5) * LONG_S / 2000
    age = (load - 1.0) * math.sqrt(LONG_S / 2.0)
    x = np.linspace(0.0, 14.0, 20_001)
    assert end_s == pytest.approx(math.sqrt(2.0 * LONG_S) * np.trapezoid(oracle.tail(x, age), x), rel=0.03)
    exact = [
        oracle.tail(np.array([200.0 / math.sqrt(2.0 * t)]), (load - 1.0) * math.sqrt(t / 2.0))[0]
        for t in times
    ]
    assert late == pytest.approx(np.mean(exact), rel=0.04)


@pytest.mark.parametrize(("load", "length_s"), [(0.8, 100.0), (0.95, 60.0), (1.1, 60.0)])
def test_an_mm1_from_empty(load: float, length_s: float) -> None:
    """Beside its chain: the mean number that wait within 10 %, who has to wait too long within 15 %.

    In the long run 20 % would be late at a load of 0.8, 67 % at 0.95.
    """
    wait, late = mmc(1, 8.0)
    built = surface(wait[None, :], late[None, :], 7.0, np.ones(1))
    found = followed(built, load, length_s, 0.0, 1.0)
    chance = np.zeros(TIMES + 1)
    chance[0] = 1.0
    there = through(chance, 1, load, length_s)[0]
    waiting = np.maximum(np.arange(TIMES + 1) - 1, 0)
    assert found[1] == pytest.approx(there @ waiting, rel=0.1)
    assert found[0] == pytest.approx(there @ late_behind(1, 8.0), rel=0.15)


def test_from_load_to_load_and_from_replicas_to_replicas() -> None:
    """M/M/c of four, five and six servers, loads from 0.6 to 1.06, two minutes each, beside its exact chain.

    All late requests within 5 %, those of an interval within 7 percentage points (who is left in a backlog is
    counted when served), and on the average 4 times as near as what the surface says of each load alone.
    """
    limit, length_s = 5.0, 120.0
    servers = np.array([4, 4, 4, 5, 5, 6, 4, 4, 5, 4])
    loads = np.array([0.7, 1.06, 0.93, 0.9, 0.6, 0.75, 0.97, 0.95, 1.02, 0.85])
    tables = [mmc(count, limit) for count in (4, 5, 6)]
    waits, lates = (np.array(column) for column in zip(*tables, strict=True))
    group = ReplicaGroup(
        surface(waits, lates, limit - 1.0, np.array([4.0, 5.0, 6.0])), 1.0, servers * length_s
    )
    found = close_intervals(loads * servers, Span(int(length_s), int(length_s) * len(loads), np.inf), [group])
    chance, exact, alone = np.zeros(TIMES + 1), [], []
    chance[0] = 1.0
    chance = through(chance, 4, 0.7, 1000.0)[1]
    for count, load in zip(servers.tolist(), loads.tolist(), strict=True):
        there, chance = through(chance, count, load, length_s)
        exact.append(float(there @ late_behind(count, limit)))
        alone.append(float(np.interp(min(load, LOADS[-2]), LOADS[:-1], lates[count - 4, :-1])))
    share = found.violated / found.offered
    assert share @ found.offered == pytest.approx(np.dot(exact, found.offered), rel=0.05)
    assert share == pytest.approx(exact, abs=0.07)
    assert 4.0 * np.abs(share - exact).mean() < np.abs(np.subtract(alone, exact)).mean()


@pytest.mark.parametrize(
    ("load", "work_s", "width"),
    [
        (0.6, 0.6, 1.0),
        (0.95, 0.7, 1.0),
        (0.98, 30.0, 0.2),
        (0.96, 9.0, 0.02),
        (1.0, 1.0, 1.0),
        (1.3, 0.0, 1.0),
        (0.7, 40.0, 0.1),
    ],
)
def test_large_steps_are_as_good_as_small_ones(load: float, work_s: float, width: float) -> None:
    """An M/M/4 that is followed for 200 s: misses and waits within 6 %."""
    wait, late = mmc(4, 5.0)
    built = surface(wait[None, :], late[None, :], 4.0, np.array([4.0]))
    found = followed(built, load, 200.0, work_s, width)
    expected = oracle.follow(built, 4.0, load, 200.0, work_s, width, 6000)
    assert found[0] == pytest.approx(expected.misses, rel=0.06)
    assert found[1] == pytest.approx(expected.mean_s, rel=0.06, abs=0.02)
    assert found[2] == pytest.approx(expected.wait_s, rel=0.06, abs=0.02)
    assert found[3] == pytest.approx(expected.utilisation, abs=0.01)


def test_nobody_waits_longer_than_the_timeout() -> None:
    """Twice as much as can be answered: half give up, as the wait stands at the timeout of 10 s, and 5 s are
    too long for the others.
    """
    wait, late = mmc(4, 5.0)
    built = surface(wait[None, :], late[None, :], 4.0, np.array([4.0]))
    group = ReplicaGroup(built, 1.0, np.full(3, 4.0 * 600.0))
    found = close_intervals(np.array([8.0, 8.0, 0.5]), Span(600, 1800, 10.0), [group])
    assert found.abandoned[1] == pytest.approx(4.0 * 600.0, rel=0.01)
    assert found.violated[1] == pytest.approx(4.0 * 600.0, rel=0.01)
    # Then the 40 who are left, and those who come while the last 6 s of the wait above 4 s are worked off.
    assert 40.0 < found.violated[2] < 50.0


def test_a_short_timeout_leaves_nobody_late() -> None:
    """A limit of 5 s, a timeout of 3 s, a second of service: only those are late who are late alone."""
    columns = zip(*(mmc(count, 5.0) for count in (4, 5)), strict=True)
    waits, lates = (np.array(column) for column in columns)
    group = ReplicaGroup(surface(waits, lates, 4.0, np.array([4.0, 5.0])), 1.0, np.full(20, 4.0 * 60.0))
    found = close_intervals(np.full(20, 5.2), Span(60, 1200, 3.0), [group])
    assert found.violated / found.served == pytest.approx(np.full(20, lates[0, 0]), rel=0.02)
    assert found.abandoned[5:] / 312.0 == pytest.approx(np.full(15, 1.0 - 4.0 / 5.2), rel=1e-6)


def test_a_backlog_that_is_gone_in_seconds_delays_who_comes_in_those_seconds() -> None:
    """An hour at 5.2/s for 4 replicas leaves 240 in the backlog (60 s); then there are 40.

    The 240 are late. So are those who come until the wait has fallen from 6 s to the slack of 4 s: 80
    requests at 34.8/s, 2.3 s at 5.2/s, 12 more. A step of the way may be a minute long elsewhere.
    """
    wait, late = mmc(4, 5.0)
    both = surface(np.array([wait, wait]), np.array([late, late]), 4.0, np.array([4.0, 40.0]))
    group = ReplicaGroup(both, 1.0, np.array([4.0, 4.0, 40.0]) * 3600.0)
    found = close_intervals(np.full(3, 5.2), Span(3600, 10_800, 60.0), [group])
    alone = late[0] * 5.2 * 3600.0
    assert found.backlog_end[1] == pytest.approx(240.0)
    assert found.violated[2] - alone == pytest.approx(252.0, rel=0.03)


def hundred_intervals() -> str:
    """A digest of what becomes of a demand that swings about what 3 to 6 servers can do, at times none."""
    columns = zip(*(mmc(count, 5.0) for count in (3, 4, 5, 6)), strict=True)
    waits, lates = (np.array(column) for column in columns)
    n = np.arange(100)
    built = surface(waits, lates, 4.0, np.array([3.0, 4.0, 5.0, 6.0]))
    group = ReplicaGroup(built, 1.0, np.where(n % 37 == 30, 0.0, 3.0 + n // 7 % 4 - n % 7 / 14.0) * 60.0)
    found = close_intervals(4.0 + 1.5 * np.sin(n / 4.0), Span(60, 6000 - 20, 200.0), [group])
    columns = (found.served, found.violated, found.abandoned, found.backlog_end, found.unsure, found.p99_s)
    return hashlib.sha256(np.array(columns).tobytes()).hexdigest()


def test_intervals_are_the_same_without_the_compiler() -> None:
    """With NUMBA_DISABLE_JIT the same code runs as Python: the same bits."""
    script = "from tests.test_serving_transient import hundred_intervals\nprint(hundred_intervals())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, hundred_intervals()), done.stderr
