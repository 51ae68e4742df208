"""What the leases of a run add up to: the attempts of jobs and the replicas of services."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sim.calendar import month_edges
from sim.jit import constant
from sim.metrics import kernels
from sim.metrics.integrals import Floats, Ints
from sim.policies.plan import Plan
from sim.records import Records
from sim.world.world import World


@dataclass(frozen=True, slots=True, eq=False)
class Leases:
    """Sums and integrals over attempts and replicas; pools are as in the plan."""

    by_jobs: Ints
    """By training and pool: rows of `kernels.of_attempts`."""
    by_replicas: Ints
    """By service and pool: rows of `kernels.of_replicas`."""
    endings: Ints
    """How many leases ended in which way: shape [workloads, outcomes]."""
    progress_s: Ints
    """Useful time of each attempt in terms of the job's `work_s`: at the speed of a reference accelerator."""
    leased_s: Ints
    """[accelerator-s] by pool and month."""
    useful_s: Floats
    """[accelerator-s] of jobs by pool and month, an attempt's spread evenly over it."""
    at_work_s: Ints
    """By month how long jobs of each training, and below them their accelerators, held a lease."""
    ready_s: Ints
    """By service and month how long replicas were ready."""

    @classmethod
    def of(cls, world: World, plan: Plan, records: Records, refused: NDArray[np.bool_]) -> Self:
        """Add them up, given which jobs were refused."""
        a, r, jobs = records.attempts, records.replicas, world.jobs
        edges = month_edges(world.scenario.start, plan.horizon_s)
        by_jobs, job_endings, progress_s, leased_s, useful_s, at_work_s = kernels.of_attempts(
            a.job, a.pool, a.leased, a.start_s, a.end_s, a.outcome, a.boot_s + a.restart_s + a.checkpoint_s,
            a.kept_s, a.lost_s, jobs.workload, jobs.accelerators, refused, speeds_ppm(plan), edges,
        )  # fmt: skip
        by_replicas, replica_endings, also_leased_s, ready_s = kernels.of_replicas(
            r.service, r.pool, r.leased, r.start_s, r.ready_s, r.end_s, r.outcome,
            np.array([service.accelerators for service in plan.services], dtype=np.int64), edges,
            constant(len(plan.pools)),
        )  # fmt: skip
        endings = np.concatenate((job_endings, replica_endings))
        leased_s += also_leased_s
        return cls(by_jobs, by_replicas, endings, progress_s, leased_s, useful_s, at_work_s, ready_s)


def workload_names(plan: Plan) -> list[str]:
    """The workloads of a plan as they are counted here: its trainings, then its services."""
    return [*(training.name for training in plan.trainings), *(service.name for service in plan.services)]


def speeds_ppm(plan: Plan) -> Ints:
    """The speed of each training on each pool, reference accelerators being 1,000,000: [trainings, pools]."""
    speeds = np.zeros((len(plan.trainings), len(plan.pools)), dtype=np.int64)
    for workload, training in enumerate(plan.trainings):
        for option in training.options:
            speeds[workload, option.pool] = option.speed_ppm
    return speeds
