"""Where a monotone function crosses a value, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.distributions.checks import require
from sim.distributions.lazily import np

if TYPE_CHECKING:
    from sim.distributions.base import Floats, Ints

PROBES = (
    *((0.0, 0.25), (0.0, 0.5), (0.0, 0.75)),
    *((1.0, sign * 2.0**power) for power in (-24, -12, -4) for sign in (-1, 1)),
)
"""Where `least` looks, in widths of its bracket: at the first times the root, plus the second."""

LEAST_INT = -(1 << 63)


def solve(
    falling: Callable[[Floats], Floats], target: float, low: float, high: float, impossible: str
) -> float:
    """Where in [low, high] a falling function reaches `target`; ValueError(impossible) if nowhere."""
    ends = falling(np.array([low, high]))
    require(bool(ends[1] <= target <= ends[0]), impossible)
    return float(least(lambda x: target - falling(x), np.array([low]), np.array([high]))[0])


def least(gap: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """The least float in [low, high] where the rising function `gap` is >= 0, to the last bit; else `high`.

    A search over the floats as ordered integers. Each round probes the quarters of the bracket, so that some
    32 rounds are the most, and both sides of the root of the straight line between its ends: about 7 rounds
    for smooth functions. Each element is searched for by itself: it does not matter which others there are.
    """
    under, upto = _ordered(low) - 1, _ordered(high)
    below, above = gap(low), gap(high)
    by_root, fixed = (column.reshape(-1, *(1 for _ in np.shape(low))) for column in np.array(PROBES).T)
    for _ in range(64):
        width = (upto - under).view(np.uint64)
        if np.all(width <= 1):
            break
        room = width.astype(np.float64)
        root = below / np.where(below < above, below - above, -np.inf)
        steps = np.minimum(np.maximum((by_root * root + fixed) * room, 1.0), np.maximum(room - 1.0, 0.0))
        probes = under + steps.astype(np.uint64).view(np.int64)
        gaps = gap(_ordered(probes).view(np.float64))
        holds = (gaps >= 0.0) & (probes > under)
        upto, above = np.where(holds, probes, upto).min(axis=0), np.where(holds, gaps, above).min(axis=0)
        short = (gaps < 0.0) & (probes < upto)
        under, below = np.where(short, probes, under).max(axis=0), np.where(short, gaps, below).max(axis=0)
    return _ordered(upto).view(np.float64)


def _ordered(numbers: Floats | Ints) -> Ints:
    """The bits of floats as integers in the order of the floats; its own inverse."""
    bits = np.asarray(numbers).view(np.int64)
    return np.where(bits >= 0, bits, LEAST_INT - bits)
