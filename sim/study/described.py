"""Services of the language in the terms of the request-level simulation."""

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from sim.scenario.model import Scenario
from sim.scenario.requests import BurstStates, Clients, GammaGaps, Replay, Spread, WeibullGaps
from sim.scenario.serving import BatchRule, LlmServing, SingleServing
from sim.scenario.workloads import Inference
from sim.serving.arrivals import POISSON, Client, Family, Law, Modulated, Renewal, Replayed, Superposed
from sim.serving.service import (
    Batching,
    LlmService,
    Priority,
    Routing,
    Service,
    SingleService,
    Table,
)
from sim.serving.single import ONE_BY_ONE, UNLIMITED

MS = 1e-3
IMPATIENT = 100.0
"""Waits of so many mean times of a request are rare below saturation: only a timeout below, or a shorter full
queue, is simulated request by request,"""
BRIEF = 0.2
"""if it is also reached within this share of an interval, so that the queue is soon what the load makes of
it. Else the backlog of the intervals says who is turned away or gives up."""


def replica_work(scenario: Scenario, workload: Inference, accelerator: str) -> Service:
    """How replicas of a service work on an accelerator."""
    match workload.service:
        case SingleServing() as single:
            return _single(scenario, workload, single, accelerator)
        case LlmServing() as llm:
            return _llm(scenario, llm, accelerator)
        case _:
            assert_never(workload.service)


def arrival_law(spread: Spread | None) -> Law:
    """How requests are spread within an interval."""
    match spread:
        case None:
            return POISSON
        case GammaGaps(gamma=gaps):
            return Renewal(gaps.cv)
        case WeibullGaps(weibull=gaps):
            return Renewal(gaps.cv, Family.WEIBULL)
        case BurstStates(mmpp=states):
            return Modulated(tuple(state.rate for state in states), tuple(state.stay for state in states))
        case Clients(clients=kinds):
            whole = sum(kind.share for kind in kinds)
            each = [
                Client(kind.share / whole / kind.clients, Renewal(kind.cv, Family(kind.law)))
                for kind in kinds
                for _ in range(kind.clients)
            ]
            return Superposed(tuple(client for client in each if client.share > 0.0))
        case Replay(replay=gaps_s):
            return Replayed(np.array(gaps_s))
        case _:
            assert_never(spread)


def longest_wait_s(workload: Inference, capacity_rps: Sequence[float]) -> float:
    """The longest backlog that anybody joins [s]: that of the timeout, or of a queue that is full."""
    service = workload.service
    if service.kind == "llm" or service.queue_limit is None:
        return workload.timeout
    return min([workload.timeout, *(service.queue_limit / rate for rate in capacity_rps)])


def _single(
    scenario: Scenario, workload: Inference, single: SingleServing, accelerator: str
) -> SingleService:
    speeds, reference = scenario.accelerators, single.reference
    alike = reference is None or reference == accelerator
    speed = 1.0 if alike else speeds[accelerator].speed / speeds[reference or accelerator].speed
    time = single.time.distribution().scaled(1 / speed)
    limit_s = workload.slo.latency
    classes = (single.priorities or {}).values()
    batching = _batching(single.batching)
    # The same on all accelerators, whatever their speed: a service sheds everywhere or nowhere.
    turn_s = single.time.distribution().mean() * batching.growth[-1] / batching.most
    full_s = np.inf if single.queue_limit is None else single.queue_limit * turn_s
    longest_s = min(workload.timeout, full_s)
    sheds = longest_s < IMPATIENT * turn_s and longest_s <= BRIEF * scenario.interval
    return SingleService(
        time,
        batching=batching,
        queue_limit=UNLIMITED if single.queue_limit is None or not sheds else single.queue_limit,
        patience_s=workload.timeout if sheds and workload.timeout < IMPATIENT * turn_s else np.inf,
        priorities=tuple(Priority(each.share, each.latency or limit_s or np.inf) for each in classes),
    )


def _batching(rule: BatchRule | None) -> Batching:
    if rule is None:
        return ONE_BY_ONE
    sizes = np.arange(1, rule.max + 1)
    growth = (
        1.0 + (rule.item or 0.0) * (sizes - 1.0) if rule.growth is None else Table.of(rule.growth).read(sizes)
    )
    return Batching(tuple(growth.tolist()), np.inf if rule.delay is None else rule.delay)


def _llm(scenario: Scenario, llm: LlmServing, accelerator: str) -> LlmService:
    replica = llm.replica
    measured = scenario.models[llm.model][accelerator][str(replica.accelerators)]
    held = replica.accelerators * scenario.accelerators[accelerator].memory * replica.memory
    free = held - measured.weights
    return LlmService(
        np.array(llm.tokens.pairs, dtype=np.int64),
        Table.of((point, ms * MS) for point, ms in measured.prefill_ms),
        Table.of((point, ms * MS) for point, ms in measured.decode_ms),
        replica.max_batch,
        chunk=replica.chunk or 0,
        memory_tokens=int(free // measured.kv_per_token) if measured.kv_per_token > 0.0 else UNLIMITED,
        reserve=replica.full == "queue",
        cached=llm.cached,
        context_s=measured.context_ms * MS / 1000.0,
        routing=Routing(llm.routing),
    )
