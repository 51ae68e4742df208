"""How training went: what was finished, how long jobs waited, what was lost."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sim.metrics.definitions import BY_TRAINING, BY_WORKLOAD, WHOLE, Better, Definition, each
from sim.metrics.integrals import Ints, quantile, ratio, sum_by
from sim.metrics.leases import endings, undone_s, workload_names
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
    finished: Flags
    attempts: Ints
    start_s: Ints
    """First start; the horizon for those that never started."""
    finish_s: Ints
    """The horizon for those that have not finished."""
    held_s: Ints
    """Time on leases."""
    undone_s: Ints
    """Time on work that a reclaim or a failure undid."""

    @classmethod
    def of(cls, world: World, plan: Plan, records: Records) -> Self:
        """Read the lives off the records."""
        a, jobs = records.attempts, len(world.jobs)
        start_s, finish_s = np.full((2, jobs), plan.horizon_s, dtype=np.int64)
        first, last = a.attempt == 0, a.outcome == Outcome.FINISHED
        start_s[a.job[first]] = a.start_s[first]
        finish_s[a.job[last]] = a.end_s[last]
        finished = np.zeros(jobs, dtype=np.bool_)
        finished[a.job[last]] = True
        return cls(
            _refused(world.jobs, plan, records),
            finished,
            np.bincount(a.job, minlength=jobs),
            start_s,
            finish_s,
            sum_by(a.job, a.end_s - a.start_s, jobs),
            sum_by(a.job, undone_s(a), jobs),
        )


def training_metrics(world: World, plan: Plan, records: Records, lives: Lives) -> dict[str, float]:
    """The metrics of this module."""
    found = _of_jobs(world.jobs, plan, lives, np.ones(len(world.jobs), dtype=np.bool_))
    for workload, training in enumerate(plan.trainings):
        own = _of_jobs(world.jobs, plan, lives, world.jobs.workload == workload)
        found |= {f"{metric}:{training.name}": value for metric, value in own.items()}
    names = workload_names(plan)
    for metric, outcome in (("reclaims", Outcome.RECLAIMED), ("failures", Outcome.FAILED)):
        ended = endings(world, plan, records, outcome)
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


def _of_jobs(jobs: Jobs, plan: Plan, lives: Lives, chosen: Flags) -> dict[str, float]:
    """The metrics of some of the jobs."""
    queued = chosen & ~lives.refused
    started = queued & (lives.attempts > 0)
    gang, since_s = jobs.accelerators[queued], jobs.submit_s[queued]
    wait_s, there_s = lives.start_s[queued] - since_s, lives.finish_s[queued] - since_s
    waiting_s = there_s - lives.held_s[queued]
    return {
        "jobs_submitted": float(np.count_nonzero(chosen)),
        "jobs_finished": float(np.count_nonzero(lives.finished & chosen)),
        "jobs_unfinished": float(np.count_nonzero(queued & ~lives.finished)),
        "jobs_refused": float(np.count_nonzero(lives.refused & chosen)),
        "deadline_miss_share": _deadline_miss_share(jobs, plan, lives, chosen),
        "never_started_share": ratio(np.count_nonzero(queued & ~started), len(gang)),
        "wait_s_mean": ratio(wait_s.sum(), len(wait_s)),
        "wait_s_p50": quantile(wait_s, 0.5),
        "wait_s_p95": quantile(wait_s, 0.95),
        "slowdown_p95": quantile(there_s / np.maximum(jobs.work_s[queued], 1), 0.95),
        "jobs_waiting_mean": ratio(waiting_s.sum(), plan.horizon_s),
        "accelerators_waiting_mean": ratio((gang * waiting_s).sum(), plan.horizon_s),
        "attempts_per_job": ratio(lives.attempts[chosen].sum(), np.count_nonzero(started)),
        "lost_accelerator_h": float((gang * lives.undone_s[queued]).sum()) / HOUR_S,
    }


def _deadline_miss_share(jobs: Jobs, plan: Plan, lives: Lives, chosen: Flags) -> float:
    after_s = np.array([training.deadline_s for training in plan.trainings], dtype=np.int64)
    deadline_s = jobs.submit_s + after_s[jobs.workload]
    due = chosen & (deadline_s < plan.horizon_s)
    in_time = lives.finished & (lives.finish_s <= deadline_s)
    return ratio(np.count_nonzero(due & ~in_time), np.count_nonzero(due))
