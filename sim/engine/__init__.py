"""Engines: `run(world, plan) -> Records`, everything that happens when a plan meets a world.

The SimPy engine is the model, as processes that read like the real thing: `clock` states the order of
simultaneous events, `pools` count accelerators, `queue` gives them out, `training`, `inference`, `supply` and
`staging` are the processes, `log` collects what they leave behind, `simpy` starts and closes. The compiled
engine (`sim.engine.compiled`) leaves the same records, bit for bit, tens of times sooner.
"""

from sim.engine.choice import Engine, run, why_simpy

__all__ = ["Engine", "run", "why_simpy"]
