"""The compiled engine: the twin of the SimPy engine, which leaves the same records bit for bit.

    run(world, plan) -> Records

Only how time advances and how things are stored differ; the rules are those of `sim.policies` (see `rules`).
`layout` names what is remembered, `setup` fills it from a plan and a world, `loop` goes from event to event,
`queue`, `staging` and `pools` do what the modules of the same names do in the SimPy engine, `dispatch` gives
out what is free, `life` has what happens in between, `results` reads the records off.
"""

from sim.engine.compiled.run import run, too_much

__all__ = ["run", "too_much"]
