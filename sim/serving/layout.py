"""What the intervals of a service are worked out from: an array of records for each noun.

Facts stand first in each record, what is worked out anew for each stretch or interval below them. Requests
are those of an interval where nothing else is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.jit import constant
from sim.memory import Array, Kinds, Memory, record, table, table_names, teach
from sim.serving.spread import Spread
from sim.serving.tables import tables_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATE = record(
    ("interval_s", float),
    ("timeout_s", float),
    ("horizon_s", float),
    ("promised", float),  # share of the requests of which the SLO speaks
    ("up_to", float),
    ("choices", int),  # sites that each stream has a choice of; 0 where it is all the same to all
    ("rows", int),  # of each lane among `replicas`
    ("sheds", int),  # whether requests are turned away, or give up, before a backlog stands
    ("keeps", int),  # whether what becomes of each interval is written to `closed`
    # What one interval hands on to the next: the backlog [requests], the probability that it misses the SLO;
    # and of the queue, which is there without a backlog, too, the mean [requests], what is served
    # [requests/s] and the width (`transient`).
    ("backlog", float),
    ("left_late", float),
    ("queue", float),
    ("throughput", float),
    ("width", float),
    ("knows_asked", int),  # whether `asked` is filled
)
LANE = record(
    ("pool", int),
    ("capacity_rps", float),  # of one replica
    ("slack_s", float),  # `Surface.slack_s`: inf where the wait is no part of the measure
    ("service_s", float),
    ("top", int),  # the step of the last stable load
    ("most_load", float),  # that of the last step
    ("rows", int),  # how many of its rows are used
    # for the replicas that are ready
    ("row", int),  # its row in all tables,
    ("down", float),  # and how far they lie on the way to the next one
    ("has_queue", int),  # whether anybody ever waits, as far as the surface knows
    # of the requests
    ("share", float),
    ("load", float),
)
POOL = record(("site", int), ("capacity_rps", float), ("capacity", float))
STREAM = record(("share", float), ("left", float))
"""`left` is what no site has taken."""
SITE = record(("capacity", float), ("taken", float))
MONTH = record(
    ("first", int),
    ("offered", float),
    ("served", float),
    ("violated", float),
    ("abandoned", float),
    ("capacity", float),
    ("waited", float),
    ("unsure", float),
    ("broken_s", float),
    ("saturated_s", float),
)
"""The first interval of a month, and sums over its intervals: requests and seconds."""

OFFERED, SERVED, VIOLATED, ABANDONED, CAPACITY, LEFT, UNSURE = range(7)
KNOWN = 7
"""What is known of a closed interval, in requests; the busy replica-seconds of each lane follow."""


@dataclass(frozen=True, slots=True, eq=False)
class ServiceMemory(Memory):
    """Everything that the intervals of a service's year are worked out from, and what they come to."""

    state: Array
    lanes: Array
    pools: Array
    streams: Array
    sites: Array
    months: Array
    order: Ints
    """Shape [streams, choices]."""
    taken: Floats
    """Shape [streams, sites]: what a site takes of a stream."""
    replicas: Floats
    """Shape [lanes, rows], and so below (see `tables.Tables`)."""
    calm_loads: Floats
    """Up to which queues are short enough to be taken for settled."""
    values: Floats
    lost: Floats
    queues: Floats
    scales_s: Floats
    guides: NDArray[np.int16]
    demand_rps: Floats
    ready_s: Floats
    """Shape [pools, intervals]."""
    asked: Floats
    """Requests that came before each interval and before the end."""
    log_p99: Floats
    """Of each interval the logarithm of its p99 [s] plus TINY: NaN where nobody asked."""
    closed: Floats
    """Shape [intervals or none, KNOWN + lanes]."""
    busy_s: Floats
    """Shape [months, lanes]: replica-seconds of useful work."""


LANES, POOLS, STREAMS, SITES, MONTHS, DEMAND, CALM = (
    constant(table_names(ServiceMemory).index(name))
    for name in ("lanes", "pools", "streams", "sites", "months", "demand_rps", "calm_loads")
)
_WHOLE, _REAL = np.dtype(np.int64), np.dtype(np.float64)
KINDS: Kinds = {
    **dict.fromkeys(table_names(ServiceMemory), (_REAL, 1)),
    "state": (STATE, 1), "lanes": (LANE, 1), "pools": (POOL, 1), "streams": (STREAM, 1), "sites": (SITE, 1),
    "months": (MONTH, 1),
    "order": (_WHOLE, 2),
    "guides": (np.dtype(np.int16), 1),
    **dict.fromkeys(("taken", "ready_s", "closed", "busy_s"), (_REAL, 2)),
}  # fmt: skip
teach(ServiceMemory, KINDS)


def memory_of(
    spread: Spread,
    capacity_rps: Sequence[float],
    demand_rps: Floats,
    ready_s: Floats,
    times_s: tuple[float, float, float],
    promised: float,
    month_first: Ints,
    *,
    keep: bool,
) -> ServiceMemory:
    """A service before its first interval.

    `capacity_rps` is what a replica on each pool sustains, `ready_s` has the shape [pools, intervals],
    `times_s` are the length of an interval, the timeout and the horizon; `keep` says whether to write down
    what becomes of each interval.
    """
    rates = tuple(capacity_rps) * len(spread.streams)
    tables = tables_of(spread.surfaces)
    choices = {len(stream.order) for stream in spread.streams}
    assert len(choices) == 1, f"some streams have a choice of {min(choices)} sites, some of {max(choices)}"
    order = np.array([stream.order for stream in spread.streams], dtype=np.int64).reshape(
        len(spread.streams), -1
    )
    count, sites, rows = len(demand_rps), order.shape[1], tables.replicas.shape[1]
    state, lanes, pools = table(STATE, 1), table(LANE, len(rates)), table(POOL, len(spread.sites))
    streams, months = table(STREAM, len(spread.streams)), table(MONTH, len(month_first))
    state["interval_s"], state["timeout_s"], state["horizon_s"] = times_s
    state["promised"], state["up_to"] = promised, spread.up_to
    state["choices"], state["rows"], state["keeps"] = sites, rows, keep
    shedding = {surface.sheds for surface in spread.surfaces}
    assert len(shedding) < 2, "requests are turned away, or give up, on some pools of a service only"
    state["sheds"] = True in shedding
    lanes["pool"] = np.tile(np.arange(len(pools)), len(streams))
    lanes["capacity_rps"], lanes["slack_s"], lanes["service_s"] = rates, tables.slack_s, tables.service_s
    lanes["top"], lanes["rows"], lanes["most_load"] = tables.tops, tables.rows, tables.most_loads
    pools["site"], pools["capacity_rps"] = spread.sites, capacity_rps
    streams["share"] = [stream.share for stream in spread.streams]
    months["first"] = month_first
    return ServiceMemory(
        state, lanes, pools, streams, table(SITE, sites), months, order,
        taken=np.zeros((len(streams), sites)),
        replicas=tables.replicas.ravel(),
        calm_loads=np.ones(tables.replicas.size),
        values=tables.values,
        lost=tables.lost,
        queues=tables.queues,
        scales_s=tables.scales_s,
        guides=tables.guides,
        demand_rps=np.ascontiguousarray(demand_rps),
        ready_s=ready_s,
        asked=np.empty(count + 1),
        log_p99=np.empty(count),
        closed=np.empty((count if keep else 0, KNOWN + len(rates))),
        busy_s=np.zeros((len(months), len(rates))),
    )  # fmt: skip
