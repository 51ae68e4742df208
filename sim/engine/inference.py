"""Inference: a service scales on the clock; its replicas take leases ahead of all jobs, load, and serve.

What the replicas achieve is computed from their records afterwards (`sim.serving`); the engine only decides
how many there are, and where.
"""

from dataclasses import dataclass, field
from itertools import count

from sim.engine.clock import At, Rank
from sim.engine.pools import Lease
from sim.engine.queue import Request, Way
from sim.engine.training import Process, Stage, boot_of, limit_lifetime, possible
from sim.policies.fluid import backlog_after
from sim.policies.plan import SLOTS, FleetPlan
from sim.policies.scaling import (
    LOOK,
    WAKE,
    Foresight,
    awake,
    first_to_go,
    first_to_serve,
    needed,
    scalings,
    settled,
)
from sim.records import Kind, Outcome
from sim.world.world import World


@dataclass(slots=True)
class Slot:
    """One replica that is wanted: waiting, or on a lease."""

    number: int
    request: Request
    serves: bool
    """Whether it takes traffic once it is ready; a warm one does not."""
    serves_s: int = 0
    """From when on, where it was loaded before it was needed."""
    lease: Lease | None = None
    loaded_s: int = 0

    @property
    def ready_s(self) -> int:
        """When it takes traffic on its lease."""
        return max(self.loaded_s, self.serves_s)


@dataclass(slots=True)
class Watch:
    """What a rule that is asked at each interval has seen, in micro-requests."""

    known: Foresight | None
    """None where it never is asked."""
    backlog: int = 0
    since_s: int = 0
    capacity: int = 0
    """Of replicas that have ended since then."""
    needs: list[int] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Fleet:
    """Replicas that scale together."""

    index: int
    plan: FleetPlan
    ways: tuple[Way, ...]
    watch: Watch
    slots: dict[int, Slot] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)

    def serving(self) -> list[Slot]:
        """Those that take traffic, or will."""
        return [slot for slot in self.slots.values() if slot.serves]

    def warm(self) -> list[Slot]:
        """Those that do not."""
        return [slot for slot in self.slots.values() if not slot.serves]

    def served(self, slot: Slot, lease: Lease, until_s: int) -> int:
        """What a replica could answer since the rule was asked, [micro-requests]."""
        ready_s = max(slot.ready_s, self.watch.since_s)
        return max(until_s - ready_s, 0) * self.ways[lease.option].option.rate_micro


def scaling(stage: Stage, world: World, index: int) -> Process:
    """Scale a fleet whenever its wish changes, or ask its rule at each interval."""
    plan = stage.plan.fleets[index]
    ways = possible(stage, Kind.REPLICA, plan.service, plan, plan.accelerators)
    if not ways:
        return
    demand_rps, interval_s = world.demand_rps[plan.name] * plan.share, stage.plan.interval_s
    times_s, wishes, known = scalings(plan.scale, demand_rps, plan.capacity_rps, interval_s)
    fleet = Fleet(index, plan, ways, Watch(known))
    for time_s, wish in zip(times_s.tolist(), wishes.tolist(), strict=True):
        yield At(stage.env, time_s, Rank.SCALING, index)
        if wish == LOOK:
            scale_to(stage, fleet, look(fleet, time_s, interval_s))
        elif wish != WAKE:
            scale_to(stage, fleet, wish)
        elif fleet.watch.wanted[-1] == 0:
            fleet.watch.wanted[-1] = 1
            scale_to(stage, fleet, 1)


def look(fleet: Fleet, now_s: int, interval_s: int) -> int:
    """What the rule wants, which sees the interval that has just ended."""
    watch, known, rule = fleet.watch, fleet.watch.known, fleet.plan.scale
    assert known is not None, f"the rule of {fleet.plan.name} is not to be asked"
    now = now_s // interval_s
    capacity = watch.capacity + sum(
        fleet.served(slot, slot.lease, now_s) for slot in fleet.serving() if slot.lease is not None
    )
    arrived, recent = int(known.arrived[now]), int(known.recent[now])
    watch.backlog = backlog_after(watch.backlog, arrived, capacity, recent, interval_s, rule.patience_ms)
    watch.since_s, watch.capacity = now_s, 0
    asked, in_service = int(known.asked[now]), int(known.in_service[now])
    watch.needs.append(needed(rule.reaction, asked, in_service, watch.backlog))
    low, high = awake(bool(known.sleeps[now]), watch.backlog, int(known.low[now]), int(known.high[now]))
    watch.wanted.append(settled(rule.reaction, watch.needs, watch.wanted, 0, now, low, high))
    return watch.wanted[now]


def scale_to(stage: Stage, fleet: Fleet, replicas: int) -> None:
    """Put warm replicas to work, then start some in the lowest empty slots; or stop those that go first.

    Afterwards there are as many warm ones as the rule wants.
    """
    rule = fleet.plan.scale
    for _ in range(replicas - len(fleet.serving())):
        warm = fleet.warm()
        if warm:
            put_to_work(min(warm, key=_first_to_serve), stage.env.now + rule.warm_start_s)
        else:
            open_slot(stage, fleet, serves=True)
    serving = sorted(fleet.serving(), key=_first_to_go)
    for slot in serving[: max(len(serving) - replicas, 0)]:
        del fleet.slots[slot.number]
        if slot.lease is None:
            stage.queue.withdraw(slot.request)
        else:
            stage.queue.end(slot.lease, Outcome.RELEASED)
    for _ in range(rule.warm - len(fleet.warm())):
        open_slot(stage, fleet, serves=False)


def put_to_work(slot: Slot, serves_s: int) -> None:
    """Let a warm replica take traffic, one that has a lease not before `serves_s`."""
    slot.serves = True
    slot.serves_s = serves_s if slot.lease is not None else 0


def open_slot(stage: Stage, fleet: Fleet, *, serves: bool) -> None:
    """One more replica in the lowest empty slot."""
    number = next(number for number in count(fleet.plan.first_slot) if number not in fleet.slots)
    slot = fleet.slots[number] = Slot(number, wish(stage, fleet, number), serves)
    stage.env.process(replica(stage, fleet, slot))


def wish(stage: Stage, fleet: Fleet, number: int) -> Request:
    """A request for a replica in a slot."""
    key = fleet.index * SLOTS + number - fleet.plan.first_slot
    return Request(stage.env, key, Kind.REPLICA, fleet.plan.service, fleet.ways)


def _first_to_go(slot: Slot) -> tuple[int, int, int, int]:
    lease = slot.lease
    if lease is None:
        return first_to_go(True, 0, 0, slot.number)
    return first_to_go(False, lease.option, lease.start_s, slot.number)


def _first_to_serve(slot: Slot) -> tuple[int, int, int]:
    return first_to_serve(slot.lease is None, slot.loaded_s, slot.number)


def replica(stage: Stage, fleet: Fleet, slot: Slot) -> Process:
    """Hold a lease in this slot, and another one when it is lost, until the service wants it no more."""
    name = fleet.plan.name
    while True:
        attempt = fleet.starts.get(slot.number, 0)
        lease: Lease | None = yield stage.queue.join(slot.request)
        if lease is None:
            return
        slot.lease = lease
        fleet.starts[slot.number] = attempt + 1
        boot_s = boot_of(stage, lease, name, slot.number, attempt)
        load_s = stage.draws.seconds(f"load:{name}", slot.number, attempt)
        slot.loaded_s = lease.start_s + boot_s + load_s
        limit_lifetime(stage, lease, name, slot.number, attempt, ident=slot.request.key)
        outcome: Outcome = yield lease
        _write(stage, fleet, slot, lease, attempt)
        slot.lease, slot.serves_s = None, 0
        if outcome in {Outcome.RELEASED, Outcome.CUT_OFF}:
            return
        slot.request = wish(stage, fleet, slot.number)


def _write(stage: Stage, fleet: Fleet, slot: Slot, lease: Lease, attempt: int) -> None:
    """A lease that has ended; one that never took traffic was never ready."""
    end_s = lease.end_s
    ready_s = min(slot.ready_s, end_s) if slot.serves else end_s
    if slot.serves:
        fleet.watch.capacity += fleet.served(slot, lease, end_s)
    node = lease.nodes[0] if lease.nodes else -1
    assert lease.outcome is not None, f"the lease of {fleet.plan.name} {slot.number} goes on"
    stage.log.replicas.append(
        (fleet.plan.service, slot.number, attempt, lease.pool, node, lease.leased, lease.start_s, ready_s,
         end_s, lease.outcome)
    )  # fmt: skip
