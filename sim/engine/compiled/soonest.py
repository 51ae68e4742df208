"""Which nodes will be free soonest: a tournament over the nodes of a pool for each number of accelerators.

Leaves are brought up to date only when somebody asks, and then only those of nodes whose leases have changed.
"""

from sim.engine.compiled.layout import Memory
from sim.jit import inner
from sim.memory import Record
from sim.policies.checkpoints import NEVER

OUT = 1 << 62
"""Later than never: a node that is down, or not there."""


@inner
def touch(m: Memory, pool: int, node: int) -> None:
    """The leases of a node have changed: its leaf is out of date in all tournaments of the pool."""
    here, one = m.pools[pool], m.nodes[m.pools[pool].first_node + node]
    newly = here.stale & ~one.stale
    one.stale = here.stale
    tree = here.first_tree
    while newly > 0:
        if newly & 1 == 1:
            m.touched[(tree >> 1) + m.trees[tree]] = node
            m.trees[tree] += 1
        newly >>= 1
        tree += 2 * here.leaves


@inner
def promise_soonest(m: Memory, pool: int, leased: int) -> bool:
    """Promise the nodes that will be free soonest to a gang; False where a node would never be free."""
    here = m.pools[pool]
    wanted, count = leased, 1
    if leased > here.per_node:
        wanted, count = here.per_node, leased // here.per_node
    rank = _rank(here, wanted)
    tree = here.first_tree + rank * 2 * here.leaves
    _refresh(m, pool, tree, rank, wanted)
    found = 0
    latest_s = 0
    while found < count:
        soonest_s = m.trees[tree + 1]
        if soonest_s >= NEVER:
            break
        latest_s = soonest_s
        node = _winner(m, tree, here.leaves)
        m.chosen[found] = node
        found += 1
        if found < count:
            _set(m, tree, here.leaves, node, OUT)
    for k in range(min(found, count - 1)):
        _set(m, tree, here.leaves, m.chosen[k], free_at(m, pool, m.chosen[k], wanted))
    if found < count:
        return False
    for k in range(here.promised_nodes):
        m.nodes[here.first_node + m.promised[here.first_node + k]].is_promised = 0
    for k in range(count):
        m.promised[here.first_node + k] = m.chosen[k]
        m.nodes[here.first_node + m.chosen[k]].is_promised = 1
    here.promised_s = latest_s
    here.promised_nodes = count
    return True


@inner
def free_at(m: Memory, pool: int, node: int, wanted: int) -> int:
    """When a node will have `wanted` accelerators free, as far as the owners of its leases know."""
    here = m.pools[pool]
    one = m.nodes[here.first_node + node]
    if one.is_up == 0:
        return OUT
    free, at_s = one.free, 0
    first = here.first_held + node * here.per_node
    while free < wanted:
        soonest_s = OUT
        for place in range(first, first + one.held):
            until_s = m.requests[m.held[place]].until_s
            if at_s < until_s < soonest_s:
                soonest_s = until_s
        at_s = soonest_s
        for place in range(first, first + one.held):
            lease = m.requests[m.held[place]]
            if lease.until_s == at_s:
                free += min(lease.leased, here.per_node)
    return at_s


@inner
def _rank(here: Record, wanted: int) -> int:
    """Which tournament is for `wanted` accelerators: its rank among the numbers that are asked for."""
    rank = 0
    for smaller in range(1, wanted):
        rank += (here.gangs >> smaller) & 1
    return rank


@inner
def _refresh(m: Memory, pool: int, tree: int, rank: int, wanted: int) -> None:
    """Bring the leaves of a tournament up to date of nodes whose leases have changed."""
    here = m.pools[pool]
    for k in range(tree >> 1, (tree >> 1) + m.trees[tree]):
        node = m.touched[k]
        m.nodes[here.first_node + node].stale &= ~(1 << rank)
        _set(m, tree, here.leaves, node, free_at(m, pool, node, wanted))
    m.trees[tree] = 0


@inner
def _set(m: Memory, tree: int, leaves: int, node: int, time_s: int) -> None:
    """Change a leaf, and who wins above it."""
    place = leaves + node
    m.trees[tree + place] = time_s
    place >>= 1
    while place >= 1:
        best_s = min(m.trees[tree + 2 * place], m.trees[tree + 2 * place + 1])
        if m.trees[tree + place] == best_s:
            break
        m.trees[tree + place] = best_s
        place >>= 1


@inner
def _winner(m: Memory, tree: int, leaves: int) -> int:
    """The node that is free first, of equals the lowest."""
    place = 1
    while place < leaves:
        place *= 2
        if m.trees[tree + place] > m.trees[tree + place + 1]:
            place += 1
    return place - leaves
