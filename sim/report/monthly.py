"""What happens over the months: medians with their bands; where there is one month only, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Style = Mapping[str, Any]

SHADE = 0.18
"""Opacity of bands."""


def explained(months: Sequence[str]) -> str:
    """What lines and bands are."""
    mark, spread = ("line", "band") if len(months) > 1 else ("dot", "bar")
    return f"{mark}: median of the futures; {spread}: 5th to 95th percentile"


def draw_months(axes: Axes, values: Floats, label: str, place: int, drawn: Style) -> None:
    """The values of a strategy, shape [runs, months]: the median, and from the 5th to the 95th percentile."""
    known = ~np.all(np.isnan(values), axis=0)
    if values.shape[1] == 1:
        if known[0]:
            low, middle, high = np.nanquantile(values[:, 0], (0.05, 0.5, 0.95))
            axes.bar([place], [high - low], bottom=low, width=0.4, color=drawn["color"], alpha=2 * SHADE)
            axes.plot([place], [middle], "o", color=drawn["color"], label=label)
        return
    for months in _stretches(known):
        low, middle, high = np.nanquantile(values[:, months], (0.05, 0.5, 0.95), axis=0)
        alone = len(months) == 1  # a band of one month has no width
        axes.fill_between(months, low, high, color=drawn["color"], alpha=SHADE, lw=8 if alone else 0)
        axes.plot(months, middle, label=label, marker="o" if alone else None, ms=4, **drawn)
        label = f"_{label}"  # named once in the legend


def name_places(axes: Axes, months: Sequence[str], strategies: Sequence[str]) -> None:
    """At most some 12 names of months, and room for all of them; of a single month, the strategies' names."""
    if len(months) == 1:
        axes.set_xlim(-0.6, len(strategies) - 0.4)
        axes.set_xticks(range(len(strategies)), strategies, parse_math=False)
        axes.set_xlabel(months[0])
        return
    step = -(-len(months) // 12)
    axes.set_xlim(-0.4, len(months) - 0.6)
    axes.set_xticks(range(0, len(months), step), months[::step], rotation=45, ha="right")


def _stretches(known: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """The places that are True, a piece for each run of them."""
    places = np.flatnonzero(known)
    if len(places):
        yield from np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
