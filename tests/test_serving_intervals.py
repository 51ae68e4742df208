"""Intervals worked out by hand on a surface that says the same everywhere, and laws that hold for all."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.jit import constant
from sim.serving.capacity import ready_time
from sim.serving.intervals import Intervals, ReplicaGroup, Span, Year, close_intervals, sum_intervals
from sim.serving.surface import Surface
from sim.serving.tables import STEPS
from tests import intervals_oracle as oracle

D = 300
"""Length of an interval [s]."""
MISS = 0.02
SLACK_S = 0.5
P99_S = 0.4


def flat_surface(miss: float = MISS, slack_s: float = SLACK_S) -> Surface:
    """A service that misses its SLO with probability `miss` at any load below 1, whose p99 is 0.4 s."""
    loads, replicas = np.array([0.1, 0.9, 1.0]), np.array([1.0, 10.0])
    below = np.full((2, 3), miss)
    below[:, 2] = 1.0
    quantile = np.full((2, 3), P99_S)
    quantile[:, 2] = np.inf
    nothing = np.zeros((2, 3))
    return Surface(loads, replicas, below, nothing, quantile, quantile, quantile, nothing, slack_s, 0.5)


def close(
    demand_rps: Sequence[float],
    ready: Sequence[float],
    timeout_s: float = math.inf,
    slack_s: float = SLACK_S,
    miss: float = MISS,
) -> Intervals:
    """Intervals of one group whose replicas sustain 2 requests/s; `ready` counts them in each interval."""
    group = ReplicaGroup(flat_surface(miss, slack_s), 2.0, np.array(ready, dtype=np.float64) * D)
    demand = np.array(demand_rps, dtype=np.float64)
    return close_intervals(demand, Span(D, len(demand) * D, timeout_s), [group])


def year(demand_rps: Sequence[float], ready: Sequence[float], timeout_s: float = math.inf) -> Year:
    """What the same intervals come to, all in one month."""
    group = ReplicaGroup(flat_surface(), 2.0, np.array(ready, dtype=np.float64) * D)
    demand = np.array(demand_rps, dtype=np.float64)
    return sum_intervals(demand, Span(D, len(demand) * D, timeout_s), [group], 0.95, np.array([0]))


def test_without_a_backlog_the_surface_speaks() -> None:
    """10/s for 6 replicas of 2/s: 3,000 offered of 3,600, all served, 2 % late, 5/6 of 1,800 s busy."""
    found = close([10.0], [6.0])
    assert found.offered.tolist() == found.served.tolist() == [3000.0]
    assert found.capacity.tolist() == [3600.0]
    assert found.violated.tolist() == pytest.approx([60.0])
    assert found.abandoned.tolist() == found.backlog_end.tolist() == [0.0]
    assert found.p99_s.tolist() == pytest.approx([P99_S])
    assert found.busy_s[0].tolist() == pytest.approx([1500.0])
    assert year([10.0], [6.0]).state == "STABLE"


def test_half_the_capacity_for_one_interval_then_it_drains() -> None:
    """Demand 10/s; 12/s can be served, but 6/s in the second interval.

    There the backlog grows by 4/s to 1,200 and delays by more than the slack from 0.5 s x 6/s = 3 requests
    on, that is after 0.75 s. Of 3,000 arrivals 3,000 x 0.75 / 300 = 7.5 escape it, and 2 % of those are late
    all the same. 1,800 are served, 1,200 late ones left. Then 2/s are worked off: 600 are left, all who are
    served were late. In the fourth interval the backlog falls below 12/s x 0.5 s = 6 after 297 s; of 30
    arrivals after that 2 % are late.
    """
    found = close([10.0] * 5, [6.0, 3.0, 6.0, 6.0, 6.0])
    assert found.backlog_end.tolist() == pytest.approx([0.0, 1200.0, 600.0, 0.0, 0.0])
    assert found.served.tolist() == pytest.approx([3000.0, 1800.0, 3600.0, 3600.0, 3000.0])
    late = [60.0, 3000.0 - 7.5 * 0.98 - 1200.0, 3600.0, 600.0 + 2970.0 + 0.02 * 30.0, 60.0]
    assert found.violated.tolist() == pytest.approx(late)
    assert found.p99_s.tolist() == pytest.approx([0.4, 0.4 + 1200 / 6, 0.4 + 1200 / 12, 0.4 + 600 / 12, 0.4])
    assert year([10.0] * 5, [6.0, 3.0, 6.0, 6.0, 6.0]).state == "BACKLOGGED"


def test_without_capacity_everything_is_abandoned_after_the_timeout() -> None:
    """10/s, nobody there, timeout 60 s: the last 600 still wait at the end, 2,400 have left.

    Then 20/s are served: the 600 (late, all of them) drain at 10/s in 60 s; the wait is above the slack of
    0.5 s until the backlog is 10, after 59 s: 590 of the arrivals are late, and 2 % of the other 2,410.
    """
    found = close([10.0, 10.0], [0.0, 10.0], timeout_s=60.0)
    assert found.served.tolist() == pytest.approx([0.0, 3600.0])
    assert found.abandoned.tolist() == pytest.approx([2400.0, 0.0])
    assert found.backlog_end.tolist() == pytest.approx([600.0, 0.0])
    assert found.violated.tolist() == pytest.approx([0.0, 600.0 + 590.0 + 0.02 * 2410.0])
    assert found.capacity.tolist() == [0.0, 6000.0]
    assert found.p99_s.tolist() == pytest.approx([np.inf, 0.4 + 600 / 20])
    assert found.busy_s[0].tolist() == pytest.approx([0.0, 1800.0])


def test_a_timeout_longer_than_an_interval_looks_back_over_several() -> None:
    """No capacity, timeout 450 s: after 300 s all 300 wait, after 600 s 1/s x 150 s + 10/s x 300 s."""
    found = close([1.0, 10.0], [0.0, 0.0], timeout_s=450.0)
    assert found.backlog_end.tolist() == pytest.approx([300.0, 150.0 + 3000.0])
    assert found.abandoned.tolist() == pytest.approx([0.0, 150.0])


def test_nobody_joins_a_backlog_beyond_the_timeout() -> None:
    """20/s for 10/s, timeout 30 s: 300 may wait; of 6,000 are 3,000 served, 300 left, 2,700 turned away.

    The backlog reaches 0.5 s x 10/s = 5 after 0.5 s, so 10 arrivals are in time but for 2 %; in the second
    interval nobody is, and the 3,000 who are turned away were no part of the 3,000 served.
    """
    found = close([20.0, 20.0], [5.0, 5.0], timeout_s=30.0)
    assert found.backlog_end.tolist() == pytest.approx([300.0, 300.0])
    assert found.abandoned.tolist() == pytest.approx([2700.0, 3000.0])
    assert found.violated.tolist() == pytest.approx([3000.0 - 0.98 * 10.0, 3000.0])
    assert found.p99_s.tolist() == [np.inf, np.inf]


def test_a_slack_beyond_the_timeout_is_never_used_up() -> None:
    """The same with 40 s of slack: whoever is served waited 30 s at most, and 2 % of them are late."""
    found = close([20.0, 20.0], [5.0, 5.0], timeout_s=30.0, slack_s=40.0)
    assert found.violated.tolist() == pytest.approx([60.0, 60.0])


def test_when_capacity_falls_those_behind_the_timeout_give_up() -> None:
    """A backlog of 1,200 at 6/s with timeout 300 s; then 2/s: at most 600 stay, and are served."""
    found = close([10.0, 0.0, 0.0], [3.0, 1.0, 1.0], timeout_s=300.0)
    assert found.backlog_end.tolist() == pytest.approx([1200.0, 0.0, 0.0])
    assert found.abandoned.tolist() == pytest.approx([0.0, 600.0, 0.0])
    assert found.served.tolist() == pytest.approx([1800.0, 600.0, 0.0])
    assert found.violated.tolist()[1] == pytest.approx(600.0)
    assert np.isnan(found.p99_s[1:]).all()


def test_a_measure_without_the_wait_does_not_mind_a_backlog() -> None:
    """Infinite slack: 10 % miss while the replicas are full, also while they drain, and 2 % after that."""
    full = np.full((2, 3), MISS)
    full[:, 2] = 0.1
    surface = replace(flat_surface(slack_s=math.inf), violation=full, p99_s=np.full((2, 3), P99_S))
    ready_s = np.full(3, 1500.0)
    found = close_intervals(
        np.array([15.0, 5.0, 5.0]), Span(D, 3 * D, math.inf), [ReplicaGroup(surface, 2.0, ready_s)]
    )
    assert found.backlog_end.tolist() == [1500.0, 0.0, 0.0]
    assert found.violated.tolist() == pytest.approx([300.0, 300.0, 30.0])
    assert found.p99_s.tolist() == pytest.approx([P99_S] * 3)


def test_groups_share_the_traffic_by_capacity() -> None:
    """4 x 2/s and 2 x 1/s serve 5/s: load 1/2, both half busy; 80 % see a miss of 2 %, 20 % one of 10 %."""
    groups = [
        ReplicaGroup(flat_surface(), 2.0, np.array([1200.0])),
        ReplicaGroup(replace(flat_surface(0.1), p99_s=np.full((2, 3), 0.7)), 1.0, np.array([600.0])),
    ]
    found = close_intervals(np.array([5.0]), Span(D, D, 60.0), groups)
    assert found.capacity.tolist() == [3000.0]
    assert found.violated.tolist() == pytest.approx([1500.0 * (0.8 * 0.02 + 0.2 * 0.1)])
    assert [busy.tolist() for busy in found.busy_s] == [[600.0], [300.0]]
    assert found.p99_s.tolist() == pytest.approx([0.7])


def test_a_group_that_nobody_is_sent_to_changes_nothing() -> None:
    """A second group without a ready replica leaves every number as it was."""
    alone, demand = ReplicaGroup(flat_surface(), 2.0, np.array([1200.0])), np.array([5.0])
    empty = ReplicaGroup(replace(flat_surface(0.9), p99_s=np.full((2, 3), 9.0)), 1.0, np.zeros(1))
    one = close_intervals(demand, Span(D, D, 60.0), [alone])
    two = close_intervals(demand, Span(D, D, 60.0), [alone, empty])
    assert two.violated.tolist() == one.violated.tolist()
    assert two.p99_s.tolist() == one.p99_s.tolist()


def test_no_group_at_all_serves_nobody() -> None:
    """Without replicas all but the last timeout's requests are abandoned."""
    found = close_intervals(np.array([1.0]), Span(D, D, 60.0), [])
    assert found.abandoned.tolist() == pytest.approx([240.0])
    assert found.backlog_end.tolist() == pytest.approx([60.0])


def test_the_last_interval_may_be_shorter() -> None:
    """A horizon of 400 s: the second interval offers 100 s x 10/s to 6 replicas ready for 100 s each."""
    group = ReplicaGroup(flat_surface(), 2.0, np.array([1800.0, 600.0]))
    found = close_intervals(np.array([10.0, 10.0]), Span(D, 400, 60.0), [group])
    assert found.offered.tolist() == [3000.0, 1000.0]
    assert found.capacity.tolist() == [3600.0, 1200.0]


def test_without_demand_there_is_nothing_to_tell() -> None:
    """No requests: nothing late, and no percentile of nothing."""
    found = close([0.0, 0.0], [1.0, 0.0])
    assert found.violated.tolist() == [0.0, 0.0]
    assert np.isnan(found.p99_s).all()


def test_a_month_above_capacity_is_overloaded_a_day_is_backlogged() -> None:
    """8,640 intervals are 30 days: 11/s for 10/s in all of them, in 288 with rest after, in 288 alone."""
    ready = [5.0] * 8641
    assert year([11.0] * 8640 + [0.0], ready, timeout_s=60.0).state == "OVERLOADED"
    assert year([11.0] * 288 + [5.0] * 8353, ready, timeout_s=60.0).state == "BACKLOGGED"
    assert year([9.0] * 8641, ready, timeout_s=60.0).state == "STABLE"
    assert year([11.0] * 288, ready[:288], timeout_s=60.0).state == "OVERLOADED"


@pytest.mark.parametrize(
    ("third_rps", "waited"), [(12.0, 9_000.0), (15.0, 5_400.0), (20.0, 4_200.0), (10.0, 9_000.0)]
)
def test_requests_that_come_while_a_backlog_stands(third_rps: float, waited: float) -> None:
    """10/s meet 6/s in the second of four intervals: all 3,000 wait, and 1,200 are left.

    At 12/s half of them are left after the third interval, at the end of the fourth none: 9,000 waited. At
    15/s the third has worked them off after 1,200 / 1,500 of its length, at 20/s after 1,200 / 3,000; at 10/s
    never, so that the fourth, with 12/s, ends with 600.
    """
    found = year([10.0] * 4, [6.0, 3.0, third_rps / 2, 6.0])
    assert found.into_backlog == pytest.approx(waited)


def test_nobody_waits_where_everything_is_served_at_once() -> None:
    """Demand at the very capacity leaves no backlog; nor is there one where nobody asks."""
    assert year([12.0, 0.0], [6.0, 0.0]).into_backlog == 0.0
    assert year([0.0], [0.0]).state == "STABLE"


@pytest.mark.parametrize("asked_rps", [9.9, 10.1])
def test_a_window_of_overload_is_found_after_many_calm_ones(asked_rps: float) -> None:
    """A year of 10,000 calm intervals, a third of them empty, then 30 days at 9.9/s or 10.1/s for 10/s."""
    demand = [0.0, 5.0, 9.0] * 3334 + [asked_rps] * 8640
    expected = "OVERLOADED" if asked_rps > 10.0 else "STABLE"
    assert year(demand, [5.0] * len(demand), timeout_s=60.0).state == expected


@pytest.mark.parametrize(("intervals", "expected"), [(19, "BACKLOGGED"), (20, "STABLE"), (21, "STABLE")])
def test_a_service_is_backlogged_beyond_five_percent(intervals: int, expected: str) -> None:
    """One interval has half of the capacity it needs, and nobody stays: of 20 equal ones that is just 5 %."""
    ready = [3.0] + [6.0] * (intervals - 1)
    assert year([10.0] * intervals, ready, timeout_s=0.0).state == expected


def test_those_who_find_no_replica_count_as_having_waited() -> None:
    """A service that is gone for one interval of ten leaves 10 % of its requests without an answer."""
    assert year([1.0] * 10, [0.0] + [6.0] * 9, timeout_s=1.0).state == "BACKLOGGED"
    assert year([1.0] * 10, [0.0] + [6.0] * 9, timeout_s=0.0).into_backlog == 300.0


counts = st.one_of(st.just(0.0), st.floats(1e-3, 1e4))


@given(
    st.lists(st.tuples(counts, counts, counts), min_size=1, max_size=30),
    st.one_of(st.just(math.inf), st.floats(0.0, 1e4)),
    st.one_of(st.just(math.inf), st.floats(0.0, 1e3)),
    st.integers(1, D),
)
@settings(max_examples=300, deadline=None)
def test_requests_are_conserved(
    rows: list[tuple[float, float, float]], timeout_s: float, slack_s: float, last_s: int
) -> None:
    """Backlog + offered == served + abandoned + backlog; nothing is negative; no more late than served."""
    demand, first, second = (np.array(column) for column in zip(*rows, strict=True))
    groups = [
        ReplicaGroup(flat_surface(0.02, slack_s), 2.0, first),
        ReplicaGroup(flat_surface(0.5, slack_s / 2), 0.3, second),
    ]
    found = close_intervals(demand, Span(D, (len(rows) - 1) * D + last_s, timeout_s), groups)
    start = np.concatenate(([0.0], found.backlog_end[:-1]))
    incoming = start + found.offered
    outgoing = found.served + found.abandoned + found.backlog_end
    assert outgoing == pytest.approx(incoming, rel=1e-9, abs=1e-9)
    for column in (found.served, found.violated, found.abandoned, found.backlog_end, *found.busy_s):
        assert np.all(column >= 0.0)
        assert np.all(np.isfinite(column))
    assert np.all(found.violated <= found.served)
    assert np.all(found.served <= found.capacity * (1 + 1e-12))
    for group, busy_s in zip(groups, found.busy_s, strict=True):
        assert np.all(busy_s <= group.ready_s * (1 + 1e-12))


def surfaces() -> st.SearchStrategy[Surface]:
    """Surfaces that rise with the load and fall with replicas, with or without a wait in their measure."""

    def made(steep: float, slack_s: float) -> Surface:
        loads, replicas = np.array([0.05, 0.4, 0.7, 0.9, 0.96, 1.0]), np.array([1.0, 2.0, 3.0, 5.0, 8.0])
        violation = 1e-4 * np.exp(steep * loads[None, :] / np.sqrt(replicas[:, None]))
        p99_s = 0.2 + 1.0 / replicas[:, None] / (1.01 - loads[None, :])
        if math.isfinite(slack_s):
            violation[:, -1], p99_s[:, -1] = 1.0, np.inf
        else:
            violation[:, -1], p99_s[:, -1] = 0.5, 9.0
        error = 0.01 * violation
        violation = np.minimum(violation, 1.0)
        nothing = np.zeros(error.shape)
        return Surface(loads, replicas, violation, error, p99_s, p99_s, p99_s, nothing, slack_s, 0.5)

    return st.builds(made, st.floats(1.0, 8.0), st.sampled_from([0.0, 0.53, 97.31, math.inf]))


@given(
    st.lists(
        st.tuples(
            st.one_of(st.just(0.0), st.floats(1e-3, 30.0)),
            st.sampled_from([0, 0, 300, 600, 750, 3000]),
            st.integers(0, 900),
        ),
        min_size=1,
        max_size=60,
    ),
    st.tuples(surfaces(), surfaces()),
    st.sampled_from([0.0, 10.0, 400.0, 5000.0, math.inf]),
    st.integers(1, D),
    st.integers(0, 59),
)
@settings(max_examples=300, deadline=None)
def test_the_compiled_pass_agrees_with_arithmetic_on_whole_arrays(
    rows: list[tuple[float, int, int]],
    pair: tuple[Surface, Surface],
    timeout_s: float,
    last_s: int,
    second_month: int,
) -> None:
    """Two groups of any surfaces, capacity that comes and goes: every column, and every sum of the year.

    Tables in small steps are not their surfaces: 1 % is allowed where those speak. No slack is a round
    number: on which side of it a tie falls is no matter. Where the wait is no part of the measure, its p99
    jumps at a load of 1; in a table it rises over the last step. The demand of later intervals is a little
    higher than drawn, so that no two halves weigh the same.
    """
    demand = np.array([rps * (1.0 + 1e-4 * n**2) for n, (rps, _, _) in enumerate(rows)])
    horizon_s = (len(rows) - 1) * D + last_s
    readies = np.array([[first, second] for _, first, second in rows], dtype=np.float64).T
    readies[:, -1] = np.minimum(readies[:, -1], last_s)
    groups = [
        ReplicaGroup(surface, rate, ready_s)
        for surface, rate, ready_s in zip(pair, (2.0, 0.7), readies, strict=True)
    ]
    month_first = np.array([0, second_month][: 1 + (0 < second_month < len(rows))])
    expected = oracle.close_intervals(demand, D, groups, timeout_s, horizon_s)
    found = close_intervals(demand, Span(D, horizon_s, timeout_s), groups)
    for name in ("offered", "served", "abandoned", "backlog_end", "capacity"):
        wanted = pytest.approx(getattr(expected, name), rel=1e-9, abs=1e-7)
        assert getattr(found, name) == wanted, name
    assert found.violated == pytest.approx(expected.violated, rel=0.01, abs=1e-5)
    fullness = found.served / np.maximum(found.capacity, 1e-9)
    told = (fullness <= 1.0 - 1.0 / STEPS) | (fullness == 1.0)
    wanted = pytest.approx(expected.p99_s[told], rel=0.01, abs=1e-6, nan_ok=True)
    assert found.p99_s[told] == wanted
    assert found.busy_s == pytest.approx(np.array(expected.busy_s), rel=1e-9, abs=1e-7)
    total = sum_intervals(demand, Span(D, horizon_s, timeout_s), groups, 0.95, month_first)
    for name in ("offered", "served", "violated", "abandoned", "capacity"):
        by_month = np.add.reduceat(getattr(found, name), month_first)
        assert getattr(total, name) == pytest.approx(by_month, rel=1e-9, abs=1e-7), name
    assert total.busy_s == pytest.approx(np.add.reduceat(found.busy_s, month_first, axis=1), rel=1e-9)
    assert total.waiting == found.backlog_end[-1]
    assert total.state == oracle.state(expected)
    assert total.into_backlog == pytest.approx(oracle.into_backlog(expected), rel=1e-6, abs=1e-6)
    assert total.unsure == pytest.approx(found.unsure.sum(), rel=1e-9, abs=1e-9)
    saturated = found.offered > found.capacity
    assert total.saturated_s == oracle.length_s(saturated, D, horizon_s)
    missed = found.violated + found.abandoned
    assert total.broken_s == oracle.length_s(missed > found.offered - 0.95 * found.offered, D, horizon_s)
    worst = oracle.worst_median(found.p99_s, found.offered, month_first)
    assert total.p99_s == pytest.approx(worst, nan_ok=True)


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), max_size=20),
    st.sampled_from([4700, 5000, 5100]),
)
@settings(deadline=None)
def test_ready_time_counts_every_second_once(spans: list[tuple[int, int]], horizon_s: int) -> None:
    """The seconds of each interval in which each replica is ready, counted one by one."""
    begins, ends = (
        np.array([sorted((a, b, horizon_s))[:2] for a, b in spans], dtype=np.int64).reshape(-1, 2).T
    )
    found = ready_time(begins, ends, constant(D), constant(horizon_s))
    second = np.arange(horizon_s)
    there = np.zeros(horizon_s, dtype=np.int64)
    for begin, end in zip(begins, ends, strict=True):
        there += (begin <= second) & (second < end)
    assert found.tolist() == [int(there[at : at + D].sum()) for at in range(0, horizon_s, D)]
