"""Worlds and plans that are run against the clock; each the same whenever it is made."""

from pathlib import Path
from typing import cast

import numpy as np

from sim import streams
from sim.calibrate.tables import read
from sim.loading import load_text
from sim.policies.checkpoints import NO_CHECKPOINTS
from sim.policies.placement import ANY_SLACK, Opening
from sim.policies.plan import UNLIMITED, OptionPlan, Plan, PoolPlan, Purchase, TrainingPlan
from sim.scenario.model import Scenario
from sim.world import World, sample
from sim.world.world import Draws, Ints, Jobs

NODE_ACCELERATORS = 8
NODES = 10
LOAD = 0.8
"""Of the owned nodes, by what is asked of them."""
GANGS = {1: 0.45, 2: 0.2, 4: 0.2, 8: 0.15}
WORK_S = 13_500
"""On average."""
PATIENCE_S = 7200
"""Who has waited for so long may go to the cloud."""
CLOUD_ACCELERATORS = 64
"""For every ten nodes."""

PHILLY = "philly_2017/jobs"
PHILLY_JOBS = 82_247
FIFO_NODES = 40
FIFO_ACCELERATORS = FIFO_NODES * NODE_ACCELERATORS
"""In the philly trace 31 % of the jobs wait then, all in all 32 minutes on average, and all queues clear."""
LONG_AFTER_S = 400 * 86_400
"""What is simulated behind the last arrival; no job of the trace runs so long."""

LIKE_PHILLY = """
title: Submissions like those of philly
start: 2017-10-03
horizon: 100 days
locations: [room]
sites:
  room:
    kind: on-prem
    location: room
    zone: room
    power: {price: 0.1 USD/kWh, pue: 1.2}
    pools:
      nodes: {purchase: owned, accelerator: A100-80GB, nodes: 40}
workloads:
  training:
    kind: training
    arrivals: {bursty: {catalogue: arrivals.philly, rate: 42 per hour}}
    duration: {catalogue: duration.philly}
    accelerators: 1
    reference: A100-80GB
strategies:
  fifo: {place: {all: [room/nodes]}}
"""
"""`calibration/arrivals.yaml` has the law, and what it was fitted to."""


def training_world(
    jobs: int, nodes: int = NODES, *, load: float = LOAD, backfill: bool = True
) -> tuple[World, Plan]:
    """Gangs of one to eight on owned nodes, with a cloud to burst to after two hours; nothing else."""
    generator = streams.Source(1, 0).generator("benchmark")
    asked = WORK_S * sum(size * share for size, share in GANGS.items())
    gap_s = asked / (nodes * NODE_ACCELERATORS * load)
    submit_s = np.cumsum(generator.exponential(gap_s, jobs)).astype(np.int64)
    gangs = generator.choice(list(GANGS), jobs, p=list(GANGS.values()))
    work_s = np.ceil(generator.exponential(WORK_S, jobs)).astype(np.int64)
    facts = Jobs(np.zeros(jobs, dtype=np.int64), np.arange(jobs), submit_s, gangs, work_s)
    pools = (_owned(nodes), _cloud(CLOUD_ACCELERATORS * nodes // NODES))
    return _world(facts), _plan(facts, pools, (0, PATIENCE_S), backfill=backfill)


def fifo_world(jobs: Jobs) -> tuple[World, Plan]:
    """Jobs before one owned pool, first come first served."""
    return _world(jobs), _plan(jobs, (_owned(FIFO_NODES),), (0,), backfill=False)


def has_philly(data: Path) -> bool:
    """Whether a folder of data has the trace."""
    return (data / f"{PHILLY}.csv.gz").is_file()


def philly_jobs(data: Path | None, count: int) -> Jobs:
    """The first jobs of the philly trace, each on one accelerator; of its law where no folder has the trace.

    Raises FileNotFoundError where `data` has no such file.
    """
    if data is None:
        scenario = load_text(LIKE_PHILLY)
        sampled = sample(scenario, seed=0, run=0).jobs
        submit_s, work_s = sampled.submit_s[:count], sampled.work_s[:count]
    else:
        trace = read(data, PHILLY)[:count]
        submit_s, work_s = (
            np.ceil(trace[name].to_numpy()).astype(np.int64) for name in ("submit_s", "duration_s")
        )
    assert len(submit_s) == count, f"only {len(submit_s):,} jobs"
    return _one_each(submit_s, work_s)


def _one_each(submit_s: Ints, work_s: Ints) -> Jobs:
    zeros = np.zeros(len(submit_s), dtype=np.int64)
    return Jobs(zeros, np.arange(len(submit_s)), submit_s, zeros + 1, work_s)


def _world(jobs: Jobs) -> World:
    no_scenario = cast(Scenario, None)  # engines never look at it
    return World(no_scenario, 0, 0, {}, jobs, {}, {}, {}, {}, Draws(0, 0, {}))


def _owned(nodes: int) -> PoolPlan:
    return PoolPlan(
        "room/nodes", 0, Purchase.OWNED, "A100-80GB", NODE_ACCELERATORS, UNLIMITED, 0, nodes, 0, nodes, ()
    )


def _cloud(quota: int) -> PoolPlan:
    return PoolPlan(
        "cloud/on-demand", 1, Purchase.ON_DEMAND, "A100-80GB", NODE_ACCELERATORS, quota, 0, 0, 0, 0, ()
    )


def _plan(jobs: Jobs, pools: tuple[PoolPlan, ...], waits_s: tuple[int, ...], *, backfill: bool) -> Plan:
    """One workload that may go to pool n once it has waited for `waits_s[n]`."""
    options = tuple(
        OptionPlan(n, Opening(wait_s, ANY_SLACK, ()), 1_000_000, -1, at_once=wait_s == 0)
        for n, wait_s in enumerate(waits_s)
    )
    training = TrainingPlan("training", options, (), NO_CHECKPOINTS, UNLIMITED)
    horizon_s = int(jobs.submit_s[-1]) + LONG_AFTER_S
    return Plan(
        "benchmark",
        backfill,
        horizon_s,
        300,
        pools,
        (training,),
        (),
        (),
        ("room", "cloud"),
        (),
        (),
        (),
        (),
        {},
    )
