"""Intervals worked out by hand on a surface that says the same everywhere, and laws that hold for all."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.serving.intervals import Intervals, ReplicaGroup, close_intervals, into_backlog, state
from sim.serving.surface import Surface

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
    return Surface(loads, replicas, below, np.zeros((2, 3)), quantile, quantile, quantile, slack_s)


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
    return close_intervals(demand, D, [group], timeout_s, len(demand) * D)


def test_without_a_backlog_the_surface_speaks() -> None:
    """10/s for 6 replicas of 2/s: 3,000 offered of 3,600, all served, 2 % late, 5/6 of 1,800 s busy."""
    found = close([10.0], [6.0])
    assert found.offered.tolist() == found.served.tolist() == [3000.0]
    assert found.capacity.tolist() == [3600.0]
    assert found.load.tolist() == pytest.approx([5 / 6])
    assert found.violated.tolist() == pytest.approx([60.0])
    assert found.abandoned.tolist() == found.backlog_end.tolist() == [0.0]
    assert found.p99_s.tolist() == [P99_S]
    assert found.busy_s[0].tolist() == pytest.approx([1500.0])
    assert state(found) == "STABLE"


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
    assert state(found) == "BACKLOGGED"


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
    assert found.load.tolist() == [np.inf, 0.5]
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
        np.array([15.0, 5.0, 5.0]), D, [ReplicaGroup(surface, 2.0, ready_s)], math.inf, 3 * D
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
    found = close_intervals(np.array([5.0]), D, groups, 60.0, D)
    assert found.load.tolist() == [0.5]
    assert found.violated.tolist() == pytest.approx([1500.0 * (0.8 * 0.02 + 0.2 * 0.1)])
    assert [busy.tolist() for busy in found.busy_s] == [[600.0], [300.0]]
    assert found.p99_s.tolist() == [0.7]


def test_a_group_that_nobody_is_sent_to_changes_nothing() -> None:
    """A second group without a ready replica leaves every number as it was."""
    alone, demand = ReplicaGroup(flat_surface(), 2.0, np.array([1200.0])), np.array([5.0])
    empty = ReplicaGroup(replace(flat_surface(0.9), p99_s=np.full((2, 3), 9.0)), 1.0, np.zeros(1))
    one = close_intervals(demand, D, [alone], 60.0, D)
    two = close_intervals(demand, D, [alone, empty], 60.0, D)
    assert two.violated.tolist() == one.violated.tolist()
    assert two.p99_s.tolist() == one.p99_s.tolist()


def test_no_group_at_all_serves_nobody() -> None:
    """Without replicas all but the last timeout's requests are abandoned."""
    found = close_intervals(np.array([1.0]), D, [], 60.0, D)
    assert found.abandoned.tolist() == pytest.approx([240.0])
    assert found.backlog_end.tolist() == pytest.approx([60.0])


def test_the_last_interval_may_be_shorter() -> None:
    """A horizon of 400 s: the second interval offers 100 s x 10/s to 6 replicas ready for 100 s each."""
    group = ReplicaGroup(flat_surface(), 2.0, np.array([1800.0, 600.0]))
    found = close_intervals(np.array([10.0, 10.0]), D, [group], 60.0, 400)
    assert found.offered.tolist() == [3000.0, 1000.0]
    assert found.load.tolist() == pytest.approx([5 / 6, 5 / 6])


def test_without_demand_there_is_nothing_to_tell() -> None:
    """No requests: load 0, nothing late, and no percentile of nothing."""
    found = close([0.0, 0.0], [1.0, 0.0])
    assert found.load.tolist() == [0.0, 0.0]
    assert found.violated.tolist() == [0.0, 0.0]
    assert np.isnan(found.p99_s).all()


def test_a_month_above_capacity_is_overloaded_a_day_is_backlogged() -> None:
    """8,640 intervals are 30 days: 11/s for 10/s in all of them, in 288 with rest after, in 288 alone."""
    ready = [5.0] * 8641
    assert state(close([11.0] * 8640 + [0.0], ready, timeout_s=60.0)) == "OVERLOADED"
    assert state(close([11.0] * 288 + [5.0] * 8353, ready, timeout_s=60.0)) == "BACKLOGGED"
    assert state(close([9.0] * 8641, ready, timeout_s=60.0)) == "STABLE"
    assert state(close([11.0] * 288, ready[:288], timeout_s=60.0)) == "OVERLOADED"


@pytest.mark.parametrize(
    ("third_rps", "waited"), [(12.0, 9_000.0), (15.0, 5_400.0), (20.0, 4_200.0), (10.0, 9_000.0)]
)
def test_requests_that_come_while_a_backlog_stands(third_rps: float, waited: float) -> None:
    """10/s meet 6/s in the second of four intervals: all 3,000 wait, and 1,200 are left.

    At 12/s half of them are left after the third interval, at the end of the fourth none: 9,000 waited. At
    15/s the third has worked them off after 1,200 / 1,500 of its length, at 20/s after 1,200 / 3,000; at 10/s
    never, so that the fourth, with 12/s, ends with 600.
    """
    found = close([10.0] * 4, [6.0, 3.0, third_rps / 2, 6.0])
    assert into_backlog(found) == pytest.approx(waited)


def test_nobody_waits_where_everything_is_served_at_once() -> None:
    """Demand at the very capacity leaves no backlog; nor is there one where nobody asks."""
    assert into_backlog(close([12.0, 0.0], [6.0, 0.0])) == 0.0
    assert state(close([0.0], [0.0])) == "STABLE"


@pytest.mark.parametrize(("intervals", "expected"), [(19, "BACKLOGGED"), (20, "STABLE"), (21, "STABLE")])
def test_a_service_is_backlogged_beyond_five_percent(intervals: int, expected: str) -> None:
    """One interval has half of the capacity it needs, and nobody stays: of 20 equal ones that is just 5 %."""
    ready = [3.0] + [6.0] * (intervals - 1)
    assert state(close([10.0] * intervals, ready, timeout_s=0.0)) == expected


def test_those_who_find_no_replica_count_as_having_waited() -> None:
    """A service that is gone for one interval of ten leaves 10 % of its requests without an answer."""
    assert state(close([1.0] * 10, [0.0] + [6.0] * 9, timeout_s=1.0)) == "BACKLOGGED"
    assert into_backlog(close([1.0] * 10, [0.0] + [6.0] * 9, timeout_s=0.0)) == 300.0


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
    found = close_intervals(demand, D, groups, timeout_s, (len(rows) - 1) * D + last_s)
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
