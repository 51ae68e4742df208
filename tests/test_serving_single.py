"""The queue of single services: batches, limits, patience and priorities by hand, by theory, step by step."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.distributions import Constant, Exponential
from sim.serving.requests.single import (
    GAVE_UP,
    SERVED,
    SHED,
    fresh_lines,
    fresh_requests,
    serve,
    waits_ggc,
)
from sim.serving.service import Batching, Measure, Priority, SingleService
from sim.streams import generator, stream_key

Floats = NDArray[np.float64]
ALONE = np.array([0.0, 1.0])
"""Times of batches of 0 and 1, relative to one request."""
NO_LIMIT = 10**9


def answered(
    arrivals: Sequence[float],
    times: Sequence[float],
    growth: Floats = ALONE,
    servers: int = 1,
    limit: int = NO_LIMIT,
    delay_s: float = 0.0,
    patience_s: Sequence[float] | float = math.inf,
    priority: Sequence[int] | int = 0,
) -> Any:
    """What became of requests."""
    requests = fresh_requests(
        np.array(arrivals, dtype=np.float64),
        np.array(times, dtype=np.float64),
        np.array(patience_s, dtype=np.float64),
        np.array(priority),
    )
    serve(requests, fresh_lines(int(np.max(priority)) + 1), growth, servers, limit, delay_s)
    return requests


def test_a_batch_starts_when_it_is_full_or_when_its_first_has_waited() -> None:
    """Batches of two take 1.5 x the mean time; the first waits at most 3 s.

    A (0 s, takes 2) and B (1 s, takes 4) fill one at 1 s: it takes 1.5 x 3 and ends at 5.5. C (10 s, takes 2)
    is alone until 13 s and ends at 15; D (16 s) is the last, nobody else will come: 16 to 18.
    """
    found = answered([0, 1, 10, 16], [2, 4, 2, 2], np.array([0.0, 1.0, 1.5]), delay_s=3.0)
    assert found["start_s"].tolist() == [1.0, 1.0, 13.0, 16.0]
    assert found["end_s"].tolist() == [5.5, 5.5, 15.0, 18.0]


def test_without_a_delay_whoever_waits_goes_together() -> None:
    """A starts at once (0 to 2); B, C and D come meanwhile: B and C fill a batch of two at 2, D follows."""
    found = answered([0, 0.5, 1, 1.5], [2, 2, 2, 2], np.array([0.0, 1.0, 1.5]))
    assert found["start_s"].tolist() == [0.0, 2.0, 2.0, 5.0]
    assert found["end_s"].tolist() == [2.0, 5.0, 5.0, 7.0]


def test_only_full_batches_start_where_nobody_is_patient() -> None:
    """With an endless delay A waits for B (9 s); the odd one out goes when nobody else will come."""
    found = answered([0, 9, 10], [2, 2, 2], np.array([0.0, 1.0, 1.5]), delay_s=math.inf)
    assert found["start_s"].tolist() == [9.0, 9.0, 12.0]


def test_a_full_queue_turns_away_and_a_free_server_never_does() -> None:
    """One may wait: A is served 0-4, B waits, C is shed at 2; D comes at 4 when A leaves and B starts."""
    found = answered([0, 1, 2, 4], [4, 4, 4, 4], limit=1)
    assert found["outcome"].tolist() == [SERVED, SERVED, SHED, SERVED]
    assert found["start_s"].tolist()[:2] == [0.0, 4.0]
    assert math.isnan(found["start_s"][2])
    assert found["start_s"][3] == 8.0


def test_who_waits_too_long_gives_up_but_not_at_the_moment_of_the_turn() -> None:
    """A is served 0-4. B (1 s) has patience for 3 s: the turn comes at 4, just in time. C leaves at 5."""
    found = answered([0, 1, 2], [4, 4, 4], patience_s=[9, 3, 3])
    assert found["outcome"].tolist() == [SERVED, SERVED, GAVE_UP]
    assert found["end_s"].tolist()[:2] == [4.0, 8.0]


def test_the_urgent_go_first_and_interrupt_nobody() -> None:
    """A (routine) is served 0-4; B (routine, 1 s) waits; C (urgent, 2 s) goes before B."""
    found = answered([0, 1, 2], [4, 1, 1], priority=[1, 1, 0])
    assert found["start_s"].tolist() == [0.0, 5.0, 4.0]


def naive(
    rows: Sequence[tuple[int, ...]], growth: list[int], servers: int, limit: int, delay: int
) -> list[Any]:
    """The same, second by second, with whole seconds and growth that keeps them whole."""
    outcomes: list[Any] = [None] * len(rows)
    ends: list[int] = []
    waiting: list[int] = []
    second, came = 0, 0
    most = len(growth) - 1

    def start() -> None:
        while len(ends) < servers and waiting:
            oldest = min(rows[n][0] for n in waiting)
            if len(waiting) < most and came < len(rows) and oldest + delay > second:
                return
            chosen = sorted(waiting, key=lambda n: (rows[n][3], n))[:most]
            end = second + growth[len(chosen)] * sum(rows[n][1] for n in chosen) / len(chosen)
            for n in chosen:
                waiting.remove(n)
                outcomes[n] = (SERVED, second, end)
            ends.append(end)

    while came < len(rows) or waiting:
        ends[:] = [end for end in ends if end > second]
        while came < len(rows) and rows[came][0] == second:
            if len(ends) < servers or len(waiting) < limit:
                waiting.append(came)
            else:
                outcomes[came] = (SHED,)
            came += 1
            start()
        start()
        for n in [n for n in waiting if rows[n][0] + rows[n][2] == second]:
            waiting.remove(n)
            outcomes[n] = (GAVE_UP,)
        second += 1
    return outcomes


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(1, 9), st.integers(0, 12), st.integers(0, 2)), max_size=30
    ),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 4),
    st.integers(0, 5),
)
@settings(max_examples=300, deadline=None)
def test_the_kernel_equals_a_second_by_second_simulation(
    drawn: list[tuple[int, ...]], servers: int, most: int, limit: int, delay: int
) -> None:
    """Batches, limits, patience and priorities together: the same outcomes, starts and ends.

    Times are multiples of 6, as means over batches of 2 and 3 must stay whole.
    """
    arrivals = np.cumsum([row[0] for row in drawn]).astype(int)
    rows = [(int(at), 6 * row[1], row[2], row[3]) for at, row in zip(arrivals, drawn, strict=True)]
    if not rows:
        return
    growth = [0, 1, 2, 2][: most + 1]
    at, times, patience, priority = zip(*rows, strict=True)
    found = answered(
        at, times, np.array(growth, dtype=np.float64), servers, limit, delay, patience, [*priority]
    )
    for n, expected in enumerate(naive(rows, growth, servers, limit, delay)):
        assert found["outcome"][n] == expected[0]
        if expected[0] == SERVED:
            assert (found["start_s"][n], found["end_s"][n]) == expected[1:]


def test_one_by_one_it_is_the_plain_queue() -> None:
    """Without batches, limits, patience or priorities the waits are those of the recursion, to the bit."""
    rng = np.random.default_rng(1)
    arrival_s, time_s = np.cumsum(rng.exponential(0.3, 5000)), rng.lognormal(0.0, 1.0, 5000)
    found = answered(arrival_s, time_s, servers=5)
    assert (found["start_s"] - arrival_s).tolist() == waits_ggc(arrival_s, time_s, 5).tolist()


TRIAGE = SingleService(Exponential(0.05))


def test_a_batch_of_eight_sustains_eight_over_its_time() -> None:
    """50 ms for one, 20 % more for each further: 8 in 50 x 2.4 = 120 ms are 66.7/s, and as simulated."""
    batched = replace(TRIAGE, batching=Batching(tuple(1.0 + 0.2 * k for k in range(8)), 0.01))
    assert batched.capacity_rps() == pytest.approx(8 / 0.12)
    assert batched.busiest_s(Measure.LATENCY) == pytest.approx(0.12)
    assert batched.unloaded_s(Measure.LATENCY) == pytest.approx(0.06)
    work = batched.draw(generator(stream_key(0, 0, "test")), 40_000)
    last_s = batched.answer(np.zeros(40_000), work, 1).last_s
    assert 40_000 / last_s.max() == pytest.approx(batched.capacity_rps(), rel=1e-6)


def test_alone_means_the_delay_and_the_time() -> None:
    """Requests far apart wait for others that do not come: 10 ms, and then take their own time."""
    batched = replace(TRIAGE, time=Constant(0.05), batching=Batching((1.0, 1.5), 0.01))
    work = batched.draw(generator(stream_key(0, 0, "test")), 5)
    met = batched.answer(np.arange(5.0) * 100.0, work, 1)
    assert met.last_s[:-1] == pytest.approx([0.06] * 4)
    assert batched.alone(work).last_s == pytest.approx([0.06] * 5)


def test_who_gets_no_answer_waits_for_ever() -> None:
    """A shed request has an infinite latency, which misses any SLO."""
    limited = replace(TRIAGE, time=Constant(1.0), queue_limit=0)
    work = limited.draw(generator(stream_key(0, 0, "test")), 3)
    assert limited.answer(np.array([0.0, 0.5, 2.0]), work, 1).last_s.tolist() == [1.0, math.inf, 1.0]


def test_the_queue_limit_is_that_of_each_replica() -> None:
    """Two replicas with a limit of 1 let two wait."""
    limited = replace(TRIAGE, time=Constant(1.0), queue_limit=1)
    work = limited.draw(generator(stream_key(0, 0, "test")), 5)
    last_s = limited.answer(np.zeros(5), work, 2).last_s
    assert last_s.tolist() == [1.0, 1.0, 2.0, 2.0, math.inf]


def test_priorities_have_their_shares_and_limits() -> None:
    """A quarter is urgent, with a limit of its own."""
    service = replace(TRIAGE, priorities=(Priority(0.25, 0.1), Priority(0.75, 1.0)))
    work = service.draw(generator(stream_key(0, 0, "test")), 100_000)
    urgent = work["priority"] == 0
    assert urgent.mean() == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / 100_000))
    limits_s = service.limits_s(work, 9.0)
    assert set(limits_s[urgent]) == {0.1}
    assert set(limits_s[~urgent]) == {1.0}


@pytest.mark.parametrize(
    ("growth", "delay_s"), [((), 0.0), ((2.0,), 0.0), ((1.0, 0.0), 0.0), ((1.0,), -1.0), ((1.0,), math.nan)]
)
def test_batches_that_make_no_sense_are_refused(growth: tuple[float, ...], delay_s: float) -> None:
    """None, one that does not begin with 1, one without a time, a negative delay and none at all."""
    with pytest.raises(ValueError, match=r"growth|delay"):
        Batching(growth, delay_s)
