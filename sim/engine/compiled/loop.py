"""The loop: from event to event in the one order, until the books close at the horizon."""

from sim.engine.compiled.calendar import (
    ARRIVAL,
    DELIVERY,
    DISPATCH,
    FAILURE,
    FINISH,
    ID_BITS,
    LIFETIME,
    MARKET,
    MOST_ID,
    NEVER_KEY,
    OPENING,
    ORDER,
    RANK_BITS,
    REPAIR,
    REVIEW,
    SCALING,
    TRANSFER,
    key_of,
    pop,
    push,
)
from sim.engine.compiled.dispatch import dispatch
from sim.engine.compiled.draws import draw
from sim.engine.compiled.layout import (
    ATTEMPTS,
    EVENTS,
    NONE,
    POOLS,
    REFUSALS,
    REFUSED,
    REPLICAS,
    RULES,
    SHIPMENTS,
    WORKLOADS,
    ZERO,
    Memory,
)
from sim.engine.compiled.life import arrive, close, end, fail_leases, introduce, start, take_back
from sim.engine.compiled.pools import count, deliver, fail, repair
from sim.engine.compiled.queue import arrive_copy, changed, open_option, refuse
from sim.engine.compiled.rules import fitting, may_judge, shipments, shipped, was_busy
from sim.engine.compiled.scaling import wish
from sim.jit import constant, inner, kernel
from sim.memory import length
from sim.records import Kind, Outcome, Reason

DONE, NEEDS_DRAW, NEEDS_ROOM = 0, 1, 2

_ORDER, _REPLICA, _RACK_FULL = constant(Kind.ORDER), constant(Kind.REPLICA), constant(Reason.RACK_FULL)
_FINISHED, _RECLAIMED = constant(Outcome.FINISHED), constant(Outcome.RECLAIMED)


@kernel
def advance(m: Memory) -> int:
    """Go on until the horizon (DONE), or until a draw or room for rows is missing; call it again then."""
    state = m.state[0]
    while True:
        if not has_room(m):
            return NEEDS_ROOM
        while state.started < state.granted:
            if not start(m, m.granted[state.started]):
                return NEEDS_DRAW
        state.started = state.granted = 0
        outside = m.outside[state.outside].key
        arrival = (
            key_of(m.arrivals[state.arrival], ARRIVAL, state.arrival)
            if state.arrival < state.jobs
            else NEVER_KEY
        )
        event = m.events[0].key if state.events > 0 else NEVER_KEY
        key = min(outside, arrival, event)
        if state.is_called == 1 and key > key_of(state.now_s, DISPATCH, ZERO):
            dispatch(m)
            continue
        time_s = key >> (RANK_BITS + ID_BITS)
        if time_s >= state.horizon_s:
            state.now_s = state.horizon_s
            close(m)
            for pool in range(length(m, POOLS)):
                count(m, pool, state.horizon_s)
            return DONE
        state.now_s = time_s
        if key == event:
            what = m.events[0].what
            pop(m)
            happen(m, (key >> ID_BITS) & ((1 << RANK_BITS) - 1), key & MOST_ID, what)
        elif key == arrival:
            state.arrival += 1
            arrive(m, state.arrival - 1)
        else:
            if not happen_outside(m, (key >> ID_BITS) & ((1 << RANK_BITS) - 1), key & MOST_ID):
                return NEEDS_DRAW
            state.outside += 1


@inner
def has_room(m: Memory) -> bool:
    """Whether all tables have room for what starts now, and for what one event and one dispatch can add."""
    state = m.state[0]
    waiting = (state.fresh + 1) << state.bits
    starting = 2 * (state.granted - state.started)
    return (
        length(m, ATTEMPTS) > state.attempts + state.live
        and length(m, REPLICAS) > state.replicas + state.slots
        and length(m, REFUSALS) > state.refusals + waiting + length(m, REFUSED) + length(m, RULES)
        and length(m, SHIPMENTS) > state.shipments + state.shipping
        and length(m, EVENTS) > state.events + starting + waiting + state.shipping
    )


@inner
def happen(m: Memory, rank: int, ident: int, what: int) -> None:
    """An event that was set in motion; nothing where what it is about has ended already."""
    if rank in (FINISH, LIFETIME):
        lease = m.requests[ident]
        if lease.holds == 1 and lease.spell == what:
            end(m, ident, _FINISHED if rank == FINISH else _RECLAIMED)
    elif rank == OPENING:
        waiting = m.requests[ident]
        if waiting.waits == 1 and waiting.spell == what >> 6:
            open_option(m, ident, what & 63, True)
    elif rank == TRANSFER:
        arrive_copy(m, what)
    elif rank == DELIVERY:
        arrive_shipment(m, what)


@inner
def happen_outside(m: Memory, rank: int, ident: int) -> bool:
    """An event that was known from the start; False, and nothing has changed, where a draw is missing."""
    state = m.state[0]
    pool, value = m.outside[state.outside].pool, m.outside[state.outside].value
    if rank == REPAIR:
        if value < m.pools[pool].nodes and m.nodes[m.pools[pool].first_node + value].is_up == 0:
            repair(m, pool, value, state.now_s)
            changed(m, pool)
    elif rank == FAILURE:
        if value < m.pools[pool].nodes:
            fail(m, pool, value, state.now_s)
            fail_leases(m, pool, value)
            changed(m, pool)
    elif rank == MARKET:
        m.pools[pool].largest_gang = value
        take_back(m, pool)
        changed(m, pool)
    elif rank == SCALING:
        wish(m, pool, value)
    elif rank == ORDER:
        if not leads_known(m, pool):
            return False
        order(m, pool, value)
    elif rank == REVIEW:
        if not leads_known(m, pool):
            return False
        review(m, pool, value)
    return True


@inner
def leads_known(m: Memory, pool: int) -> bool:
    """Whether the lead times of as many orders are known as can be placed at one instant."""
    here = m.pools[pool]
    for number in range(here.orders, here.orders + here.rules):
        for rule in range(here.first_rule, here.first_rule + here.rules):
            for shipment in range(m.rules[rule].deliveries):
                if draw(m, here.lead_stream, number, shipment) == NONE:
                    return False
    return True


@inner
def review(m: Memory, pool: int, midnight: int) -> None:
    """Look at the conditional rules of a pool at a midnight since the start."""
    here = m.pools[pool]
    count(m, pool, m.state[0].now_s)
    now = here.first_midnight + midnight
    m.midnights[now, 0], m.midnights[now, 1] = here.leased_s, here.up_s
    for rule in range(here.first_rule, here.first_rule + here.rules):
        if m.rules[rule].at_s == NONE and is_due(m, pool, rule, midnight):
            order(m, pool, rule)


@inner
def is_due(m: Memory, pool: int, rule: int, midnight: int) -> bool:
    """Whether all reviews of a rule hold, and nothing is on its way."""
    here, facts = m.pools[pool], m.rules[rule]
    if here.on_the_way > 0:
        return False
    for k in range(facts.first_review, facts.first_review + facts.reviews):
        test = m.reviews[k]
        if not may_judge(test.days, midnight, here.settled_s):
            return False
        before = here.first_midnight + midnight - test.days
        leased_s = here.leased_s - m.midnights[before, 0]
        up_s = here.up_s - m.midnights[before, 1]
        if not was_busy(test.above == 1, test.ppm, leased_s, up_s):
            return False
    return True


@inner
def order(m: Memory, pool: int, rule: int) -> None:
    """Order as many of the rule's nodes as fit; each shipment takes the world's lead time for it."""
    state, here, facts = m.state[0], m.pools[pool], m.rules[rule]
    nodes = fitting(facts.nodes, here.nodes, here.on_the_way, here.max_nodes)
    if nodes < facts.nodes:
        here.settled_s = state.now_s
        refuse(m, state.now_s, _ORDER, pool, pool, _RACK_FULL, facts.nodes - nodes)
    if nodes == 0:
        return
    number = here.orders
    here.orders += 1
    here.on_the_way += nodes
    for shipment in range(shipments(nodes, facts.deliveries)):
        row = m.shipments[state.shipments]
        row.pool, row.order, row.shipment = pool, number, shipment
        row.nodes, row.ordered_s = shipped(nodes, facts.deliveries, shipment), state.now_s
        row.arrived_s = NONE
        lead_s = draw(m, here.lead_stream, number, shipment)
        push(m, state.now_s + lead_s, DELIVERY, state.shipments, state.shipments)
        state.shipments += 1


@inner
def arrive_shipment(m: Memory, shipment: int) -> None:
    """Put a shipment to work."""
    state = m.state[0]
    row = m.shipments[shipment]
    here = m.pools[row.pool]
    here.on_the_way -= row.nodes
    here.settled_s = state.now_s
    row.arrived_s = state.now_s
    deliver(m, row.pool, row.nodes, row.order, state.now_s)
    changed(m, row.pool)


@kernel
def begin(m: Memory) -> None:
    """What stands at the start, and what is ruled out for services from the start."""
    for pool in range(length(m, POOLS)):
        standing = m.pools[pool].nodes
        m.pools[pool].nodes = 0
        deliver(m, pool, standing, NONE, ZERO)
    for workload in range(length(m, WORKLOADS)):
        facts = m.workloads[workload]
        if facts.is_service == 1:
            introduce(m, workload, facts.gang, _REPLICA, facts.service)
