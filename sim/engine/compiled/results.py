"""From the memory of the compiled engine to records, each table sorted as the SimPy engine sorts it."""

import numpy as np

from sim.engine.compiled.layout import OUTAGE, Memory
from sim.jit import kernel
from sim.memory import Array, Ints
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
    attempts = memory.attempts[: state["attempts"]]
    replicas = memory.replicas[: state["replicas"]]
    return Records(
        Attempts(*_columns(attempts, _order(attempts["job"], jobs))),
        Replicas(*_columns(replicas, _order(replicas["request"], len(memory.starts)))[:-1]),
        Nodes(*_sorted(memory.delivered[: state["delivered"]])),
        Sold.of(sorted((n, pool.sold) for n, pool in enumerate(plan.pools) if pool.sold)),
        Outages(*_sorted(_outages(memory, plan))),
        Orders(*_sorted(memory.shipments[: state["shipments"]])),
        Transfers(*_sorted(memory.transfers[: state["transfers"]])),
        Refusals(*_sorted(memory.refusals[: state["refusals"]])),
        _closing(memory, plan),
    )


def _order(keys: Ints, count: int) -> Ints:
    """As `order_by`, of a column of rows."""
    return order_by(np.ascontiguousarray(keys), count)


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


def _columns(rows: Array, order: Ints) -> Ints:
    """The rows in an order, shape [columns, rows]."""
    return _gathered(_numbers(rows), order)


def _sorted(rows: Array) -> Ints:
    """The rows in their own order; shape as `_columns`."""
    numbers = _numbers(rows)
    keys = packed(numbers) if len(rows) > 1 else numbers[:, 0]
    order = np.lexsort(numbers.T[::-1]) if len(keys) < len(rows) else np.argsort(keys, kind="stable")
    return _gathered(numbers, order)


def _numbers(rows: Array) -> Ints:
    """The fields of all rows, shape [rows, columns]."""
    return rows.view(np.ndarray).view(np.int64).reshape(len(rows), len(rows.dtype.names or ()))


def _gathered(rows: Ints, order: Ints) -> Ints:
    """The rows in an order, shape [columns, rows], in memory from numpy, which takes large pages for it."""
    columns = np.empty((rows.shape[1], len(order)), np.int64)
    gather(rows, order, columns)
    return columns


@kernel
def gather(rows: Ints, order: Ints, columns: Ints) -> None:
    """Put the rows in an order into columns."""
    for place in range(len(order)):
        row = order[place]
        for column in range(rows.shape[1]):
            columns[column, place] = rows[row, column]


@kernel
def packed(rows: Ints) -> Ints:
    """A number for each row, in the order of the rows; none where they do not fit into `KEY_BITS`."""
    least, most = rows[0].copy(), rows[0].copy()
    for row in range(len(rows)):
        for column in range(rows.shape[1]):
            least[column] = min(least[column], rows[row, column])
            most[column] = max(most[column], rows[row, column])
    steps = np.ones(rows.shape[1], np.int64)
    bits = 0
    for column in range(rows.shape[1]):
        while steps[column] <= most[column] - least[column]:
            steps[column] *= 2
            bits += 1
            if bits > KEY_BITS:
                return np.zeros(0, np.int64)
    keys = np.zeros(len(rows), np.int64)
    for row in range(len(rows)):
        for column in range(rows.shape[1]):
            keys[row] = keys[row] * steps[column] + rows[row, column] - least[column]
    return keys


def _outages(memory: Memory, plan: Plan) -> Array:
    """Those that have ended, and those that last until the horizon."""
    ended = memory.outages[: memory.state[0]["outages"]]
    rows = []
    for index, here in enumerate(memory.pools):
        nodes = memory.nodes[here["first_node"] : here["first_node"] + here["nodes"]]
        down = np.flatnonzero(nodes["is_up"] == 0)
        rows += [(index, node, nodes["down_since_s"][node], plan.horizon_s) for node in down.tolist()]
    return np.concatenate((ended, np.array(rows, dtype=OUTAGE)))


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
