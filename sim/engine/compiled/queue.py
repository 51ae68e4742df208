"""The queue: who waits for which pools, since when (see `sim.engine.queue`); `dispatch` serves it."""

from sim.engine.compiled.layout import NONE, POOLS, ZERO, Memory, entry_of, request_of
from sim.engine.compiled.lines import enter_line, leave_line
from sim.engine.compiled.rules import full_length_s, length_class, local_s, opens_s
from sim.engine.compiled.staging import PRESENT, ask
from sim.jit import inner, wide
from sim.memory import length
from sim.policies.checkpoints import NEVER, Checkpoints


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
        way = m.ways[option, mine.gang]
        if way.is_possible == 0:
            continue
        entry = m.entries[entry_of(m, request, n)]
        entry.length_s = _length_s(m, request, option)
        line = way.first_line
        if m.pools[m.options[option].pool].backfill == 1:
            line += length_class(entry.length_s)
        entry.line = line
        if m.lines[line].is_known == 0:
            _make_known(m, line)
        if m.options[option].at_once == 1 or opening_s(m, request, option) <= state.now_s:
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
def opening_s(m: Memory, request: int, option: int) -> int:
    """When waiting time and slack allow an option to a request that joins the queue now."""
    facts, mine = m.options[option], m.requests[request]
    return opens_s(facts.wait_s, facts.slack_s, m.state[0].now_s, mine.deadline_s, mine.remaining_s)


@inner
def open_option(m: Memory, request: int, n: int, has_waited: bool) -> None:
    """Let a request that waits use option `n`, once its data is at the site.

    Data is sent, and a line is entered, only for those who have to wait: not before the first dispatch after
    they joined.
    """
    state, mine = m.state[0], m.requests[request]
    option = m.options[m.workloads[mine.workload].first_option + n]
    site = m.pools[option.pool].site
    entry = entry_of(m, request, n)
    if option.dataset != NONE and m.at_site[option.dataset, site] != PRESENT:
        if has_waited:
            ask(m, option.dataset, site, entry)
        return
    mine.opened |= 1 << n
    if has_waited:
        enter_line(m, entry)
    m.pools[option.pool].is_dirty = 1
    state.is_called = 1


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
        request = request_of(m, entry)
        n = entry - entry_of(m, request, ZERO)
        if m.requests[request].waits == 1 and m.requests[request].spell == mine.asked_spell:
            open_option(m, request, n, True)
        entry = wide(mine.next_asked)


@inner
def line_up(m: Memory, request: int) -> None:
    """Enter the lines of all open options."""
    mine = m.requests[request]
    for n in range(m.workloads[mine.workload].options):
        entry = entry_of(m, request, n)
        if (mine.opened >> n) & 1 == 1 and m.entries[entry].is_in_line == 0:
            enter_line(m, entry)


@inner
def leave(m: Memory, request: int) -> None:
    """Wait nowhere any more."""
    mine = m.requests[request]
    mine.waits = 0
    for n in range(m.workloads[mine.workload].options):
        entry = entry_of(m, request, n)
        if m.entries[entry].is_in_line == 1:
            leave_line(m, entry)


@inner
def changed(m: Memory, pool: int) -> None:
    """Something became free at a pool, or its use changed: dispatch at this instant if anybody waits."""
    if m.state[0].queues == 0:
        return
    _look_at(m, pool)
    for other in range(length(m, POOLS)):
        if m.watchers[pool, other] == 1:
            _look_at(m, other)


@inner
def _look_at(m: Memory, pool: int) -> None:
    if m.pools[pool].lines > 0:
        m.pools[pool].is_dirty = 1
        m.state[0].is_called = 1
