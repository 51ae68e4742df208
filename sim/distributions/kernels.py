"""Compiled loops over long series: a memory, and a table read at each of many places."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import kernel

Floats = NDArray[np.float64]

BLOCK = 256
"""Values of a series that are worked out as if nothing had been before them."""


@kernel
def normals(generator: np.random.Generator, n: int) -> Floats:
    """`generator.standard_normal(n)`, the same bits, sooner than by numpy's own."""
    return generator.standard_normal(n)


@kernel
def remembering(shocks: Floats, correlation: float) -> Floats:
    """The series with y[t] = shocks[t] + correlation * y[t - 1]; more shocks leave its first values alone.

    Each block begins as if with nothing; what it should have begun with, which fades, comes on top.
    """
    series, fading = np.empty(len(shocks)), np.empty(BLOCK)
    share = 1.0
    for n in range(BLOCK):
        share *= correlation
        fading[n] = share
    together = len(shocks) // (4 * BLOCK) * 4 * BLOCK
    for start in range(0, together, 4 * BLOCK):
        # Four blocks at a time, as a processor waits for each value before it begins with the next.
        own, second, third, fourth = 0.0, 0.0, 0.0, 0.0
        for n in range(start, start + BLOCK):
            series[n] = own = shocks[n] + correlation * own
            series[n + BLOCK] = second = shocks[n + BLOCK] + correlation * second
            series[n + 2 * BLOCK] = third = shocks[n + 2 * BLOCK] + correlation * third
            series[n + 3 * BLOCK] = fourth = shocks[n + 3 * BLOCK] + correlation * fourth
    own = 0.0
    for n in range(together, len(shocks)):
        series[n] = own = shocks[n] + correlation * (own if n % BLOCK else 0.0)
    before = 0.0
    for start in range(0, len(shocks), BLOCK):
        end = min(start + BLOCK, len(shocks))
        for n in range(start, end):
            series[n] += fading[n - start] * before
        before = series[end - 1]
    return series


@kernel
def between(at: Floats, knots: Floats, values: Floats) -> Floats:
    """`numpy.interp` at places within evenly spaced knots, the same bits.

    No search is needed: what rounding does to the place of the knot is put right by a step to either side.
    """
    slopes = (values[1:] - values[:-1]) / (knots[1:] - knots[:-1])
    first, last = knots[0], len(knots) - 2
    per_unit = (last + 1) / (knots[-1] - first)
    read = np.empty(len(at))
    for n in range(len(at)):
        left = min(max(int((at[n] - first) * per_unit), 0), last)
        if left > 0 and knots[left] > at[n]:
            left -= 1
        if left < last and knots[left + 1] <= at[n]:
            left += 1
        read[n] = slopes[left] * (at[n] - knots[left]) + values[left] if at[n] < knots[-1] else values[-1]
    return read
