"""The compiled counts of ledger and metrics beside the same in numpy, to the last bit."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.ledger.kernels import changes
from sim.metrics import kernels
from sim.records import Outcome

Ints = npt.NDArray[np.int64]
HORIZON_S = 1000
SLOT_S = 100
"""Times are whole slots, so that many are equal."""
EDGES_S = np.array([0, 100, 250, HORIZON_S], dtype=np.int64)
GROUPS = 3

moments = st.integers(-200, 1200) | st.sampled_from(EDGES_S.tolist())
seeds = st.integers(0, 2**32)


def changes_by_searching(time_s: Ints, weight: Ints, group: Ints) -> list[list[list[float]]]:
    """Each time is looked up among the edges; what falls into the same cell is added up in order."""
    steps = len(EDGES_S) - 1
    inside_s = np.clip(time_s, EDGES_S[0], EDGES_S[-1])
    step = np.searchsorted(EDGES_S[1:-1], inside_s, side="right")
    found = np.zeros((2, GROUPS, steps), weight.dtype)
    np.add.at(found[0], (group, step), weight)
    np.add.at(found[1], (group, step), weight * (EDGES_S[step + 1] - inside_s))
    return list(found.tolist())


@pytest.mark.parametrize("scale", [1, 1 / 7])
@settings(deadline=None)
@given(st.lists(st.tuples(moments, st.integers(-50, 50), st.integers(0, GROUPS - 1)), max_size=30))
def test_changes_are_added_up_as_by_searching(scale: float, rows: list[tuple[int, int, int]]) -> None:
    """Whether neighbours share their cell or not, and whether weights are whole or not."""
    time_s, whole, group = np.array(rows, dtype=np.int64).reshape(-1, 3).T.copy()
    weight = whole if scale == 1 else whole * scale
    expected = changes_by_searching(time_s, weight, group)
    assert changes(time_s, weight, EDGES_S, group, np.int64(GROUPS)).tolist() == expected


def drawn(seed: int, jobs: int, tries: int) -> tuple[np.random.Generator, dict[str, Ints]]:
    """Any attempts of some jobs, in order of job and number."""
    random = np.random.default_rng(seed)
    job = np.sort(random.integers(0, jobs, tries))
    start_s, end_s = np.sort(SLOT_S * random.integers(0, HORIZON_S // SLOT_S, (2, tries)), axis=0)
    return random, {
        "job": job,
        "outcome": random.choice(np.array(Outcome, dtype=np.int64), tries),
        "attempt": np.arange(tries) - np.searchsorted(job, job),
        "start_s": start_s,
        "end_s": end_s,
        "lost_s": random.integers(0, 50, tries),
    }


@settings(deadline=None)
@given(seeds, st.integers(1, 12), st.integers(0, 40))
def test_lives_are_read_off_as_by_columns(seed: int, jobs: int, tries: int) -> None:
    """First starts, ends, times held and undone of each job are those of whole-column operations."""
    _, a = drawn(seed, jobs, tries)
    last = a["outcome"] == Outcome.FINISHED
    undone = (a["outcome"] == Outcome.RECLAIMED) | (a["outcome"] == Outcome.FAILED)
    expected = np.zeros((kernels.LIVES, jobs), dtype=np.int64)
    expected[[kernels.START_S, kernels.FINISH_S]] = HORIZON_S
    expected[kernels.FINISHED, a["job"][last]] = 1
    expected[kernels.ATTEMPTS] = np.bincount(a["job"], minlength=jobs)
    first = a["attempt"] == 0
    expected[kernels.START_S, a["job"][first]] = a["start_s"][first]
    expected[kernels.FINISH_S, a["job"][last]] = a["end_s"][last]
    np.add.at(expected[kernels.HELD_S], a["job"], a["end_s"] - a["start_s"])
    np.add.at(expected[kernels.UNDONE_S], a["job"], np.where(undone, a["lost_s"], 0))
    found = kernels.lives(*a.values(), np.int64(jobs), np.int64(HORIZON_S))
    assert found.tolist() == expected.tolist()


@settings(deadline=None)
@given(seeds, st.integers(1, 30), st.integers(0, 60))
def test_jobs_are_counted_as_by_columns(seed: int, jobs: int, tries: int) -> None:
    """Counts and times of each workload are sums over the columns of its jobs."""
    random, a = drawn(seed, jobs, tries)
    lived = kernels.lives(*a.values(), np.int64(jobs), np.int64(HORIZON_S))
    workload, gang = random.integers(0, GROUPS, jobs), random.integers(1, 9, jobs)
    submit_s, after_s = (SLOT_S * random.integers(0, HORIZON_S // SLOT_S, n) for n in (jobs, GROUPS))
    refused = random.random(jobs) < 0.3
    found = kernels.tally(workload, gang, submit_s, refused, lived, after_s, np.int64(HORIZON_S))
    finished, attempts, start_s, finish_s, held_s, undone_s = lived
    deadline_s = submit_s + after_s[workload]
    due = deadline_s < HORIZON_S
    in_time = (finished == 1) & (finish_s <= deadline_s)
    for index in range(GROUPS):
        mine = workload == index
        queued = mine & ~refused
        waiting_s = (finish_s - submit_s - held_s)[queued]
        assert found[index].tolist() == [
            mine.sum(),
            (mine & refused).sum(),
            finished[mine].sum(),
            np.count_nonzero(attempts[queued]),
            attempts[mine].sum(),
            (mine & due).sum(),
            (mine & due & ~in_time).sum(),
            (start_s - submit_s)[queued].sum(),
            waiting_s.sum(),
            (gang[queued] * waiting_s).sum(),
            (gang * undone_s)[queued].sum(),
        ]
