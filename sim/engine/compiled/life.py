"""What happens to jobs and replicas between dispatches: they arrive, start, end."""

from sim.engine.compiled.calendar import FINISH, LIFETIME, push
from sim.engine.compiled.draws import draw
from sim.engine.compiled.layout import NONE, ONE, POOLS, Memory
from sim.engine.compiled.pools import give_back
from sim.engine.compiled.queue import changed, checkpoints_of, join, refuse
from sim.engine.compiled.rules import local_s, reference_s, split
from sim.jit import constant, inner, wide
from sim.memory import length
from sim.records import Kind, Outcome, Reason

_JOB, _REPLICA = constant(Kind.JOB), constant(Kind.REPLICA)
_RESIDENCY, _NEVER_FITS = constant(Reason.RESIDENCY), constant(Reason.NEVER_FITS)
_FINISHED, _RECLAIMED, _FAILED = (
    constant(Outcome.FINISHED),
    constant(Outcome.RECLAIMED),
    constant(Outcome.FAILED),
)
_CUT_OFF = constant(Outcome.CUT_OFF)

NOT_WANTED, SERVING, WARM = constant(0), constant(1), constant(2)
"""Roles of a replica's slot."""


@inner
def introduce(m: Memory, workload: int, size: int, kind: int, entity: int) -> bool:
    """Write down what law and size rule out for a gang of a workload; whether it could ever run anywhere."""
    facts = m.workloads[workload]
    now_s = m.state[0].now_s
    for k in range(facts.first_refusal, facts.first_refusal + facts.refusals):
        refuse(m, now_s, kind, entity, m.refused[k], _RESIDENCY, ONE)
    fits = False
    for option in range(facts.first_option, facts.first_option + facts.options):
        if m.ways[option, size].is_possible == 1:
            fits = True
        else:
            refuse(m, now_s, kind, entity, m.options[option].pool, _NEVER_FITS, ONE)
    return fits


@inner
def arrive(m: Memory, job: int) -> None:
    """A job arrives."""
    state = m.state[0]
    request = state.slots + job
    mine = m.requests[request]
    mine.workload, mine.entity, mine.number = m.job_workload[job], job, m.job_number[job]
    mine.gang = m.columns[m.gangs[job]]
    mine.remaining_s = m.work_s[job]
    mine.deadline_s = state.now_s + m.workloads[mine.workload].deadline_s
    if introduce(m, wide(mine.workload), wide(mine.gang), _JOB, job):
        join(m, request)


@inner
def start(m: Memory, request: int) -> bool:
    """Set in motion what a new lease brings; False, and nothing has changed, where a draw is missing."""
    state, lease = m.state[0], m.requests[request]
    facts = m.workloads[lease.workload]
    option = m.options[facts.first_option + lease.option]
    here = m.pools[lease.pool]
    attempt = m.starts[request] if facts.is_service == 1 else wide(lease.attempt)
    number = wide(lease.number)
    boot_s, load_s, lifetime_s = 0, 0, 0
    if here.is_owned == 0:
        boot_s = draw(m, option.boot_stream, number, attempt)
    if facts.is_service == 1:
        load_s = draw(m, facts.load_stream, number, attempt)
    if here.is_spot == 1:
        lifetime_s = draw(m, option.lifetime_stream, number, attempt)
    if min(boot_s, load_s, lifetime_s) == NONE:
        return False
    lease.boot_s = boot_s
    lease.load_s = load_s
    if facts.is_service == 1:
        m.starts[request] += 1
        lease.attempt = attempt
    else:
        push(m, lease.until_s + boot_s, FINISH, request, wide(lease.spell))
    if lifetime_s > 0:
        push(m, lease.start_s + lifetime_s, LIFETIME, request, wide(lease.spell))
    state.started += 1
    return True


@inner
def end(m: Memory, request: int, outcome: int) -> None:
    """End the lease of a request now: what comes of it is written down, and it may wait again."""
    state, mine = m.state[0], m.requests[request]
    give_back(m, request, state.now_s)
    changed(m, wide(mine.pool))
    mine.holds = 0
    state.live -= 1
    if m.workloads[mine.workload].is_service == 1:
        _end_replica(m, request, outcome)
    else:
        _end_attempt(m, request, outcome)
    if outcome in (_RECLAIMED, _FAILED):
        join(m, request)


@inner
def _end_attempt(m: Memory, request: int, outcome: int) -> None:
    state, mine = m.state[0], m.requests[request]
    facts = m.workloads[mine.workload]
    speed_ppm = m.options[facts.first_option + mine.option].speed_ppm
    notice_s = m.pools[mine.pool].notice_s if outcome == _RECLAIMED else 0
    here_s = local_s(mine.remaining_s, speed_ppm)
    elapsed_s = state.now_s - mine.start_s
    part = split(
        checkpoints_of(m, wide(mine.workload)), here_s, mine.boot_s, mine.restart_s, elapsed_s, notice_s
    )
    row = m.attempts[state.attempts]
    row.job, row.attempt, row.pool, row.node = mine.entity, mine.attempt, mine.pool, mine.node
    row.leased, row.start_s, row.end_s, row.outcome = mine.leased, mine.start_s, state.now_s, outcome
    row.boot_s, row.restart_s, row.kept_s = part.boot_s, part.restart_s, part.kept_s
    row.checkpoint_s, row.lost_s = part.checkpoint_s, part.lost_s
    state.attempts += 1
    mine.remaining_s -= reference_s(part.kept_s, speed_ppm)
    mine.attempt += 1


@inner
def _end_replica(m: Memory, request: int, outcome: int) -> None:
    state, mine = m.state[0], m.requests[request]
    row = m.replicas[state.replicas]
    row.service, row.slot, row.attempt, row.pool = mine.entity, mine.number, mine.attempt, mine.pool
    row.node, row.leased, row.start_s = mine.node, mine.leased, mine.start_s
    row.ready_s = state.now_s
    if mine.role != WARM:
        row.ready_s = min(ready_s(m, request), state.now_s)
        if m.workloads[mine.workload].interval_s > 0:
            m.workloads[mine.workload].capacity += served(m, request)
    row.end_s, row.outcome, row.request = state.now_s, outcome, request
    state.replicas += 1
    mine.attempt = 0
    mine.serves_s = 0


@inner
def ready_s(m: Memory, request: int) -> int:
    """When a replica takes traffic on its lease."""
    mine = m.requests[request]
    return max(mine.start_s + mine.boot_s + mine.load_s, mine.serves_s)


@inner
def served(m: Memory, request: int) -> int:
    """What a replica could answer since the rule was asked, [micro-requests]."""
    mine = m.requests[request]
    facts = m.workloads[mine.workload]
    since_s = max(ready_s(m, request), facts.since_s)
    return max(m.state[0].now_s - since_s, 0) * m.options[facts.first_option + mine.option].rate_micro


@inner
def take_back(m: Memory, pool: int) -> None:
    """End the leases that a spot market no longer serves."""
    here = m.pools[pool]
    request = here.first_lease
    while request != NONE:
        following = wide(m.requests[request].next_lease)
        if m.requests[request].leased > here.largest_gang:
            end(m, request, _RECLAIMED)
        request = following


@inner
def fail_leases(m: Memory, pool: int, node: int) -> None:
    """End the leases that hold a node which has gone down."""
    here = m.pools[pool]
    one = m.nodes[here.first_node + node]
    while one.held > 0:
        end(m, m.held[here.first_held + node * here.per_node], _FAILED)


@inner
def close(m: Memory) -> None:
    """Cut off what runs at the horizon."""
    for pool in range(length(m, POOLS)):
        while m.pools[pool].first_lease != NONE:
            end(m, m.pools[pool].first_lease, _CUT_OFF)
