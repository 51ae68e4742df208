"""Nodes by how many of their accelerators are free: one bit a node, and one for each 32 nodes that have any.

Words have 32 bits, so that everything below also holds in Python's numbers.
"""

import numpy as np

from sim.engine.compiled.layout import Memory
from sim.jit import inner

BITS = 32
_DE_BRUIJN = 0x077CB531
_POSITIONS = np.zeros(BITS, dtype=np.int64)
for _bit in range(BITS):
    _POSITIONS[(((1 << _bit) * _DE_BRUIJN) & 0xFFFFFFFF) >> 27] = _bit


@inner
def _lowest(word: int) -> int:
    """The position of the lowest bit (C. Leiserson et al., "Using de Bruijn sequences to index a 1")."""
    return _POSITIONS[(((word & -word) * _DE_BRUIJN) & 0xFFFFFFFF) >> 27]


@inner
def enter(m: Memory, level: int, node: int) -> None:
    """Add a node to a level."""
    here = m.levels[level]
    word = node >> 5
    here.nodes += 1
    m.words[here.first_word + word] |= 1 << (node & 31)
    m.summary[here.first_summary + (word >> 5)] |= 1 << (word & 31)


@inner
def strike(m: Memory, level: int, node: int) -> None:
    """Take a node out of a level."""
    here = m.levels[level]
    word = node >> 5
    here.nodes -= 1
    left = m.words[here.first_word + word] & ~(1 << (node & 31))
    m.words[here.first_word + word] = left
    m.summary[here.first_summary + (word >> 5)] &= ~((left == 0) << (word & 31))  # without a branch


@inner
def following(m: Memory, level: int, node: int) -> int:
    """The lowest node of a level from `node` on; -1 if there is none."""
    here = m.levels[level]
    word = node >> 5
    if (word >> 5) >= here.summaries:
        return -1
    bits = m.words[here.first_word + word] >> (node & 31) << (node & 31)
    if bits != 0:
        return (word << 5) + _lowest(bits)
    word += 1
    group = word >> 5
    if group >= here.summaries:
        return -1
    groups = m.summary[here.first_summary + group] >> (word & 31) << (word & 31)
    while groups == 0:
        group += 1
        if group >= here.summaries:
            return -1
        groups = m.summary[here.first_summary + group]
    word = (group << 5) + _lowest(groups)
    return (word << 5) + _lowest(m.words[here.first_word + word])
