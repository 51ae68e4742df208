"""Pair assertions: what a pool counted itself must equal what its leases, nodes and outages add up to."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sim.metrics.integrals import Ints, sum_by
from sim.policies.plan import Plan, Purchase
from sim.records import Records


def check_books(plan: Plan, records: Records) -> None:
    """Raise AssertionError, with the pool, job or replica, where two counts of the same thing differ.

    Each pool's leased accelerator-seconds are those of its attempts and replicas; its capacity is leased +
    idle + down; an owned pool's capacity is that of its nodes, and its time down that of their outages; a
    rented pool has neither idle nor failed accelerators. Each attempt's time is the sum of its parts.
    Everything lies within the horizon.
    """
    _check_attempts(plan, records)
    _check_replicas(plan, records)
    _check_pools(plan, records)


def _check_attempts(plan: Plan, records: Records) -> None:
    a = records.attempts
    parts = a.boot_s + a.restart_s + a.kept_s + a.checkpoint_s + a.lost_s

    def row(n: int) -> str:
        return f"job {a.job[n]}, attempt {a.attempt[n]}: [{a.start_s[n]}, {a.end_s[n]}) s"

    _none(~_within(a.start_s, a.end_s, plan.horizon_s), lambda n: f"{row(n)} is not within the horizon")
    _none(parts != a.end_s - a.start_s, lambda n: f"{row(n)} has parts that add up to {parts[n]} s")
    behind = (a.job[1:] < a.job[:-1]) | ((a.job[1:] == a.job[:-1]) & (a.start_s[1:] < a.end_s[:-1]))
    _none(behind, lambda n: f"{row(n)} is followed by {row(n + 1)}")


def _check_replicas(plan: Plan, records: Records) -> None:
    r = records.replicas
    ordered = _within(r.start_s, r.end_s, plan.horizon_s) & (r.start_s <= r.ready_s) & (r.ready_s <= r.end_s)

    def row(n: int) -> str:
        return f"service {plan.services[r.service[n]].name}, slot {r.slot[n]}, attempt {r.attempt[n]}"

    def times(n: int) -> str:
        return f"[{r.start_s[n]}, {r.ready_s[n]}, {r.end_s[n]}) s"

    _none(~ordered, lambda n: f"{row(n)}: {times(n)} is out of order or not within the horizon")


def _check_pools(plan: Plan, records: Records) -> None:
    a, r, nodes, outages, closing = (
        records.attempts, records.replicas, records.nodes, records.outages, records.closing,
    )  # fmt: skip
    pools = len(plan.pools)
    paths = [pool.path for pool in plan.pools]
    if closing.pool.tolist() != list(range(pools)):
        raise AssertionError(f"closings of the pools {closing.pool.tolist()}, there are {pools}")
    size = np.array([pool.node_accelerators for pool in plan.pools], dtype=np.int64)
    owned = np.array([pool.purchase is Purchase.OWNED for pool in plan.pools], dtype=np.bool_)
    leased = sum_by(a.pool, a.leased * (a.end_s - a.start_s), pools)
    leased += sum_by(r.pool, r.leased * (r.end_s - r.start_s), pools)
    stood = size * sum_by(nodes.pool, plan.horizon_s - nodes.from_s, pools)
    down = size * sum_by(outages.pool, outages.end_s - outages.start_s, pools)
    parts = closing.leased_s + closing.idle_s + closing.down_s
    _same(paths, "leased", closing.leased_s, leased, "its leases")
    _same(paths, "capacity", closing.capacity_s, parts, "leased + idle + down")
    _same(
        paths,
        "capacity",
        closing.capacity_s,
        np.where(owned, stood, leased),
        "its nodes, or its leases if rented",
    )
    _same(paths, "down", closing.down_s, np.where(owned, down, 0), "its outages")
    _none(closing.idle_s < 0, lambda n: f"{paths[n]}: idle {closing.idle_s[n]} accelerator-s")


def _within(start_s: Ints, end_s: Ints, horizon_s: int) -> NDArray[np.bool_]:
    return (start_s >= 0) & (start_s <= end_s) & (end_s <= horizon_s)


def _same(paths: list[str], what: str, counted: Ints, added_up: Ints, road: str) -> None:
    _none(
        counted != added_up,
        lambda n: f"{paths[n]}: {what} {counted[n]} accelerator-s, but {road} add up to {added_up[n]}",
    )


def _none(wrong: NDArray[np.bool_], sentence: Callable[[int], str]) -> None:
    for n in np.flatnonzero(wrong)[:1].tolist():
        raise AssertionError(sentence(n))
