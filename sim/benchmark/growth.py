"""What a job costs the compiled engine as jobs and nodes become more."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sim.benchmark.comparisons import Size, engine_work
from sim.benchmark.timing import Floats, in_turns
from sim.benchmark.worlds import LOAD, NODES, training_world
from sim.engine import Engine

OVERLOAD = 1.05
"""A load at which somebody always waits: the more nodes, the longer the queue of those who are patient."""
LOADS = (LOAD, OVERLOAD)
MOST = 2.0
"""The bound on growth, at `LOAD`."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Cost per job by size of the world, all at one load."""

    grows: str
    """jobs or nodes."""
    backfill: bool
    load: float
    sizes: tuple[int, ...]
    us_per_job: tuple[float, ...]
    """Medians [microseconds]."""
    ratio: float
    """Of the dearest size to the smallest: the median over the rounds."""

    @property
    def name(self) -> str:
        """What grows, and how jobs are served."""
        return f"{self.grows}, {'EASY' if self.backfill else 'FIFO'}, load {self.load:.0%}"


def growths(size: Size, loads: tuple[float, ...] = LOADS) -> Iterator[Growth]:
    """All series, one after the other; the sizes of a series take turns."""
    by_jobs = [(jobs, NODES) for jobs in size.growth_jobs]
    by_nodes = [(size.jobs_on_nodes, nodes) for nodes in size.growth_nodes]
    for grows, sizes, worlds in (("jobs", size.growth_jobs, by_jobs), ("nodes", size.growth_nodes, by_nodes)):
        for load in loads:
            for backfill in (True, False):
                costs_s = _costs_s(worlds, size.growth_rounds, load=load, backfill=backfill)
                medians = tuple((np.median(costs_s, axis=0) * 1e6).tolist())
                dearest = float(np.median(costs_s.max(axis=1) / costs_s[:, 0]))
                yield Growth(grows, backfill, load, sizes, medians, dearest)


def _costs_s(worlds: list[tuple[int, int]], rounds: int, *, load: float, backfill: bool) -> Floats:
    """Processor time per job [s], shape [rounds, worlds], in worlds of so many jobs on so many nodes."""
    works = [
        engine_work(*training_world(jobs, nodes, load=load, backfill=backfill), Engine.COMPILED)
        for jobs, nodes in worlds
    ]
    works[0]()
    return in_turns(works, rounds) / [jobs for jobs, _ in worlds]
