"""Scaling: a rule is asked, replicas start, are put to work, stop (see `sim.engine.inference`)."""

from sim.engine.compiled.layout import NONE, Memory
from sim.engine.compiled.life import NOT_WANTED, SERVING, WARM, end, served
from sim.engine.compiled.queue import join, leave
from sim.engine.compiled.rules import awake, backlog_after, first_to_go, first_to_serve, needed, settled
from sim.jit import constant, inner, wide
from sim.policies.scaling import LOOK, WAKE, Reaction
from sim.records import Outcome

_RELEASED, _ONE = constant(Outcome.RELEASED), constant(1)


@inner
def wish(m: Memory, workload: int, replicas: int) -> None:
    """Scale a service to a number of replicas, or as its rule wants."""
    if replicas == LOOK:
        scale(m, workload, look(m, workload))
    elif replicas != WAKE:
        scale(m, workload, replicas)
    else:
        facts = m.workloads[workload]
        now = facts.first_sight + m.state[0].now_s // facts.interval_s
        if m.settled[now] == 0:
            m.settled[now] = 1
            scale(m, workload, _ONE)


@inner
def look(m: Memory, workload: int) -> int:
    """What the rule wants, which sees the interval that has just ended."""
    facts, now_s = m.workloads[workload], m.state[0].now_s
    now = now_s // facts.interval_s
    row = facts.first_sight + now
    sight, rule = m.sights[row], _reaction(m, workload)
    capacity = facts.capacity
    for request in range(facts.first_request, facts.first_request + facts.slots):
        if m.requests[request].role == SERVING and m.requests[request].holds == 1:
            capacity += served(m, request)
    facts.backlog = backlog_after(
        facts.backlog, sight.arrived, capacity, sight.recent, facts.interval_s, facts.patience_ms
    )
    facts.since_s, facts.capacity = now_s, 0
    m.needs[row] = needed(rule, sight.asked, sight.in_service, facts.backlog)
    low, high = awake(sight.sleeps == 1, facts.backlog, sight.low, sight.high)
    m.settled[row] = settled(rule, m.needs, m.settled, facts.first_sight, now, low, high)
    return m.settled[row]


@inner
def _reaction(m: Memory, workload: int) -> Reaction:
    rule = m.reactions[workload]
    return Reaction(
        rule.concurrency, rule.queue, rule.calm, rule.calm_up,
        rule.up_replicas, rule.up_ppm, rule.up_intervals,
        rule.down_replicas, rule.down_ppm, rule.down_intervals,
    )  # fmt: skip


@inner
def scale(m: Memory, workload: int, replicas: int) -> None:
    """Put warm replicas to work, then start some in the lowest empty slots; or stop those that go first.

    Afterwards there are as many warm ones as the rule wants.
    """
    facts = m.workloads[workload]
    request = facts.first_request
    while facts.wanted < replicas:
        facts.wanted += 1
        if facts.waiting_warm > 0:
            _put_to_work(m, workload)
        else:
            request = _open_slot(m, request, SERVING)
    while facts.wanted > replicas:
        request = _first_to_go(m, workload)
        mine = m.requests[request]
        mine.role = NOT_WANTED
        facts.wanted -= 1
        if mine.holds == 1:
            end(m, request, _RELEASED)
        else:
            leave(m, request)
    request = facts.first_request
    while facts.waiting_warm < facts.warm:
        facts.waiting_warm += 1
        request = _open_slot(m, request, WARM)


@inner
def _open_slot(m: Memory, request: int, role: int) -> int:
    """One more replica in the lowest empty slot from `request` on, which is returned."""
    while m.requests[request].role != NOT_WANTED:
        request += 1
    m.requests[request].role = role
    join(m, request)
    return request


@inner
def _put_to_work(m: Memory, workload: int) -> None:
    """Let the first of the warm replicas take traffic, one that has a lease after the time that it needs."""
    facts = m.workloads[workload]
    found = NONE
    least = (2, 0, 0)
    for request in range(facts.first_request, facts.first_request + facts.slots):
        mine = m.requests[request]
        if mine.role == WARM:
            loaded_s = mine.start_s + mine.boot_s + mine.load_s
            place = first_to_serve(mine.holds == 0, loaded_s, wide(mine.number))
            if place < least:
                found, least = request, place
    chosen = m.requests[found]
    chosen.role = SERVING
    chosen.serves_s = m.state[0].now_s + facts.warm_start_s if chosen.holds == 1 else 0
    facts.waiting_warm -= 1


@inner
def _first_to_go(m: Memory, workload: int) -> int:
    facts = m.workloads[workload]
    found = NONE
    least = (2, 0, 0, 0)
    for request in range(facts.first_request, facts.first_request + facts.slots):
        mine = m.requests[request]
        if mine.role == SERVING:
            place = first_to_go(mine.holds == 0, wide(mine.option), mine.start_s, wide(mine.number))
            if place < least:
                found, least = request, place
    return found
