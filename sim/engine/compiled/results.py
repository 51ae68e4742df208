"""From the memory of the compiled engine to records, each table sorted as the SimPy engine sorts it."""

import numpy as np

from sim.engine.compiled.layout import Ints, Memory
from sim.jit import kernel
from sim.policies.plan import Plan, Purchase
from sim.records import (
    Attempts,
    Closing,
    Nodes,
    Orders,
    Outages,
    Records,
    Refusals,
    Replicas,
    Sold,
    Transfers,
)

KEY_BITS = 63


def records_of(memory: Memory, plan: Plan) -> Records:
    """Everything that the run left behind."""
    state = memory.state[0]
    jobs = int(state["jobs"])
    attempts = memory.attempts[:, : state["attempts"]]
    order = order_by(attempts[0], jobs)
    return Records(
        Attempts(*(column[order] for column in attempts)),
        Replicas(*_sorted(memory.replicas[:, : state["replicas"]], unique=3)),
        Nodes(*_sorted(memory.delivered[:, : state["delivered"]])),
        Sold.of(sorted((n, pool.sold) for n, pool in enumerate(plan.pools) if pool.sold)),
        Outages(*_sorted(_outages(memory, plan))),
        Orders(*_sorted(memory.shipments[:, : state["shipments"]])),
        Transfers(*_sorted(memory.transfers[:, : state["transfers"]])),
        Refusals(*_sorted(memory.refusals[:, : state["refusals"]])),
        _closing(memory, plan),
    )


@kernel
def order_by(keys: Ints, count: int) -> Ints:
    """The order of rows by a key below `count`, rows with the same key as they stand."""
    places = np.zeros(count + 1, np.int64)
    for key in keys:
        places[key + 1] += 1
    for key in range(count):
        places[key + 1] += places[key]
    order = np.empty(len(keys), np.int64)
    for row in range(len(keys)):
        order[places[keys[row]]] = row
        places[keys[row]] += 1
    return order


def _sorted(columns: Ints, unique: int | None = None) -> Ints:
    """The rows in their order; the first `unique` columns tell them apart (None: all are needed).

    Where they fit, the columns are packed into one number for each row.
    """
    keys = columns[:unique]
    if columns.shape[1] < 2:
        return columns.copy()
    least = keys.min(axis=1)
    bits = [int(most).bit_length() for most in keys.max(axis=1) - least]
    if sum(bits) > KEY_BITS:
        return columns[:, np.lexsort(keys[::-1])]
    packed = np.zeros(columns.shape[1], dtype=np.int64)
    for column, low, width in zip(keys, least, bits, strict=True):
        packed <<= width
        packed |= column - low
    return columns[:, np.argsort(packed, kind="stable")]


def _outages(memory: Memory, plan: Plan) -> Ints:
    """Those that have ended, and those that last until the horizon."""
    ended = memory.outages[:, : memory.state[0]["outages"]]
    rows = []
    for index, here in enumerate(memory.pools):
        nodes = memory.nodes[here["first_node"] : here["first_node"] + here["nodes"]]
        down = np.flatnonzero(nodes["is_up"] == 0)
        rows += [(index, node, nodes["down_since_s"][node], plan.horizon_s) for node in down.tolist()]
    return np.concatenate((ended, np.array(rows, dtype=np.int64).reshape(-1, 4).T), axis=1)


def _closing(memory: Memory, plan: Plan) -> Closing:
    """Each pool's own count."""
    pools = memory.pools
    leased, up, down = pools["leased_s"], pools["up_s"], pools["down_s"]
    is_owned = np.array([pool.purchase is Purchase.OWNED for pool in plan.pools], dtype=np.bool_)
    return Closing(
        np.arange(len(plan.pools)),
        np.where(is_owned, up + down, leased),
        leased.copy(),
        np.where(is_owned, up - leased, 0),
        down.copy(),
    )
