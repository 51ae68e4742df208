"""Compiled: a queue on its way from one load to another.

A surface says what a load comes to in the long run, which near saturation is longer than an interval. Here
the queue is followed. Its two numbers are the mean wait W [s], as the time that the replicas need to work it
off, and the width v, the squared coefficient of variation of the wait as a share of that in the long run.

Work comes with the load and goes with the utilisation (Rider 1976; Wang, Tipper and Banerjee 1996):

    dX/dt = load - 1 + (1 - u) g(v)

X is the wait and the work of those in service, and u the load with that wait in the long run: what the
surface says of u holds for the moment, too. With g = 1 the queue would always be as wide as in the long run.
It is narrower. One that began empty has the law of a Brownian motion that is reflected at 0 (Harrison 1985;
Abate and Whitt 1987),

    P(W > x) = N(a - x) + exp(2 a x) N(-a - x)    x in units of sigma sqrt(t), a = drift sqrt(t) / sigma,

with N the normal distribution. Its mean m, its width and its pressure on 0 (g, the density there times m)
are functions of a, and so is r = (1 - load) / (1 - u) = -2 a m. So r tells the width of a queue that grows,
and its variance that of one that is worked off, with d variance/dt = 2 (1 - u) W (1 - g).
"""

import math

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner, wide
from sim.memory import Record, length
from sim.serving.layout import CALM, ServiceMemory
from sim.serving.tables import (
    CELLS,
    GUIDE,
    LEVEL,
    MISSES,
    OF_WAIT,
    OF_WORK,
    PAIR,
    ROW,
    STEPS,
    WAIT,
)

Floats = NDArray[np.float64]

RESTLESS = 0.05
"""Queues of more than this share of what the replicas could work off in the interval are followed."""
STRIDE = 0.35
"""By how much of itself 1 - u changes in a step, but"""
LEAST_STEP = 1.0 / 64.0
"""of an interval is short enough where the way is nearly straight: down, and up where capacity is short,"""
DEEP = 4.0
"""and beyond so many times the slack nearly all are late: most of the way there is taken at once."""
NEAR = 0.2
"""How far a queue is from its long run, relatively, when the rest of its way is taken at once,"""
SHORT = 0.02
"""or in times of the slack: who waits so short a time is not late for it;"""
PATIENCE = 8.0
"""and how many times W / (1 - load) must be left for that: two of the slowest time constants of the queue."""

SHAPES = 128
"""Steps of the width, from 0 to 1, in which the laws are tabulated."""
FINENESS, FARTHEST = 8, 20
"""Steps of a queue's mean in which its law is tabulated, and how far."""
NARROWEST = 0.004
"""The least width that is told from 0."""
AGE, MEAN, PRESSURE, WIDTH = range(4)
"""Rows of LAWS: a, m and g by width, and the width by 1 / (2 - r)."""


def _from_empty(ages: Floats) -> tuple[Floats, Floats, Floats]:
    """N(a), its density, and the mean of the queue."""
    below = np.array([0.5 * math.erfc(-age / math.sqrt(2.0)) for age in ages])
    density = np.exp(-0.5 * ages**2) / math.sqrt(2.0 * math.pi)
    return below, density, density + ages * below + (below - 0.5) / ages


def _laws() -> Floats:
    ages = np.arange(-6.0, 17.0, 0.01) + 0.005  # never 0, where the mean needs a limit
    below, density, mean = _from_empty(ages)
    # The second moment grows by 2 drift x mean + variance a unit of time, here s**2, by Gauss and Legendre.
    second = np.ones(len(ages))
    for node, weight in zip(*np.polynomial.legendre.leggauss(32), strict=True):
        s = 0.5 * (node + 1.0)
        second += 2.0 * ages * weight * s**2 * _from_empty(ages * s)[2]
    width = second / mean**2 - 1.0
    pressure = 2.0 * (density - ages * (1.0 - below)) * mean
    width[0], pressure[0] = 1.0, 1.0  # the long run, to more digits than these
    steps = np.arange(SHAPES + 1) / SHAPES
    by_spread = [np.interp(steps, width[::-1], row[::-1]) for row in (ages, mean, pressure)]
    slowness = 1.0 / (2.0 + 2.0 * ages * mean)
    slowness[0] = 1.0
    return np.array([*by_spread, np.interp(steps, slowness[::-1], width[::-1])])


LAWS = _laws()


@inner
def _law(row: int, at: float) -> float:
    """A row of LAWS at a place from 0 to 1."""
    step = min(int(at * SHAPES), SHAPES - 1)
    read: float = LAWS[row, step]
    read += (at * SHAPES - step) * (LAWS[row, step + 1] - read)
    return read


@inner
def _width(load: float, idle: float, wait_s: float, variance: float) -> float:
    """That of a queue of this variance, at most that of one which began empty under this load."""
    width = variance / wait_s**2 if variance < wait_s**2 else 1.0
    if 1.0 - load < idle:
        width = min(width, _law(WIDTH, idle / (2.0 * idle - 1.0 + load)))
    return max(width, NARROWEST)


def _tails() -> Floats:
    """[SHAPES + 1, levels]: the probability that a queue of each width exceeds so many of its means."""
    levels = np.arange(FARTHEST * FINENESS + 1) / FINENESS
    tails = np.empty((SHAPES + 1, len(levels)))
    for n, (age, mean) in enumerate(LAWS[:PRESSURE].T):
        x = levels * mean
        above = [0.5 * math.erfc(each / math.sqrt(2.0)) for each in x - age]
        # exp(2 a x) N(-a - x), the density at x - a times the ratio of Mills, by its continued fraction
        tails[n] = above
        for k, each in enumerate(x + age):
            if each < 5.0:
                tails[n, k] += math.exp(2.0 * age * x[k]) * 0.5 * math.erfc(each / math.sqrt(2.0))
            else:
                density = math.exp(-0.5 * (x[k] - age) ** 2) / math.sqrt(2.0 * math.pi)
                tails[n, k] += density / (each + 1.0 / (each + 2.0 / (each + 3.0 / each)))
    tails[SHAPES] = np.exp(-levels)
    return tails


TAILS = _tails()


@inner
def _exceeds(level: float, width: float) -> float:
    """The probability that a queue exceeds a level, in units of its mean."""
    if width >= 1.0 or level >= FARTHEST:
        return math.exp(-level)
    row, column = int(width * SHAPES), int(level * FINENESS)
    down, across = width * SHAPES - row, level * FINENESS - column
    upper: float = TAILS[row, column]
    upper += across * (TAILS[row, column + 1] - upper)
    lower: float = TAILS[row + 1, column]
    lower += across * (TAILS[row + 1, column + 1] - lower)
    return upper + down * (lower - upper)


@inner
def _mixed(m: ServiceMemory, place: int, down: float) -> float:
    """A value so far down from one row to the next. (A branch here would cost more than the second look.)"""
    read: float = m.queues[place]
    read += down * (m.queues[place + (STEPS + 1) * PAIR] - read)
    return read


@inner
def settled_at(m: ServiceMemory, lane: Record, load: float) -> tuple[float, float]:
    """The mean wait [s] and the LEVEL that a load comes to in the long run, of 1 and more inf and 0.

    Beyond the last stable load of the table the mean grows as 1 / (1 - load).
    """
    top, down = lane.top, lane.down
    whole = min(int(load * STEPS), top)
    place = (lane.row * (STEPS + 1) + whole) * PAIR
    wait_s, level = _mixed(m, place + WAIT, down), _mixed(m, place + LEVEL, down)
    if load >= 1.0:
        return math.inf, 0.0
    if whole == top:
        longer = (1.0 - top / STEPS) / (1.0 - load)
        return wait_s * longer, level / longer
    across = load * STEPS - whole
    wait_s += across * (_mixed(m, place + PAIR + WAIT, down) - wait_s)
    return wait_s, level + across * (_mixed(m, place + PAIR + LEVEL, down) - level)


@inner
def _cell(m: ServiceMemory, row: int, kind: int, time_s: float) -> int:
    """Where in a row's guide a time lies."""
    return row * GUIDE + kind * (CELLS + 1) + int(time_s / (time_s + m.scales_s[2 * row + kind]) * CELLS)


@inner
def _step_of(m: ServiceMemory, lane: Record, kind: int, service_s: float, time_s: float) -> int:
    """The last stable step of the load, but not `top`, that comes to no more work, or wait, than this."""
    first, down = lane.row * (STEPS + 1) * PAIR + WAIT, lane.down
    cell = _cell(m, lane.row, kind, time_s)
    low, high = wide(m.guides[cell]), wide(m.guides[cell + 1])
    if down > 0.0:
        cell = _cell(m, lane.row + 1, kind, time_s)
        low, high = min(low, wide(m.guides[cell])), max(high, wide(m.guides[cell + 1]))
    high = min(high + 1, lane.top)
    while high - low > 1:
        middle = (low + high) // 2
        if _mixed(m, first + middle * PAIR, down) + middle * (service_s / STEPS) <= time_s:
            low = middle
        else:
            high = middle
    return low


@inner
def queue_of(
    m: ServiceMemory, lane: Record, kind: int, service_s: float, work_s: float
) -> tuple[float, float, float, float]:
    """Of a queue with so much work in all: 1 - u, the wait, the LEVEL, and (1 - u) / (du / d work) [s].

    `kind` is OF_WORK, or without any service OF_WAIT.
    """
    step_s, top, down = service_s / STEPS, lane.top, lane.down
    first = lane.row * (STEPS + 1) * PAIR
    place = first + top * PAIR
    wait_s = _mixed(m, place + WAIT, down)
    if work_s >= wait_s + top * step_s:
        now_s = work_s - top * step_s
        longer = now_s / wait_s
        return (1.0 - top / STEPS) / longer, now_s, _mixed(m, place + LEVEL, down) / longer, now_s
    low = _step_of(m, lane, kind, service_s, work_s)
    place = first + low * PAIR
    wait_s, level = _mixed(m, place + WAIT, down), _mixed(m, place + LEVEL, down)
    more_s = _mixed(m, place + PAIR + WAIT, down) - wait_s + step_s
    across = (work_s - wait_s - low * step_s) / more_s
    level += across * (_mixed(m, place + PAIR + LEVEL, down) - level)
    idle = 1.0 - (low + across) / STEPS
    return idle, wait_s + across * (more_s - step_s), level, idle * STEPS * more_s


@inner
def load_of(m: ServiceMemory, lane: Record, wait_s: float) -> float:
    """The load that comes to such a mean wait in the long run."""
    idle, _, _, _ = queue_of(m, lane, OF_WAIT, 0.0, wait_s)
    return 1.0 - idle


@inner
def wait_of(m: ServiceMemory, lane: Record, load: float) -> float:
    """The mean wait [s] that a load below 1 comes to in the long run."""
    wait_s, _ = settled_at(m, lane, load)
    return wait_s


@inner
def find_calm_loads(m: ServiceMemory) -> None:
    """For each row of each lane the load up to which queues are short enough to be taken for settled."""
    row_s, rows = RESTLESS * m.state[0].interval_s, m.state[0].rows
    for row in range(length(m, CALM)):
        first, top = row * (STEPS + 1) * PAIR + WAIT, m.lanes[row // rows].top
        if m.queues[first + top * PAIR] > 0.0:
            low, high = 0, top + 1
            while high - low > 1:
                middle = (low + high) // 2
                if m.queues[first + middle * PAIR] <= row_s * (1.0 - middle / STEPS):
                    low = middle
                else:
                    high = middle
            m.calm_loads[row] = low / STEPS


@inner
def _step_s(
    load: float, drift: float, straight: bool, whole_s: float,
    wait_s: float, reach_s: float, slack_s: float, length_s: float,
) -> float:  # fmt: skip
    """How long a step may be [s]; `reach_s` is the work that changes 1 - u by all of it.

    A queue that falls needs at least `whole_s` for its whole way; no long step goes beyond.
    """
    speed = max(abs(drift), STRIDE * abs(1.0 - load), 1e-12)
    step_s = STRIDE * reach_s / speed
    if straight:
        most = 0.7 if load < 1.0 else 4.0
        long_s = max(most * (wait_s - DEEP * slack_s) / speed, LEAST_STEP * length_s)
        return max(step_s, min(long_s, whole_s))
    return step_s


@inner
def _rest_of_the_way(
    left_s: float, load: float, wait_s: float, width: float, rest_s: float, rest_level: float
) -> tuple[float, float]:
    """What is late and what is waited, in s and s**2, while a queue comes to its long run within `left_s`.

    All that is still to come of the wait beyond the long run is known from the second moment.
    """
    beyond = (wait_s**2 * (1.0 + width) - 2.0 * rest_s**2) / (2.0 * (1.0 - load))
    slope = rest_level / rest_s if rest_s > 0.0 else 0.0
    return math.exp(-rest_level) * max(left_s + slope * beyond, 0.0), left_s * rest_s + beyond


@inner
def _alone(m: ServiceMemory, lane: Record) -> float:
    """The probability to miss the SLO without any wait."""
    place = lane.row * ROW + MISSES
    alone: float = m.values[place]
    if lane.down > 0.0:
        alone += lane.down * (m.values[place + ROW] - alone)
    return alone


@inner
def follow(
    m: ServiceMemory, lane: Record, load: float, length_s: float, work_s: float, width: float
) -> tuple[float, float, float, float, float]:
    """Follow the queue of a lane through an interval that it begins with so much work.

    The probability that those who come miss the SLO; their mean wait [s]; and at the end the wait, the
    utilisation and the width. Nobody waits longer than the timeout.
    """
    service_s, slack_s = lane.service_s, lane.slack_s
    most_s = m.state[0].timeout_s + service_s
    rest_s, rest_level = settled_at(m, lane, load)
    goal_s = rest_s + load * service_s
    work_s = min(work_s, most_s)
    idle, wait_s, level, reach_s = queue_of(m, lane, OF_WORK, service_s, work_s)
    width = _width(load, idle, wait_s, width * wait_s**2 if wait_s > SHORT * slack_s else math.inf)
    more, late, waited, left_s = _exceeds(level, width), 0.0, 0.0, length_s
    while left_s > 0.0:
        near_s = max(NEAR * rest_s, SHORT * slack_s)
        if abs(wait_s - rest_s) <= near_s and left_s * (1.0 - load) >= PATIENCE * max(wait_s, rest_s):
            found = _rest_of_the_way(left_s, load, wait_s, width, rest_s, rest_level)
            late, waited = late + found[0], waited + found[1]
            idle, wait_s, width = 1.0 - load, rest_s, 1.0
            break
        pressure = _law(PRESSURE, width)
        drift = load - 1.0 + idle * pressure
        falls = drift < 0.0 and wait_s > rest_s
        straight = falls or load - 1.0 > idle * pressure
        whole_s = (work_s - goal_s) / -drift if falls else math.inf
        step_s = min(_step_s(load, drift, straight, whole_s, wait_s, reach_s, slack_s, length_s), left_s)
        # To the end nearly all are late: one step, and no look halfway.
        deep = min(wait_s, wait_s + left_s * (load - 1.0)) > DEEP * slack_s
        step_s = left_s if deep else step_s
        variance, gained = width * wait_s**2, step_s * idle * wait_s * (1.0 - pressure)
        if drift > 0.0 and width >= _width(load, idle, wait_s, math.inf):
            variance = math.inf  # it goes on as it began
        halfway_s = max(work_s + 0.5 * step_s * drift, 0.0)
        between, between_s = -1.0, 0.0
        if deep:
            variance, work_s = variance + 2.0 * gained, work_s + step_s * drift
        elif falls and halfway_s <= goal_s:
            work_s = goal_s
        else:
            idle, between_s, level, _ = queue_of(m, lane, OF_WORK, service_s, halfway_s)
            width = _width(load, idle, between_s, variance + gained)
            between = _exceeds(level, width)
            pressure = _law(PRESSURE, width)
            variance += 2.0 * step_s * idle * between_s * (1.0 - pressure)
            work_s = max(work_s + step_s * (load - 1.0 + idle * pressure), goal_s if falls else 0.0)
        work_s, before_s, before = min(work_s, most_s), wait_s, more
        idle, wait_s, level, reach_s = queue_of(m, lane, OF_WORK, service_s, work_s)
        width = _width(load, idle, wait_s, variance)
        more = _exceeds(level, width)
        if between < 0.0:
            between, between_s = 0.5 * (before + more), 0.5 * (before_s + wait_s)
        late += step_s / 6.0 * (before + 4.0 * between + more)
        waited += step_s / 6.0 * (before_s + 4.0 * between_s + wait_s)
        left_s -= step_s
    alone, late = _alone(m, lane), late / length_s if slack_s < m.state[0].timeout_s else 0.0
    return alone + (1.0 - alone) * late, max(waited / length_s, 0.0), wait_s, 1.0 - idle, width
