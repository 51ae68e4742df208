"""One row for each run: every metric of every module, by name."""

from collections.abc import Sequence

from sim.calendar import month_edges
from sim.metrics.cost import cost_metrics, present_value_usd
from sim.metrics.counted import Counted
from sim.metrics.facts import CostFacts, ServiceFacts
from sim.metrics.hardware import hardware_metrics
from sim.metrics.leases import workload_names
from sim.metrics.procurement import procurement_metrics
from sim.metrics.serving import service_metrics
from sim.metrics.state import State, state_metrics, training_states
from sim.metrics.training import training_metrics
from sim.metrics.usage import pool_usage, usage_metrics
from sim.policies.plan import Plan
from sim.records import Records
from sim.world.world import World


def measure(
    world: World,
    plan: Plan,
    records: Records,
    services: Sequence[ServiceFacts],
    costs: CostFacts,
    counted: Counted,
) -> dict[str, float]:
    """All metrics of a run by name, NaN where undefined; `registry.metric_names` lists them beforehand.

    `services` holds the facts of each service of the plan, in its order. Raises AssertionError where facts
    contradict each other; `check_books` compares the records with themselves. `counted` is what
    `Counted.of` finds in the same records.
    """
    known = [facts.service for facts in services]
    assert known == list(range(len(plan.services))), f"facts of services {known} of {len(plan.services)}"
    edges = month_edges(world.scenario.start, plan.horizon_s)
    usage = pool_usage(plan, records, services, counted.leases)
    npv_usd = present_value_usd(costs.by_month, edges, world.scenario.discount_rate)
    states = [
        *training_states(world, plan, records, counted),
        *(State[facts.state] for facts in services),
    ]
    return {
        **cost_metrics(plan, costs, services, float(usage.useful.sum()), npv_usd),
        **usage_metrics(plan, usage),
        **service_metrics(world.scenario, plan, services),
        **training_metrics(world, plan, counted.lives, counted.leases),
        **procurement_metrics(plan, records),
        **hardware_metrics(world.scenario, plan, records),
        **state_metrics(workload_names(plan), states),
    }
