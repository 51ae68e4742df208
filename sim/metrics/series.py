"""Monthly series of a run: a tidy table with one row for each month, subject and quantity."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.calendar import month_edges, month_labels
from sim.columns import Columns, Words
from sim.ledger.postings import MICRO
from sim.metrics.facts import CostFacts, ServiceFacts
from sim.metrics.integrals import Floats, Ints, integrate_by_group
from sim.metrics.leases import gang_of, useful_s
from sim.metrics.serving import budget_used
from sim.metrics.training import Lives
from sim.metrics.usage import HOUR_S
from sim.policies.plan import Plan, Purchase
from sim.records import Attempts, Records
from sim.scenario.model import Scenario
from sim.scenario.workloads import Inference
from sim.world.world import World

Row = tuple[str, str, str, NDArray[Any]]
"""Kind, name, quantity, and its value in each month."""


def monthly(
    world: World, plan: Plan, records: Records, services: Sequence[ServiceFacts], costs: CostFacts
) -> Columns:
    """The columns `month` ("2026-01"), `kind`, `name`, `quantity` (unit last) and `value`, equally long.

    kind "run", name "": cost_usd. kind "pool", name `site/pool`: capacity_accelerator_h (failed nodes
    included; of rented pools what was leased), leased_accelerator_h, useful_accelerator_h (an attempt's
    spread evenly over it), down_accelerator_h. kind "training": jobs_waiting_mean, accelerators_waiting_mean.
    kind "service": requests, requests_served, requests_violated, requests_abandoned, error_budget_used,
    replicas_ready_mean.
    Months are calendar months, the first and the last as far as the horizon holds them; means are over time,
    exact.
    """
    edges = month_edges(world.scenario.start, plan.horizon_s)
    labels = tuple(month_labels(world.scenario.start, plan.horizon_s))
    months = len(labels)
    rows: list[Row] = [("run", "", "cost_usd", np.array(costs.by_month) / MICRO)]
    rows += _pools(world, plan, records, services, edges)
    rows += _queues(world, plan, records, edges)
    rows += _services(world.scenario, plan, records, services, edges)
    kinds, names, quantities, values = zip(*rows, strict=True)
    subject = np.repeat(np.arange(len(rows)), months)
    return {
        "month": Words(np.tile(np.arange(months), len(rows)), labels),
        "kind": Words(subject, kinds),
        "name": Words(subject, names),
        "quantity": Words(subject, quantities),
        "value": np.concatenate(values).astype(np.float64),
    }


def _pools(
    world: World, plan: Plan, records: Records, services: Sequence[ServiceFacts], edges: Ints
) -> Iterator[Row]:
    nodes, outages, pools = records.nodes, records.outages, len(plan.pools)
    size = np.array([pool.node_accelerators for pool in plan.pools], dtype=np.int64)
    until_s = np.full(len(nodes), plan.horizon_s, dtype=np.int64)
    by_jobs, by_replicas = (
        integrate_by_group(table.start_s, table.end_s, table.leased, edges, group=table.pool, groups=pools)
        for table in (records.attempts, records.replicas)
    )
    leased = by_jobs + by_replicas
    stood = integrate_by_group(nodes.from_s, until_s, size[nodes.pool], edges, group=nodes.pool, groups=pools)
    down = integrate_by_group(
        outages.start_s, outages.end_s, size[outages.pool], edges, group=outages.pool, groups=pools
    )
    useful = _useful(world, plan, records.attempts, services, edges)
    for n, pool in enumerate(plan.pools):
        capacity = stood if pool.purchase is Purchase.OWNED else leased
        yield "pool", pool.path, "capacity_accelerator_h", capacity[n] / HOUR_S
        yield "pool", pool.path, "leased_accelerator_h", leased[n] / HOUR_S
        yield "pool", pool.path, "useful_accelerator_h", useful[n] / HOUR_S
        yield "pool", pool.path, "down_accelerator_h", down[n] / HOUR_S


def _useful(
    world: World, plan: Plan, attempts: Attempts, services: Sequence[ServiceFacts], edges: Ints
) -> Floats:
    """Useful accelerator-seconds by pool and month."""
    a, pools = attempts, len(plan.pools)
    at_work = gang_of(world, a) * useful_s(a) / np.maximum(a.end_s - a.start_s, 1)
    useful: Floats = integrate_by_group(a.start_s, a.end_s, at_work, edges, group=a.pool, groups=pools)
    for facts in services:
        for pool, busy in facts.busy_accelerator_s.items():
            useful[pool] += busy
    return useful


def _queues(world: World, plan: Plan, records: Records, edges: Ints) -> Iterator[Row]:
    """Who waits is who has arrived and not finished, less who holds a lease."""
    jobs, a, lives = world.jobs, records.attempts, Lives.of(world, plan, records)
    owner, trainings, months_s = jobs.workload[a.job], len(plan.trainings), np.diff(edges)
    queued = (~lives.refused).astype(np.int64)
    counts = {"jobs_waiting_mean": queued, "accelerators_waiting_mean": queued * jobs.accelerators}
    for quantity, count in counts.items():
        there = integrate_by_group(
            jobs.submit_s, lives.finish_s, count, edges, group=jobs.workload, groups=trainings
        )
        at_work = integrate_by_group(a.start_s, a.end_s, count[a.job], edges, group=owner, groups=trainings)
        for training, waited in zip(plan.trainings, there - at_work, strict=True):
            yield "training", training.name, quantity, waited / months_s


def _services(
    scenario: Scenario, plan: Plan, records: Records, services: Sequence[ServiceFacts], edges: Ints
) -> Iterator[Row]:
    r = records.replicas
    one = np.ones(len(r), dtype=np.int64)
    ready = integrate_by_group(r.ready_s, r.end_s, one, edges, group=r.service, groups=len(plan.services))
    for facts in services:
        name = plan.services[facts.service].name
        answers: dict[str, Floats] = {
            "requests": facts.offered,
            "requests_served": facts.served,
            "requests_violated": facts.violated,
            "requests_abandoned": facts.abandoned,
        }
        for quantity, by_month in answers.items():
            yield "service", name, quantity, by_month
        workload = scenario.workloads[name]
        assert isinstance(workload, Inference), f"{name} is no service"
        yield "service", name, "error_budget_used", budget_used(facts, workload.slo.share)
        yield "service", name, "replicas_ready_mean", ready[facts.service] / np.diff(edges)
