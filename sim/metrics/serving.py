"""How services kept their promises: violations, saturation, response times."""

from collections.abc import Mapping, Sequence

import numpy as np

from sim.metrics.definitions import BY_SERVICE, WHOLE, Better, Definition
from sim.metrics.facts import ServiceFacts
from sim.metrics.integrals import Floats, ratio
from sim.policies.plan import Plan
from sim.scenario.model import Scenario
from sim.scenario.workloads import Inference

MINUTE_S = 60

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
        "answered_elsewhere_share", "share", Better.NEITHER,
        "Requests answered at another site than the first choice of those who sent them / requests answered; "
        "0 where no strategy's `route` gives a choice.",
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
        "error_budget_used", "share", Better.LOWER,
        "Violated and abandoned requests / those that the SLO allows, 1 - its share of all: above 1 the "
        "budget is overdrawn.",
        (BY_SERVICE,),
    ),
    Definition(
        "error_budget_used_worst_month", "share", Better.LOWER,
        "The error_budget_used of the calendar month in which it is highest; months count as far as the "
        "horizon holds them.",
        (BY_SERVICE,),
    ),
    Definition(
        "months_over_budget_share", "share", Better.LOWER,
        "Share of the months with requests whose error budget is overdrawn.",
        (BY_SERVICE,),
    ),
    Definition(
        "stable_demand_share", "share", Better.HIGHER,
        "Requests that could be answered / requests sent, in the month where that is lowest: below 1, the "
        "share of its demand at which an OVERLOADED service would be stable with the replicas it had.",
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


def service_metrics(scenario: Scenario, plan: Plan, services: Sequence[ServiceFacts]) -> dict[str, float]:
    """The metrics of this module; `services` holds facts for each service of the plan, in its order."""
    totals = [_totals(facts) for facts in services]
    found = _of_requests({name: sum(total[name] for total in totals) for name in TOTALS})
    for name, facts, total in zip((s.name for s in plan.services), services, totals, strict=True):
        workload = scenario.workloads[name]
        assert isinstance(workload, Inference), f"{name} is no service"
        own = _of_requests(total) | _of_intervals(facts, total, plan, workload.slo.share)
        found |= {f"{metric}:{name}": value for metric, value in own.items()}
    return found


TOTALS = ("offered", "served", "violated", "abandoned", "waiting")


def _totals(facts: ServiceFacts) -> dict[str, float]:
    return {
        "offered": float(facts.offered.sum()),
        "served": float(facts.served.sum()),
        "violated": float(facts.violated.sum()),
        "abandoned": float(facts.abandoned.sum()),
        "waiting": facts.waiting,
    }


def _of_requests(total: Mapping[str, float]) -> dict[str, float]:
    return {
        "requests": total["offered"],
        "requests_served": total["served"],
        "requests_waiting_at_end": total["waiting"],
        "slo_violation_share": ratio(total["violated"] + total["abandoned"], total["offered"]),
        "abandoned_share": ratio(total["abandoned"], total["offered"]),
    }


def _of_intervals(
    facts: ServiceFacts, total: Mapping[str, float], plan: Plan, promised: float
) -> dict[str, float]:
    """What depends on when requests came; `promised` is the share of requests that the SLO speaks of."""
    missed, offered = total["violated"] + total["abandoned"], total["offered"]
    return {
        "slo_violation_share_error": ratio(facts.unsure, offered),
        "answered_elsewhere_share": ratio(facts.elsewhere, total["served"]),
        "slo_violation_minutes": facts.broken_s / MINUTE_S,
        **_of_months(facts, promised),
        "slo_met": float(missed <= offered - promised * offered) if offered else np.nan,
        "request_p99_s": facts.p99_s if np.isfinite(facts.p99_s) else np.nan,
        "saturated_share": facts.saturated_s / plan.horizon_s,
    }


def _of_months(facts: ServiceFacts, promised: float) -> dict[str, float]:
    """What is judged month by month, in those in which anybody asked."""
    missed, asked = facts.violated + facts.abandoned, facts.offered > 0.0
    used, over = budget_used(facts, promised), missed > facts.offered - promised * facts.offered
    enough = facts.capacity[asked] / facts.offered[asked]
    return {
        "error_budget_used": ratio(missed.sum(), (1.0 - promised) * facts.offered.sum()),
        "error_budget_used_worst_month": max(used[~np.isnan(used)].tolist(), default=np.nan),
        "months_over_budget_share": ratio(np.count_nonzero(over), np.count_nonzero(asked)),
        "stable_demand_share": min(enough.tolist(), default=np.nan),
    }


def budget_used(facts: ServiceFacts, promised: float) -> Floats:
    """By month: requests violated or abandoned / those that the SLO allows; NaN where it allows none."""
    allowed = (1.0 - promised) * facts.offered
    used = np.full(len(allowed), np.nan)
    np.divide(facts.violated + facts.abandoned, allowed, out=used, where=allowed > 0.0)
    return used
