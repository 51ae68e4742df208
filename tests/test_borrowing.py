"""Borrowed arrays are the same arrays, in compiled code and without it."""

import sys
from typing import NamedTuple

import numpy as np

from sim.borrowing import borrowed
from sim.jit import inner, kernel
from sim.serving.flow import Floats


class Pair(NamedTuple):
    """Two arrays."""

    first: Floats
    second: Floats


@inner
def moved(pair: Pair, n: int) -> float:
    """Move a number from the first to the second; the number."""
    number: float = pair.first[n]
    if number > 0.0:
        pair.second[n] = number
        pair.first[n] = 0.0
    return number


@kernel
def move_all(pair: Pair) -> float:
    """Move all numbers; their sum."""
    pair, total = borrowed(pair), 0.0
    first = borrowed(pair.first)
    for n in range(len(first)):
        total += moved(pair, n)
    return total


def test_what_is_written_to_a_borrowed_array_stands_in_the_lenders() -> None:
    """Three numbers of which two are above 0: they are moved, and all are added up."""
    pair = Pair(np.array([1.0, -2.0, 4.0]), np.zeros(3))
    assert move_all(pair) == 3.0
    assert pair.first.tolist() == [0.0, -2.0, 0.0]
    assert pair.second.tolist() == [1.0, 0.0, 4.0]


def test_lenders_keep_their_arrays() -> None:
    """A kernel that borrows leaves as many references as there were, and the memory is still ours."""
    pair = Pair(np.arange(1000.0), np.zeros(1000))
    before = sys.getrefcount(pair.first), sys.getrefcount(pair.second)
    for _ in range(50):
        move_all(pair)
    assert (sys.getrefcount(pair.first), sys.getrefcount(pair.second)) == before
    assert pair.second.sum() == 999 * 500


def test_without_the_compiler_a_borrowed_array_is_the_array() -> None:
    """Plain Python gets what it gave."""
    numbers = np.zeros(2)
    assert borrowed(numbers) is numbers
