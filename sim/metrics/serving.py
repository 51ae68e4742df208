"""How services kept their promises: violations, saturation, response times."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sim.metrics.definitions import BY_SERVICE, WHOLE, Better, Definition
from sim.metrics.facts import ServiceFacts
from sim.metrics.integrals import Floats, Ints, first_intervals, ratio
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
    """The metrics of this module. Raises AssertionError where a service of the plan has no facts."""
    known = [facts.service for facts in services]
    assert known == list(range(len(plan.services))), (
        f"facts of the services {known}, the plan has {len(plan.services)}"
    )
    totals = [_totals(facts) for facts in services]
    found = _of_requests({name: sum(total[name] for total in totals) for name in TOTALS})
    for facts, total in zip(services, totals, strict=True):
        name = plan.services[facts.service].name
        workload = scenario.workloads[name]
        assert isinstance(workload, Inference), f"{name} is no service"
        own = _of_requests(total) | _of_intervals(facts, plan, workload.slo.share, month_edges)
        found |= {f"{metric}:{name}": value for metric, value in own.items()}
    return found


def interval_lengths(plan: Plan, intervals: int) -> Ints:
    """The length of each interval, [s]; the last ends at the horizon."""
    edges = np.minimum(np.arange(intervals + 1) * plan.interval_s, plan.horizon_s)
    return np.diff(edges)


def worst_median(values: Floats, weights: Floats, first: Ints) -> float:
    """The highest weighted median of the groups of values that begin at `first`; NaN without any weight.

    A group's weighted median is its smallest value that half of its weight does not exceed. Only groups in
    which more than half of the weight lies above the highest median so far are sorted.
    """
    weight = np.where(np.isnan(values), 0.0, weights)
    total = np.add.reduceat(weight, first)
    last = np.append(first[1:], len(values))
    worst = -np.inf
    while True:
        above = np.add.reduceat(np.where(values > worst, weight, 0.0), first)
        share = np.divide(above, total, out=np.zeros(len(first)), where=total > 0)
        group = int(np.argmax(share))
        if share[group] <= 0.5:
            break
        part = slice(first[group], last[group])
        median = weighted_median(values[part], weight[part])
        if median <= worst:  # the two sums of the same weights may differ in their last digit
            break
        worst = median
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
    length_s = interval_lengths(plan, len(facts.offered))
    missed = facts.violated + facts.abandoned
    p99_s = worst_median(facts.p99_s, facts.offered, first_intervals(plan.interval_s, month_edges))
    offered = float(facts.offered.sum())
    return {
        "slo_violation_minutes": float(length_s[_broken(missed, facts.offered, promised)].sum()) / MINUTE_S,
        "slo_met": float(1.0 - ratio(missed.sum(), offered) >= promised) if offered else np.nan,
        "request_p99_s": p99_s if np.isfinite(p99_s) else np.nan,
        "saturated_share": _time_share(facts.offered > facts.capacity, length_s),
    }


def _broken(missed: Floats, offered: Floats, promised: float) -> NDArray[np.bool_]:
    """Where less than the promised share was answered within the SLO, in the same arithmetic as `slo_met`."""
    nobody_asked = np.where(missed > 0.0, np.inf, 0.0)
    return 1.0 - np.divide(missed, offered, out=nobody_asked, where=offered > 0.0) < promised


def _time_share(holds: NDArray[np.bool_], length_s: Ints) -> float:
    return ratio(length_s[holds].sum(), length_s.sum())
