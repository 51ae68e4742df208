"""The intervals of a service as plain array arithmetic: what the compiled pass must agree with.

Every step is written for all intervals at once, and surfaces are read where they are known best, at their own
points. It is slow, and shares no line with `sim.serving.flow`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sim.serving.intervals import BACKLOGGED_SHARE, OVERLOAD_WINDOW_S, ReplicaGroup, State

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
UNANSWERED_SHARE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """As `sim.serving.intervals.Intervals`, with the load beside."""

    interval_s: int
    offered: Floats
    served: Floats
    violated: Floats
    abandoned: Floats
    backlog_end: Floats
    load: Floats
    capacity: Floats
    p99_s: Floats
    busy_s: tuple[Floats, ...]


def close_intervals(
    demand_rps: Floats, interval_s: int, groups: Sequence[ReplicaGroup], timeout_s: float, horizon_s: int
) -> Expected:
    """`sim.serving.intervals.close_intervals`."""
    fluid = _flow(demand_rps, interval_s, groups, timeout_s, horizon_s)
    late = _judge(fluid, groups, timeout_s)
    violated = late.arrivals * fluid.offered - late.turned_away * fluid.turned_away - late.left * fluid.left
    violated[1:] += late.left[:-1] * fluid.kept[1:]
    hopeless = (fluid.capacity == 0.0) | (
        fluid.abandoned > UNANSWERED_SHARE * (fluid.served + fluid.abandoned)
    )
    return Expected(
        interval_s,
        fluid.offered,
        fluid.served,
        np.clip(violated, 0.0, fluid.served),
        fluid.abandoned,
        fluid.left,
        fluid.load,
        fluid.capacity,
        np.where(fluid.offered > 0.0, np.where(hopeless, np.inf, late.p99_s), np.nan),
        tuple(group.ready_s * _ratio(fluid.served, fluid.capacity) for group in groups),
    )


def state(intervals: Expected) -> State:
    """Whether the service kept up with its demand.

    OVERLOADED: over some 30 days (the whole run if it is shorter) more was offered than could be served.
    BACKLOGGED: of all requests more than 5 % came while a backlog stood. STABLE: neither.
    """
    window = min(max(OVERLOAD_WINDOW_S // intervals.interval_s, 1), len(intervals.offered))
    excess = np.concatenate(([0.0], np.cumsum(intervals.offered - intervals.capacity)))
    if np.any(excess[window:] > excess[:-window]):
        return "OVERLOADED"
    most = BACKLOGGED_SHARE * float(intervals.offered.sum())
    return "BACKLOGGED" if into_backlog(intervals) > most else "STABLE"


def into_backlog(intervals: Expected) -> float:
    """Requests that came while a backlog stood: they waited in it, or went away without an answer.

    Where more is offered than can be served a backlog stands throughout the interval; else until the one at
    its start has been worked off, after backlog / (capacity - offered) of the interval.
    """
    begin = np.concatenate(([0.0], intervals.backlog_end[:-1]))
    surplus = intervals.capacity - intervals.offered
    stands = ((surplus < 0.0) | (begin > 0.0)).astype(np.float64)
    np.divide(begin, surplus, out=stands, where=surplus > 0.0)
    return float(np.sum(intervals.offered * np.minimum(stands, 1.0)))


def length_s(holds: NDArray[np.bool_], interval_s: int, horizon_s: int) -> int:
    """How long something holds that holds in some of the intervals; the last of all ends at the horizon."""
    beyond_s = len(holds) * interval_s - horizon_s
    return int(np.count_nonzero(holds)) * interval_s - beyond_s * int(holds[-1])


def unsure(closed: Expected, groups: Sequence[ReplicaGroup]) -> float:
    """Requests served x the error of the surface that spoke for them."""
    load, found = np.minimum(closed.load, 1.0), 0.0
    for group in groups:
        share = _ratio(group.ready_s * group.capacity_rps, closed.capacity)
        error = group.surface.read_error(load, group.ready_s / closed.interval_s)
        found += float(np.sum(share * error * closed.served))
    return found


def worst_median(values: Floats, weights: Floats, first: Ints) -> float:
    """The highest weighted median of the groups that begin at `first`; NaN without any weight."""
    worst = -np.inf
    for group in (slice(*ends) for ends in pairwise([*first.tolist(), len(values)])):
        known = ~np.isnan(values[group])
        if weights[group][known].sum() > 0.0:
            worst = max(worst, weighted_median(values[group][known], weights[group][known]))
    return worst if worst > -np.inf else np.nan


def weighted_median(values: Floats, weights: Floats) -> float:
    """The smallest value that at least half of the weight does not exceed."""
    order = np.argsort(values)
    running = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(running, running[-1] / 2)]])


def carry_backlog(offered: Floats, capacity: Floats, most: Floats, recent: Floats) -> Floats:
    """Kept at the beginning, served, abandoned, turned away, left at the end: five rows."""
    flows = np.empty((5, len(offered)))
    backlog = 0.0
    for n in range(len(offered)):
        if capacity[n] > 0.0:
            given_up = max(backlog - most[n], 0.0)
            waiting = backlog - given_up + offered[n]
            served = min(capacity[n], waiting)
            left = min(waiting - served, most[n])
            turned_away = waiting - served - left
        else:
            served = 0.0
            left = min(backlog + offered[n], recent[n])
            leaving = backlog + offered[n] - left
            given_up = min(backlog, leaving)
            turned_away = leaving - given_up
        flows[0, n] = backlog - given_up
        flows[1, n] = served
        flows[2, n] = given_up + turned_away
        flows[3, n] = turned_away
        flows[4, n] = left
        backlog = left
    return flows


@dataclass(frozen=True, slots=True, eq=False)
class _Fluid:
    """What flows, [requests] by interval."""

    length_s: Floats
    offered: Floats
    capacity: Floats
    load: Floats
    kept: Floats
    """The backlog at the start, without those who give up there."""
    served: Floats
    abandoned: Floats
    turned_away: Floats
    """Those of the abandoned who came in this interval."""
    left: Floats
    """The backlog at the end."""

    def behind(self, level: Floats) -> Floats:
        """The share of each interval in which the backlog, on its way from `kept`, exceeds `level`."""
        drift = self.offered - self.capacity
        still = np.where(self.kept > level, np.inf, -np.inf)
        reached = np.divide(level - self.kept, drift, out=still, where=drift != 0.0)
        return np.clip(np.where(drift > 0.0, 1.0 - reached, reached), 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Late:
    """Probabilities that requests violate the SLO, and the 99th percentile of its measure, by interval."""

    arrivals: Floats
    """All who come, those included who are then turned away."""
    turned_away: Floats
    left: Floats
    """Those in the backlog at the end."""
    p99_s: Floats


def _flow(
    demand_rps: Floats, interval_s: int, groups: Sequence[ReplicaGroup], timeout_s: float, horizon_s: int
) -> _Fluid:
    length_s = np.full(len(demand_rps), float(interval_s))
    length_s[-1] = horizon_s - (len(demand_rps) - 1) * interval_s
    assert 0.0 < length_s[-1] <= interval_s, f"{len(demand_rps)} intervals do not make {horizon_s} s"
    offered = demand_rps * length_s
    capacity = np.zeros(len(offered))
    for group in groups:
        capacity += group.ready_s * group.capacity_rps
    load = _ratio(offered, capacity, np.where(offered > 0.0, np.inf, 0.0))
    most = _backlog(capacity, length_s, timeout_s)
    flows = carry_backlog(offered, capacity, most, _recent(offered, capacity, length_s, timeout_s))
    return _Fluid(length_s, offered, capacity, load, *flows)


def _recent(offered: Floats, capacity: Floats, length_s: Floats, timeout_s: float) -> Floats:
    """Those who came within the last `timeout_s`, at the end of each interval without capacity."""
    without = np.flatnonzero(capacity == 0.0)
    recent = np.zeros(len(offered))
    if len(without) > 0:
        edges_s = np.concatenate(([0.0], np.cumsum(length_s)))
        asked = np.concatenate(([0.0], np.cumsum(offered)))
        recent[without] = asked[without + 1] - np.interp(edges_s[without + 1] - timeout_s, edges_s, asked)
    return recent


def _judge(fluid: _Fluid, groups: Sequence[ReplicaGroup], timeout_s: float) -> _Late:
    arrivals = (fluid.capacity == 0.0).astype(np.float64)
    turned_away, left, p99_s = arrivals.copy(), arrivals.copy(), np.zeros(len(arrivals))
    wait_s = _ratio(np.maximum(fluid.kept, fluid.left) * fluid.length_s, fluid.capacity)
    fullness = _ratio(fluid.served, fluid.capacity)
    for group in groups:
        slack_s = group.surface.slack_s
        reachable = slack_s < timeout_s
        level = _backlog(fluid.capacity, fluid.length_s, slack_s if reachable else np.inf)
        load = np.minimum(fluid.load, group.surface.stable_load) if np.isfinite(slack_s) else fullness
        replicas = group.ready_s / fluid.length_s
        share = _ratio(group.ready_s * group.capacity_rps, fluid.capacity)
        stable = group.surface.read(load, replicas)
        behind = fluid.behind(level)
        arrivals += share * (behind + (1.0 - behind) * stable)
        turned_away += share * (1.0 if reachable else stable)
        left += share * np.where(fluid.left > level, 1.0, stable)
        group_p99_s = group.surface.read_time("p99_s", load, replicas)
        if np.isfinite(slack_s):
            group_p99_s += wait_s
        p99_s = np.maximum(p99_s, np.where(share > 0.0, group_p99_s, 0.0))
    return _Late(arrivals, turned_away, left, p99_s)


def _backlog(capacity: Floats, length_s: Floats, wait_s: float) -> Floats:
    """The backlog [requests] behind which one waits for `wait_s`; 0 without capacity."""
    rate = capacity / length_s
    return np.multiply(rate, wait_s, out=np.zeros(len(rate)), where=rate > 0.0)


def _ratio(above: Floats, below: Floats, otherwise: Floats | None = None) -> Floats:
    """`above` / `below`, and `otherwise` (0) where `below` is 0."""
    out = np.zeros(len(above)) if otherwise is None else otherwise
    return np.divide(above, below, out=out, where=below > 0.0)
