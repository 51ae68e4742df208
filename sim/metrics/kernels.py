"""Compiled counts over the records and the jobs of a run: each is looked at once."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import kernel
from sim.ledger.kernels import SUMS, enter, integral, step_of
from sim.records import Outcome

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FINISHED, ATTEMPTS, START_S, FINISH_S, HELD_S, UNDONE_S = range(6)
"""What `lives` tells of each job; START_S and FINISH_S are the horizon where there was none."""
LIVES = 6

SUBMITTED, REFUSED, DONE, STARTED, TRIES, DUE, MISSED, WAIT_S, WAITING_S, WAITING_ACCELERATOR_S, UNDONE = (
    range(11)
)
"""What `tally` counts: jobs, attempts, and the time from arrival to first start, the time without a lease,
and the accelerator-time undone of those that were not refused."""
TALLIES = 11

LEASED_S, GANG_S, PAUSED_S, USEFUL_S, LOST_S, DONE_S = range(6)
"""What `of_attempts` sums: accelerator-seconds leased, and those of gangs: all, those without work, those of
work that counts, of work undone, and of the former at the speed of reference accelerators."""
OF_ATTEMPTS = 6
LOADING_S, READY_S = 1, 2
"""What `of_replicas` sums beside LEASED_S: accelerator-seconds of replicas that load, and of those ready."""
OF_REPLICAS = 3
ENDINGS = len(Outcome)
MILLION = 1_000_000
BUCKETS = 2048


@kernel
def lives(
    job: Ints,
    outcome: Ints,
    attempt: Ints,
    start_s: Ints,
    end_s: Ints,
    lost_s: Ints,
    jobs: int,
    horizon_s: int,
) -> Ints:
    """What became of each job, read off its attempts: shape [LIVES, jobs]."""
    found = np.zeros((LIVES, jobs), np.int64)
    found[START_S] = horizon_s
    found[FINISH_S] = horizon_s
    for n in range(len(job)):
        mine = job[n]
        found[ATTEMPTS, mine] += 1
        found[HELD_S, mine] += end_s[n] - start_s[n]
        if attempt[n] == 0:
            found[START_S, mine] = start_s[n]
        if outcome[n] == Outcome.FINISHED:
            found[FINISHED, mine] = 1
            found[FINISH_S, mine] = end_s[n]
        elif outcome[n] == Outcome.RECLAIMED or outcome[n] == Outcome.FAILED:
            found[UNDONE_S, mine] += lost_s[n]
    return found


@kernel
def tally(
    workload: Ints,
    accelerators: Ints,
    submit_s: Ints,
    refused: Flags,
    lived: Ints,
    after_s: Ints,
    horizon_s: int,
) -> Ints:
    """Counts of each workload's jobs, shape [workloads, TALLIES]; deadlines are `after_s` the arrival."""
    found = np.zeros((len(after_s), TALLIES), np.int64)
    for n in range(len(workload)):
        mine = found[workload[n]]
        finished, finish_s = lived[FINISHED, n], lived[FINISH_S, n]
        deadline_s = submit_s[n] + after_s[workload[n]]
        mine[SUBMITTED] += 1
        mine[DONE] += finished
        mine[TRIES] += lived[ATTEMPTS, n]
        if deadline_s < horizon_s:
            mine[DUE] += 1
            if not finished or finish_s > deadline_s:
                mine[MISSED] += 1
        if refused[n]:
            mine[REFUSED] += 1
        else:
            waiting_s = finish_s - submit_s[n] - lived[HELD_S, n]
            if lived[ATTEMPTS, n] > 0:
                mine[STARTED] += 1
            mine[WAIT_S] += lived[START_S, n] - submit_s[n]
            mine[WAITING_S] += waiting_s
            mine[WAITING_ACCELERATOR_S] += accelerators[n] * waiting_s
            mine[UNDONE] += accelerators[n] * lived[UNDONE_S, n]
    return found


@kernel
def of_attempts(
    job: Ints,
    pool: Ints,
    leased: Ints,
    start_s: Ints,
    end_s: Ints,
    outcome: Ints,
    paused_s: Ints,
    kept_s: Ints,
    lost_s: Ints,
    workload: Ints,
    accelerators: Ints,
    refused: Flags,
    speed_ppm: Ints,
    edges_s: Ints,
) -> tuple[Ints, Ints, Ints, Ints, Floats, Ints]:
    """What the attempts of jobs add up to, exact but for the useful time.

    Sums by workload and pool, shape [OF_ATTEMPTS, workloads, pools]; how often each workload's leases ended
    in which way; what each attempt got done [s on reference accelerators]; by pool and month what was leased
    and what was useful [accelerator-s], an attempt's spread evenly over it; and by month how long jobs of
    each workload, and below them their gangs' accelerators, held a lease [s].
    """
    workloads, pools = speed_ppm.shape
    months = len(edges_s) - 1
    sums = np.zeros((OF_ATTEMPTS, workloads, pools), np.int64)
    endings = np.zeros((workloads, ENDINGS), np.int64)
    progress_s = np.empty(len(job), np.int64)
    leases = np.zeros((SUMS, pools, months), np.int64)
    useful = np.zeros((SUMS, pools, months), np.float64)
    at_work = np.zeros((SUMS, 2 * workloads, months), np.int64)
    begin, end = 0, 0
    for n in range(len(job)):
        here, mine, gang = pool[n], workload[job[n]], accelerators[job[n]]
        length_s, undone_s = end_s[n] - start_s[n], 0
        if outcome[n] == Outcome.RECLAIMED or outcome[n] == Outcome.FAILED:
            undone_s = lost_s[n]
        useful_s = kept_s[n] + lost_s[n] - undone_s
        progress_s[n] = useful_s * speed_ppm[mine, here] // MILLION
        endings[mine, outcome[n]] += 1
        sums[LEASED_S, mine, here] += leased[n] * length_s
        sums[GANG_S, mine, here] += gang * length_s
        sums[PAUSED_S, mine, here] += gang * paused_s[n]
        sums[USEFUL_S, mine, here] += gang * useful_s
        sums[LOST_S, mine, here] += gang * undone_s
        sums[DONE_S, mine, here] += gang * progress_s[n]
        if start_s[n] < edges_s[begin] or start_s[n] >= edges_s[begin + 1]:
            begin = step_of(edges_s, start_s[n])
        if end_s[n] < edges_s[end] or end_s[n] >= edges_s[end + 1]:
            end = step_of(edges_s, end_s[n])
        from_s, to_s = edges_s[begin + 1] - start_s[n], edges_s[end + 1] - end_s[n]
        enter(leases, here, leased[n], begin, from_s, end, to_s)
        enter(useful, here, gang * useful_s / max(length_s, 1), begin, from_s, end, to_s)
        if not refused[job[n]]:
            enter(at_work, mine, 1, begin, from_s, end, to_s)
            enter(at_work, workloads + mine, gang, begin, from_s, end, to_s)
    by_month = integral(leases, edges_s), integral(useful, edges_s), integral(at_work, edges_s)
    return sums, endings, progress_s, by_month[0], by_month[1], by_month[2]


@kernel
def of_replicas(
    service: Ints,
    pool: Ints,
    leased: Ints,
    start_s: Ints,
    ready_s: Ints,
    end_s: Ints,
    outcome: Ints,
    accelerators: Ints,
    edges_s: Ints,
    pools: int,
) -> tuple[Ints, Ints, Ints, Ints]:
    """What the replicas of services add up to, given the accelerators that one of each works on.

    Sums by service and pool, shape [OF_REPLICAS, services, pools]; how often each service's leases ended in
    which way; by pool and month what was leased [accelerator-s]; and by service and month how long replicas
    were ready [s].
    """
    services, months = len(accelerators), len(edges_s) - 1
    sums = np.zeros((OF_REPLICAS, services, pools), np.int64)
    endings = np.zeros((services, ENDINGS), np.int64)
    leases = np.zeros((SUMS, pools, months), np.int64)
    ready = np.zeros((SUMS, services, months), np.int64)
    begin, turn, end = 0, 0, 0
    for n in range(len(service)):
        here, mine = pool[n], service[n]
        endings[mine, outcome[n]] += 1
        sums[LEASED_S, mine, here] += leased[n] * (end_s[n] - start_s[n])
        sums[LOADING_S, mine, here] += accelerators[mine] * (ready_s[n] - start_s[n])
        sums[READY_S, mine, here] += accelerators[mine] * (end_s[n] - ready_s[n])
        if start_s[n] < edges_s[begin] or start_s[n] >= edges_s[begin + 1]:
            begin = step_of(edges_s, start_s[n])
        if ready_s[n] < edges_s[turn] or ready_s[n] >= edges_s[turn + 1]:
            turn = step_of(edges_s, ready_s[n])
        if end_s[n] < edges_s[end] or end_s[n] >= edges_s[end + 1]:
            end = step_of(edges_s, end_s[n])
        to_s = edges_s[end + 1] - end_s[n]
        enter(leases, here, leased[n], begin, edges_s[begin + 1] - start_s[n], end, to_s)
        enter(ready, mine, 1, turn, edges_s[turn + 1] - ready_s[n], end, to_s)
    return sums, endings, integral(leases, edges_s), integral(ready, edges_s)


@kernel
def there(
    workload: Ints,
    accelerators: Ints,
    submit_s: Ints,
    refused: Flags,
    lived: Ints,
    edges_s: Ints,
    workloads: int,
) -> Ints:
    """By month how long jobs were there, and below them their gangs' accelerators [s], refused ones apart."""
    sums = np.zeros((SUMS, 2 * workloads, len(edges_s) - 1), np.int64)
    begin, end = 0, 0
    for n in range(len(workload)):
        if refused[n]:
            continue
        finish_s = lived[FINISH_S, n]
        if submit_s[n] < edges_s[begin] or submit_s[n] >= edges_s[begin + 1]:
            begin = step_of(edges_s, submit_s[n])
        if finish_s < edges_s[end] or finish_s >= edges_s[end + 1]:
            end = step_of(edges_s, finish_s)
        from_s, to_s = edges_s[begin + 1] - submit_s[n], edges_s[end + 1] - finish_s
        enter(sums, workload[n], 1, begin, from_s, end, to_s)
        enter(sums, workloads + workload[n], accelerators[n], begin, from_s, end, to_s)
    return integral(sums, edges_s)


@kernel
def waiting_work(
    job: Ints,
    start_s: Ints,
    end_s: Ints,
    outcome: Ints,
    progress_s: Ints,
    workload: Ints,
    accelerators: Ints,
    submit_s: Ints,
    work_s: Ints,
    refused: Flags,
    lived: Ints,
    times_s: Ints,
    workloads: int,
) -> Ints:
    """Work left to the jobs of each workload that wait at some times: shape [times, workloads].

    In accelerator-seconds on reference accelerators. Jobs that hold a lease do not wait; refused ones are
    left out.
    """
    found = np.zeros((len(times_s), workloads), np.int64)
    for at in range(len(times_s)):
        time_s, left_s, holding = times_s[at], work_s.copy(), np.zeros(len(work_s), np.bool_)
        for n in range(len(job)):
            if end_s[n] <= time_s and outcome[n] != Outcome.CUT_OFF:
                left_s[job[n]] -= progress_s[n]
            elif start_s[n] <= time_s:
                holding[job[n]] = True
        for n in range(len(work_s)):
            done = lived[FINISHED, n] != 0 and lived[FINISH_S, n] <= time_s
            if submit_s[n] <= time_s and not (refused[n] or done or holding[n]):
                found[at, workload[n]] += accelerators[n] * left_s[n]
    return found


@kernel
def at_rank(values: Ints, rank: int) -> int:
    """The value with so many below it if they were sorted, the first with 0.

    Values are counted by their highest bits; those that share them with the one looked for are gone through
    again by what is left, until nothing is.
    """
    counts = np.empty(BUCKETS, np.int64)
    some, least = values, 0
    while True:
        low, high = some[0], some[0]
        for n in range(len(some)):
            low, high = min(low, some[n]), max(high, some[n])
        shift, bucket = 0, 0
        while (high - low) >> shift >= BUCKETS:
            shift += 1
        counts[:] = 0
        for n in range(len(some)):
            counts[(some[n] - low) >> shift] += 1
        while counts[bucket] <= rank:
            rank -= counts[bucket]
            bucket += 1
        least += low
        if shift == 0:
            value: int = least + bucket
            return value
        few, found = np.empty(counts[bucket], np.int64), 0
        for n in range(len(some)):
            if (some[n] - low) >> shift == bucket:
                few[found] = some[n] - low
                found += 1
        some = few
