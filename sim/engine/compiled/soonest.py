"""Which nodes will be free soonest: a tournament over the nodes of a pool for each number of accelerators.

Leaves are brought up to date only when somebody asks, and then only those of nodes whose leases have changed.
"""

from sim.engine.compiled.layout import Memory
from sim.jit import inner
from sim.policies.checkpoints import NEVER

OUT = 1 << 62
"""Later than never: a node that is down, or not there."""


@inner
def touch(m: Memory, pool: int, node: int) -> None:
    """The leases of a node have changed."""
    facts = m.pools[pool]
    if facts.backfill == 0:
        return
    here = m.nodes[facts.first_node + node]
    if here.is_touched == 0:
        here.is_touched = 1
        state = m.state[0]
        m.touched[2 * state.touched] = pool
        m.touched[2 * state.touched + 1] = node
        state.touched += 1


@inner
def promise_soonest(m: Memory, pool: int, leased: int) -> None:
    """Promise the nodes that will be free soonest to a gang; none where a node would never be free."""
    facts = m.pools[pool]
    _forget(m, facts)
    _refresh(m)
    facts.promised_s = 0
    wanted, count = leased, 1
    if leased > facts.size:
        wanted, count = facts.size, leased // facts.size
    tree = facts.first_tree + (wanted - 1) * 2 * facts.leaves
    found = 0
    latest_s = 0
    while found < count:
        latest_s = m.trees[tree + 1]
        if latest_s >= NEVER:
            break
        node = _winner(m, tree, facts.leaves)
        m.promised[facts.first_node + found] = node
        _set(m, tree, facts.leaves, node, OUT)
        found += 1
    for k in range(found):
        node = m.promised[facts.first_node + k]
        _set(m, tree, facts.leaves, node, free_at(m, pool, node, wanted))
    if found == count:
        facts.promised_s = latest_s
        facts.promised_nodes = count
        for k in range(count):
            m.nodes[facts.first_node + m.promised[facts.first_node + k]].is_promised = 1


@inner
def free_at(m: Memory, pool: int, node: int, wanted: int) -> int:
    """When a node will have `wanted` accelerators free, as far as the owners of its leases know."""
    facts = m.pools[pool]
    here = m.nodes[facts.first_node + node]
    if here.is_up == 0:
        return OUT
    free, at_s = here.free, 0
    first = facts.first_held + node * facts.size
    while free < wanted:
        soonest_s = OUT
        for place in range(first, first + here.held):
            until_s = m.requests[m.held[place]].until_s
            if at_s < until_s < soonest_s:
                soonest_s = until_s
        at_s = soonest_s
        for place in range(first, first + here.held):
            lease = m.requests[m.held[place]]
            if lease.until_s == at_s:
                free += min(lease.leased, facts.size)
    return at_s


@inner
def _forget(m: Memory, facts: int) -> None:
    """Take the last promise back."""
    for k in range(facts.promised_nodes):
        m.nodes[facts.first_node + m.promised[facts.first_node + k]].is_promised = 0
    facts.promised_nodes = 0


@inner
def _refresh(m: Memory) -> None:
    """Bring the leaves of all nodes up to date whose leases have changed."""
    state = m.state[0]
    for k in range(state.touched):
        pool, node = m.touched[2 * k], m.touched[2 * k + 1]
        facts = m.pools[pool]
        m.nodes[facts.first_node + node].is_touched = 0
        for wanted in range(1, facts.size + 1):
            tree = facts.first_tree + (wanted - 1) * 2 * facts.leaves
            _set(m, tree, facts.leaves, node, free_at(m, pool, node, wanted))
    state.touched = 0


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

