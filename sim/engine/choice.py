"""Which engine runs: the compiled one; SimPy where a plan is too much for that, or where the user says so."""

from enum import StrEnum

from sim.engine.simpy import run as run_simpy
from sim.policies.plan import Plan
from sim.records import Records
from sim.world.world import World


class Engine(StrEnum):
    """What the user may ask for."""

    AUTO = "auto"
    SIMPY = "simpy"
    COMPILED = "compiled"


def run(world: World, plan: Plan, engine: Engine = Engine.AUTO) -> Records:
    """Everything that happens when `plan` meets `world`, from 0 to the horizon; the same from either engine.

    Raises OverflowError where the compiled engine is asked for and the plan is too much for it.
    """
    if engine is Engine.SIMPY:
        return run_simpy(world, plan)
    from sim.engine import compiled

    reason = compiled.too_much(plan, len(world.jobs))
    if reason is None:
        return compiled.run(world, plan)
    if engine is Engine.COMPILED:
        raise OverflowError(f"the compiled engine cannot run {plan.strategy}: {reason}")
    return run_simpy(world, plan)


def why_simpy(plan: Plan) -> str | None:
    """Why the SimPy engine has to run a plan, as far as that shows without a world; None if it need not."""
    from sim.engine import compiled

    return compiled.too_much(plan, jobs=0)
