"""What the leases of a run add up to: the attempts of jobs and the replicas of services."""

import numpy as np

from sim.metrics.integrals import Ints, sum_by
from sim.policies.plan import Plan
from sim.records import Attempts, Outcome, Records, Replicas
from sim.world.world import World


def workload_names(plan: Plan) -> list[str]:
    """The workloads of a plan as they are counted here: its trainings, then its services."""
    return [*(training.name for training in plan.trainings), *(service.name for service in plan.services)]


def leased_s(world: World, plan: Plan, records: Records) -> Ints:
    """What was leased, [accelerator-s]: shape [workloads, pools]."""
    a, r, pools = records.attempts, records.replicas, len(plan.pools)
    trainings, services = len(plan.trainings), len(plan.services)
    by_jobs = sum_by(
        world.jobs.workload[a.job] * pools + a.pool, a.leased * (a.end_s - a.start_s), trainings * pools
    )
    by_replicas = sum_by(r.service * pools + r.pool, r.leased * (r.end_s - r.start_s), services * pools)
    return np.concatenate((by_jobs, by_replicas)).reshape(-1, pools)


def endings(world: World, plan: Plan, records: Records, outcome: Outcome) -> Ints:
    """How many leases ended in this way: shape [workloads]."""
    a, r = records.attempts, records.replicas
    of_jobs = world.jobs.workload[a.job[a.outcome == outcome]]
    of_replicas = r.service[r.outcome == outcome]
    return np.concatenate(
        (
            np.bincount(of_jobs, minlength=len(plan.trainings)),
            np.bincount(of_replicas, minlength=len(plan.services)),
        )
    )


def gang_of(world: World, attempts: Attempts) -> Ints:
    """The accelerators that each attempt works on; more are leased where a gang takes whole nodes."""
    return world.jobs.accelerators[attempts.job]


def replica_gang_of(plan: Plan, replicas: Replicas) -> Ints:
    """The accelerators that each replica works on."""
    return np.array([service.accelerators for service in plan.services], dtype=np.int64)[replicas.service]


def undone_s(attempts: Attempts) -> Ints:
    """Time of each attempt on work that a reclaim or a failure undid; what the horizon cut off is not."""
    interrupted = (attempts.outcome == Outcome.RECLAIMED) | (attempts.outcome == Outcome.FAILED)
    return np.where(interrupted, attempts.lost_s, 0)


def useful_s(attempts: Attempts) -> Ints:
    """Time of each attempt on work that counts or that was still under way at the horizon."""
    return attempts.kept_s + attempts.lost_s - undone_s(attempts)
