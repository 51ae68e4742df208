"""How training went: what was finished and when, how long jobs waited, what was lost, and whether the pools kept up."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sim.calendar import DAY_S
from sim.metrics.definitions import BY_TRAINING, BY_WORKLOAD, WHOLE, Better, Definition, each
from sim.metrics.facts import State
from sim.metrics.integrals import Ints, quantile, ratio, sum_by
from sim.metrics.leases import Leases, undone_s, useful_s, workload_names
from sim.metrics.usage import HOUR_S
from sim.policies.plan import Plan
from sim.records import Attempts, Kind, Outcome, Reason, Records
from sim.world.world import Jobs, World

MILLION = 1_000_000
Flags = NDArray[np.bool_]

BOTH = (WHOLE, BY_TRAINING)
DEFINITIONS = (
    Definition("jobs_submitted", "jobs", Better.NEITHER, "Jobs that arrived: finished + unfinished + refused.", BOTH),
    Definition("jobs_finished", "jobs", Better.HIGHER, "Jobs whose work was done before the horizon.", BOTH),
    Definition("jobs_unfinished", "jobs", Better.LOWER, "Jobs that waited or ran at the horizon.", BOTH),
    Definition(
        "jobs_refused", "jobs", Better.LOWER,
        "Jobs that none of the workload's lawful pools could ever hold.", BOTH,
    ),
    Definition(
        "deadline_miss_share", "share", Better.LOWER,
        "Of the jobs whose deadline lay before the horizon, refused ones included, the share not finished by it.", BOTH,
    ),
    Definition(
        "never_started_share", "share", Better.LOWER,
        "Of the jobs that were not refused, the share that had not started by the horizon.", BOTH,
    ),
    Definition(
        "wait_s_mean", "s", Better.LOWER,
        "Mean time from arrival to first start; jobs that never started count with their time up to the horizon, which "
        "is too short for them, and refused ones do not count.", BOTH,
    ),
    Definition("wait_s_p50", "s", Better.LOWER, "Median of the times that `wait_s_mean` averages.", BOTH),
    Definition("wait_s_p95", "s", Better.LOWER, "95th percentile of the times that `wait_s_mean` averages.", BOTH),
    Definition(
        "slowdown_p95", "ratio", Better.LOWER,
        "95th percentile of (finish - arrival) / duration on its gang of reference accelerators; unfinished jobs count "
        "as if they finished at the horizon, which is too early, and refused ones do not count.", BOTH,
    ),
    Definition(
        "jobs_waiting_mean", "jobs", Better.LOWER,
        "Time average of the jobs that had arrived, had not finished and held no lease, refused ones apart.", BOTH,
    ),
    Definition(
        "accelerators_waiting_mean", "accelerators", Better.LOWER,
        "Time average of the accelerators that the waiting jobs' gangs asked for.", BOTH,
    ),
    Definition(
        "attempts_per_job", "attempts/job", Better.LOWER,
        "Leases that jobs took / jobs that started.", BOTH,
    ),
    Definition(
        "lost_accelerator_h", "accelerator-hours", Better.LOWER,
        "Accelerator-hours of jobs' work that a reclaim or a failure undid.", BOTH,
    ),
    Definition(
        "reclaims", "leases", Better.LOWER,
        "Leases of jobs and replicas that a spot market took back or whose lifetime there ended.",
        (WHOLE, BY_WORKLOAD),
    ),
    Definition(
        "failures", "leases", Better.LOWER,
        "Leases of jobs and replicas that ended because a node failed.", (WHOLE, BY_WORKLOAD),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Lives:
    """What became of each job of the world; one value per job."""

    refused: Flags
    started: Flags
    finished: Flags
    cut_off: Flags
    """Running at the horizon."""
    start_s: Ints
    """First start; the horizon for those that never started."""
    finish_s: Ints
    """The horizon for those that have not finished."""

    @classmethod
    def of(cls, world: World, plan: Plan, records: Records) -> Self:
        """Read the lives off the records."""
        a, jobs = records.attempts, len(world.jobs)
        start_s, finish_s = np.full((2, jobs), plan.horizon_s, dtype=np.int64)
        first, last = a.attempt == 0, a.outcome == Outcome.FINISHED
        start_s[a.job[first]] = a.start_s[first]
        finish_s[a.job[last]] = a.end_s[last]
        started, finished, cut_off = np.zeros((3, jobs), dtype=np.bool_)
        started[a.job], finished[a.job[last]] = True, True
        cut_off[a.job[a.outcome == Outcome.CUT_OFF]] = True
        return cls(_refused(world.jobs, plan, records), started, finished, cut_off, start_s, finish_s)


def training_metrics(
    world: World, plan: Plan, records: Records, leases: Leases, lives: Lives
) -> dict[str, float]:
    """The metrics of this module."""
    found = _of_jobs(world.jobs, plan, records.attempts, lives, np.ones(len(world.jobs), dtype=np.bool_))
    for workload, training in enumerate(plan.trainings):
        own = _of_jobs(world.jobs, plan, records.attempts, lives, world.jobs.workload == workload)
        found |= {f"{metric}:{training.name}": value for metric, value in own.items()}
    names = workload_names(plan)
    for metric, outcome in (("reclaims", Outcome.RECLAIMED), ("failures", Outcome.FAILED)):
        ended = np.bincount(leases.workload[leases.outcome == outcome], minlength=len(names))
        found |= {metric: float(ended.sum())} | each(metric, names, ended.tolist())
    return found


def training_states(world: World, plan: Plan, records: Records, lives: Lives) -> list[State]:
    """Whether each training workload's pools kept up with it.

    Compared are the work [accelerator-s on reference accelerators] that waits at the horizon, that which waited when two
    thirds of it had passed, and what the workload got done in an average week (in a third of the horizon where that is
    shorter). OVERLOADED: more than that week's work waits, and more than at two thirds. BACKLOGGED: more than a week's
    work waited at one of the two moments. STABLE otherwise. Jobs that hold a lease do not wait; refused ones are left out.
    """
    jobs, a, horizon_s = world.jobs, records.attempts, plan.horizon_s
    workloads = len(plan.trainings)
    progress = reference_s(plan, jobs, a)
    done = sum_by(jobs.workload[a.job], jobs.accelerators[a.job] * progress, workloads)
    then = _waiting_work(jobs, a, lives, progress, workloads, 2 * horizon_s // 3)
    now = _waiting_work(jobs, a, lives, progress, workloads, horizon_s)
    usual = done * (min(7 * DAY_S, horizon_s / 3) / horizon_s)
    return [_state(*row) for row in zip(usual.tolist(), then.tolist(), now.tolist(), strict=True)]


def reference_s(plan: Plan, jobs: Jobs, attempts: Attempts) -> Ints:
    """Useful time of each attempt in terms of the job's `work_s`: at the speed of a reference accelerator."""
    speed_ppm = np.zeros((len(plan.trainings), len(plan.pools)), dtype=np.int64)
    for workload, training in enumerate(plan.trainings):
        for option in training.options:
            speed_ppm[workload, option.pool] = option.speed_ppm
    return useful_s(attempts) * speed_ppm[jobs.workload[attempts.job], attempts.pool] // MILLION


def _refused(jobs: Jobs, plan: Plan, records: Records) -> Flags:
    """The jobs that every option of their workload refused as larger than the pool can ever be."""
    r = records.refusals
    never = (r.kind == Kind.JOB) & (r.reason == Reason.NEVER_FITS)
    refusals = np.bincount(r.entity[never], minlength=len(jobs))
    options = np.array([len(training.options) for training in plan.trainings], dtype=np.int64)
    return refusals == options[jobs.workload]


def _of_jobs(jobs: Jobs, plan: Plan, attempts: Attempts, lives: Lives, chosen: Flags) -> dict[str, float]:
    """The metrics of some of the jobs."""
    queued = chosen & ~lives.refused
    started = np.count_nonzero(lives.started & chosen)
    mine = chosen[attempts.job]
    gang = jobs.accelerators[attempts.job]
    wait_s = (lives.start_s - jobs.submit_s)[queued]
    slowdown = (lives.finish_s - jobs.submit_s)[queued] / np.maximum(jobs.work_s[queued], 1)
    waited_s = np.where(queued, lives.finish_s - jobs.submit_s, 0)
    held_s = np.where(mine, attempts.end_s - attempts.start_s, 0)
    accelerator_s = (waited_s * jobs.accelerators).sum() - (held_s * gang).sum()
    return {
        "jobs_submitted": float(np.count_nonzero(chosen)),
        "jobs_finished": float(np.count_nonzero(lives.finished & chosen)),
        "jobs_unfinished": float(np.count_nonzero(queued & ~lives.finished)),
        "jobs_refused": float(np.count_nonzero(lives.refused & chosen)),
        "deadline_miss_share": _deadline_miss_share(jobs, plan, lives, chosen),
        "never_started_share": ratio(np.count_nonzero(queued & ~lives.started), np.count_nonzero(queued)),
        "wait_s_mean": ratio(wait_s.sum(), len(wait_s)),
        "wait_s_p50": quantile(wait_s, 0.5),
        "wait_s_p95": quantile(wait_s, 0.95),
        "slowdown_p95": quantile(slowdown, 0.95),
        "jobs_waiting_mean": ratio(waited_s.sum() - held_s.sum(), plan.horizon_s),
        "accelerators_waiting_mean": ratio(accelerator_s, plan.horizon_s),
        "attempts_per_job": ratio(np.count_nonzero(mine), started),
        "lost_accelerator_h": float((gang * undone_s(attempts))[mine].sum()) / HOUR_S,
    }


def _deadline_miss_share(jobs: Jobs, plan: Plan, lives: Lives, chosen: Flags) -> float:
    after_s = np.array([training.deadline_s for training in plan.trainings], dtype=np.int64)
    deadline_s = jobs.submit_s + after_s[jobs.workload]
    due = chosen & (deadline_s < plan.horizon_s)
    in_time = lives.finished & (lives.finish_s <= deadline_s)
    return ratio(np.count_nonzero(due & ~in_time), np.count_nonzero(due))


def _waiting_work(
    jobs: Jobs, attempts: Attempts, lives: Lives, progress_s: Ints, workloads: int, time_s: int
) -> Ints:
    """Work left to the jobs that wait at `time_s`, by workload [accelerator-s on reference accelerators]."""
    ended = attempts.end_s <= time_s
    left_s = jobs.work_s - sum_by(attempts.job[ended], progress_s[ended], len(jobs))
    waiting = ~lives.refused & (jobs.submit_s <= time_s) & ~(lives.finished & (lives.finish_s <= time_s))
    waiting[attempts.job[~ended & (attempts.start_s <= time_s)]] = False
    waiting[lives.cut_off & (lives.start_s > time_s)] = waiting[lives.cut_off & (lives.start_s > time_s)]
    return sum_by(jobs.workload[waiting], (jobs.accelerators * left_s)[waiting], workloads)


def _state(usual: float, then: float, now: float) -> State:
    if now > usual and now > then:
        return State.OVERLOADED
    return State.BACKLOGGED if max(now, then) > usual else State.STABLE
