"""Training: jobs arrive, wait, run, are interrupted and resumed, until they are done or the books close."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from simpy import Event

from sim.engine.clock import At, Clock, Rank
from sim.engine.lifecycle import GRANTED, NO_POOL, OF_OUTCOME, QUEUED, SUBMITTED, WAITING, after
from sim.engine.log import Log
from sim.engine.pools import Lease
from sim.engine.queue import JOBS_AFTER_REPLICAS, Queue, Request, Way
from sim.policies.checkpoints import Split, split
from sim.policies.placement import local_s, reference_s
from sim.policies.plan import FleetPlan, Plan, Purchase, TrainingPlan
from sim.records import Kind, Outcome, Reason
from sim.world.world import Draws, World

Process = Generator[Event, Any, None]

_JOB, _RECLAIMED = Kind.JOB, Outcome.RECLAIMED

Possible = tuple[tuple[Way, ...], tuple[tuple[int, Reason], ...]]
"""Ways that could hold a gang, and which pools are refused, with the reason."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a job's process needs of the world around it."""

    env: Clock
    queue: Queue
    log: Log
    plan: Plan
    draws: Draws
    possible: dict[tuple[str, int, int], Possible] = field(default_factory=dict)
    """What `possible` has found, as jobs of one workload and size share it."""


def arrivals(stage: Stage, world: World) -> Process:
    """Start each job of the world at its time."""
    env, trainings, jobs = stage.env, stage.plan.trainings, world.jobs
    rows = zip(
        range(len(jobs)), jobs.workload.tolist(), jobs.number.tolist(), jobs.submit_s.tolist(),
        jobs.accelerators.tolist(), jobs.work_s.tolist(), strict=True,
    )  # fmt: skip
    for job, workload, number, submit_s, gang, work_s in rows:
        yield At(env, submit_s, Rank.ARRIVAL, job)
        env.process(training_job(stage, trainings[workload], job, number, submit_s, gang, work_s))


def training_job(
    stage: Stage, training: TrainingPlan, job: int, number: int, submit_s: int, gang: int, work_s: int
) -> Process:
    """The life of one job with `work_s` of work on a gang of reference accelerators."""
    env, queue, rule = stage.env, stage.queue, training.checkpoints
    ways = possible(stage, _JOB, job, training, gang)
    state = after(SUBMITTED, QUEUED if ways else NO_POOL)
    key, deadline_s = JOBS_AFTER_REPLICAS + job, submit_s + training.deadline_s
    remaining_s, restart_s, attempt = work_s, 0, 0
    while state is WAITING:
        request = Request(env, key, _JOB, job, ways, remaining_s, restart_s, deadline_s)
        lease: Lease = yield queue.join(request)
        state = after(state, GRANTED)
        way, boot_s = ways[lease.option], 0
        if way.is_rented:
            boot_s = boot_of(stage, lease, training.name, number, attempt)
            limit_lifetime(stage, lease, training.name, number, attempt, ident=key)
        At(env, lease.until_s + boot_s, Rank.FINISH, key, queue.finish, lease)
        outcome: Outcome = yield lease
        here_s = local_s(remaining_s, way.option.speed_ppm)
        notice_s = stage.plan.pools[lease.pool].notice_s if outcome is _RECLAIMED else 0
        part = split(rule, here_s, boot_s, restart_s, lease.end_s - lease.start_s, notice_s)
        _write(stage, lease, job, attempt, part)
        remaining_s -= reference_s(part.kept_s, way.option.speed_ppm)
        restart_s, attempt = rule.restart_s, attempt + 1
        state = after(state, OF_OUTCOME[outcome])


def possible(
    stage: Stage, kind: Kind, entity: int, workload: TrainingPlan | FleetPlan, gang: int
) -> tuple[Way, ...]:
    """Ways that could ever hold a gang; what law or size rule out is refused."""
    number = workload.number if isinstance(workload, FleetPlan) else 0
    known = stage.possible.get((workload.name, number, gang))
    if known is None:
        known = stage.possible[workload.name, number, gang] = _possible(stage, workload, gang)
    ways, refused = known
    for pool, reason in refused:
        stage.log.refusals.append((stage.env.now, kind, entity, pool, reason, 1))
    return ways


def _possible(stage: Stage, workload: TrainingPlan | FleetPlan, gang: int) -> Possible:
    pools = stage.plan.pools
    fits = [
        option for option in workload.options if pools[option.pool].leased(gang) <= pools[option.pool].quota
    ]
    refused = [(pool, Reason.RESIDENCY) for pool in workload.forbidden]
    refused += [(option.pool, Reason.NEVER_FITS) for option in workload.options if option not in fits]
    rule = workload.checkpoints if isinstance(workload, TrainingPlan) else None
    return stage.queue.ways(fits, gang, rule), tuple(refused)


def boot_of(stage: Stage, lease: Lease, workload: str, entity: int, attempt: int) -> int:
    """Boot time [s] of a lease; owned nodes are always on."""
    pool = stage.plan.pools[lease.pool]
    if pool.purchase is Purchase.OWNED:
        return 0
    return stage.draws.seconds(f"boot:{pool.path}:{workload}", entity, attempt)


def limit_lifetime(
    stage: Stage, lease: Lease, workload: str, entity: int, attempt: int, *, ident: int
) -> None:
    """Let the provider take a spot lease back when its own lifetime ends."""
    pool = stage.plan.pools[lease.pool]
    if pool.purchase is not Purchase.SPOT:
        return
    lifetime_s = stage.draws.seconds(f"lifetime:{pool.path}:{workload}", entity, attempt)
    if lifetime_s:
        At(stage.env, lease.start_s + lifetime_s, Rank.LIFETIME, ident, stage.queue.reclaim, lease)


def _write(stage: Stage, lease: Lease, job: int, attempt: int, part: Split) -> None:
    assert lease.outcome is not None, f"the lease of job {job} goes on"
    node = lease.nodes[0] if lease.nodes else -1
    boot_s, restart_s, kept_s, checkpoint_s, lost_s = part
    stage.log.attempts.append(
        (job, attempt, lease.pool, node, lease.leased, lease.start_s, lease.end_s, lease.outcome,
         boot_s, restart_s, kept_s, checkpoint_s, lost_s)
    )  # fmt: skip
