"""The one dispatch of an instant: what is free is given to those who wait (see `sim.engine.queue`)."""

from sim.engine.compiled.calendar import OPENING, push
from sim.engine.compiled.layout import NONE, ONE, POOLS, Memory, entry_of, request_of
from sim.engine.compiled.pools import (
    NOWHERE,
    keep_for,
    open_pool,
    place,
    room,
    smallest_over,
    take,
    up,
    why_not,
)
from sim.engine.compiled.queue import leave, line_up, open_option, opening_s, refuse
from sim.engine.compiled.rules import holds
from sim.engine.compiled.staging import send
from sim.jit import constant, inner, wide
from sim.memory import Record, length
from sim.records import Kind, Reason

LINE_BITS = 32
MOST_LINE = (1 << LINE_BITS) - 1
"""A head is the number of an entry and that of its line in one, in the order of entries."""

_JOB, _REPLICA = constant(Kind.JOB), constant(Kind.REPLICA)
_CONDITION, _DATA_IN_TRANSIT = constant(Reason.CONDITION), constant(Reason.DATA_IN_TRANSIT)


@inner
def dispatch(m: Memory) -> None:
    """Give out what is free, and write down why the others have to wait."""
    state = m.state[0]
    if state.fresh == 1 and state.queues == 0:
        _serve_alone(m, m.fresh[0])
    else:
        for k in range(state.fresh):
            if m.requests[m.fresh[k]].waits == 1:
                line_up(m, m.fresh[k])
        while _begin(m):
            _serve(m)
    state.is_called = 0
    for k in range(state.fresh):
        request = m.fresh[k]
        m.requests[request].is_fresh = 0
        if m.requests[request].waits == 1:
            _note_waiting(m, request)
    state.fresh = 0
    if state.asked > 0:
        send(m)


@inner
def _serve_alone(m: Memory, request: int) -> None:
    """Serve the only one who waits anywhere, who need not line up where something fits."""
    mine = m.requests[request]
    facts = m.workloads[mine.workload]
    fits = False
    for n in range(facts.options):
        if (mine.opened >> n) & 1 == 1:
            pool = m.options[facts.first_option + n].pool
            m.pools[pool].serves = 1
            open_pool(m, pool)
            fits |= m.lines[m.entries[entry_of(m, request, n)].line].leased <= room(m, pool)
    if mine.waits == 1 and not (fits and _grant(m, request)):
        line_up(m, request)
    for pool in range(length(m, POOLS)):
        m.pools[pool].is_dirty = 0


@inner
def _begin(m: Memory) -> bool:
    """Take up the dirty pools; whether there are any."""
    any_dirty = False
    for pool in range(length(m, POOLS)):
        here = m.pools[pool]
        here.serves = here.is_dirty
        if here.is_dirty == 1:
            any_dirty = True
            here.is_dirty = 0
            open_pool(m, pool)
    return any_dirty


@inner
def _serve(m: Memory) -> None:
    """Give out what is free at the dirty pools, in the order of the requests."""
    heads = _look_at_heads(m)
    while heads > 0:
        first = _first_of(m, heads)
        root, line = m.heads[first] >> LINE_BITS, m.heads[first] & MOST_LINE
        here = m.lines[line]
        if here.leased >= smallest_over(m, here.pool):
            heads = _pass_over(m, heads)
            continue
        is_served = here.root != root or _grant(m, request_of(m, root))
        if is_served and here.root != NONE:
            m.heads[first] = (here.root << LINE_BITS) | line
            continue
        heads -= 1
        m.heads[first] = m.heads[heads]


@inner
def _pass_over(m: Memory, heads: int) -> int:
    """Look no more at the heads of lines that ask for too much by now; how many are left."""
    left = 0
    for k in range(heads):
        here = m.lines[m.heads[k] & MOST_LINE]
        m.heads[left] = m.heads[k]
        left += here.leased < smallest_over(m, here.pool)
    return left


@inner
def _look_at_heads(m: Memory) -> int:
    """Note the heads of all lines at dirty pools where somebody may fit into what is free; how many."""
    heads = 0
    for pool in range(length(m, POOLS)):
        here = m.pools[pool]
        if here.serves == 0 or here.lines == 0:
            continue
        free, before = room(m, pool), heads
        fits = False
        for k in range(here.first_line, here.first_line + here.lines):
            line = m.active[k]
            fits |= m.lines[line].leased <= free
            m.heads[heads] = (m.lines[line].root << LINE_BITS) | line
            heads += 1
        if not fits:
            heads = before
    return heads


@inner
def _first_of(m: Memory, heads: int) -> int:
    """Where the first in order stands among so many heads."""
    first, least = 0, m.heads[0]
    for k in range(1, heads):
        is_before = m.heads[k] < least
        first, least = k if is_before else first, m.heads[k] if is_before else least
    return first


@inner
def _grant(m: Memory, request: int) -> bool:
    """Give a request the first of its open options where it fits; without one, room is kept for it."""
    state, mine = m.state[0], m.requests[request]
    facts = m.workloads[mine.workload]
    missed = 0
    for n in range(facts.options):
        if (mine.opened >> n) & 1 == 0:
            continue
        pool = m.options[facts.first_option + n].pool
        entry = m.entries[entry_of(m, request, n)]
        line = m.lines[entry.line]
        if m.pools[pool].serves == 0 or not _busy_enough(m, line):
            continue
        until_s = state.now_s + entry.length_s
        nodes = place(m, pool, line.leased, until_s)
        if nodes == NOWHERE:
            missed |= 1 << n
            continue
        leave(m, request)
        mine.holds = 1
        mine.option = n
        mine.pool = pool
        mine.leased = line.leased
        mine.start_s = state.now_s
        mine.until_s = until_s
        take(m, request, pool, nodes)
        state.live += 1
        m.granted[state.granted] = request
        state.granted += 1
        for other in range(length(m, POOLS)):
            if m.watchers[pool, other] == 1:
                m.pools[other].is_dirty = 1
        return True
    for n in range(facts.options):
        if (missed >> n) & 1 == 1:
            entry = m.entries[entry_of(m, request, n)]
            keep_for(m, m.options[facts.first_option + n].pool, m.lines[entry.line].leased, request)
    return False


@inner
def _busy_enough(m: Memory, line: Record) -> bool:
    """Whether all tests of utilisation hold under which one waits in this line."""
    for k in range(line.first_busy, line.first_busy + line.busy):
        test = m.busy[k]
        if not holds(test.above == 1, test.ppm, m.pools[test.pool].leased, up(m, test.pool)):
            return False
    return True


@inner
def _note_waiting(m: Memory, request: int) -> None:
    """Say why a request waits at each of its pools, and set a clock for the options that open later."""
    state, mine = m.state[0], m.requests[request]
    facts = m.workloads[mine.workload]
    now_s = state.now_s
    for n in range(facts.options):
        option = facts.first_option + n
        if m.ways[option, mine.gang].is_possible == 0:
            continue
        pool = m.options[option].pool
        line = m.lines[m.entries[entry_of(m, request, n)].line]
        reason = _CONDITION
        if (mine.opened >> n) & 1 == 1:
            if _busy_enough(m, line):
                reason = why_not(m, pool, line.leased)
        else:
            opens_at_s = opening_s(m, request, option)
            if opens_at_s > now_s:
                push(m, opens_at_s, OPENING, request, (wide(mine.spell) << 6) | n)
            else:
                reason = _DATA_IN_TRANSIT
                open_option(m, request, n, True)
        kind = _REPLICA if facts.is_service == 1 else _JOB
        refuse(m, now_s, kind, wide(mine.entity), pool, reason, ONE)
