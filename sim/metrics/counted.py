"""What is counted once for all metrics and series of a run."""

from dataclasses import dataclass
from typing import Self

from sim.metrics.leases import Leases
from sim.metrics.training import Lives
from sim.policies.plan import Plan
from sim.records import Records
from sim.world.world import World


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The jobs and the leases of a run."""

    lives: Lives
    leases: Leases

    @classmethod
    def of(cls, world: World, plan: Plan, records: Records) -> Self:
        """Look at each job and each lease."""
        lives = Lives.of(world, plan, records)
        return cls(lives, Leases.of(world, plan, records, lives.refused))
