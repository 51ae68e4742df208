"""One run: a world, a plan, and the books closed at the horizon."""

from simpy import Event

from sim.engine.clock import CLOSED, CLOSING, At, Clock
from sim.engine.inference import scaling
from sim.engine.log import Log
from sim.engine.pools import OwnedPool, RentedPool
from sim.engine.queue import AnyPool, Queue
from sim.engine.staging import Staging
from sim.engine.supply import (
    NOT_ARRIVED,
    Supplier,
    dated_order,
    failures,
    market,
    standing,
    watched_orders,
)
from sim.engine.training import Stage, arrivals
from sim.policies.plan import Plan, Purchase
from sim.records import Outcome, Records
from sim.world.world import World


def run(world: World, plan: Plan) -> Records:
    """Everything that happens when `plan` meets `world`, from 0 to the horizon."""
    env = Clock()
    log = Log()
    pools: list[AnyPool] = [
        OwnedPool(n, pool, backfill=plan.backfill) if pool.purchase is Purchase.OWNED else RentedPool(n, pool)
        for n, pool in enumerate(plan.pools)
    ]
    staging = Staging(env, plan, log)
    queue = Queue(env, pools, staging, log)
    stage = Stage(env, queue, log, plan, world.draws)
    suppliers = start(stage, world, pools)
    closed = _close_at(env, plan.horizon_s, queue, pools)
    env.run(until=closed)
    _write_down(log, plan, pools, suppliers)
    staging.close()
    return log.records()


def start(stage: Stage, world: World, pools: list[AnyPool]) -> list[Supplier]:
    """Start all processes; the suppliers of the owned pools, whose orders may be under way at the end."""
    env, plan = stage.env, stage.plan
    in_use = {option.pool for workload in plan.workloads for option in workload.options}
    suppliers: list[Supplier] = []
    for pool in pools:
        path = pool.plan.path
        if isinstance(pool, OwnedPool):
            suppliers.append(_own(stage, pool))
            if path in world.failures:
                env.process(failures(stage, pool, world.failures[path]))
        elif path in world.markets and pool.index in in_use:
            env.process(market(stage, pool, world.markets[path]))
    for index in range(len(plan.fleets)):
        env.process(scaling(stage, world, index))
    if len(world.jobs):
        env.process(arrivals(stage, world))
    return suppliers


def _own(stage: Stage, pool: OwnedPool) -> Supplier:
    standing(stage, pool)
    supplier = Supplier(pool)
    for number, rule in enumerate(pool.plan.orders):
        if rule.at_s is not None and rule.at_s < stage.plan.horizon_s:
            stage.env.process(dated_order(stage, supplier, number, rule))
    watched = tuple(rule for rule in pool.plan.orders if rule.at_s is None)
    if watched:
        stage.env.process(watched_orders(stage, supplier, watched))
    return supplier


def _close_at(env: Clock, horizon_s: int, queue: Queue, pools: list[AnyPool]) -> Event:
    """An event just after the books were closed at the horizon, before all else of that instant."""

    def close(_: Event) -> None:
        for pool in pools:
            for lease in list(pool.leases):
                queue.end(lease, Outcome.CUT_OFF)
            pool.count(horizon_s)

    At(env, horizon_s, CLOSING, 0, close)
    return At(env, horizon_s, CLOSED, 0)


def _write_down(log: Log, plan: Plan, pools: list[AnyPool], suppliers: list[Supplier]) -> None:
    """What is still open at the horizon, and each pool's own count."""
    for pool in pools:
        if isinstance(pool, OwnedPool):
            for node, since_s in pool.down_since.items():
                log.outages.append((pool.index, node, since_s, plan.horizon_s))
            capacity_s, idle_s, down_s = pool.up_s + pool.down_s, pool.up_s - pool.leased_s, pool.down_s
        else:
            capacity_s, idle_s, down_s = pool.leased_s, 0, 0
        log.closing.append((pool.index, capacity_s, pool.leased_s, idle_s, down_s))
    for supplier in suppliers:
        for (number, shipment), (count, ordered_s) in supplier.under_way.items():
            log.orders.append((supplier.pool.index, number, shipment, count, ordered_s, NOT_ARRIVED))
