"""Whether the pools kept up: a workload that falls behind is said to, whatever its mean queue."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from sim.calendar import DAY_S
from sim.jit import constant
from sim.metrics.counted import Counted
from sim.metrics.definitions import BY_WORKLOAD, WHOLE, Better, Definition
from sim.metrics.integrals import ratio
from sim.metrics.kernels import DONE_S, waiting_work
from sim.policies.plan import Plan
from sim.records import Records
from sim.world.world import World

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


def training_states(world: World, plan: Plan, records: Records, counted: Counted) -> list[State]:
    """Whether each training workload's pools kept up with it.

    Compared are the work [accelerator-s on reference accelerators] that waits at the horizon, that which
    waited when two thirds of it had passed, and what the workload got done in an average week (in a third of
    the horizon where that is shorter). OVERLOADED: more than that week's work waits, and more than at two
    thirds. BACKLOGGED: more than a week's work waited at one of the two moments. STABLE otherwise. Jobs that
    hold a lease do not wait; refused ones are left out.
    """
    jobs, a, horizon_s = world.jobs, records.attempts, plan.horizon_s
    lives, leases = counted.lives, counted.leases
    usual = leases.by_jobs[DONE_S].sum(axis=1) * (min(7 * DAY_S, horizon_s / 3) / horizon_s)
    then, now = waiting_work(
        a.job, a.start_s, a.end_s, a.outcome, leases.progress_s, jobs.workload, jobs.accelerators,
        jobs.submit_s, jobs.work_s, lives.refused, lives.told,
        np.array([2 * horizon_s // 3, horizon_s]), constant(len(plan.trainings)),
    )  # fmt: skip
    return [_state(*row) for row in zip(usual.tolist(), then.tolist(), now.tolist(), strict=True)]


def _state(usual: float, then: float, now: float) -> State:
    if now > usual and now > then:
        return State.OVERLOADED
    return State.BACKLOGGED if max(now, then) > usual else State.STABLE
