"""Events that are known from the start: failures, repairs, markets, scaling, dated orders, midnights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from sim.engine.compiled.calendar import (
    FAILURE,
    ID_BITS,
    MARKET,
    NEVER_KEY,
    ORDER,
    RANK_BITS,
    REPAIR,
    REVIEW,
    SCALING,
)
from sim.engine.compiled.layout import Floats
from sim.memory import Ints
from sim.policies.plan import FleetPlan, Plan, Purchase
from sim.policies.procurement import DAY_S
from sim.policies.scaling import Foresight, scalings
from sim.world.world import World

Part = tuple[Ints, int, Ints | int, int, Ints | int]
"""Times [s], rank, ids, pool (or workload), values."""


@dataclass(frozen=True, slots=True)
class Wish:
    """When a fleet scales, and to what; never, where it fits nowhere."""

    times_s: Ints
    values: Ints
    """Replicas, or LOOK or WAKE."""
    known: Foresight | None
    """Where its rule is asked at each interval."""
    slots: int
    """The most replicas at a time, warm ones included."""
    starts: int
    """How many replicas are started when none is lost, about."""

    @classmethod
    def of(cls, world: World, plan: Plan, fleet: FleetPlan) -> "Wish":
        """What the scaling rule makes of the demand: the same for all strategies that have the same rule."""
        pools = (plan.pools[option.pool] for option in fleet.options)
        if not any(pool.leased(fleet.accelerators) <= pool.quota for pool in pools):
            return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), None, 0, 0)
        key = ("wish", fleet.name, fleet.share, fleet.scale, fleet.capacity_rps, plan.interval_s)
        if key not in world.worked_out:
            demand_rps = world.demand_rps[fleet.name]
            if fleet.share != 1.0:
                demand_rps = demand_rps * fleet.share
            world.worked_out[key] = cls._wanted(fleet, demand_rps, plan.interval_s)
        return cast(Wish, world.worked_out[key])

    @classmethod
    def _wanted(cls, fleet: FleetPlan, demand_rps: Floats, interval_s: int) -> "Wish":
        rule = fleet.scale
        times_s, values, known = scalings(rule, demand_rps, fleet.capacity_rps, interval_s)
        most = int(values.max(initial=0)) if known is None else known.most(rule)
        slots = most + rule.warm
        grown = np.maximum(np.diff(np.maximum(values, 0), prepend=0), 0)
        return cls(times_s, values, known, slots, int(grown.sum()) + (0 if known is None else slots))


def outside_events(world: World, plan: Plan, wishes: list[Wish]) -> tuple[Ints, Ints, Ints]:
    """Keys, pools (for scaling: workloads) and values of all events until the horizon, and one after it."""
    keys, pools, values = [], [], []
    for times_s, rank, ident, pool, value in _parts(world, plan, wishes):
        keys.append((((np.minimum(times_s, plan.horizon_s) << RANK_BITS) | rank) << ID_BITS) | ident)
        pools.append(np.full(len(times_s), pool))
        values.append(np.broadcast_to(value, times_s.shape))
    last = np.array([NEVER_KEY])
    key, pool_of, value_of = (np.concatenate((*parts, last)) for parts in (keys, pools, values))
    order = np.argsort(key, kind="stable")
    return key[order], pool_of[order], value_of[order]


def _parts(world: World, plan: Plan, wishes: list[Wish]) -> Iterator[Part]:
    used = {option.pool for workload in plan.workloads for option in workload.options}
    midnights = np.arange(1, plan.horizon_s // DAY_S + 1)
    number = 0
    for index, pool in enumerate(plan.pools):
        if pool.purchase is Purchase.OWNED and pool.path in world.failures:
            times = world.failures[pool.path]
            yield times.up_s, REPAIR, times.node, index, times.node
            yield times.down_s, FAILURE, times.node, index, times.node
        elif pool.path in world.markets and index in used:
            market = world.markets[pool.path]
            yield market.change_s[1:], MARKET, index, index, market.largest_gang[1:]
        first = sum(len(other.orders) for other in plan.pools[:index])
        for rule, order in enumerate(pool.orders):
            if order.at_s is not None:
                yield np.array([order.at_s]), ORDER, number, index, first + rule
                number += 1
        if any(order.at_s is None for order in pool.orders):
            yield midnights * DAY_S, REVIEW, index, index, midnights
    for service, wish in enumerate(wishes):
        yield wish.times_s, SCALING, service, len(plan.trainings) + service, wish.values
