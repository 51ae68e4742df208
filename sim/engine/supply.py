"""Supply: what changes how many accelerators there are: deliveries, failures, repairs, the spot market."""

from dataclasses import dataclass, field

from sim.engine.clock import At, Rank
from sim.engine.pools import OwnedPool, RentedPool
from sim.engine.training import Process, Stage
from sim.policies.procurement import DAY_S, OrderRule, fitting, may_judge, shipments, shipped, was_busy
from sim.records import Kind, Outcome, Reason
from sim.world.world import Failures, Market

NOT_ARRIVED = -1
RULES = 1 << 16
"""More rules than a pool has, and more shipments than an order."""

Midnights = list[tuple[int, int]]
"""Accelerator-seconds that were leased and up until each midnight since the start."""


@dataclass(slots=True)
class Supplier:
    """The orders of one pool: how many there were, what is on its way, and which shipments they are."""

    pool: OwnedPool
    orders: int = 0
    on_the_way: int = 0
    settled_s: int = 0
    under_way: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


def standing(stage: Stage, pool: OwnedPool) -> None:
    """Put the nodes to work that stand at the start."""
    for node in pool.deliver(pool.plan.standing, 0):
        stage.log.nodes.append((pool.index, node, 0, -1))
    if pool.plan.sold:
        stage.log.sold.append((pool.index, pool.plan.sold))


def dated_order(stage: Stage, supplier: Supplier, number: int, rule: OrderRule) -> Process:
    """Order once, at the time that rule `number` of the pool names."""
    assert rule.at_s is not None, "a dated order has a time"
    yield At(stage.env, rule.at_s, Rank.ORDER, supplier.pool.index * RULES + number)
    order(stage, supplier, rule)


def watched_orders(stage: Stage, supplier: Supplier, rules: tuple[OrderRule, ...]) -> Process:
    """Look at the conditional rules every midnight."""
    pool = supplier.pool
    midnights: Midnights = [(0, 0)]
    while True:
        yield At(stage.env, stage.env.now + DAY_S, Rank.REVIEW, pool.index)
        pool.count(stage.env.now)
        midnights.append((pool.leased_s, pool.up_s))
        for rule in rules:
            if is_due(rule, midnights, supplier):
                order(stage, supplier, rule)


def is_due(rule: OrderRule, midnights: Midnights, supplier: Supplier) -> bool:
    """Whether all reviews of a rule hold at the last midnight, and nothing is on its way."""
    last = len(midnights) - 1
    leased_s, up_s = midnights[last]
    return supplier.on_the_way == 0 and all(
        may_judge(review.days, last, supplier.settled_s)
        and was_busy(
            review.above,
            review.ppm,
            leased_s - midnights[last - review.days][0],
            up_s - midnights[last - review.days][1],
        )
        for review in rule.reviews
    )


def order(stage: Stage, supplier: Supplier, rule: OrderRule) -> None:
    """Order as many of the rule's nodes as fit; each shipment takes the world's lead time for it."""
    now, pool = stage.env.now, supplier.pool
    nodes = fitting(rule.nodes, len(pool.free), supplier.on_the_way, pool.plan.max_nodes)
    if nodes < rule.nodes:
        supplier.settled_s = now
        stage.log.refusals.append(
            (now, Kind.ORDER, pool.index, pool.index, Reason.RACK_FULL, rule.nodes - nodes)
        )
    if nodes == 0:
        return
    number = supplier.orders
    supplier.orders += 1
    supplier.on_the_way += nodes
    for shipment in range(shipments(nodes, rule.deliveries)):
        count = shipped(nodes, rule.deliveries, shipment)
        lead_s = stage.draws.seconds(f"lead-time:{pool.plan.path}", number, shipment)
        supplier.under_way[number, shipment] = (count, now)
        stage.env.process(delivery(stage, supplier, number, shipment, now + lead_s))


def delivery(stage: Stage, supplier: Supplier, number: int, shipment: int, due_s: int) -> Process:
    """Put a shipment to work when it arrives."""
    pool = supplier.pool
    yield At(stage.env, due_s, Rank.DELIVERY, number * RULES + shipment)
    count, ordered_s = supplier.under_way.pop((number, shipment))
    supplier.on_the_way -= count
    supplier.settled_s = stage.env.now
    for node in pool.deliver(count, stage.env.now):
        stage.log.nodes.append((pool.index, node, stage.env.now, number))
    stage.log.orders.append((pool.index, number, shipment, count, ordered_s, stage.env.now))
    stage.queue.changed(pool.index)


def failures(stage: Stage, pool: OwnedPool, times: Failures) -> Process:
    """Take nodes down and bring them back as the world says; one that is not delivered yet cannot fail."""
    rows = zip(times.node.tolist(), times.down_s.tolist(), times.up_s.tolist(), strict=True)
    happenings = sorted(
        (time_s, is_down, node)
        for node, down_s, up_s in rows
        for time_s, is_down in ((up_s, False), (down_s, True))
    )
    for time_s, is_down, node in happenings:
        if time_s >= stage.plan.horizon_s:
            return
        yield At(stage.env, time_s, Rank.FAILURE if is_down else Rank.REPAIR, node)
        if is_down and node < len(pool.free):
            for lease in pool.fail(node, time_s):
                stage.queue.end(lease, Outcome.FAILED)
            stage.queue.changed(pool.index)
        elif not is_down and node in pool.down_since:
            stage.log.outages.append((pool.index, node, pool.repair(node, time_s), time_s))
            stage.queue.changed(pool.index)


def market(stage: Stage, pool: RentedPool, changes: Market) -> Process:
    """Let a spot market serve smaller or larger gangs, and take back what it no longer serves."""
    for time_s, largest in zip(changes.change_s.tolist(), changes.largest_gang.tolist(), strict=True):
        if time_s > 0:
            yield At(stage.env, time_s, Rank.MARKET, pool.index)
        pool.largest_gang = largest
        for lease in pool.too_large():
            stage.queue.end(lease, Outcome.RECLAIMED)
        stage.queue.changed(pool.index)
