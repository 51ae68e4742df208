"""Compiled counts over the records and the jobs of a run: each is looked at once."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import kernel
from sim.records import Outcome

Ints = NDArray[np.int64]
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
