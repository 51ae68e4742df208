"""Worlds: `sample(scenario, seed, run) -> World`. Every random number of the program is drawn here."""

from sim.world.sample import sample
from sim.world.world import World

__all__ = ["World", "sample"]
