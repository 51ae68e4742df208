"""What a run cost: totals of the ledger, present values, and the price of what was achieved."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from sim.calendar import YEAR_S
from sim.ledger.postings import MICRO, SPREAD_LATER, Category
from sim.metrics.definitions import BY_SERVICE, WHOLE, Better, Definition, each
from sim.metrics.facts import CostFacts, ServiceFacts
from sim.metrics.integrals import Floats, Ints, ratio
from sim.metrics.leases import workload_names
from sim.metrics.usage import HOUR_S
from sim.policies.plan import Plan

DEFINITIONS = (
    Definition(
        "cost_usd", "USD", Better.LOWER,
        "What the ledger adds up to over the horizon, in the scenario's currency; owned hardware by "
        "straight-line amortisation down to its resale value. By workload: what was posted for it, and its "
        "share of what the pools that it leased from cost in common, by leased accelerator-time. What "
        "belongs to no pool and no workload, such as staff, is in neither.",
        (WHOLE, ":category.{category}", ":workload.{workload}", ":pool.{pool}"),
    ),
    Definition(
        "cost_usd_per_year", "USD/year", Better.LOWER,
        "Cost x 365 days / horizon.",
    ),
    Definition(
        "npv_usd", "USD", Better.LOWER,
        "Present value of the cost at the start: each calendar month's discounted at the scenario's discount "
        "rate from the month's end, and the last month's from the horizon.",
    ),
    Definition(
        "cost_usd_per_useful_accelerator_h", "USD/accelerator-hour", Better.LOWER,
        "Whole cost / useful accelerator-hours.",
    ),
    Definition(
        "cost_usd_per_million_requests", "USD/million requests", Better.LOWER,
        "Cost of the service's workload (`cost_usd:workload.`) / million requests that it served.",
        (BY_SERVICE,),
    ),
)  # fmt: skip
CATEGORIES = tuple(category.name.lower() for category in Category if category not in SPREAD_LATER)


def cost_metrics(
    plan: Plan,
    costs: CostFacts,
    services: Sequence[ServiceFacts],
    useful_accelerator_s: float,
    npv_usd: float,
) -> dict[str, float]:
    """The metrics of this module. Raises AssertionError where parts do not add up or have unknown names."""
    for parts in (costs.by_category.values(), costs.by_month):
        assert sum(parts) == costs.total_micro, (
            f"parts {list(parts)} of a total of {costs.total_micro} micro-USD"
        )
    workloads, pools = workload_names(plan), [pool.path for pool in plan.pools]
    total_usd = costs.total_micro / MICRO
    names = [service.name for service in plan.services]
    per_request = [
        ratio(costs.by_workload.get(name, 0), facts.served.sum())
        for name, facts in zip(names, services, strict=True)
    ]
    return {
        "cost_usd": total_usd,
        "cost_usd_per_year": total_usd * YEAR_S / plan.horizon_s,
        "npv_usd": npv_usd,
        "cost_usd_per_useful_accelerator_h": ratio(total_usd * HOUR_S, useful_accelerator_s),
        **_parts("category", CATEGORIES, costs.by_category),
        **_parts("workload", workloads, costs.by_workload),
        **_parts("pool", pools, costs.by_pool),
        # micro-USD per request are USD per million requests
        **each("cost_usd_per_million_requests", names, per_request),
    }


def present_value_usd(by_month: Sequence[int], month_edges: Ints, discount_rate: float) -> float:
    """The value at the start [USD] of each month's costs [micro-USD], paid at its end.

    The last month ends at the horizon, also where the calendar's goes on: nothing later is ours, so what has
    come until then is due then. sum(cost / (1 + discount rate) ** (end / year)); a year has 365 days.
    """
    months = len(month_edges) - 1
    assert len(by_month) == months, f"costs of {len(by_month)} months, the horizon has {months}"
    costs: Floats = np.array(by_month, dtype=np.float64)
    return float(np.sum(costs * (1.0 + discount_rate) ** (-month_edges[1:] / YEAR_S))) / MICRO


def _parts(kind: str, names: Collection[str], micro: Mapping[str, int]) -> dict[str, float]:
    unknown = sorted(set(micro) - set(names))
    assert not unknown, f"costs by {kind} of {unknown}; known are {list(names)}"
    return {f"cost_usd:{kind}.{name}": micro.get(name, 0) / MICRO for name in names}
