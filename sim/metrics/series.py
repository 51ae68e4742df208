"""Monthly series of a run: a tidy table with one row for each month, subject and quantity."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.calendar import month_edges, month_labels
from sim.columns import Columns, Words
from sim.jit import constant
from sim.ledger.postings import MICRO
from sim.metrics.counted import Counted
from sim.metrics.facts import CostFacts, ServiceFacts
from sim.metrics.integrals import Floats, Ints, integrate_by_group
from sim.metrics.kernels import there
from sim.metrics.leases import Leases
from sim.metrics.serving import budget_used
from sim.metrics.usage import HOUR_S
from sim.policies.plan import Plan, Purchase
from sim.records import Records
from sim.scenario.model import Scenario
from sim.scenario.workloads import Inference
from sim.world.world import World

Row = tuple[str, str, str, NDArray[Any]]
"""Kind, name, quantity, and its value in each month."""


def monthly(
    world: World,
    plan: Plan,
    records: Records,
    services: Sequence[ServiceFacts],
    costs: CostFacts,
    counted: Counted,
) -> Columns:
    """The columns `month` ("2026-01"), `kind`, `name`, `quantity` (unit last) and `value`, equally long.

    kind "run", name "": cost_usd. kind "pool", name `site/pool`: capacity_accelerator_h (failed nodes
    included; of rented pools what was leased), leased_accelerator_h, useful_accelerator_h (an attempt's
    spread evenly over it), down_accelerator_h. kind "training": jobs_waiting_mean, accelerators_waiting_mean.
    kind "service": requests, requests_served, requests_violated, requests_abandoned, error_budget_used,
    replicas_ready_mean.
    Months are calendar months, the first and the last as far as the horizon holds them; means are over time,
    exact. `counted` is what `Counted.of` finds in the same records.
    """
    edges = month_edges(world.scenario.start, plan.horizon_s)
    labels = month_labels(world.scenario.start, plan.horizon_s)
    months = len(labels)
    rows: list[Row] = [("run", "", "cost_usd", np.array(costs.by_month) / MICRO)]
    rows += _pools(plan, records, services, counted.leases, edges)
    rows += _queues(world, plan, counted, edges)
    rows += _services(world.scenario, plan, services, counted.leases, edges)
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
    plan: Plan, records: Records, services: Sequence[ServiceFacts], leases: Leases, edges: Ints
) -> Iterator[Row]:
    nodes, outages, pools = records.nodes, records.outages, len(plan.pools)
    size = np.array([pool.node_accelerators for pool in plan.pools], dtype=np.int64)
    until_s = np.full(len(nodes), plan.horizon_s, dtype=np.int64)
    stood = integrate_by_group(nodes.from_s, until_s, size[nodes.pool], edges, group=nodes.pool, groups=pools)
    down = integrate_by_group(
        outages.start_s, outages.end_s, size[outages.pool], edges, group=outages.pool, groups=pools
    )
    useful = leases.useful_s.copy()
    for facts in services:
        for index, busy in facts.busy_accelerator_s.items():
            useful[index] += busy
    for n, pool in enumerate(plan.pools):
        capacity = stood if pool.purchase is Purchase.OWNED else leases.leased_s
        yield "pool", pool.path, "capacity_accelerator_h", capacity[n] / HOUR_S
        yield "pool", pool.path, "leased_accelerator_h", leases.leased_s[n] / HOUR_S
        yield "pool", pool.path, "useful_accelerator_h", useful[n] / HOUR_S
        yield "pool", pool.path, "down_accelerator_h", down[n] / HOUR_S


def _queues(world: World, plan: Plan, counted: Counted, edges: Ints) -> Iterator[Row]:
    """Who waits is who has arrived and not finished, less who holds a lease."""
    jobs, lives, trainings = world.jobs, counted.lives, len(plan.trainings)
    there_s = there(
        jobs.workload, jobs.accelerators, jobs.submit_s, lives.refused, lives.told, edges,
        constant(trainings),
    )  # fmt: skip
    waited = ((there_s - counted.leases.at_work_s) / np.diff(edges)).reshape(2, trainings, len(edges) - 1)
    for quantity, rows in zip(("jobs_waiting_mean", "accelerators_waiting_mean"), waited, strict=True):
        for training, row in zip(plan.trainings, rows, strict=True):
            yield "training", training.name, quantity, row


def _services(
    scenario: Scenario, plan: Plan, services: Sequence[ServiceFacts], leases: Leases, edges: Ints
) -> Iterator[Row]:
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
        yield "service", name, "replicas_ready_mean", leases.ready_s[facts.service] / np.diff(edges)
