"""Inference: a service scales on the clock; its replicas take leases ahead of all jobs, load, and serve.

What the replicas achieve is computed from their records afterwards (`sim.serving`); the engine only decides
how many there are, and where.
"""

from dataclasses import dataclass, field

from sim.engine.clock import At, Rank
from sim.engine.pools import Lease
from sim.engine.queue import Request, Way
from sim.engine.training import Process, Stage, boot_of, limit_lifetime, possible
from sim.policies.checkpoints import NEVER
from sim.policies.plan import ServicePlan
from sim.policies.scaling import first_to_go, replica_changes
from sim.records import Kind, Outcome
from sim.world.world import World

SLOTS = 1 << 20


@dataclass(slots=True)
class Slot:
    """One replica that is wanted: waiting, or on a lease."""

    number: int
    request: Request
    lease: Lease | None = None


@dataclass(slots=True)
class Fleet:
    """The replicas of one service."""

    index: int
    service: ServicePlan
    ways: tuple[Way, ...]
    lengths_s: tuple[int, ...]
    """Nobody knows how long a replica stays."""
    slots: dict[int, Slot] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)


def service(stage: Stage, world: World, index: int) -> Process:
    """Scale a service at each interval whose wish differs from the one before."""
    plan = stage.plan.services[index]
    ways = possible(stage, Kind.REPLICA, index, plan, plan.accelerators)
    if not ways:
        return
    fleet = Fleet(index, plan, ways, (NEVER,) * len(ways))
    changes, wanted = replica_changes(plan.scale, world.demand_rps[plan.name], plan.capacity_rps)
    for interval, replicas in zip(changes.tolist(), wanted.tolist(), strict=True):
        yield At(stage.env, interval * stage.plan.interval_s, Rank.SCALING, index)
        scale_to(stage, fleet, replicas)


def scale_to(stage: Stage, fleet: Fleet, replicas: int) -> None:
    """Start replicas in the lowest empty slots, or stop: first those that wait, then on the last pools."""
    number = 0
    while len(fleet.slots) < replicas:
        while number in fleet.slots:
            number += 1
        request = Request(fleet.index * SLOTS + number, Kind.REPLICA, fleet.index, fleet.ways)
        fleet.slots[number] = Slot(number, request)
        stage.env.process(replica(stage, fleet, fleet.slots[number]))
    surplus = len(fleet.slots) - replicas
    for slot in sorted(fleet.slots.values(), key=_first_to_go)[:surplus]:
        del fleet.slots[slot.number]
        if slot.lease is None:
            stage.queue.withdraw(slot.request)
        else:
            stage.queue.end(slot.lease, Outcome.RELEASED)


def _first_to_go(slot: Slot) -> tuple[int, int, int, int]:
    lease = slot.lease
    if lease is None:
        return first_to_go(True, 0, 0, slot.number)
    return first_to_go(False, lease.option, lease.start_s, slot.number)


def replica(stage: Stage, fleet: Fleet, slot: Slot) -> Process:
    """Hold a lease in this slot, and another one when it is lost, until the service wants it no more."""
    name = fleet.service.name
    while True:
        attempt = fleet.starts.get(slot.number, 0)
        lease: Lease | None = yield stage.queue.join(slot.request, fleet.lengths_s)
        if lease is None:
            return
        slot.lease = lease
        fleet.starts[slot.number] = attempt + 1
        pool = stage.plan.pools[lease.pool]
        boot_s = boot_of(stage, pool, name, slot.number, attempt)
        load_s = stage.draws.seconds(f"load:{name}", slot.number, attempt)
        limit_lifetime(stage, lease, name, slot.number, attempt, ident=slot.request.key)
        outcome: Outcome = yield lease.ended
        slot.lease = None
        end_s = stage.env.now
        ready_s = min(lease.start_s + boot_s + load_s, end_s)
        node = lease.nodes[0] if lease.nodes else -1
        stage.log.replicas.append(
            (
                fleet.index,
                slot.number,
                attempt,
                lease.pool,
                node,
                lease.leased,
                lease.start_s,
                ready_s,
                end_s,
                outcome,
            )
        )
        if outcome in {Outcome.RELEASED, Outcome.CUT_OFF}:
            return
