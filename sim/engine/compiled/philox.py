"""Keyed draws in compiled code: `sim.streams.uniforms` once more, for blocks that are too small for numpy."""

import numpy as np

from sim.engine.compiled.layout import Floats
from sim.jit import inner, is_compiling, kernel
from sim.memory import Ints
from sim.streams import HALF, MULTIPLIERS, ROUNDS, StreamKey, uniforms

_LOW, _SHIFT = np.uint64(HALF), np.uint64(32)
_M0, _M1 = (np.uint64(multiplier) for multiplier in MULTIPLIERS)


def block_of_uniforms(key: StreamKey, entity: int, attempt: int, rows: int, columns: int) -> Floats:
    """The draws at (entity + row, attempt + column), shape [rows, columns]: those of `streams.uniforms`."""
    if not is_compiling():
        entities = np.arange(entity, entity + rows)[:, np.newaxis]
        return uniforms(key, entities, np.arange(attempt, attempt + columns))
    return _block(np.array(key.rounds, dtype=np.uint64), entity, attempt, rows, columns)


@kernel
def _block(rounds: Ints, entity: int, attempt: int, rows: int, columns: int) -> Floats:
    drawn = np.empty((rows, columns))
    for row in range(rows):
        for column in range(columns):
            c0, c1 = np.uint64(entity + row), np.uint64(attempt + column)
            c2 = c3 = np.uint64(0)
            for n in range(ROUNDS):
                h0, h1 = _high(c0, _M0), _high(c2, _M1)
                c0, c1, c2, c3 = h1 ^ c1 ^ rounds[n, 0], c2 * _M1, h0 ^ c3 ^ rounds[n, 1], c0 * _M0
            drawn[row, column] = (np.float64(c0 >> np.uint64(12)) + 0.5) * 2.0**-52
    return drawn


@inner
def _high(a: np.uint64, b: np.uint64) -> np.uint64:
    """The high word of the 128-bit product, from 32-bit halves."""
    a_low, a_high, b_low, b_high = a & _LOW, a >> _SHIFT, b & _LOW, b >> _SHIFT
    cross = a_high * b_low + ((a_low * b_low) >> _SHIFT)
    other = a_low * b_high + (cross & _LOW)
    return a_high * b_high + (cross >> _SHIFT) + (other >> _SHIFT)
