"""Whether the pools kept up: a workload that falls behind is said to, whatever its mean queue."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from sim.calendar import DAY_S
from sim.metrics.definitions import BY_WORKLOAD, WHOLE, Better, Definition
from sim.metrics.integrals import Ints, ratio, sum_by
from sim.metrics.leases import useful_s
from sim.metrics.training import Lives
from sim.policies.plan import Plan
from sim.records import Attempts, Outcome, Records
from sim.world.world import Jobs, World

MILLION = 1_000_000

DEFINITIONS = (
    Definition(
        "state", "code", Better.LOWER,
        "Whether the pools kept up with the workload: 0 STABLE, 1 BACKLOGGED (for a time that matters), 2 "
        "OVERLOADED (falling further behind, so that waits and costs would depend on the horizon); "
        "docs/model.md says from where on.",
        (BY_WORKLOAD,),
    ),
    Definition(
        "stable", "1 or 0", Better.HIGHER,
        "1 where the state is STABLE, of the run where all of its workloads are; its mean over runs is a "
        "probability.",
        (WHOLE, BY_WORKLOAD),
    ),
    Definition(
        "overloaded", "1 or 0", Better.LOWER,
        "1 where the state is OVERLOADED; its mean over runs is a probability.",
        (BY_WORKLOAD,),
    ),
    Definition(
        "overloaded_share", "share", Better.LOWER,
        "Share of the run's workloads that are OVERLOADED.",
    ),
)  # fmt: skip


class State(IntEnum):
    """Whether a workload's pools keep up with it."""

    STABLE = 0
    BACKLOGGED = 1
    OVERLOADED = 2


def state_metrics(names: Sequence[str], states: Sequence[State]) -> dict[str, float]:
    """The metrics of this module, given the state of each of the run's workloads."""
    found = {"stable": float(all(state is State.STABLE for state in states)) if states else np.nan}
    for name, state in zip(names, states, strict=True):
        found |= {f"state:{name}": float(state), f"stable:{name}": float(state is State.STABLE)}
        found[f"overloaded:{name}"] = float(state is State.OVERLOADED)
    return found | {
        "overloaded_share": ratio(sum(state is State.OVERLOADED for state in states), len(states))
    }


def training_states(world: World, plan: Plan, records: Records, lives: Lives) -> list[State]:
    """Whether each training workload's pools kept up with it.

    Compared are the work [accelerator-s on reference accelerators] that waits at the horizon, that which
    waited when two thirds of it had passed, and what the workload got done in an average week (in a third of
    the horizon where that is shorter). OVERLOADED: more than that week's work waits, and more than at two
    thirds. BACKLOGGED: more than a week's work waited at one of the two moments. STABLE otherwise. Jobs that
    hold a lease do not wait; refused ones are left out.
    """
    jobs, a, horizon_s = world.jobs, records.attempts, plan.horizon_s
    workloads = len(plan.trainings)
    progress = reference_s(plan, jobs, a)
    done = sum_by(jobs.workload[a.job], jobs.accelerators[a.job] * progress, workloads)
    usual = done * (min(7 * DAY_S, horizon_s / 3) / horizon_s)
    then, now = (
        sum_by(jobs.workload, _waiting_work(jobs, a, lives, progress, time_s), workloads)
        for time_s in (2 * horizon_s // 3, horizon_s)
    )
    return [_state(*row) for row in zip(usual.tolist(), then.tolist(), now.tolist(), strict=True)]


def reference_s(plan: Plan, jobs: Jobs, attempts: Attempts) -> Ints:
    """Useful time of each attempt in terms of the job's `work_s`: at the speed of a reference accelerator."""
    speed_ppm = np.zeros((len(plan.trainings), len(plan.pools)), dtype=np.int64)
    for workload, training in enumerate(plan.trainings):
        for option in training.options:
            speed_ppm[workload, option.pool] = option.speed_ppm
    return useful_s(attempts) * speed_ppm[jobs.workload[attempts.job], attempts.pool] // MILLION


def _waiting_work(jobs: Jobs, attempts: Attempts, lives: Lives, progress_s: Ints, time_s: int) -> Ints:
    """Work left to each job that waits at `time_s`, else 0: [accelerator-s on reference accelerators]."""
    ended = (attempts.end_s <= time_s) & (attempts.outcome != Outcome.CUT_OFF)
    left_s = jobs.work_s - sum_by(attempts.job[ended], progress_s[ended], len(jobs))
    waiting = ~lives.refused & (jobs.submit_s <= time_s) & ~(lives.finished & (lives.finish_s <= time_s))
    waiting[attempts.job[~ended & (attempts.start_s <= time_s)]] = False
    return np.where(waiting, jobs.accelerators * left_s, 0)


def _state(usual: float, then: float, now: float) -> State:
    if now > usual and now > then:
        return State.OVERLOADED
    return State.BACKLOGGED if max(now, then) > usual else State.STABLE
