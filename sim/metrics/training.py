"""How training went: what was finished, how long jobs waited, what was lost."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sim.jit import constant
from sim.metrics import kernels
from sim.metrics.definitions import BY_TRAINING, BY_WORKLOAD, WHOLE, Better, Definition, each
from sim.metrics.integrals import Floats, Ints, quantile, ratio
from sim.metrics.leases import Leases, workload_names
from sim.metrics.usage import HOUR_S
from sim.policies.plan import Plan
from sim.records import Kind, Outcome, Reason, Records
from sim.world.world import Jobs, World

Flags = NDArray[np.bool_]

BOTH = (WHOLE, BY_TRAINING)
DEFINITIONS = (
    Definition(
        "jobs_submitted", "jobs", Better.NEITHER,
        "Jobs that arrived: finished + unfinished + refused.",
        BOTH,
    ),
    Definition(
        "jobs_finished", "jobs", Better.HIGHER,
        "Jobs whose work was done before the horizon.",
        BOTH,
    ),
    Definition(
        "jobs_unfinished", "jobs", Better.LOWER,
        "Jobs that waited or ran at the horizon.",
        BOTH,
    ),
    Definition(
        "jobs_refused", "jobs", Better.LOWER,
        "Jobs that none of the workload's lawful pools could ever hold.",
        BOTH,
    ),
    Definition(
        "deadline_miss_share", "share", Better.LOWER,
        "Of the jobs whose deadline lay before the horizon, refused ones included, the share not finished "
        "by it.",
        BOTH,
    ),
    Definition(
        "never_started_share", "share", Better.LOWER,
        "Of the jobs that were not refused, the share that had not started by the horizon.",
        BOTH,
    ),
    Definition(
        "wait_s_mean", "s", Better.LOWER,
        "Mean time from arrival to first start; jobs that never started count with their time up to the "
        "horizon, which is too short for them, and refused ones do not count.",
        BOTH,
    ),
    Definition(
        "wait_s_p50", "s", Better.LOWER,
        "Median of the times that `wait_s_mean` averages.",
        BOTH,
    ),
    Definition(
        "wait_s_p95", "s", Better.LOWER,
        "95th percentile of the times that `wait_s_mean` averages.",
        BOTH,
    ),
    Definition(
        "slowdown_p95", "ratio", Better.LOWER,
        "95th percentile of (finish - arrival) / duration on its gang of reference accelerators; unfinished "
        "jobs count as if they finished at the horizon, which is too early, and refused ones do not count.",
        BOTH,
    ),
    Definition(
        "jobs_waiting_mean", "jobs", Better.LOWER,
        "Time average of the jobs that had arrived, had not finished and held no lease, refused ones apart.",
        BOTH,
    ),
    Definition(
        "accelerators_waiting_mean", "accelerators", Better.LOWER,
        "Time average of the accelerators that the waiting jobs' gangs asked for.",
        BOTH,
    ),
    Definition(
        "attempts_per_job", "attempts/job", Better.LOWER,
        "Leases that jobs took / jobs that started.",
        BOTH,
    ),
    Definition(
        "lost_accelerator_h", "accelerator-hours", Better.LOWER,
        "Accelerator-hours of jobs' work that a reclaim or a failure undid.",
        BOTH,
    ),
    Definition(
        "reclaims", "leases", Better.LOWER,
        "Leases of jobs and replicas that a spot market took back or whose lifetime there ended.",
        (WHOLE, BY_WORKLOAD),
    ),
    Definition(
        "failures", "leases", Better.LOWER,
        "Leases of jobs and replicas that ended because a node failed.",
        (WHOLE, BY_WORKLOAD),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Lives:
    """What became of each job of the world; one value per job."""

    refused: Flags
    told: Ints
    """Rows of `kernels`: shape [LIVES, jobs]."""

    @property
    def finished(self) -> Flags:
        """Whether its work was done."""
        finished: Flags = self.told[kernels.FINISHED] != 0
        return finished

    @property
    def start_s(self) -> Ints:
        """First start; the horizon for those that never started."""
        start_s: Ints = self.told[kernels.START_S]
        return start_s

    @property
    def finish_s(self) -> Ints:
        """The horizon for those that have not finished."""
        finish_s: Ints = self.told[kernels.FINISH_S]
        return finish_s

    @classmethod
    def of(cls, world: World, plan: Plan, records: Records) -> Self:
        """Read the lives off the records."""
        a, jobs, horizon_s = records.attempts, len(world.jobs), constant(plan.horizon_s)
        told = kernels.lives(
            a.job, a.outcome, a.attempt, a.start_s, a.end_s, a.lost_s, constant(jobs), horizon_s
        )
        return cls(_refused(world.jobs, plan, records), told)


def training_metrics(world: World, plan: Plan, lives: Lives, leases: Leases) -> dict[str, float]:
    """The metrics of this module."""
    jobs = world.jobs
    after_s = np.array([training.deadline_s for training in plan.trainings], dtype=np.int64)
    counts = kernels.tally(
        jobs.workload,
        jobs.accelerators,
        jobs.submit_s,
        lives.refused,
        lives.told,
        after_s,
        constant(plan.horizon_s),
    )
    wait_s, there_s = lives.start_s - jobs.submit_s, lives.finish_s - jobs.submit_s
    workloads, waits_s = jobs.workload, wait_s.astype(np.float64)
    slowdowns = there_s / np.maximum(jobs.work_s, 1)
    if lives.refused.any():
        queued = ~lives.refused
        workloads, waits_s, slowdowns = workloads[queued], waits_s[queued], slowdowns[queued]
    found = _of_jobs(counts.sum(axis=0), waits_s, slowdowns, plan.horizon_s)
    for workload, training in enumerate(plan.trainings):
        mine = np.flatnonzero(workloads == workload)
        own = _of_jobs(counts[workload], waits_s[mine], slowdowns[mine], plan.horizon_s)
        found |= {f"{metric}:{training.name}": value for metric, value in own.items()}
    names = workload_names(plan)
    for metric, outcome in (("reclaims", Outcome.RECLAIMED), ("failures", Outcome.FAILED)):
        ended = leases.endings[:, outcome]
        found |= {metric: float(ended.sum())} | each(metric, names, ended.tolist())
    return found


def _refused(jobs: Jobs, plan: Plan, records: Records) -> Flags:
    """The jobs that every option of their workload refused as larger than the pool can ever be."""
    r = records.refusals
    never = (r.kind == Kind.JOB) & (r.reason == Reason.NEVER_FITS)
    refusals = np.bincount(r.entity[never], minlength=len(jobs))
    options = np.array([len(training.options) for training in plan.trainings], dtype=np.int64)
    refused: Flags = refusals == options[jobs.workload]
    return refused


def _of_jobs(counts: Ints, wait_s: Floats, slowdown: Floats, horizon_s: int) -> dict[str, float]:
    """The metrics of some of the jobs, given their counts, and waits and slowdowns of those not refused."""
    (
        submitted, refused, finished, started, attempts, due, missed,
        waited_s, waiting_s, waiting_accelerator_s, undone_accelerator_s,
    ) = counts.tolist()  # fmt: skip
    queued = submitted - refused
    return {
        "jobs_submitted": float(submitted),
        "jobs_finished": float(finished),
        "jobs_unfinished": float(queued - finished),
        "jobs_refused": float(refused),
        "deadline_miss_share": ratio(missed, due),
        "never_started_share": ratio(queued - started, queued),
        "wait_s_mean": ratio(waited_s, queued),
        "wait_s_p50": quantile(wait_s, 0.5),
        "wait_s_p95": quantile(wait_s, 0.95),
        "slowdown_p95": quantile(slowdown, 0.95),
        "jobs_waiting_mean": ratio(waiting_s, horizon_s),
        "accelerators_waiting_mean": ratio(waiting_accelerator_s, horizon_s),
        "attempts_per_job": ratio(attempts, started),
        "lost_accelerator_h": float(undone_accelerator_s) / HOUR_S,
    }
