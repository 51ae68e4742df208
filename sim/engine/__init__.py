"""The SimPy engine: the model, as processes that read like the real thing.

    run(world, plan) -> Records

`clock` states the order of simultaneous events, `pools` count accelerators, `queue` gives them out,
`training`, `inference`, `supply` and `staging` are the processes, `log` collects what they leave behind.
"""

from sim.engine.run import run

__all__ = ["run"]
