"""How hardware came, how long it was on its way, and what was refused for which reason."""

import numpy as np

from sim.calendar import DAY_S
from sim.metrics.definitions import BY_OWNED_POOL, BY_REASON, WHOLE, Better, Definition, each
from sim.metrics.integrals import sum_by
from sim.metrics.usage import HOUR_S
from sim.policies.plan import Plan, Purchase
from sim.records import Reason, Records

BOTH = (WHOLE, BY_OWNED_POOL)
DEFINITIONS = (
    Definition(
        "nodes_ordered", "nodes", Better.NEITHER,
        "Nodes ordered before the horizon.",
        BOTH,
    ),
    Definition(
        "nodes_arrived", "nodes", Better.NEITHER,
        "Ordered nodes that arrived before the horizon.",
        BOTH,
    ),
    Definition(
        "nodes_on_the_way", "nodes", Better.LOWER,
        "Ordered nodes that had not arrived by the horizon.",
        BOTH,
    ),
    Definition(
        "node_days_on_the_way", "node-days", Better.LOWER,
        "Node-days between order and arrival; nodes that had not arrived count up to the horizon.",
        BOTH,
    ),
    Definition(
        "wait_for_hardware_accelerator_h", "accelerator-hours", Better.LOWER,
        "Accelerator-hours that ordered nodes would have had between order and arrival, or the horizon.",
        BOTH,
    ),
    Definition(
        "refusals", "refusals", Better.LOWER,
        "Times that a job, a replica or a node to be ordered was refused by a pool, once for each time that "
        "it had to begin to wait.",
        (WHOLE, BY_REASON),
    ),
)  # fmt: skip
REASONS = tuple(reason.name.lower() for reason in Reason)


def procurement_metrics(plan: Plan, records: Records) -> dict[str, float]:
    """The metrics of this module."""
    o, r, pools = records.orders, records.refusals, len(plan.pools)
    here = o.arrived_s >= 0
    node_s = o.nodes * (np.where(here, o.arrived_s, plan.horizon_s) - o.ordered_s)
    size = np.array([pool.node_accelerators for pool in plan.pools], dtype=np.int64)
    owned = [n for n, pool in enumerate(plan.pools) if pool.purchase is Purchase.OWNED]
    paths = [plan.pools[n].path for n in owned]
    amounts = {
        "nodes_ordered": o.nodes,
        "nodes_arrived": np.where(here, o.nodes, 0),
        "nodes_on_the_way": np.where(here, 0, o.nodes),
        "node_days_on_the_way": node_s / DAY_S,
        "wait_for_hardware_accelerator_h": node_s * size[o.pool] / HOUR_S,
    }
    refused = sum_by(r.reason, r.count, len(Reason))
    found = {"refusals": float(refused.sum())} | each("refusals", REASONS, refused.tolist())
    for name, amount in amounts.items():
        by_pool = sum_by(o.pool, amount, pools)
        found |= {name: float(by_pool.sum())} | each(name, paths, by_pool[owned].tolist())
    return found
