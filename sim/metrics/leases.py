"""All leases of a run in one table: the attempts of jobs, then the replicas of services."""

from dataclasses import dataclass

import numpy as np

from sim.metrics.integrals import Ints
from sim.policies.plan import Plan
from sim.records import Attempts, Outcome, Records
from sim.world.world import World


@dataclass(frozen=True, slots=True, eq=False)
class Leases:
    """One row for each lease; `workload` counts the plan's trainings first, then its services."""

    workload: Ints
    pool: Ints
    leased: Ints
    gang: Ints
    """The accelerators that work is done on; more are leased where a gang takes whole nodes."""
    start_s: Ints
    end_s: Ints
    outcome: Ints

    @property
    def leased_s(self) -> Ints:
        """What each lease leased, [accelerator-s]."""
        return self.leased * (self.end_s - self.start_s)


def leases_of(world: World, plan: Plan, records: Records) -> Leases:
    """The leases of a run."""
    a, r = records.attempts, records.replicas
    copy = np.array([service.accelerators for service in plan.services], dtype=np.int64)
    return Leases(
        np.concatenate((world.jobs.workload[a.job], r.service + len(plan.trainings))),
        np.concatenate((a.pool, r.pool)),
        np.concatenate((a.leased, r.leased)),
        np.concatenate((world.jobs.accelerators[a.job], copy[r.service])),
        np.concatenate((a.start_s, r.start_s)),
        np.concatenate((a.end_s, r.end_s)),
        np.concatenate((a.outcome, r.outcome)),
    )


def workload_names(plan: Plan) -> list[str]:
    """The names that `Leases.workload` counts."""
    return [*(training.name for training in plan.trainings), *(service.name for service in plan.services)]


def undone_s(attempts: Attempts) -> Ints:
    """Time of each attempt on work that a reclaim or a failure undid; what the horizon cut off is not."""
    interrupted = (attempts.outcome == Outcome.RECLAIMED) | (attempts.outcome == Outcome.FAILED)
    return np.where(interrupted, attempts.lost_s, 0)


def useful_s(attempts: Attempts) -> Ints:
    """Time of each attempt on work that counts or that was still under way at the horizon."""
    return attempts.kept_s + attempts.lost_s - undone_s(attempts)
