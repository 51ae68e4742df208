"""What a simulator gives the study: one result per run and strategy."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sim.columns import Columns
from sim.study.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came out of one strategy in one world.

    Raises ValueError for an infinite metric and for columns of unequal length.
    """

    run: int
    strategy: str
    metrics: dict[str, float]
    """Named with their unit; NaN where undefined, for example a wait when nobody waited."""
    costs: Columns
    """Ledger totals per month, site, pool, workload and category; the same columns in every result."""
    series: Columns
    """Monthly series; the same columns in every result."""

    def __post_init__(self) -> None:
        """Refuse what no statistic and no table could hold."""
        infinite = [name for name, value in self.metrics.items() if math.isinf(value)]
        if infinite:
            raise ValueError(f"infinite metrics in strategy {self.strategy}: {', '.join(infinite)}")
        for name, table in (("costs", self.costs), ("series", self.series)):
            lengths = {column: len(values) for column, values in table.items()}
            if len(set(lengths.values())) > 1:
                raise ValueError(f"{name} of strategy {self.strategy}: columns of unequal length, {lengths}")


class Simulator(Protocol):
    """Runs every strategy of a scenario in one world."""

    def __call__(self, run: int) -> list[RunResult]:
        """The results of this run, one per strategy, in the scenario's order."""
        ...


@runtime_checkable
class Timed(Protocol):
    """A simulator that says where its processor time goes."""

    @property
    def stopwatch(self) -> Stopwatch:
        """What it ends its laps with."""
        ...


MakeSimulator = Callable[[], Simulator]
"""Called once in each worker, so that the scenario is loaded once per process. It must pickle."""
