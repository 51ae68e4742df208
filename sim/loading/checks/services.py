"""Checks of services: what is promised to users, what fits into memory, shares that make a whole."""

import statistics
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from sim import units
from sim.loading.checks.facts import AnyPool, Facts, median, number, site_of
from sim.loading.checks.sites import whole
from sim.scenario.base import Fault
from sim.scenario.law import allowed_sites
from sim.scenario.requests import Clients
from sim.scenario.serving import LlmPerformance, LlmServing, SingleServing
from sim.scenario.workloads import Inference

MS = 1e-3


def promises(facts: Facts) -> Iterator[Fault]:
    """A promise cannot be kept that is shorter than the way to every pool and a usual answer there."""
    for placement in facts.placements():
        workload = facts.scenario.workloads.get(placement.workload)
        if not isinstance(workload, Inference) or workload.slo.share <= 0.5:
            continue
        key, limit_s = workload.slo.measure, workload.slo.limit_s
        lawful = allowed_sites(facts.scenario, workload)
        paths = [option.pool for option in placement.options if site_of(option.pool) in lawful]
        times_s = [_usual_s(facts, workload, path) for path in paths]
        known_s = [time for time in times_s if time is not None]
        if paths and len(known_s) == len(paths) and min(known_s) > limit_s:
            shown = units.render(float(f"{min(known_s):.3g}"), units.DURATION)
            told = (
                f"without any queue half of the requests take {shown} under the strategy {placement.strategy}"
            )
            yield Fault(("workloads", placement.workload, "slo", key), told)


def _usual_s(facts: Facts, workload: Inference, path: str) -> float | None:
    """Median round trip of the nearest users, and the median time of an answer without a queue, [s]."""
    pool, site = facts.pools.get(path), facts.scenario.sites.get(site_of(path))
    if pool is None or site is None:
        return None
    near = [
        site.access[place] for place, share in workload.users.items() if share > 0 and place in site.access
    ]
    trips_s = [median(trip) for trip in near]
    known_s = [trip for trip in trips_s if trip is not None]
    answer_s = _answer_s(facts, workload, pool)
    if workload.slo.measure == "tpot":
        return answer_s
    if answer_s is None or not known_s or len(known_s) < len(trips_s):
        return None
    return min(known_s) + answer_s


def _answer_s(facts: Facts, workload: Inference, pool: AnyPool) -> float | None:
    """The median time of what is promised on a pool, an answer, its first token, or the next ones [s]."""
    match workload.service:
        case SingleServing() as single:
            time_s, speed = median(single.time), _speed(facts, pool.accelerator, single.reference)
            if time_s is None or not speed:
                return None
            rule = single.batching
            waits_s = rule.delay or 0.0 if rule is not None and rule.max > 1 else 0.0
            return waits_s + time_s / speed
        case LlmServing() as llm:
            gang = str(llm.replica.accelerators)
            measured = facts.scenario.models.get(llm.model, {}).get(pool.accelerator, {}).get(gang)
            if measured is None:
                return None
            if workload.slo.measure == "tpot":
                return MS * _between(measured.decode_ms, 1.0)
            whole_answer = workload.slo.measure == "latency"
            return statistics.median(_alone_s(llm, measured, whole_answer=whole_answer))


def _alone_s(llm: LlmServing, measured: LlmPerformance, *, whole_answer: bool) -> list[float]:
    """Times of requests of a language model that meet no other [s], at least: read in one piece."""
    token_ms = _between(measured.decode_ms, 1.0) if whole_answer else 0.0
    return [
        MS * (_between(measured.prefill_ms, max((1.0 - llm.cached) * prompt, 1.0)) + (answer - 1) * token_ms)
        for prompt, answer in llm.tokens.pairs
    ]


def _between(points: Sequence[tuple[float, float]], at: float) -> float:
    """Measured times at `at`, as `sim.serving.requests.tables` reads them; the checks load no numpy."""
    right = bisect_right(points, at, key=lambda point: point[0])
    if right == 0:
        return points[0][1]
    (x, y), beyond = points[right - 1], right == len(points)
    if beyond and right == 1:
        return y
    (a, b), (c, d) = points[right - 2 : right] if beyond else points[right - 1 : right + 1]
    slope = (d - b) / (c - a)
    return y + (max(slope, 0.0) if beyond else slope) * (at - x)


def _speed(facts: Facts, accelerator: str, reference: str | None) -> float | None:
    """Of an accelerator relative to a reference."""
    known = facts.scenario.accelerators
    if reference is None or reference == accelerator:
        return 1.0
    if reference not in known or accelerator not in known:
        return None
    one, other = number(known[accelerator].speed), number(known[reference].speed)
    return None if one is None or not other else one / other


def memory(facts: Facts) -> Iterator[Fault]:
    """The weights of a language model, and beside them the largest request, fit onto its accelerators."""
    for name, workload in facts.scenario.workloads.items():
        if isinstance(workload, Inference) and isinstance(workload.service, LlmServing):
            for accelerator, measured in facts.scenario.models.get(workload.service.model, {}).items():
                gang = str(workload.service.replica.accelerators)
                card = facts.scenario.accelerators.get(accelerator)
                held = None if card is None else number(card.memory)
                if gang in measured and held is not None:
                    where = f"{gang} x {accelerator}"
                    yield from _fits(name, workload.service, where, int(gang) * held, measured[gang])


def _fits(name: str, llm: LlmServing, where: str, memory: float, measured: LlmPerformance) -> Iterator[Fault]:
    path = ("workloads", name, "service")
    weights, per_token = number(measured.weights), number(measured.kv_per_token)
    if weights is None or per_token is None:
        return
    free = memory * llm.replica.memory - weights
    share = units.render(llm.replica.memory, units.FRACTION)
    size = units.render(weights, units.DATA)
    if free < 0.0:
        told = f"{size} of weights do not fit into {share} of the memory of {where}"
        yield Fault((*path, "replica", "accelerators"), told)
        return
    largest = max(prompt + answer for prompt, answer in llm.tokens.pairs)
    if largest * per_token > free:
        room = int(free // per_token)
        told = (
            f"the KV cache of {where} holds {room:,} tokens beside {size} of weights; the largest request "
            f"has {largest:,}"
        )
        yield Fault((*path, "tokens"), told)


def shares(facts: Facts) -> Iterator[Fault]:
    """Priorities and clients make up all requests."""
    for name, workload in facts.scenario.workloads.items():
        if not isinstance(workload, Inference):
            continue
        path = ("workloads", name)
        if isinstance(workload.service, SingleServing) and workload.service.priorities is not None:
            parts = {each: part.share for each, part in workload.service.priorities.items()}
            yield from whole(parts, (*path, "service", "priorities"))
        if isinstance(workload.demand.arrivals, Clients):
            kinds = {str(n): kind.share for n, kind in enumerate(workload.demand.arrivals.clients)}
            yield from whole(kinds, (*path, "demand", "arrivals", "clients"))


CHECKS = (promises, memory, shares)
