"""Pools: who holds which accelerators, what is free, and the pool's own count of accelerator-seconds."""

from sim.engine.compiled.layout import NONE, ZERO, Memory
from sim.engine.compiled.levels import enter, following, strike
from sim.engine.compiled.soonest import promise_soonest, touch
from sim.jit import constant, inner, wide
from sim.policies.checkpoints import NEVER
from sim.policies.plan import UNLIMITED
from sim.records import Reason

NOWHERE = -1
_NEVER_S = constant(NEVER)

_POOL_FULL, _BEHIND_HEAD = constant(Reason.POOL_FULL), constant(Reason.BEHIND_HEAD)
_NO_SPOT, _QUOTA = constant(Reason.NO_SPOT), constant(Reason.QUOTA)


@inner
def count(m: Memory, pool: int, now_s: int) -> None:
    """Bring the counts of a pool up to `now_s`; called before anything changes."""
    here = m.pools[pool]
    elapsed_s = now_s - here.since_s
    if elapsed_s > 0:
        here.leased_s += here.leased * elapsed_s
        here.up_s += here.per_node * (here.nodes - here.down) * elapsed_s
        here.down_s += here.per_node * here.down * elapsed_s
        here.since_s = now_s


@inner
def up(m: Memory, pool: int) -> int:
    """Accelerators on nodes that are up; of rented pools what the quota allows."""
    here = m.pools[pool]
    return here.per_node * (here.nodes - here.down) if here.is_owned == 1 else here.quota


@inner
def room(m: Memory, pool: int) -> int:
    """The largest gang that may fit."""
    here = m.pools[pool]
    return here.room if here.is_owned == 1 else min(here.largest_gang, here.quota - here.leased)


@inner
def deliver(m: Memory, pool: int, nodes: int, order: int, now_s: int) -> None:
    """Put `nodes` new nodes to work."""
    here, state = m.pools[pool], m.state[0]
    count(m, pool, now_s)
    for node in range(here.nodes, here.nodes + nodes):
        new = m.nodes[here.first_node + node]
        new.free = here.per_node
        new.is_up = 1
        enter(m, here.first_level + here.per_node, node)
        touch(m, pool, node)
        row = m.delivered[state.delivered]
        row.pool, row.node, row.from_s, row.order = pool, node, now_s, order
        state.delivered += 1
    here.nodes += nodes
    here.room += nodes * here.per_node
    here.promised = 0


@inner
def place(m: Memory, pool: int, leased: int, until_s: int) -> int:
    """How many nodes a gang would take now, which stand in `chosen` then (none where rented); or NOWHERE.

    The fullest node with room, or whole free nodes, the lowest first. Nodes that are kept for another serve
    those who are done by the time at which that one could start.
    """
    here = m.pools[pool]
    if here.closed == 1 or leased > room(m, pool):
        return NOWHERE
    if here.is_owned == 0:
        return 0
    heeds = here.kept > 0 and until_s > here.promised_s
    if heeds and leased >= here.tight:
        return NOWHERE
    nodes = _choose(m, pool, leased, heeds)
    if heeds and nodes == NOWHERE:
        here.tight = leased
    return nodes


@inner
def _choose(m: Memory, pool: int, leased: int, heeds: bool) -> int:
    """As `place`, for those who fit into what is free, and heed what is kept or not."""
    here = m.pools[pool]
    if leased <= here.per_node:
        for free in range(leased, here.per_node + 1):
            node = _unkept(m, pool, free, ZERO, heeds)
            if node >= 0:
                m.chosen[0] = node
                return 1
        return NOWHERE
    wanted = leased // here.per_node
    node = -1
    for k in range(wanted):
        node = _unkept(m, pool, here.per_node, node + 1, heeds)
        if node < 0:
            return NOWHERE
        m.chosen[k] = node
    return wanted


@inner
def _unkept(m: Memory, pool: int, free: int, node: int, heeds: bool) -> int:
    """The lowest node from `node` on with so many free, which is not kept if that matters; -1 if none."""
    here = m.pools[pool]
    level = here.first_level + free
    if m.levels[level].nodes == 0:
        return -1
    node = following(m, level, node)
    while heeds and node >= 0 and m.nodes[here.first_node + node].is_promised == 1:
        node = following(m, level, node + 1)
    return node


@inner
def keep_for(m: Memory, pool: int, leased: int, key: int) -> None:
    """Keep what a request waits for that does not fit (see `sim.engine.pools`)."""
    here = m.pools[pool]
    if here.is_owned == 0:
        if leased <= here.largest_gang:
            here.closed = 1
        return
    if here.backfill == 0:
        here.closed = 1
        return
    if here.kept > 0:
        return
    if here.promised == 0 or here.promised_key != key or here.promised_leased != leased:
        if not promise_soonest(m, pool, leased):
            here.hopeless = min(here.hopeless, leased)
            return
        here.promised = 1
        here.promised_key = key
        here.promised_leased = leased
    here.kept = here.promised_nodes


@inner
def open_pool(m: Memory, pool: int) -> None:
    """Begin a dispatch, with nothing kept."""
    here = m.pools[pool]
    here.kept = 0
    here.closed = 0
    here.hopeless = here.tight = UNLIMITED


@inner
def smallest_over(m: Memory, pool: int) -> int:
    """Gangs from this size on can be passed over: they neither fit nor can be promised anything."""
    here = m.pools[pool]
    if here.is_owned == 0:
        return 0 if here.closed == 1 else UNLIMITED
    if here.closed == 1 or here.kept > 0:
        return here.room + 1
    return max(here.room + 1, here.hopeless)


@inner
def why_not(m: Memory, pool: int, leased: int) -> int:
    """Why a gang was not placed in the dispatch that has just ended."""
    here = m.pools[pool]
    if here.is_owned == 0:
        if leased > here.largest_gang:
            return _NO_SPOT
        return _QUOTA if here.leased + leased > here.quota else _BEHIND_HEAD
    open_pool(m, pool)
    return _POOL_FULL if place(m, pool, leased, _NEVER_S) == NOWHERE else _BEHIND_HEAD


@inner
def take(m: Memory, request: int, pool: int, nodes: int) -> None:
    """Enter the lease of a request on the `nodes` chosen ones."""
    here, lease = m.pools[pool], m.requests[request]
    count(m, pool, lease.start_s)
    here.leased += lease.leased
    lease.previous_lease = NONE
    lease.next_lease = here.first_lease
    if here.first_lease != NONE:
        m.requests[here.first_lease].previous_lease = request
    here.first_lease = request
    lease.node = NONE
    if nodes == 0:
        return
    here.room -= lease.leased
    lease.node = m.chosen[0]
    each = min(lease.leased, here.per_node)
    for k in range(nodes):
        node = m.chosen[k]
        one = m.nodes[here.first_node + node]
        one.next_of_gang = m.chosen[k + 1] if k + 1 < nodes else NONE
        if one.is_promised == 1 and lease.until_s > here.promised_s:
            here.promised = 0
        lease.place = one.held
        m.held[here.first_held + node * here.per_node + one.held] = request
        one.held += 1
        _move(m, pool, node, one.free - each)


@inner
def give_back(m: Memory, request: int, now_s: int) -> None:
    """Strike a lease; what it held on nodes that are down stays unusable until the repair."""
    lease = m.requests[request]
    pool = wide(lease.pool)
    here = m.pools[pool]
    count(m, pool, now_s)
    here.leased -= lease.leased
    if lease.previous_lease == NONE:
        here.first_lease = lease.next_lease
    else:
        m.requests[lease.previous_lease].next_lease = lease.next_lease
    if lease.next_lease != NONE:
        m.requests[lease.next_lease].previous_lease = lease.previous_lease
    if now_s < lease.until_s:
        here.promised = 0
    each, place = min(lease.leased, here.per_node), wide(lease.place)
    node = wide(lease.node)
    while node != NONE:
        one = m.nodes[here.first_node + node]
        first = here.first_held + node * here.per_node
        one.held -= 1
        last = m.held[first + one.held]
        m.held[first + place] = last
        m.requests[last].place = place
        if one.is_up == 1:
            _move(m, pool, node, one.free + each)
            here.room += each
        else:
            one.free += each
        node = one.next_of_gang if lease.leased > here.per_node else NONE


@inner
def fail(m: Memory, pool: int, node: int, now_s: int) -> None:
    """A node goes down; whoever holds it is to be told."""
    here = m.pools[pool]
    one = m.nodes[here.first_node + node]
    count(m, pool, now_s)
    here.promised = 0
    here.down += 1
    here.room -= one.free
    one.down_since_s = now_s
    one.is_up = 0
    strike(m, here.first_level + one.free, node)
    touch(m, pool, node)


@inner
def repair(m: Memory, pool: int, node: int, now_s: int) -> None:
    """A node comes back, empty."""
    here, state = m.pools[pool], m.state[0]
    one = m.nodes[here.first_node + node]
    count(m, pool, now_s)
    here.promised = 0
    here.down -= 1
    here.room += one.free
    one.is_up = 1
    enter(m, here.first_level + one.free, node)
    touch(m, pool, node)
    row = m.outages[state.outages]
    row.pool, row.node, row.start_s, row.end_s = pool, node, one.down_since_s, now_s
    state.outages += 1


@inner
def _move(m: Memory, pool: int, node: int, free: int) -> None:
    here = m.pools[pool]
    one = m.nodes[here.first_node + node]
    strike(m, here.first_level + one.free, node)
    one.free = free
    enter(m, here.first_level + free, node)
    touch(m, pool, node)
