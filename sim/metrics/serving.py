"""How services kept their promises: violations, saturation, response times."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sim.metrics.definitions import BY_SERVICE, WHOLE, Better, Definition
from sim.metrics.facts import ServiceFacts
from sim.metrics.integrals import Floats, Ints, first_intervals, ratio
from sim.policies.plan import Plan
from sim.scenario.model import Scenario
from sim.scenario.workloads import Inference

MINUTE_S = 60
GLANCE = 16
"""One interval in so many is looked at to guess which month is the worst."""

DEFINITIONS = (
    Definition(
        "requests", "requests", Better.NEITHER,
        "Requests that users sent.",
        (WHOLE, BY_SERVICE),
    ),
    Definition(
        "requests_served", "requests", Better.HIGHER,
        "Requests that were answered, late or not.",
        (WHOLE, BY_SERVICE),
    ),
    Definition(
        "requests_waiting_at_end", "requests", Better.LOWER,
        "Requests still without an answer at the horizon; no other metric counts them as violated or "
        "abandoned.",
        (WHOLE, BY_SERVICE),
    ),
    Definition(
        "slo_violation_share", "share", Better.LOWER,
        "Requests answered outside the SLO or abandoned / requests sent, over all services or of one.",
        (WHOLE, BY_SERVICE),
    ),
    Definition(
        "slo_violation_share_error", "share", Better.LOWER,
        "By how much slo_violation_share may be off because the latency surface is an estimate: the error of "
        "what was read, over requests sent.",
        (BY_SERVICE,),
    ),
    Definition(
        "abandoned_share", "share", Better.LOWER,
        "Requests abandoned / requests sent.",
        (WHOLE, BY_SERVICE),
    ),
    Definition(
        "slo_violation_minutes", "min", Better.LOWER,
        "Length of the intervals in which more requests than 1 - the SLO's share were violated or "
        "abandoned.",
        (BY_SERVICE,),
    ),
    Definition(
        "slo_met", "1 or 0", Better.HIGHER,
        "1 where the SLO's share was reached over the whole run; its mean over runs is a probability.",
        (BY_SERVICE,),
    ),
    Definition(
        "request_p99_s", "s", Better.LOWER,
        "99th percentile of what the SLO speaks of, in the worst month: half of that month's requests came "
        "in intervals whose p99 was no longer. NaN where it has no bound because the service was saturated "
        "for them.",
        (BY_SERVICE,),
    ),
    Definition(
        "saturated_share", "share", Better.LOWER,
        "Share of the time in which more requests were sent than the ready replicas could answer.",
        (BY_SERVICE,),
    ),
)  # fmt: skip


def service_metrics(
    scenario: Scenario, plan: Plan, services: Sequence[ServiceFacts], month_edges: Ints
) -> dict[str, float]:
    """The metrics of this module; `services` holds facts for each service of the plan, in its order."""
    totals = [_totals(facts) for facts in services]
    found = _of_requests({name: sum(total[name] for total in totals) for name in TOTALS})
    for name, facts, total in zip((s.name for s in plan.services), services, totals, strict=True):
        workload = scenario.workloads[name]
        assert isinstance(workload, Inference), f"{name} is no service"
        own = _of_requests(total) | _of_intervals(facts, plan, workload.slo.share, month_edges)
        found |= {f"{metric}:{name}": value for metric, value in own.items()}
    return found


def worst_median(values: Floats, weights: Floats, first: Ints) -> float:
    """The highest weighted median of the groups of values that begin at `first`; NaN without any weight.

    Values that are NaN are left out. A group is sorted only if more than half of its weight lies above the
    highest median so far; those that look worst at a glance come first.
    """
    groups = [slice(*ends) for ends in pairwise([*first.tolist(), len(values)])]
    looks = [np.sort(values[group][::GLANCE]) for group in groups]
    worst = -np.inf
    for n in np.argsort([-some[len(some) // 2] for some in looks]).tolist():
        known = ~np.isnan(values[groups[n]])
        value, weight = values[groups[n]][known], weights[groups[n]][known]
        if weight[value > worst].sum() > weight.sum() / 2:
            worst = weighted_median(value, weight)
    return worst if worst > -np.inf else np.nan


def weighted_median(values: Floats, weights: Floats) -> float:
    """The smallest value that at least half of the weight does not exceed."""
    order = np.argsort(values)
    running = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(running, running[-1] / 2)]])


TOTALS = ("offered", "served", "violated", "abandoned", "waiting")


def _totals(facts: ServiceFacts) -> dict[str, float]:
    return {
        "offered": facts.offered.sum(),
        "served": facts.served.sum(),
        "violated": facts.violated.sum(),
        "abandoned": facts.abandoned.sum(),
        "waiting": facts.backlog_end[-1],
    }


def _of_requests(total: Mapping[str, float]) -> dict[str, float]:
    return {
        "requests": float(total["offered"]),
        "requests_served": float(total["served"]),
        "requests_waiting_at_end": float(total["waiting"]),
        "slo_violation_share": ratio(total["violated"] + total["abandoned"], total["offered"]),
        "abandoned_share": ratio(total["abandoned"], total["offered"]),
    }


def _of_intervals(facts: ServiceFacts, plan: Plan, promised: float, month_edges: Ints) -> dict[str, float]:
    """What depends on when requests came; `promised` is the share of requests that the SLO speaks of."""
    missed, offered = facts.violated + facts.abandoned, facts.offered.sum()
    p99_s = worst_median(facts.p99_s, facts.offered, first_intervals(plan.interval_s, month_edges))
    broken = missed > facts.offered - promised * facts.offered
    return {
        "slo_violation_share_error": ratio(facts.unsure, float(offered)),
        "slo_violation_minutes": _length_s(broken, plan) / MINUTE_S,
        "slo_met": float(missed.sum() <= offered - promised * offered) if offered else np.nan,
        "request_p99_s": p99_s if np.isfinite(p99_s) else np.nan,
        "saturated_share": _length_s(facts.offered > facts.capacity, plan) / plan.horizon_s,
    }


def _length_s(holds: NDArray[np.bool_], plan: Plan) -> int:
    """How long something holds that holds in some of the intervals; the last of all ends at the horizon."""
    beyond_s = len(holds) * plan.interval_s - plan.horizon_s
    return int(np.count_nonzero(holds)) * plan.interval_s - beyond_s * int(holds[-1])
