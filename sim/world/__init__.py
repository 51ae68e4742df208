"""Worlds: `sample(scenario, seed, run) -> World`. Every random number of the program is drawn here."""

from sim.world.sampling import sample
from sim.world.world import World

__all__ = ["World", "sample"]
