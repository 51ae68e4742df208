"""Where the accelerator-seconds of each pool went.

Every accelerator-second of capacity is in exactly one of six places:

    useful     on work that counts: of a gang, saved by a checkpoint or by its end, or still under way at the
               horizon; of a replica, answering requests
    unused     leased without work: replicas that wait for requests, whole nodes' accelerators beyond a gang
    lost       on a gang's work that a reclaim or a failure undid
    overhead   boots and loads, restarts, checkpoints
    idle       up and not leased (of owned pools: nothing rented is idle)
    down       on nodes that failed

so that their shares add up to 1, and useful + unused + lost + overhead is what was leased. Capacity is what
stands in owned pools, failed nodes included, and what was leased from rented ones. Accelerators of different
types count alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.metrics.definitions import BY_POOL, BY_WORKLOAD, WHOLE, Better, Definition, each
from sim.metrics.facts import ServiceFacts
from sim.metrics.integrals import Floats, Ints, ratio, sum_by
from sim.metrics.kernels import LEASED_S
from sim.metrics.leases import Leases, workload_names
from sim.policies.plan import Plan, Purchase
from sim.records import Records

HOUR_S = 3600
ROUNDING = 1e-9

DEFINITIONS = (
    Definition(
        "utilisation", "share", Better.HIGHER,
        "Accelerator-seconds of useful work / (owned ones that were up + rented ones).",
        (WHOLE, BY_POOL),
    ),
    Definition(
        "useful_share", "share", Better.HIGHER,
        "Share of the capacity, failed nodes included, that did work which counts.",
        (WHOLE, BY_POOL),
    ),
    Definition(
        "unused_share", "share", Better.LOWER,
        "Share of the capacity that was leased without work: replicas without requests, accelerators beyond "
        "a gang.",
        (WHOLE, BY_POOL),
    ),
    Definition(
        "lost_share", "share", Better.LOWER,
        "Share of the capacity that did work which a reclaim or a failure undid.",
        (WHOLE, BY_POOL),
    ),
    Definition(
        "overhead_share", "share", Better.LOWER,
        "Share of the capacity that went to boots, loads, restarts and checkpoints.",
        (WHOLE, BY_POOL),
    ),
    Definition(
        "idle_share", "share", Better.LOWER,
        "Share of the capacity that was up and that nobody leased.",
        (WHOLE, BY_POOL),
    ),
    Definition(
        "down_share", "share", Better.LOWER,
        "Share of the capacity on nodes that had failed.",
        (WHOLE, BY_POOL),
    ),
    Definition(
        "leased_share", "share", Better.NEITHER,
        "Share of the capacity that was leased: useful + unused + lost + overhead.",
        (WHOLE, BY_POOL),
    ),
    Definition(
        "useful_accelerator_h", "accelerator-hours", Better.NEITHER,
        "Accelerator-hours of useful work.",
        (WHOLE, BY_POOL),
    ),
    Definition(
        "leased_accelerator_h", "accelerator-hours", Better.NEITHER,
        "Accelerator-hours that were leased.",
        (WHOLE, BY_POOL, BY_WORKLOAD),
    ),
    Definition(
        "share_of_accelerator_h", "share", Better.NEITHER,
        "The pool's share of all leased accelerator-hours.",
        (BY_POOL,),
    ),
    Definition(
        "rented_share", "share", Better.NEITHER,
        "Share of the leased accelerator-hours that were rented, not owned.",
        (WHOLE, BY_WORKLOAD),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Usage:
    """Accelerator-seconds by pool, shape [pools] each; the six of `PLACES` add up to the capacity."""

    by_workload: Ints
    """What each workload leased: shape [workloads, pools]."""
    useful: Floats
    unused: Floats
    lost: Floats
    overhead: Floats
    idle: Floats
    down: Floats

    @property
    def leased(self) -> Floats:
        """What was leased."""
        return self.useful + self.unused + self.lost + self.overhead

    @property
    def capacity(self) -> Floats:
        """What there was, failed nodes included."""
        return self.leased + self.idle + self.down


PLACES = ("useful", "unused", "lost", "overhead", "idle", "down")


def pool_usage(plan: Plan, records: Records, services: Sequence[ServiceFacts], leases: Leases) -> Usage:
    """Where each pool's accelerator-seconds went."""
    closing, pools = records.closing, len(plan.pools)
    leased, gang, paused, useful, lost, _ = leases.by_jobs.sum(axis=1)
    leased_too, loading, ready = leases.by_replicas.sum(axis=1)
    busy = _busy(plan, services, ready)
    beyond = leased + leased_too - gang - loading - ready
    return Usage(
        by_workload=np.concatenate((leases.by_jobs[LEASED_S], leases.by_replicas[LEASED_S])),
        useful=useful + busy,
        unused=beyond + ready - busy,
        lost=lost.astype(np.float64),
        overhead=(paused + loading).astype(np.float64),
        idle=sum_by(closing.pool, closing.idle_s, pools).astype(np.float64),
        down=sum_by(closing.pool, closing.down_s, pools).astype(np.float64),
    )


def usage_metrics(plan: Plan, usage: Usage) -> dict[str, float]:
    """The metrics of this module."""
    paths = [pool.path for pool in plan.pools]
    found = _shares("utilisation", paths, usage.useful, usage.capacity - usage.down)
    for place in (*PLACES, "leased"):
        found |= _shares(f"{place}_share", paths, getattr(usage, place), usage.capacity)
    for name, amount in (("useful", usage.useful), ("leased", usage.leased)):
        hours = amount / HOUR_S
        found |= {f"{name}_accelerator_h": float(hours.sum())} | each(f"{name}_accelerator_h", paths, hours)
    everything = float(usage.leased.sum())
    found |= each("share_of_accelerator_h", paths, [ratio(part, everything) for part in usage.leased])
    return found | _by_workload(plan, usage.by_workload)


def _busy(plan: Plan, services: Sequence[ServiceFacts], ready: Ints) -> Floats:
    """Busy accelerator-seconds of all services by pool; AssertionError where they exceed the ready ones."""
    busy = np.zeros(len(plan.pools))
    for facts in services:
        for pool, by_month in facts.busy_accelerator_s.items():
            busy[pool] += by_month.sum()
    for pool in np.flatnonzero(busy > ready * (1 + ROUNDING)).tolist():
        raise AssertionError(
            f"{plan.pools[pool].path}: replicas busy for {busy[pool]} accelerator-s, ready for {ready[pool]}"
        )
    return np.minimum(busy, ready)


def _shares(name: str, paths: Sequence[str], part: Floats, whole: Floats) -> dict[str, float]:
    by_pool = [ratio(one, all_) for one, all_ in zip(part, whole, strict=True)]
    return {name: ratio(part.sum(), whole.sum())} | each(name, paths, by_pool)


def _by_workload(plan: Plan, by_workload: Ints) -> dict[str, float]:
    names = workload_names(plan)
    is_rented = [pool.purchase is not Purchase.OWNED for pool in plan.pools]
    leased, rented = by_workload.sum(axis=1), by_workload[:, is_rented].sum(axis=1)
    shares = [ratio(part, whole) for part, whole in zip(rented, leased, strict=True)]
    found = each("leased_accelerator_h", names, leased / HOUR_S) | each("rented_share", names, shares)
    return found | {"rented_share": ratio(rented.sum(), leased.sum())}
