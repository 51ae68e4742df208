"""The metrics of a study as arrays: one value per run."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.study.journal import Journal
from sim.study.rows import Row, metrics_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MetricValues:
    """The metrics of one strategy: one value per run, NaN where undefined or absent."""

    runs: Ints
    """In rising order."""
    values: dict[str, Floats]


def load_metrics(
    journal: Journal, runs: range | None = None, strategies: Sequence[str] | None = None
) -> dict[str, MetricValues]:
    """The metrics of each strategy that has results, in the scenario's order."""
    chosen = journal.manifest.strategies if strategies is None else strategies
    collected = MetricColumns(chosen)
    for row in journal.results(runs, chosen):
        collected.add(row)
    return collected.values()


class MetricColumns:
    """Collects the metrics of rows that come in run order."""

    def __init__(self, strategies: Sequence[str]) -> None:
        """Nothing yet."""
        self._of = {strategy: _Collected() for strategy in strategies}

    def add(self, row: Row) -> None:
        """Take in one row."""
        self._of[row.strategy].add(row)

    def values(self) -> dict[str, MetricValues]:
        """The metrics of each strategy that has rows; names in the order in which they first came."""
        return {strategy: found.values() for strategy, found in self._of.items() if found.runs}


@dataclass(slots=True)
class _Collected:
    """What came of one strategy. Rows that have the same names, nearly always all, lie in one block."""

    runs: "array[int]" = field(default_factory=lambda: array("q"))
    blocks: dict[tuple[str, ...], "_Block"] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        metrics = metrics_of(row)
        block = self.blocks.setdefault(tuple(metrics), _Block())
        block.places.append(len(self.runs))
        block.values.extend(metrics.values())
        self.runs.append(row.run)

    def values(self) -> MetricValues:
        names = list(dict.fromkeys(name for block in self.blocks for name in block))
        place = {name: n for n, name in enumerate(names)}
        table = np.full((len(names), len(self.runs)), math.nan)
        for known, block in self.blocks.items():
            found = np.array(block.values).reshape(len(block.places), len(known))
            for name, column in zip(known, found.T, strict=True):
                table[place[name], np.array(block.places)] = column
        return MetricValues(np.array(self.runs, dtype=np.int64), dict(zip(names, table, strict=True)))


@dataclass(slots=True)
class _Block:
    places: "array[int]" = field(default_factory=lambda: array("q"))
    """Which rows of the strategy these are."""
    values: "array[float]" = field(default_factory=lambda: array("d"))
    """Row after row."""
