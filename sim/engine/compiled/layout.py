"""What the compiled engine remembers: an array of records for each noun, all fields whole numbers.

Facts of the plan stand first in each record, what changes during the run below them. `-1` stands for none.
Positions are those of the plan; a *request* is a replica's slot or a job, numbered in the order in which they
are served: the slots of all services, then the jobs.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sim import memory
from sim.jit import constant, inner
from sim.memory import Array, Ints, table_names, teach
from sim.policies.scaling import Reaction
from sim.records import Attempts, Nodes, Orders, Outages, Refusals, Replicas, Transfers

Floats = NDArray[np.float64]

NONE, ZERO, ONE = constant(-1), constant(0), constant(1)


def record(*names: str, small: tuple[str, ...] = ()) -> np.dtype[np.void]:
    """A record of whole numbers, `small` ones of 32 bits: requests and entries are as many as jobs."""
    return memory.record(*((n, np.int64) for n in names), *((n, np.int32) for n in small))


POOL = record(
    "is_owned", "is_spot", "backfill", "per_node", "quota", "notice_s", "max_nodes", "site",
    "first_node", "first_held", "first_level", "first_tree", "leaves", "gangs", "stale", "first_line",
    "first_rule", "rules", "first_midnight", "lead_stream",
    # what is there
    "nodes", "down", "room", "leased", "largest_gang",
    # its own count
    "since_s", "leased_s", "up_s", "down_s",
    # the dispatch
    "is_dirty", "serves", "closed", "kept", "hopeless", "tight", "lines",
    # the promise to the first that waits
    "promised", "promised_key", "promised_leased", "promised_nodes", "promised_s",
    # orders
    "orders", "on_the_way", "settled_s",
    # leases, as a list through the requests
    "first_lease",
)  # fmt: skip
NODE = record("free", "is_up", "down_since_s", "held", "is_promised", "stale", "next_of_gang")
LEVEL = record("nodes", "first_word", "first_summary", "summaries")
WORKLOAD = record(
    "is_service", "service", "first_option", "options", "every_s", "cost_s", "restart_s", "deadline_s",
    "first_refusal", "refusals", "load_stream", "gang", "first_request", "slots",
    "warm", "warm_start_s",
    # of one whose rule is asked at each interval
    "interval_s", "patience_ms", "first_sight",
    # of a service: replicas that take traffic, and warm ones
    "wanted", "waiting_warm",
    # what its rule has seen
    "backlog", "since_s", "capacity",
)  # fmt: skip
REACTION = record(*Reaction._fields)
SIGHT = record("asked", "low", "high", "in_service", "arrived", "recent", "sleeps")
"""What a rule that is asked may know at the beginning of an interval (`sim.policies.scaling.Foresight`)."""
OPTION = record(
    "pool", "wait_s", "slack_s", "speed_ppm", "dataset", "at_once", "boot_stream", "lifetime_stream",
    "rate_micro",
)  # fmt: skip
WAY = record("first_line", "is_possible")
"""An option for gangs of one size."""
BUSY = record("pool", "above", "ppm")
RULE = record("nodes", "at_s", "deliveries", "first_review", "reviews")
REVIEW = record("above", "ppm", "days")
LINE = record("pool", "leased", "first_busy", "busy", "root", "place", "is_known")
REQUEST = record(
    "remaining_s", "deadline_s", "start_s", "until_s", "boot_s", "restart_s", "load_s", "serves_s",
    small=(
        "workload", "entity", "number", "gang",
        # waiting
        "waits", "is_fresh", "spell", "opened", "attempt", "role",
        # on a lease
        "holds", "option", "pool", "leased", "node", "place", "next_lease", "previous_lease",
    ),
)  # fmt: skip
ENTRY = record(
    "length_s",
    small=(
        "line", "child", "next", "previous", "is_in_line", "asked_spell", "is_asked", "next_asked",
    ),
)  # fmt: skip
"""A request's place in the line of one of its options."""
EVENT = record("key", "what")
ATTEMPT, DELIVERED, OUTAGE, SHIPMENT, TRANSFER, REFUSAL = (
    record(*(column.name for column in fields(table)))
    for table in (Attempts, Nodes, Outages, Orders, Transfers, Refusals)
)
"""Rows of the records that a run leaves (`sim.records`)."""
REPLICA = record(*(column.name for column in fields(Replicas)), "request")
"""As those, and whose row it is."""
OUTSIDE = record("key", "pool", "value")
"""An event that is known from the start: of the world's, or on the clock."""
STREAM = record("constant_s")
"""A stream of draws; `constant_s` is -1 where they differ."""
STATE = record(
    "now_s", "horizon_s", "jobs", "slots", "bits", "shipping", "outside", "arrival", "events",
    "is_called", "queues", "fresh", "started", "granted", "asked", "live",
    "attempts", "replicas", "refusals", "outages", "shipments", "transfers", "delivered",
    "needed_stream", "needed_entity", "needed_attempt",
)  # fmt: skip
"""How far everything has come. `queues` are lines in which somebody waits, `shipping` the shipments of all
rules together, `bits` those of an option in the number of an entry (`entry_of`); the last three say which
draw is missing."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory(memory.Memory):
    """Everything that a run of the compiled engine knows.

    Compiled functions ask `length` how long a table is, and nobody else (see `sim.memory`).
    """

    state: Array
    pools: Array
    nodes: Array
    held: Ints
    """Requests on each node, `size` places a node."""
    levels: Array
    """For each pool and number of free accelerators the nodes that have as many, as bits in `words`."""
    words: Ints
    summary: Ints
    """Which words of a level are not empty."""
    trees: Ints
    """For each pool and number of accelerators that is asked for when each node will have as many free: a
    tournament, at 0 the number of its leaves that are out of date, then its nodes, the first that wins, then
    the leaves. `gangs` of a pool has a bit for each such number, `stale` one for each tournament."""
    touched: Ints
    """Nodes whose leaves are out of date, as many places for each tournament as it has leaves."""
    chosen: Ints
    """Nodes that a gang would get."""
    promised: Ints
    """Nodes that are promised to somebody, by pool."""
    workloads: Array
    reactions: Array
    """Of each service whose rule is asked at each interval, by workload."""
    sights: Array
    """A row for each interval of such a service."""
    needs: Ints
    """What its targets asked for in each, and what came of it."""
    settled: Ints
    options: Array
    ways: Array
    """Options x sizes of gangs."""
    refused: Ints
    """Pools that the law forbids a workload."""
    busy: Array
    rules: Array
    reviews: Array
    lines: Array
    active: Ints
    """Lines of each pool in which somebody waits."""
    heads: Ints
    """First entries of lines that a dispatch looks at (`sim.engine.compiled.dispatch`)."""
    watchers: Ints
    """Shape [pools, pools]: [p, q] is 1 where use of p opens or closes options at q."""
    requests: Array
    entries: Array
    """A row for each request and option (`entry_of`)."""
    columns: Ints
    """The column of `ways` for each size of a gang."""
    fresh: Ints
    granted: Ints
    arrivals: Ints
    """When each job arrives [s], and what it is; so the next ones."""
    work_s: Ints
    gangs: Ints
    job_workload: Ints
    job_number: Ints
    outside: Array
    events: Array
    """A binary heap."""
    streams: Array
    draw_keys: Ints
    draw_s: Ints
    starts: Ints
    """How often a replica of each slot has started."""
    midnights: Ints
    """Rows of leased and up accelerator-seconds of reviewed pools until each midnight."""
    at_site: Ints
    """Shape [datasets, sites]: whether a copy is there, or to be sent (`sim.engine.compiled.queue`)."""
    asking: Ints
    """Shape [datasets, sites]: the first entry that waits for a copy."""
    dataset_home: Ints
    dataset_bytes: Floats
    dataset_growth: Floats
    """[bytes/s]"""
    route_link: Ints
    """Shape [sites, sites]."""
    route_bps: Floats
    link_free_s: Ints
    attempts: Array
    """Rows of the records, and room for more; so the next ones."""
    replicas: Array
    refusals: Array
    outages: Array
    shipments: Array
    transfers: Array
    delivered: Array


TABLES = table_names(Memory)
(
    AT_SITE, ATTEMPTS, DRAW_KEYS, EVENTS, POOLS, REFUSALS, REFUSED, REPLICAS, ROUTE_LINK, RULES, SHIPMENTS,
    WORKLOADS,
) = (
    constant(TABLES.index(name))
    for name in (
        "at_site", "attempts", "draw_keys", "events", "pools", "refusals", "refused", "replicas",
        "route_link", "rules", "shipments", "workloads",
    )
)  # fmt: skip
_WHOLE, _REAL = np.dtype(np.int64), np.dtype(np.float64)
_RECORDS = {
    "state": STATE, "pools": POOL, "nodes": NODE, "levels": LEVEL, "workloads": WORKLOAD,
    "reactions": REACTION, "sights": SIGHT, "options": OPTION, "busy": BUSY, "rules": RULE,
    "reviews": REVIEW, "lines": LINE, "requests": REQUEST, "entries": ENTRY, "outside": OUTSIDE,
    "events": EVENT, "streams": STREAM, "attempts": ATTEMPT, "replicas": REPLICA, "refusals": REFUSAL,
    "outages": OUTAGE, "shipments": SHIPMENT, "transfers": TRANSFER, "delivered": DELIVERED,
}  # fmt: skip
_SQUARE = ("watchers", "midnights", "at_site", "asking", "route_link")
KINDS: memory.Kinds = {
    **dict.fromkeys(TABLES, (_WHOLE, 1)),
    **{name: (kind, 1) for name, kind in _RECORDS.items()},
    **dict.fromkeys(("dataset_bytes", "dataset_growth"), (_REAL, 1)),
    **dict.fromkeys(_SQUARE, (_WHOLE, 2)),
    "ways": (WAY, 2),
    "route_bps": (_REAL, 2),
}
teach(Memory, KINDS)


@inner
def entry_of(m: Memory, request: int, n: int) -> int:
    """A request's place in the line of its option `n`; entries are in the order of their requests."""
    return (request << m.state[0].bits) | n


@inner
def request_of(m: Memory, entry: int) -> int:
    """Whose place it is."""
    return entry >> m.state[0].bits
