"""Training: jobs arrive, wait, run, are interrupted and resumed, until they are done or the books close."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from simpy import Event

from sim.engine.clock import At, Clock, Rank
from sim.engine.lifecycle import OF_OUTCOME, Happening, State, after
from sim.engine.log import Log
from sim.engine.pools import Lease
from sim.engine.queue import JOBS_AFTER_REPLICAS, Queue, Request, Way
from sim.policies.checkpoints import Split, full_length_s, split
from sim.policies.placement import local_s, reference_s
from sim.policies.plan import FleetPlan, Plan, PoolPlan, Purchase, TrainingPlan
from sim.records import Kind, Outcome, Reason
from sim.world.world import Draws, World

Process = Generator[Event, Any, None]


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
    jobs = world.jobs
    rows = zip(
        jobs.workload.tolist(), jobs.number.tolist(), jobs.submit_s.tolist(), jobs.accelerators.tolist(),
        jobs.work_s.tolist(), strict=True,
    )  # fmt: skip
    for job, (workload, number, submit_s, gang, work_s) in enumerate(rows):
        yield At(stage.env, submit_s, Rank.ARRIVAL, job)
        training = stage.plan.trainings[workload]
        stage.env.process(training_job(stage, training, job, number, gang=gang, work_s=work_s))


def training_job(
    stage: Stage, training: TrainingPlan, job: int, number: int, *, gang: int, work_s: int
) -> Process:
    """The life of one job with `work_s` of work on a gang of reference accelerators."""
    env, queue = stage.env, stage.queue
    ways = possible(stage, Kind.JOB, job, training, gang)
    state = after(State.SUBMITTED, Happening.QUEUED if ways else Happening.NO_POOL)
    if state is State.REFUSED:
        return
    pools, rule = stage.plan.pools, training.checkpoints
    key = JOBS_AFTER_REPLICAS + job
    request = Request(key, Kind.JOB, job, ways, deadline_s=env.now + training.deadline_s)
    remaining_s, attempt = work_s, 0
    while state is State.WAITING:
        restart_s = rule.restart_s if attempt else 0
        here = [local_s(remaining_s, way.option.speed_ppm) for way in ways]
        lengths_s = [full_length_s(rule, left_s, 0, restart_s) for left_s in here]
        lease: Lease = yield queue.join(request, lengths_s, remaining_s)
        state = after(state, Happening.GRANTED)
        option, here_s = ways[lease.option].option, here[lease.option]
        pool = pools[option.pool]
        boot_s = boot_of(stage, pool, training.name, number, attempt)
        _finish_at(stage, lease, lease.until_s + boot_s, key)
        limit_lifetime(stage, lease, training.name, number, attempt, ident=key)
        outcome: Outcome = yield lease.ended
        notice_s = pool.notice_s if outcome is Outcome.RECLAIMED else 0
        part = split(rule, here_s, boot_s, restart_s, env.now - lease.start_s, notice_s)
        _write(stage, lease, job, attempt, part)
        remaining_s -= reference_s(part.kept_s, option.speed_ppm)
        attempt += 1
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
    return tuple(stage.queue.way(option, gang) for option in fits), tuple(refused)


def boot_of(stage: Stage, pool: PoolPlan, workload: str, entity: int, attempt: int) -> int:
    """Boot time [s] of a lease; owned nodes are always on."""
    if pool.purchase is Purchase.OWNED:
        return 0
    return stage.draws.seconds(f"boot:{pool.path}:{workload}", entity, attempt)


def _finish_at(stage: Stage, lease: Lease, end_s: int, key: int) -> None:
    """Let the job's work be done at `end_s` unless something ends the lease before."""
    At(stage.env, end_s, Rank.FINISH, key, lambda _: stage.queue.end(lease, Outcome.FINISHED))


def limit_lifetime(
    stage: Stage, lease: Lease, workload: str, entity: int, attempt: int, *, ident: int
) -> None:
    """Let the provider take a spot lease back when its own lifetime ends."""
    pool = stage.plan.pools[lease.pool]
    if pool.purchase is not Purchase.SPOT:
        return
    lifetime_s = stage.draws.seconds(f"lifetime:{pool.path}:{workload}", entity, attempt)
    if lifetime_s:
        end_s = lease.start_s + lifetime_s
        At(stage.env, end_s, Rank.LIFETIME, ident, lambda _: stage.queue.end(lease, Outcome.RECLAIMED))


def _write(stage: Stage, lease: Lease, job: int, attempt: int, part: Split) -> None:
    assert lease.outcome is not None, f"the lease of job {job} goes on"
    node = lease.nodes[0] if lease.nodes else -1
    stage.log.attempts.append(
        (job, attempt, lease.pool, node, lease.leased, lease.start_s, stage.env.now, lease.outcome,
         part.boot_s, part.restart_s, part.kept_s, part.checkpoint_s, part.lost_s)
    )  # fmt: skip
