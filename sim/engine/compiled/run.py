"""One run of the compiled engine: Python gives room and draws, the kernel does the rest."""

from dataclasses import replace

from sim.engine.compiled.calendar import LATEST_S, MOST_ID
from sim.engine.compiled.draws import ENTITY_BITS, DrawTable
from sim.engine.compiled.layout import Memory
from sim.engine.compiled.loop import DONE, NEEDS_DRAW, advance, begin
from sim.engine.compiled.results import records_of
from sim.engine.compiled.setup import node_places, option_bits, set_up
from sim.memory import Array, keep_freed_memory, rows_for
from sim.policies.plan import SLOTS, Plan
from sim.records import Records
from sim.world.world import World

MOST_OPTIONS = 30
MOST_PER_NODE = 60
"""Both are bits of a number."""
MOST_FLEETS = (1 << ENTITY_BITS) // SLOTS
MOST_NODES = 1 << 20
MOST_ENTRIES = 1 << 30
MOST_ACCELERATOR_S = (1 << 62) // 1_000_000


def too_much(plan: Plan, jobs: int) -> str | None:
    """Why this is too much for the whole numbers of the compiled engine; None where it is not."""
    fleets = max((fleet.number + 1 for fleet in plan.fleets), default=0)
    options = max((len(workload.options) for workload in plan.workloads), default=0)
    size = max((pool.node_accelerators for pool in plan.pools), default=0)
    nodes = [node_places(plan, pool) for pool in plan.pools]
    accelerators = sum(n * pool.node_accelerators for n, pool in zip(nodes, plan.pools, strict=True))
    limits = (
        (plan.horizon_s, LATEST_S, "seconds"),
        (jobs, MOST_ID // 2, "jobs"),
        (fleets, MOST_FLEETS, "sites for which a service scales"),
        (options, MOST_OPTIONS, "pools of a workload"),
        (jobs << option_bits(plan), MOST_ENTRIES, "places in lines"),
        (size, MOST_PER_NODE, "accelerators in a node"),
        (sum(nodes), MOST_NODES, "nodes that may come to stand"),
        (accelerators * plan.horizon_s, MOST_ACCELERATOR_S, "accelerator-seconds"),
    )
    for amount, most, what in limits:
        if amount > most:
            return f"{amount:,} {what}, and {most:,} are the most"
    return None


def run(world: World, plan: Plan) -> Records:
    """Everything that happens when `plan` meets `world`, from 0 to the horizon."""
    keep_freed_memory()
    memory, draws = set_up(world, plan)
    begin(memory)
    while (outcome := advance(memory)) != DONE:
        memory = _more_draws(memory, draws) if outcome == NEEDS_DRAW else _more_room(memory)
    return records_of(memory, plan)


def _more_draws(memory: Memory, draws: DrawTable) -> Memory:
    state = memory.state[0]
    address = (state["needed_stream"], state["needed_entity"], state["needed_attempt"])
    draws.work_out(*map(int, address))
    if memory.draw_keys is draws.keys:
        return memory
    return replace(memory, draw_keys=draws.keys, draw_s=draws.seconds)


def _more_room(memory: Memory) -> Memory:
    """Tables that are half full, twice as large; and room for what one instant may bring to any of them."""
    state = memory.state[0]
    requests, entries = len(memory.requests), len(memory.entries)
    events = 2 * len(memory.events) + entries
    return replace(
        memory,
        events=_longer(memory.events, len(memory.events), events),
        attempts=_longer(memory.attempts, int(state["attempts"]), requests),
        replicas=_longer(memory.replicas, int(state["replicas"]), requests),
        refusals=_longer(memory.refusals, int(state["refusals"]), entries),
        shipments=_longer(memory.shipments, int(state["shipments"]), int(state["shipping"])),
    )


def _longer(rows: Array, used: int, more: int) -> Array:
    if 2 * used < len(rows) and used + 2 * more < len(rows):
        return rows
    longer = rows_for(rows.dtype, 2 * len(rows) + 2 * more)
    longer[:used] = rows[:used]
    return longer
