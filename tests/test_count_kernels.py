"""The compiled counts of ledger and metrics beside the same in numpy, to the last bit."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.ledger.kernels import integrate
from sim.metrics import kernels
from sim.records import Outcome

Ints = npt.NDArray[np.int64]
HORIZON_S = 1000
SLOT_S = 100
"""Times are whole slots, so that many are equal."""
EDGES_S = np.array([0, 100, 250, HORIZON_S], dtype=np.int64)
GROUPS = 3
POOLS = 2

moments = st.integers(-200, 1200) | st.sampled_from(EDGES_S.tolist())
seeds = st.integers(0, 2**32)


def integrated(
    start_s: Ints, end_s: Ints, weight: Ints, group: Ints, groups: int = GROUPS
) -> list[list[float]]:
    """What holds when a step begins holds through it, and what changes within it from there on."""
    steps = len(EDGES_S) - 1
    sums = []
    for time_s in (start_s, end_s):
        inside_s = np.clip(time_s, EDGES_S[0], EDGES_S[-1])
        step = np.searchsorted(EDGES_S[1:-1], inside_s, side="right")
        found = np.zeros((2, groups, steps), weight.dtype)
        np.add.at(found[0], (group, step), weight)
        np.add.at(found[1], (group, step), weight * (EDGES_S[step + 1] - inside_s))
        sums.append(found)
    (begun, added), (ended, taken) = sums
    change = begun - ended
    integral = (np.cumsum(change, axis=1) - change) * np.diff(EDGES_S) + (added - taken)
    return list(integral.tolist())


@pytest.mark.parametrize("scale", [1, 1 / 7])
@settings(deadline=None)
@given(st.lists(st.tuples(moments, moments, st.integers(-50, 50), st.integers(0, GROUPS - 1)), max_size=30))
def test_integrals_are_those_of_searching(scale: float, rows: list[tuple[int, int, int, int]]) -> None:
    """Times within and beyond the edges, at them, in any order, and weights that are whole or not."""
    start_s, end_s, whole, group = np.array(rows, dtype=np.int64).reshape(-1, 4).T.copy()
    weight = whole if scale == 1 else whole * scale
    found = integrate(start_s, end_s, weight, EDGES_S, group, np.int64(GROUPS))
    assert found.tolist() == integrated(start_s, end_s, weight, group)


def summed(values: Ints, *places: Ints, shape: tuple[int, ...]) -> list[list[int]]:
    """Sums of values by their places."""
    found = np.zeros(shape, dtype=np.int64)
    np.add.at(found, places, values)
    return list(found.tolist())


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


def jobs_and_attempts(seed: int, jobs: int, tries: int) -> tuple[dict[str, Ints], dict[str, Ints], Ints]:
    """Any attempts of any jobs, some of which are refused, and what `lives` tells of them."""
    random, a = drawn(seed, jobs, tries)
    lived = kernels.lives(*a.values(), np.int64(jobs), np.int64(HORIZON_S))
    a |= {name: random.integers(0, 50, tries) for name in ("paused_s", "kept_s")}
    a |= {"pool": random.integers(0, POOLS, tries), "leased": random.integers(1, 17, tries)}
    j = {
        "workload": random.integers(0, GROUPS, jobs),
        "accelerators": random.integers(1, 9, jobs),
        "submit_s": SLOT_S * random.integers(0, HORIZON_S // SLOT_S, jobs),
        "work_s": random.integers(1, 200, jobs),
        "refused": random.random(jobs) < 0.3,
    }
    return a, j, lived


@settings(deadline=None)
@given(seeds, st.integers(1, 12), st.integers(0, 40))
def test_attempts_add_up_as_by_columns(seed: int, jobs: int, tries: int) -> None:
    """Sums by workload and pool, endings, progress and integrals are those of whole-column operations."""
    a, j, _ = jobs_and_attempts(seed, jobs, tries)
    speed_ppm = np.array([[1_000_000, 350_000], [500_001, 0], [2_000_000, 7]], dtype=np.int64)
    columns = ("job", "pool", "leased", "start_s", "end_s", "outcome", "paused_s", "kept_s", "lost_s")
    sums, endings, progress_s, leased_s, useful_s, at_work_s = kernels.of_attempts(
        *(a[name] for name in columns), j["workload"], j["accelerators"], j["refused"], speed_ppm, EDGES_S
    )
    mine, gang, pool = j["workload"][a["job"]], j["accelerators"][a["job"]], a["pool"]
    length_s = a["end_s"] - a["start_s"]
    undone_s = np.where(np.isin(a["outcome"], (Outcome.RECLAIMED, Outcome.FAILED)), a["lost_s"], 0)
    useful = a["kept_s"] + a["lost_s"] - undone_s
    expected = useful * speed_ppm[mine, pool] // 1_000_000
    assert progress_s.tolist() == expected.tolist()
    assert endings.tolist() == summed(np.ones_like(mine), mine, a["outcome"], shape=(GROUPS, len(Outcome)))
    assert sums.tolist() == [
        summed(seconds, mine, pool, shape=(GROUPS, POOLS))
        for seconds in (
            a["leased"] * length_s, gang * length_s, gang * a["paused_s"], gang * useful, gang * undone_s,
            gang * expected,
        )
    ]  # fmt: skip
    times = a["start_s"], a["end_s"]
    assert leased_s.tolist() == integrated(*times, a["leased"], pool, POOLS)
    assert useful_s.tolist() == integrated(*times, gang * useful / np.maximum(length_s, 1), pool, POOLS)
    queued = (~j["refused"]).astype(np.int64)[a["job"]]
    assert at_work_s.tolist() == integrated(*times, queued, mine) + integrated(*times, queued * gang, mine)


@settings(deadline=None)
@given(seeds, st.integers(0, 40))
def test_replicas_add_up_as_by_columns(seed: int, replicas: int) -> None:
    """The same of replicas, which are ready from some time of their lease on, or never."""
    random = np.random.default_rng(seed)
    service, pool = random.integers(0, GROUPS, replicas), random.integers(0, POOLS, replicas)
    leased, outcome = random.integers(1, 17, replicas), random.integers(0, len(Outcome), replicas)
    slots = SLOT_S * random.integers(0, HORIZON_S // SLOT_S, (3, replicas))
    start_s, ready_s, end_s = np.sort(slots, axis=0)
    gangs = np.array([1, 4, 8], dtype=np.int64)
    sums, endings, leased_s, ready = kernels.of_replicas(
        service, pool, leased, start_s, ready_s, end_s, outcome, gangs, EDGES_S, np.int64(POOLS)
    )
    one, gang = np.ones_like(service), gangs[service]
    assert endings.tolist() == summed(one, service, outcome, shape=(GROUPS, len(Outcome)))
    assert sums.tolist() == [
        summed(seconds, service, pool, shape=(GROUPS, POOLS))
        for seconds in (leased * (end_s - start_s), gang * (ready_s - start_s), gang * (end_s - ready_s))
    ]
    assert leased_s.tolist() == integrated(start_s, end_s, leased, pool, POOLS)
    assert ready.tolist() == integrated(ready_s, end_s, one, service)


@settings(deadline=None)
@given(seeds, st.integers(1, 30), st.integers(0, 60))
def test_who_is_there_and_who_waits_as_by_columns(seed: int, jobs: int, tries: int) -> None:
    """Jobs are there from arrival to finish; work waits that has arrived, is not done, and holds no lease."""
    a, j, lived = jobs_and_attempts(seed, jobs, tries)
    finished, finish_s = lived[kernels.FINISHED] != 0, lived[kernels.FINISH_S]
    queued = (~j["refused"]).astype(np.int64)
    mine, gang, submit_s = j["workload"], j["accelerators"], j["submit_s"]
    there_s = kernels.there(mine, gang, submit_s, j["refused"], lived, EDGES_S, np.int64(GROUPS))
    assert there_s.tolist() == [
        row for weight in (queued, queued * gang) for row in integrated(submit_s, finish_s, weight, mine)
    ]
    times_s = np.array([0, 300, HORIZON_S], dtype=np.int64)
    found = kernels.waiting_work(
        a["job"], a["start_s"], a["end_s"], a["outcome"], a["kept_s"], mine, gang, submit_s, j["work_s"],
        j["refused"], lived, times_s, np.int64(GROUPS),
    )  # fmt: skip
    for time_s, by_workload in zip(times_s.tolist(), found.tolist(), strict=True):
        ended = (a["end_s"] <= time_s) & (a["outcome"] != Outcome.CUT_OFF)
        left_s = j["work_s"] - np.array(summed(a["kept_s"][ended], a["job"][ended], shape=(jobs,)))
        waits = ~j["refused"] & (submit_s <= time_s) & ~(finished & (finish_s <= time_s))
        waits[a["job"][~ended & (a["start_s"] <= time_s)]] = False
        assert by_workload == summed(np.where(waits, gang * left_s, 0), mine, shape=(GROUPS,))
