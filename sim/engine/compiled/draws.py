"""Draws that were worked out in advance, as many as somebody has asked for: a hash table by address.

A draw is a pure function of its address; the table only remembers it. When one is missing, the kernel hands
over to Python with the address, which works out a block of neighbours at once.
"""

import math
from typing import cast

import numpy as np

from sim.distributions import Constant
from sim.engine.compiled.layout import DRAW_KEYS, NONE, Memory
from sim.engine.compiled.philox import block_of_uniforms
from sim.jit import inner, kernel
from sim.memory import Ints, length
from sim.world.world import Draws, World

STREAM_BITS, ENTITY_BITS, ATTEMPT_BITS = 12, 27, 24
MOST_STREAMS, MOST_ATTEMPTS = 1 << STREAM_BITS, 1 << ATTEMPT_BITS
BLOCK = 256
MOST_COLUMNS = 4096
"""Draws that are worked out together, about: neighbours that are likely to be asked for next."""
PLACES = 1 << 14
"""Of the table at first; its memory is not touched before draws are entered."""


@inner
def _address(stream: int, entity: int, attempt: int) -> int:
    """One number above 0 for an address."""
    return (((stream << ENTITY_BITS) | entity) << ATTEMPT_BITS) + attempt + 1


@inner
def _slot(keys: Ints, places: int, address: int) -> int:
    """Where an address stands in a table of so many places, or would stand."""
    low, high = address & (MOST_ATTEMPTS - 1), address >> ATTEMPT_BITS
    place = ((low * 0x9E3779B1 + (high & 0xFFFFFFF) * 0x85EBCA6B + (high >> 28) * 0xC2B2AE3D) >> 12) & (
        places - 1
    )
    while keys[place] != 0 and keys[place] != address:
        place = (place + 1) & (places - 1)
    return place


@inner
def draw(m: Memory, stream: int, entity: int, attempt: int) -> int:
    """The draw [s] at an address; -1, and a note of the address in the state, where it is not known yet."""
    if stream == NONE:
        return 0
    if m.streams[stream].constant_s != NONE:
        return m.streams[stream].constant_s
    address = _address(stream, entity, attempt)
    place = _slot(m.draw_keys, length(m, DRAW_KEYS), address)
    if m.draw_keys[place] == address:
        return m.draw_s[place]
    state = m.state[0]
    state.needed_stream, state.needed_entity, state.needed_attempt = stream, entity, attempt
    return NONE


@kernel
def enter_draws(keys: Ints, seconds: Ints, stream: int, entity: int, attempt: int, values: Ints) -> int:
    """Enter a block of draws, shape [entities, attempts], from (entity, attempt) on; how many are new."""
    new = 0
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            address = _address(stream, entity + row, attempt + column)
            place = _slot(keys, len(keys), address)
            if keys[place] == 0:
                keys[place] = address
                seconds[place] = values[row, column]
                new += 1
    return new


class DrawTable:
    """The table as Python sees it."""

    def __init__(self, draws: Draws) -> None:
        """An empty table."""
        self.draws = draws
        self.numbers: dict[str, int] = {}
        """Streams by name; one that says nothing has none."""
        self.constants: list[int] = []
        """What each stream says always, [s]; -1 where its draws differ."""
        self.keys, self.seconds = np.zeros((2, PLACES), dtype=np.int64)
        self.known = 0

    @classmethod
    def of(cls, world: World) -> "DrawTable":
        """The one table of a world: its draws are the same for every strategy."""
        if "draws" not in world.worked_out:
            world.worked_out["draws"] = cls(world.draws)
        return cast(DrawTable, world.worked_out["draws"])

    def stream(self, name: str) -> int:
        """The number of a stream; -1 for one that says nothing."""
        distribution = self.draws.distributions.get(name)
        if distribution is None:
            return int(NONE)
        if name not in self.numbers:
            assert len(self.numbers) < MOST_STREAMS, f"{len(self.numbers)} streams of draws"
            self.numbers[name] = len(self.numbers)
            is_constant = isinstance(distribution, Constant)
            self.constants.append(math.ceil(distribution.quantile_at(0.5)) if is_constant else int(NONE))
        return self.numbers[name]

    def work_out(self, stream: int, entity: int, attempt: int) -> None:
        """Enter the draw of an address, and its neighbours: more attempts the later it is, fewer entities."""
        columns = min(max((1 << attempt.bit_length()) >> 1, 1), MOST_COLUMNS)
        rows = max(BLOCK // columns, 1)
        entity -= entity % rows
        attempt -= attempt % columns
        name = list(self.numbers)[stream]
        drawn = block_of_uniforms(self.draws.key(name), entity, attempt, rows, columns)
        values = self.draws.seconds_at(name, drawn)
        while 2 * (self.known + values.size) > len(self.keys):
            self._grow()
        self.known += enter_draws(self.keys, self.seconds, stream, entity, attempt, values)

    def _grow(self) -> None:
        keys, seconds = self.keys, self.seconds
        self.keys, self.seconds = np.zeros((2, 4 * len(keys)), dtype=np.int64)
        move_draws(keys, seconds, self.keys, self.seconds)


@kernel
def move_draws(keys: Ints, seconds: Ints, new_keys: Ints, new_seconds: Ints) -> None:
    """Enter all draws of a table into an empty larger one."""
    for place in range(len(keys)):
        if keys[place] != 0:
            there = _slot(new_keys, len(new_keys), keys[place])
            new_keys[there] = keys[place]
            new_seconds[there] = seconds[place]
