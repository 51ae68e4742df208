"""The year of a service, interval by interval: what it was asked, what it answered, and how well.

Within an interval demand and capacity are constant. Below saturation the requests see what the latency
surface says of that load; what exceeds the capacity is a fluid backlog, carried on until it is worked off or
given up.

Traffic is split among the groups of replicas in proportion to their capacity, so that all have the same load,
unless users have a choice of sites (`spread`), which holds as long as nobody waits in a backlog.
The backlog moves with demand - capacity; whoever joins it waits for backlog / capacity, and stays away if
that exceeds the timeout. When the capacity falls, those behind that limit give up. Without capacity, those
who came within the last timeout are still there.

A request violates the SLO with the probability that the surface gives for the load; where the queue needs
longer to become what that load makes of it in the long run, it is followed (`transient`). A surface without
any wait leaves the backlog alone: at most the misses of its last stable load, and all when the wait in the
backlog exceeds the slack (`Surface.slack_s`). Those in the backlog at the end of an interval are judged as
the last who joined it, and counted when they are served. Where the wait is no part of the measure, only
served / capacity matters: how full the batches are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.jit import constant
from sim.serving import flow, layout
from sim.serving.capacity import is_overloaded
from sim.serving.medians import worst_median
from sim.serving.spread import Spread, one_stream
from sim.serving.surface import Surface
from sim.serving.tables import seconds_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
State = Literal["STABLE", "BACKLOGGED", "OVERLOADED"]

OVERLOAD_WINDOW_S = 30 * 86_400
BACKLOGGED_SHARE = 0.05
"""Of the requests: where more of them come while others wait in a backlog, the backlog alone can break even a
promise of 95 %, the loosest in use. Below it, peaks are absorbed, as scaling is meant to."""


@dataclass(frozen=True, slots=True, eq=False)
class ReplicaGroup:
    """The replicas of a service on one pool."""

    surface: Surface
    """As all users together see it; where they are spread, each stream has its own."""
    capacity_rps: float
    """What one of them sustains [requests/s]."""
    ready_s: Floats
    """Replica-seconds that were ready in each interval."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time from 0 to the horizon, in intervals of which the last may be shorter [s]."""

    interval_s: int
    horizon_s: int
    timeout_s: float
    """The longest wait in a backlog that anybody joins; inf where all are patient."""

    @property
    def count(self) -> int:
        """How many intervals it has."""
        return -(-self.horizon_s // self.interval_s)


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """One value per interval; requests where nothing else is said.

    In each, the backlog at its start + offered == served + abandoned + backlog_end.
    """

    offered: Floats
    served: Floats
    violated: Floats
    """Served, but outside the SLO."""
    abandoned: Floats
    """Left because their turn would have come too late; none of them is in `violated`."""
    backlog_end: Floats
    capacity: Floats
    unsure: Floats
    """By how many requests `violated` may be off because a surface is an estimate."""
    p99_s: Floats
    """99th percentile of the SLO's measure [s]: the surface's (worst lane) plus the longest backlog wait.

    inf where more than 1 % of those who left had no answer, or nobody could have one; nan where nobody asked.
    """
    busy_s: Floats
    """Replica-seconds of useful work, answered requests / capacity_rps: shape [lanes, intervals].

    Lanes are the groups; where users are spread, for each stream the groups.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Year:
    """What the intervals of a run come to; the first five are requests by calendar month."""

    offered: Floats
    served: Floats
    violated: Floats
    abandoned: Floats
    capacity: Floats
    """What the ready replicas could have served."""
    busy_s: Floats
    """Replica-seconds of useful work: shape [lanes, months]."""
    waiting: float
    """Requests in the backlog at the horizon."""
    into_backlog: float
    """Requests that came while a backlog stood: they waited in it, or went away without an answer.

    Where more is offered than can be served a backlog stands throughout the interval; else until the one at
    its start has been worked off, after backlog / (capacity - offered) of the interval.
    """
    broken_s: int
    """Length of the intervals in which more requests than promised were violated or abandoned."""
    saturated_s: int
    """Length of the intervals in which more was offered than could be served."""
    unsure: float
    """Neighbours in time read neighbouring cells of a surface, whose errors go together: they are added."""
    p99_s: float
    """The worst of the months: half of its requests came in intervals whose p99 was no longer.

    inf where the service was saturated for them, NaN where nobody asked.
    """
    state: State
    """OVERLOADED: over some 30 days (the whole run if it is shorter) more was offered than could be served.

    BACKLOGGED: of all requests more than 5 % came while a backlog stood. STABLE: neither.
    """


def close_intervals(
    demand_rps: Floats, span: Span, groups: Sequence[ReplicaGroup], spread: Spread | None = None
) -> Intervals:
    """What became of the demand in each interval; a shorter last one has a value of `demand_rps`, too."""
    service = _closed(demand_rps, span, groups, spread, 1.0, np.zeros(1, dtype=np.int64), keep=True)
    closed = np.ascontiguousarray(service.closed.T)
    return Intervals(
        closed[layout.OFFERED],
        closed[layout.SERVED],
        closed[layout.VIOLATED],
        closed[layout.ABANDONED],
        closed[layout.LEFT],
        closed[layout.CAPACITY],
        closed[layout.UNSURE],
        seconds_of(service.log_p99),
        closed[layout.KNOWN :],
    )


def sum_intervals(
    demand_rps: Floats,
    span: Span,
    groups: Sequence[ReplicaGroup],
    promised: float,
    month_first: Ints,
    spread: Spread | None = None,
) -> Year:
    """What the intervals of `close_intervals` come to.

    `promised` is the share of requests of which the SLO speaks; `month_first` is the first interval of each
    month.
    """
    service = _closed(demand_rps, span, groups, spread, promised, month_first, keep=False)
    months = service.months
    offered = np.ascontiguousarray(months["offered"])
    slowest = worst_median(service.log_p99, _weights(demand_rps, span), month_first)
    state: State = "STABLE"
    window = min(max(OVERLOAD_WINDOW_S // span.interval_s, 1), span.count)
    if is_overloaded(service, constant(window)):
        state = "OVERLOADED"
    elif months["waited"].sum() > BACKLOGGED_SHARE * offered.sum():
        state = "BACKLOGGED"
    return Year(
        offered=offered,
        served=np.ascontiguousarray(months["served"]),
        violated=np.ascontiguousarray(months["violated"]),
        abandoned=np.ascontiguousarray(months["abandoned"]),
        capacity=np.ascontiguousarray(months["capacity"]),
        busy_s=np.ascontiguousarray(service.busy_s.T),
        waiting=float(service.state["backlog"][0]),
        into_backlog=float(months["waited"].sum()),
        broken_s=int(months["broken_s"].sum()),
        saturated_s=int(months["saturated_s"].sum()),
        unsure=float(months["unsure"].sum()),
        p99_s=float(seconds_of(np.array(slowest))) if slowest > -np.inf else np.nan,
        state=state,
    )


def _weights(demand_rps: Floats, span: Span) -> Floats:
    """Numbers in proportion to the requests of each interval."""
    beyond_s = span.count * span.interval_s - span.horizon_s
    if beyond_s == 0:
        return demand_rps
    weights = demand_rps.copy()
    weights[-1] *= 1.0 - beyond_s / span.interval_s
    return weights


def _closed(
    demand_rps: Floats,
    span: Span,
    groups: Sequence[ReplicaGroup],
    spread: Spread | None,
    promised: float,
    month_first: Ints,
    *,
    keep: bool,
) -> layout.ServiceMemory:
    """The service after its last interval."""
    count = span.count
    assert len(demand_rps) == count, f"{len(demand_rps)} intervals do not make {span.horizon_s} s"
    ready_s = np.empty((len(groups), count))
    for n, group in enumerate(groups):
        ready_s[n] = group.ready_s
    chosen = one_stream([group.surface for group in groups]) if spread is None else spread
    rates = [group.capacity_rps for group in groups]
    times_s = (float(span.interval_s), span.timeout_s, float(span.horizon_s))
    service = layout.memory_of(chosen, rates, demand_rps, ready_s, times_s, promised, month_first, keep=keep)
    flow.run_through(service)
    return service
