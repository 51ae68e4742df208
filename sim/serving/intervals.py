"""The year of a service, interval by interval: what it was asked, what it answered, and how well.

Within an interval demand and capacity are constant. Below saturation the requests see what the latency
surface says of that load; what exceeds the capacity is a fluid backlog, carried on until it is worked off or
given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.serving.kernels import carry_backlog
from sim.serving.surface import Surface

Floats = NDArray[np.float64]
State = Literal["STABLE", "BACKLOGGED", "OVERLOADED"]

OVERLOAD_WINDOW_S = 30 * 86_400
UNANSWERED_SHARE = 0.01
BACKLOGGED_SHARE = 0.05
"""Of the requests: where more of them come while others wait in a backlog, the backlog alone can break even a
promise of 95 %, the loosest in use. Below it, peaks are absorbed, as scaling is meant to."""


@dataclass(frozen=True, slots=True, eq=False)
class ReplicaGroup:
    """The replicas of a service on one pool."""

    surface: Surface
    capacity_rps: float
    """What one of them sustains [requests/s]."""
    ready_s: Floats
    """Replica-seconds that were ready in each interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """One value per interval; requests where nothing else is said.

    In each, the backlog at its start + offered == served + abandoned + backlog_end.
    """

    interval_s: int
    offered: Floats
    served: Floats
    violated: Floats
    """Served, but outside the SLO."""
    abandoned: Floats
    """Left because their turn would have come too late; none of them is in `violated`."""
    backlog_end: Floats
    load: Floats
    """Offered / capacity; inf where requests found no capacity, 0 where there was neither."""
    capacity: Floats
    p99_s: Floats
    """99th percentile of the SLO's measure [s]: the surface's (worst group) plus the longest backlog wait.

    inf where more than 1 % of those who left had no answer, or nobody could have one; nan where nobody asked.
    """
    busy_s: tuple[Floats, ...]
    """Replica-seconds of useful work, by group: ready time x served / capacity."""


def close_intervals(
    demand_rps: Floats, interval_s: int, groups: Sequence[ReplicaGroup], timeout_s: float, horizon_s: int
) -> Intervals:
    """What became of the demand in each interval of [0, horizon_s), the last of which may be shorter.

    Traffic is split among the groups in proportion to their capacity, so that all have the same load. The
    backlog moves with demand - capacity; whoever joins it waits for backlog / capacity, and stays away if
    that exceeds `timeout_s`. When the capacity falls, those behind that limit give up. Without capacity,
    those who came within the last `timeout_s` are still there.

    A request violates the SLO with the probability that the surface gives for the load, at most for its last
    stable one (a queue needs longer than an interval to become what saturation makes of it in the long run);
    and surely when its wait in the backlog exceeds the slack (`Surface.slack_s`). Those in the backlog at the
    end of an interval are judged as the last who joined it, and counted when they are served. Where the wait
    is no part of the measure, only served / capacity matters: how full the batches are.

    `demand_rps` has one value for each interval, even for a shorter last one.
    """
    fluid = _flow(demand_rps, interval_s, groups, timeout_s, horizon_s)
    late = _judge(fluid, groups, timeout_s)
    violated = late.arrivals * fluid.offered - late.turned_away * fluid.turned_away - late.left * fluid.left
    violated[1:] += late.left[:-1] * fluid.kept[1:]
    hopeless = (fluid.capacity == 0.0) | (
        fluid.abandoned > UNANSWERED_SHARE * (fluid.served + fluid.abandoned)
    )
    return Intervals(
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


def state(intervals: Intervals) -> State:
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


def into_backlog(intervals: Intervals) -> float:
    """Requests that came while a backlog stood: they waited in it, or went away without an answer.

    Where more is offered than can be served a backlog stands throughout the interval; else until the one at
    its start has been worked off, after backlog / (capacity - offered) of the interval.
    """
    begin = np.concatenate(([0.0], intervals.backlog_end[:-1]))
    surplus = intervals.capacity - intervals.offered
    stands = ((surplus < 0.0) | (begin > 0.0)).astype(np.float64)
    np.divide(begin, surplus, out=stands, where=surplus > 0.0)
    return float(np.sum(intervals.offered * np.minimum(stands, 1.0)))


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
        group_p99_s = group.surface.read_quantile("p99_s", load, replicas)
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
