"""The queue: who waits for which pools, and the one dispatch of an instant (see `sim.engine.queue`)."""

import math

from sim.engine.compiled.calendar import OPENING, TRANSFER, push
from sim.engine.compiled.layout import NONE, ONE, Memory, Record
from sim.engine.compiled.lines import enter_line, leave_line
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
from sim.engine.compiled.rules import copying_s, full_length_s, holds, length_class, local_s, opens_s
from sim.jit import constant, inner, wide
from sim.policies.checkpoints import NEVER, Checkpoints
from sim.policies.plan import UNLIMITED
from sim.records import Kind, Reason

PRESENT, TO_SEND = 1, 2
"""Of a dataset at a site; 0 stands for neither."""

_JOB, _REPLICA = constant(Kind.JOB), constant(Kind.REPLICA)
_CONDITION, _DATA_IN_TRANSIT = constant(Reason.CONDITION), constant(Reason.DATA_IN_TRANSIT)


@inner
def refuse(m: Memory, time_s: int, kind: int, entity: int, pool: int, reason: int, times: int) -> None:
    """Write a refusal down."""
    state = m.state[0]
    row = m.refusals[state.refusals]
    row.time_s, row.kind, row.entity, row.pool, row.reason, row.count = (
        time_s,
        kind,
        entity,
        pool,
        reason,
        times,
    )
    state.refusals += 1


@inner
def checkpoints_of(m: Memory, workload: int) -> Checkpoints:
    """The checkpoint rule of a training workload."""
    facts = m.workloads[workload]
    return Checkpoints(facts.every_s, facts.cost_s, facts.restart_s)


@inner
def join(m: Memory, request: int) -> None:
    """Wait at all options that are open already; a dispatch of this instant will look."""
    state, mine = m.state[0], m.requests[request]
    facts = m.workloads[mine.workload]
    mine.spell += 1
    mine.waits = 1
    mine.opened = 0
    if mine.attempt > 0:
        mine.restart_s = facts.restart_s
    for n in range(facts.options):
        option = facts.first_option + n
        way = m.ways[option, m.sizes[request]]
        if way.is_possible == 0:
            continue
        entry = m.entries[request * state.width + n]
        entry.length_s = _length_s(m, request, option)
        line = way.first_line
        if m.pools[m.options[option].pool].backfill == 1:
            line += length_class(entry.length_s)
        entry.line = line
        if m.lines[line].is_known == 0:
            _make_known(m, line)
        if m.options[option].at_once == 1 or _opens_s(m, request, option) <= state.now_s:
            open_option(m, request, n, False)
    if mine.is_fresh == 0:
        mine.is_fresh = 1
        m.fresh[state.fresh] = request
        state.fresh += 1
    state.is_called = 1


@inner
def _length_s(m: Memory, request: int, option: int) -> int:
    """How long a lease would last, as far as its owner knows; of a replica nobody does."""
    mine = m.requests[request]
    if m.workloads[mine.workload].is_service == 1:
        return NEVER
    here_s = local_s(mine.remaining_s, m.options[option].speed_ppm)
    return full_length_s(checkpoints_of(m, wide(mine.workload)), here_s, 0, mine.restart_s)


@inner
def _make_known(m: Memory, line: int) -> None:
    """From now on the pool of the line is looked at when the use of those changes that its tests speak of."""
    here = m.lines[line]
    here.is_known = 1
    for test in range(here.first_busy, here.first_busy + here.busy):
        m.watchers[m.busy[test].pool, here.pool] = 1


@inner
def _opens_s(m: Memory, request: int, option: int) -> int:
    """When waiting time and slack allow an option to a request that joins the queue now."""
    facts, mine = m.options[option], m.requests[request]
    return opens_s(facts.wait_s, facts.slack_s, m.state[0].now_s, mine.deadline_s, mine.remaining_s)


@inner
def open_option(m: Memory, request: int, n: int, may_send: bool) -> None:
    """Let a request that waits use option `n`, once its data is at the site.

    Data is sent only for those who have to wait: not before the first dispatch after they joined.
    """
    state, mine = m.state[0], m.requests[request]
    option = m.options[m.workloads[mine.workload].first_option + n]
    site = m.pools[option.pool].site
    entry = request * state.width + n
    if option.dataset != NONE and m.at_site[option.dataset, site] != PRESENT:
        if may_send:
            _ask(m, option.dataset, site, entry)
        return
    mine.opened |= 1 << n
    enter_line(m, entry)
    m.pools[option.pool].is_dirty = 1
    state.is_called = 1


@inner
def _ask(m: Memory, dataset: int, site: int, entry: int) -> None:
    """Wait for a copy of a dataset, which is sent at the end of this instant if it is not under way."""
    state, mine = m.state[0], m.entries[entry]
    mine.asked_spell = m.requests[entry // state.width].spell
    if mine.is_asked == 1:
        return
    mine.is_asked = 1
    mine.next_asked = m.asking[dataset, site]
    m.asking[dataset, site] = entry
    if mine.next_asked == NONE:
        m.at_site[dataset, site] = TO_SEND
        state.asked += 1
        state.is_called = 1


@inner
def _send(m: Memory) -> None:
    """Begin the transfers that this instant has asked for, on links that serve one at a time."""
    state = m.state[0]
    for dataset in range(m.at_site.shape[0]):
        for site in range(m.at_site.shape[1]):
            if m.at_site[dataset, site] == TO_SEND:
                m.at_site[dataset, site] = 0
                _begin_transfer(m, dataset, site)
    state.asked = 0


@inner
def _begin_transfer(m: Memory, dataset: int, site: int) -> None:
    state = m.state[0]
    now_s = state.now_s
    home = m.dataset_home[dataset]
    link = m.route_link[home, site]
    size = m.dataset_bytes[dataset] + m.dataset_growth[dataset] * now_s
    start_s, end_s = now_s, now_s
    if link != NONE:
        start_s = max(now_s, m.link_free_s[link])
        end_s = start_s + copying_s(size, m.route_bps[home, site])
        m.link_free_s[link] = end_s
    row = m.transfers[state.transfers]
    row.dataset, row.source, row.target, row.link = dataset, home, site, link
    row.size_bytes, row.asked_s, row.start_s, row.end_s = math.ceil(size), now_s, start_s, NONE
    push(m, end_s, TRANSFER, dataset, state.transfers)
    state.transfers += 1


@inner
def arrive_copy(m: Memory, transfer: int) -> None:
    """A copy is at its site: those who have waited for it may use it."""
    state = m.state[0]
    row = m.transfers[transfer]
    row.end_s = state.now_s
    dataset, site = row.dataset, row.target
    m.at_site[dataset, site] = PRESENT
    entry = m.asking[dataset, site]
    while entry != NONE:
        mine = m.entries[entry]
        request, n = entry // state.width, entry % state.width
        if m.requests[request].waits == 1 and m.requests[request].spell == mine.asked_spell:
            open_option(m, request, n, True)
        entry = wide(mine.next_asked)


@inner
def leave(m: Memory, request: int) -> None:
    """Wait nowhere any more."""
    state, mine = m.state[0], m.requests[request]
    mine.waits = 0
    for n in range(m.workloads[mine.workload].options):
        entry = request * state.width + n
        if m.entries[entry].is_in_line == 1:
            leave_line(m, entry)


@inner
def changed(m: Memory, pool: int) -> None:
    """Something became free at a pool, or its use changed: dispatch at this instant if anybody waits."""
    _look_at(m, pool)
    for other in range(len(m.pools)):
        if m.watchers[pool, other] == 1:
            _look_at(m, other)


@inner
def _look_at(m: Memory, pool: int) -> None:
    if m.pools[pool].lines > 0:
        m.pools[pool].is_dirty = 1
        m.state[0].is_called = 1


@inner
def dispatch(m: Memory) -> None:
    """Give out what is free, and write down why the others have to wait."""
    state = m.state[0]
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
        _send(m)


@inner
def _begin(m: Memory) -> bool:
    """Take up the dirty pools; whether there are any."""
    any_dirty = False
    for pool in range(len(m.pools)):
        here = m.pools[pool]
        here.serves = here.is_dirty
        if here.is_dirty == 1:
            any_dirty = True
            here.is_dirty = 0
            open_pool(m, pool)
            here.is_untried = 1
            here.is_looked_at = _fits_somebody(m, here, room(m, pool))
    return any_dirty


@inner
def _fits_somebody(m: Memory, here: Record, free: int) -> int:
    """Whether any who waits at a pool may fit into what is free; else it is not looked at."""
    if free > 0:
        for k in range(here.first_line, here.first_line + here.lines):
            if m.lines[m.active[k]].leased <= free:
                return 1
    return 0


@inner
def _serve(m: Memory) -> None:
    """Give out what is free at the dirty pools, in the order of the requests."""
    state = m.state[0]
    state.serve += 1
    while True:
        first = _first_line(m)
        if first == NONE:
            return
        if not _grant(m, m.lines[first].root // state.width):
            m.lines[first].served = state.serve
            m.pools[m.lines[first].pool].is_untried = 0


@inner
def _first_line(m: Memory) -> int:
    """The line whose head comes first, of those that can still get something; -1 if there is none."""
    first, least = NONE, NEVER
    for pool in range(len(m.pools)):
        here = m.pools[pool]
        if here.serves == 0 or here.is_looked_at == 0 or here.lines == 0:
            continue
        over = smallest_over(m, pool)
        is_any = here.is_untried == 1 and over == UNLIMITED
        line = wide(here.head) if is_any else NONE
        if line == NONE:
            line = _first_under(m, here, over)
            if is_any:
                here.head = line
        if line != NONE and m.lines[line].root < least:
            first, least = line, wide(m.lines[line].root)
    return first


@inner
def _first_under(m: Memory, here: Record, over: int) -> int:
    """The line whose head comes first, of those that ask for less than `over` and were not served."""
    serve = m.state[0].serve
    first, least = NONE, NEVER
    for k in range(here.first_line, here.first_line + here.lines):
        line = m.lines[m.active[k]]
        if (line.root < least) & (line.leased < over) & (line.served != serve):
            first, least = m.active[k], line.root
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
        entry = m.entries[request * state.width + n]
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
        for other in range(len(m.pools)):
            if m.watchers[pool, other] == 1:
                m.pools[other].is_dirty = 1
        return True
    for n in range(facts.options):
        if (missed >> n) & 1 == 1:
            entry = m.entries[request * state.width + n]
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
        if m.ways[option, m.sizes[request]].is_possible == 0:
            continue
        pool = m.options[option].pool
        line = m.lines[m.entries[request * state.width + n].line]
        reason = _CONDITION
        if (mine.opened >> n) & 1 == 1:
            if _busy_enough(m, line):
                reason = why_not(m, pool, line.leased)
        else:
            opening_s = _opens_s(m, request, option)
            if opening_s > now_s:
                push(m, opening_s, OPENING, request, (wide(mine.spell) << 6) | n)
            else:
                reason = _DATA_IN_TRANSIT
                open_option(m, request, n, True)
        kind = _REPLICA if facts.is_service == 1 else _JOB
        refuse(m, now_s, kind, wide(mine.entity), pool, reason, ONE)
