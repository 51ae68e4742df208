"""Lines: who waits for as much of one pool on the same terms, as a pairing heap through the entries.

(M. Fredman et al., "The pairing heap", Algorithmica 1986.) Joining costs one comparison, which suits those
who come in order; leaving from anywhere is possible, as one who starts elsewhere leaves all lines at once.
"""

from sim.engine.compiled.layout import NONE, Memory
from sim.jit import inner, wide


@inner
def _link(m: Memory, a: int, b: int) -> int:
    """One heap of two; the first in order is its root. (An entry's number has its request's order.)"""
    if b < a:
        a, b = b, a
    above, below = m.entries[a], m.entries[b]
    below.previous = a
    below.next = above.child
    if above.child != NONE:
        m.entries[above.child].previous = b
    above.child = b
    return a


@inner
def enter_line(m: Memory, entry: int) -> None:
    """Wait in the entry's line."""
    mine = m.entries[entry]
    line = wide(mine.line)
    here = m.lines[line]
    mine.child = mine.next = mine.previous = NONE
    mine.is_in_line = 1
    pool = m.pools[here.pool]
    if here.root != NONE:
        here.root = _link(m, here.root, entry)
        return
    here.root = entry
    here.place = pool.lines
    m.active[pool.first_line + pool.lines] = line
    pool.lines += 1
    m.state[0].queues += 1


@inner
def leave_line(m: Memory, entry: int) -> None:
    """Wait no more."""
    mine = m.entries[entry]
    here = m.lines[mine.line]
    rest = _merge(m, wide(mine.child))
    mine.is_in_line = 0
    if here.root == entry:
        pool = m.pools[here.pool]
        here.root = rest
        if rest != NONE:
            m.entries[rest].previous = NONE
            return
        pool.lines -= 1
        m.state[0].queues -= 1
        last = m.active[pool.first_line + pool.lines]
        m.active[pool.first_line + here.place] = last
        m.lines[last].place = here.place
        return
    before = m.entries[mine.previous]
    if before.child == entry:
        before.child = mine.next
    else:
        before.next = mine.next
    if mine.next != NONE:
        m.entries[mine.next].previous = mine.previous
    if rest != NONE:
        here.root = _link(m, here.root, rest)


@inner
def _merge(m: Memory, first: int) -> int:
    """One heap of all siblings from `first` on: in pairs from the front, then together from the back."""
    pairs = NONE
    while first != NONE:
        second = wide(m.entries[first].next)
        following = NONE
        if second != NONE:
            following = wide(m.entries[second].next)
            first = _link(m, first, second)
        m.entries[first].next = pairs
        pairs = first
        first = following
    whole = NONE
    while pairs != NONE:
        following = wide(m.entries[pairs].next)
        m.entries[pairs].next = NONE
        whole = pairs if whole == NONE else _link(m, whole, pairs)
        pairs = following
    return whole
