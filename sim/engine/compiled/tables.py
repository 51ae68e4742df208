"""New tables of the compiled engine's memory."""

import numpy as np

from sim.engine.compiled.layout import Array, Ints
from sim.jit import is_compiling


def table(kind: np.dtype[np.void], rows: int) -> Array:
    """`rows` records of zeros; without the compiler such whose fields Python can name."""
    empty = np.zeros(rows, dtype=kind)
    return empty if is_compiling() else empty.view(np.recarray)


def rows_for(kind: np.dtype[np.void], rows: int) -> Array:
    """Room for `rows` records that are written before they are read."""
    room = np.empty(rows, dtype=kind)
    return room if is_compiling() else room.view(np.recarray)


def zeros(shape: int | tuple[int, ...]) -> Ints:
    """Whole numbers."""
    return np.zeros(shape, dtype=np.int64)
