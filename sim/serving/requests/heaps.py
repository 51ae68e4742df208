"""Binary heaps for the compiled queues: the least key first, each with an item."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@inner
def replace_least(heap: Floats, value: float) -> None:
    """Put `value` in the place of the least of a full heap of bare keys."""
    hole = 0
    child = 1
    while child < len(heap):
        if child + 1 < len(heap) and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[hole] = heap[child]
        hole = child
        child = 2 * hole + 1
    heap[hole] = value


@inner
def push(keys: Floats | Ints, items: Ints, size: int, key: float, item: int) -> None:
    """Add an item to the first `size` of two arrays."""
    hole = size
    while hole > 0:
        parent = (hole - 1) // 2
        if keys[parent] <= key:
            break
        keys[hole] = keys[parent]
        items[hole] = items[parent]
        hole = parent
    keys[hole] = key
    items[hole] = item


@inner
def remove(keys: Floats | Ints, items: Ints, size: int, place: int) -> None:
    """Take away the item at `place` (0: the least) of the first `size`; the rest stands in `size` - 1."""
    last = size - 1
    key, item = keys[last], items[last]
    hole = place
    while hole > 0 and keys[(hole - 1) // 2] > key:
        parent = (hole - 1) // 2
        keys[hole] = keys[parent]
        items[hole] = items[parent]
        hole = parent
    child = 2 * hole + 1
    while child < last:
        if child + 1 < last and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[hole] = keys[child]
        items[hole] = items[child]
        hole = child
        child = 2 * hole + 1
    if place < last:
        keys[hole] = key
        items[hole] = item
