"""How old the hardware is that we own."""

from sim.ledger.hardware import life_ends_s
from sim.metrics.definitions import BY_OWNED_POOL, WHOLE, Better, Definition, each
from sim.metrics.integrals import ratio
from sim.policies.plan import Plan
from sim.records import Records
from sim.scenario.model import Scenario
from sim.scenario.sites import OwnedPool

DEFINITIONS = (
    Definition(
        "beyond_life_share", "share", Better.NEITHER,
        "Share of the time of the nodes that were owned which lay beyond their `life`: what works then costs "
        "no amortisation any more, and nothing stands in the cost for what will replace it.",
        (WHOLE, BY_OWNED_POOL),
    ),
)  # fmt: skip


def hardware_metrics(scenario: Scenario, plan: Plan, records: Records) -> dict[str, float]:
    """The metrics of this module; the scenario is realised."""
    facts, nodes = scenario.pools(), records.nodes
    old_s: dict[str, int] = {}
    owned_s: dict[str, int] = {}
    for index, path in enumerate(pool.path for pool in plan.pools):
        pool = facts[path]
        if isinstance(pool, OwnedPool):
            ends_s = life_ends_s(nodes, index, pool, plan.horizon_s)
            old_s[path] = int((plan.horizon_s - ends_s).sum())
            owned_s[path] = int((plan.horizon_s - nodes.from_s[nodes.pool == index]).sum())
    shares = [ratio(old_s[path], owned_s[path]) for path in owned_s]
    whole = ratio(sum(old_s.values()), sum(owned_s.values()))
    return {"beyond_life_share": whole} | each("beyond_life_share", list(owned_s), shares)
