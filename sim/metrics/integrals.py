"""Sums and exact time integrals of step functions, by group and by calendar month."""

from typing import SupportsFloat, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.jit import constant
from sim.ledger.integrals import integrate
from sim.metrics.kernels import at_rank

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Numbers = TypeVar("Numbers", Ints, Floats)


def sum_by(group: Ints, values: Numbers, groups: int) -> Numbers:
    """The sum of the values of each group: shape [groups]; exact for integers."""
    total = np.zeros(groups, dtype=values.dtype)
    np.add.at(total, group, values)
    return total


def integrate_by_month(start_s: Ints, end_s: Ints, weight: Numbers, month_edges: Ints) -> Numbers:
    """The integral over each month of the sum of the weights that hold: shape [months], exact for integers.

    Weight n holds in [start_s[n], end_s[n]), start_s <= end_s; what lies outside the edges is left out.
    """
    everything = np.zeros(len(start_s), dtype=np.int64)
    whole: Numbers = integrate_by_group(start_s, end_s, weight, month_edges, group=everything, groups=1)[0]
    return whole


def integrate_by_group(
    start_s: Ints, end_s: Ints, weight: Numbers, month_edges: Ints, *, group: Ints, groups: int
) -> Numbers:
    """`integrate_by_month` for each group: shape [groups, months].

    What held when a month began is taken to hold through it; what begins in the month adds its weight up to
    the month's end, and what ends in it takes its weight back from there on.
    """
    return integrate(start_s, end_s, weight, month_edges, group, groups)


def ratio(above: SupportsFloat, below: SupportsFloat) -> float:
    """`above` / `below`; NaN where `below` is 0."""
    return float(above) / float(below) if float(below) else np.nan


def quantile(values: Ints | Floats, level: float) -> float:
    """The smallest value that a share `level` of the values does not exceed; NaN where there are none.

    Values are not negative: the order of such numbers is that of their bits.
    """
    if len(values) == 0:
        return np.nan
    rank = max(int(np.ceil(level * len(values))) - 1, 0)
    bits = values.astype(np.float64, copy=False).view(np.int64)
    return float(np.int64(at_rank(bits, constant(rank))).view(np.float64))
