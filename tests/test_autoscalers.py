"""Autoscalers in miniature: a replica answers one request a second, intervals have 300 s, all by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.loading import load_text
from sim.loading.yaml_tree import read_yaml, write_yaml
from sim.policies.fluid import arrived_within, backlog_after
from sim.policies.plan import UNLIMITED, make_plan
from sim.policies.scaling import MICRO, Reaction, ScaleRule, foresee, scalings, settled
from sim.records import Records
from sim.serving.intervals import ReplicaGroup, Span, close_intervals
from tests.engines import run
from tests.miniature import on_demand, option, plan, service, world
from tests.test_serving_intervals import flat_surface

STEP_S = 300
PATIENT_MS = 3_600_000
PLAIN = ScaleRule(1.0, 0, UNLIMITED, 0)
"""One replica for each request/s of the interval before."""
BLIND = ScaleRule(0.0, 1, 10, 0, patience_ms=PATIENT_MS)
"""One to ten replicas, and no utilisation to look at."""
BASE = (Path(__file__).parent / "invalid/base.yaml").read_text(encoding="utf-8")


def served(rule: ScaleRule, demand: list[float], **seconds: float) -> Records:
    """What either engine makes of a demand."""
    named = {f"{stream}:serve": value for stream, value in seconds.items()}
    made = plan([on_demand()], (), [service(option(0), scale=rule)], horizon_s=STEP_S * len(demand))
    return run(world(demand_rps={"serve": demand}, seconds=named), made)


def counts(rule: ScaleRule, demand: list[float], **seconds: float) -> list[int]:
    """Replicas on a lease in each interval."""
    rows = served(rule, demand, **seconds).replicas
    begin_s = np.arange(len(demand)) * STEP_S
    return [int(np.sum((rows.start_s <= now_s) & (now_s < rows.end_s))) for now_s in begin_s]


def rows_of(records: Records) -> list[tuple[int, int, int, int]]:
    """(slot, start, ready, end) of all replicas."""
    r = records.replicas
    return list(zip(r.slot.tolist(), r.start_s.tolist(), r.ready_s.tolist(), r.end_s.tolist(), strict=True))


def test_queue_asks_for_replicas_by_what_waits() -> None:
    """600 come in the first interval and one replica answers 300: 300 wait, three for 100 each.

    In the second, 900 can be answered, 300 + 600 are: nobody waits, one is enough.
    """
    rule = replace(BLIND, reaction=Reaction(queue=100 * MICRO))
    assert counts(rule, [2, 2, 0, 0]) == [1, 3, 1, 1]


def test_queue_counts_only_what_replicas_could_answer_that_were_ready() -> None:
    """A replica that loads for 200 s answers 100 of the first 600: 500 wait, for five.

    The four that then load for 200 s answer 4 x 100, the first 300: 500 + 600 - 700 = 400 wait, for four.
    """
    rule = replace(BLIND, reaction=Reaction(queue=100 * MICRO))
    assert counts(rule, [2, 2, 2], load=200) == [1, 5, 4]


def test_concurrency_counts_those_in_service_and_those_who_wait() -> None:
    """2 requests/s of 2 s each: 4 in service, one replica for 16 of them. 300 wait after one interval:
    (4 + 300) / 16 = 19, of which 10 may be; then nobody waits.
    """
    rule = replace(BLIND, reaction=Reaction(concurrency=16 * MICRO), service_s=2.0)
    assert counts(rule, [2, 2, 2]) == [1, 10, 1]


def test_the_highest_target_counts() -> None:
    """At 600 the queue: 300 wait, for three, and 2 requests/s want two. At 900 nobody waits: two."""
    rule = replace(BLIND, target=1.0, reaction=Reaction(queue=100 * MICRO))
    assert counts(rule, [1, 2, 2, 2, 0]) == [1, 1, 3, 2, 2]


def test_growth_in_steps() -> None:
    """From 1 to 10: by two an interval; doubled in each; by the larger of one and 50 % in two intervals."""
    demand: list[float] = [1, 10, 10, 10, 10, 10, 10]
    by_two, doubled = Reaction(up_replicas=2, up_intervals=1), Reaction(up_ppm=MICRO, up_intervals=1)
    either = Reaction(up_replicas=1, up_ppm=MICRO // 2, up_intervals=2)
    assert counts(replace(PLAIN, reaction=by_two), demand) == [1, 1, 3, 5, 7, 9, 10]
    assert counts(replace(PLAIN, reaction=doubled), demand) == [1, 1, 2, 4, 8, 10, 10]
    assert counts(replace(PLAIN, reaction=either), demand) == [1, 1, 2, 2, 3, 3, 5]


def test_shrinking_in_steps() -> None:
    """From 8 to 1, half of it in two intervals: 4, still 4, then 2, still 2, then 1."""
    rule = replace(PLAIN, reaction=Reaction(down_ppm=MICRO // 2, down_intervals=2))
    assert counts(rule, [8, 1, 1, 1, 1, 1, 1]) == [8, 8, 4, 4, 2, 2, 1]


def test_stabilisation_of_growth_takes_the_least_of_the_window() -> None:
    """A peak of one interval (seen at the third) moves nothing; the second interval of a plateau does."""
    rule = replace(PLAIN, reaction=Reaction(calm_up=1))
    assert counts(rule, [1, 5, 1, 5, 5, 1, 1]) == [1, 1, 1, 1, 1, 5, 1]


def test_stabilisation_of_shrinking_takes_the_most_of_the_window() -> None:
    """Needs of 4, 4, 1, 2, 1, 1 with a window of two intervals before the present one."""
    assert counts(replace(PLAIN, stabilisation=2), [4, 1, 2, 1, 1, 1]) == [4, 4, 4, 4, 2, 2]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=40),
    st.integers(0, 6),
    st.integers(0, 3),
    st.integers(3, 9),
)
def test_a_rule_that_is_asked_settles_where_the_vectorised_one_does(
    demand: list[int], calm: int, least: int, most: int
) -> None:
    """Two roads to the same number: windows passed over at once, and interval by interval."""
    rule = ScaleRule(1.0, least, most, calm, Reaction(calm=calm))
    rates = np.array(demand, dtype=float)
    times_s, values, _ = scalings(rule, rates, 1.0, STEP_S)
    needs = foresee(rule, rates, 1.0, STEP_S).asked.tolist()
    wanted: list[int] = []
    for now in range(len(demand)):
        wanted.append(settled(rule.reaction, needs, wanted, 0, now, least, most))
    changes = [n for n in range(len(wanted)) if n == 0 or wanted[n] != wanted[n - 1]]
    assert times_s.tolist() == [n * STEP_S for n in changes]
    assert values.tolist() == [wanted[n] for n in changes]


def test_schedule_holds_whatever_the_demand() -> None:
    """Nothing in the first hour, at least 3 in the second, exactly 1 in the third, with a demand of 2."""
    hours = ((0, 0), (3, 9), (1, 1), *[(0, 9)] * 165)
    found = counts(replace(PLAIN, bounds=hours), [2.0] * 48)
    assert found == [0] * 12 + [3] * 12 + [1] * 12 + [2] * 12


def test_forecast_by_season_is_there_before_the_load() -> None:
    """Five requests/s in every fourth interval, from the third on; replicas for it an interval ahead.

    The first time they come when it is over (4th interval). From then on they are there in the interval
    before (6th) and in it (7th), and as the load has been seen in the 8th.
    """
    rule = replace(PLAIN, season=4, ahead=1)
    assert counts(rule, [0, 0, 5, 0, 0, 0, 5, 0, 0]) == [0, 0, 0, 5, 0, 5, 5, 5, 0]


def test_forecast_by_trend_meets_a_line() -> None:
    """1, 2, 3, ... requests/s: from the third interval on two steps more than seen, as the next one needs.

    At the third (index 2): seen 2, before it 1; 2 + 1 x 2 = 4. The fall at the end is not foretold.
    """
    rule = replace(PLAIN, trend=1, ahead=1)
    assert counts(rule, [1, 2, 3, 4, 5, 0, 0]) == [1, 1, 4, 5, 6, 7, 0]


def test_service_sleeps_after_an_idle_time_and_the_first_request_wakes_it() -> None:
    """The last of the first 300 requests comes at 300: asleep from 900 on.

    From 1200 on one comes every 64 s: it wakes at 1264 and loads for 90 s. The fourth and last comes at 1456;
    at 2100 it has been idle for 600 s.
    """
    rule = replace(PLAIN, idle_s=600)
    demand = [1, 0, 0, 0, 1 / 64, 0, 0, 0, 0]
    assert rows_of(served(rule, demand, load=90)) == [(0, 0, 90, 900), (0, 1264, 1354, 2100)]


def test_service_with_a_queue_does_not_sleep_while_somebody_waits() -> None:
    """Idle after 100 s. 150 come in the second interval and wait for one replica that loads for 1000 s.

    It was woken at 302 (a request every 2 s) and is ready at 1302; at 1500 all are answered, and it sleeps.
    """
    rule = replace(BLIND, least=0, idle_s=100, reaction=Reaction(queue=1000 * MICRO))
    found = rows_of(served(rule, [0, 0.5, 0, 0, 0, 0], load=1000))
    assert found == [(0, 0, 300, 300), (0, 302, 1302, 1500)]


def test_rule_that_is_asked_wakes_with_the_first_request_too() -> None:
    """Steps make no difference to a sleeper: the times of the test above."""
    rule = replace(PLAIN, idle_s=600, reaction=Reaction(up_replicas=1, up_intervals=1))
    demand = [1, 0, 0, 0, 1 / 64, 0, 0, 0, 0]
    assert rows_of(served(rule, demand, load=90)) == [(0, 0, 90, 900), (0, 1264, 1354, 2100)]


def test_warm_replica_takes_traffic_after_its_short_start() -> None:
    """Two are wanted from 600 on: the warm one, leased at 0, serves from 620; another loads in its place.

    When one is enough, at 1200, the higher slot of the two that serve goes. The second warm one was never
    needed, and so never ready.
    """
    rule = replace(PLAIN, warm=1, warm_start_s=20)
    found = rows_of(served(rule, [1, 2, 2, 1, 1], load=90))
    assert found == [(0, 0, 90, 1500), (1, 0, 620, 1200), (2, 600, 1500, 1500)]


def test_warm_replica_that_still_loads_is_ready_when_it_has_loaded() -> None:
    """Needed at 600, leased at 0 with 700 s to load: ready at 700, not at 605."""
    rule = replace(PLAIN, warm=1, warm_start_s=5)
    assert (1, 0, 700, 900) in rows_of(served(rule, [1, 2, 2], load=700))


def test_sleeping_service_wakes_on_its_warm_replica() -> None:
    """Asleep from 900 on with one warm replica, which takes the first request of 1264 at once."""
    rule = replace(PLAIN, idle_s=600, warm=1)
    rows = rows_of(served(rule, [1, 0, 0, 0, 1 / 64, 0], load=90))
    assert rows == [(0, 0, 90, 900), (0, 1264, 1800, 1800), (1, 0, 1264, 1800)]


def test_who_would_wait_too_long_leaves_the_backlog() -> None:
    """One replica and a patience of 100 s hold 100 requests: of 900 that wait 100 stay, 300 can be answered.

    Of 900 that come then 100 are left; without a replica those 40 who came within the last 100 s.
    """
    patience_ms = 100_000
    assert backlog_after(900 * MICRO, 0, 300 * MICRO, 0, STEP_S, patience_ms) == 0
    assert backlog_after(0, 900 * MICRO, 300 * MICRO, 0, STEP_S, patience_ms) == 100 * MICRO
    assert backlog_after(100 * MICRO, 120 * MICRO, 0, 40 * MICRO, STEP_S, patience_ms) == 40 * MICRO


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 4)), min_size=1, max_size=30), st.integers(0, 900)
)
def test_backlog_that_rules_see_is_the_one_that_users_wait_in(
    flows: list[tuple[int, int]], patience_s: int
) -> None:
    """Whole micro-requests here, floats in the year of a service: the same fluid (0.001)."""
    offered, replicas = np.array(flows, dtype=float).T.copy()
    group = ReplicaGroup(flat_surface(), 1.0, replicas * STEP_S)
    span = Span(STEP_S, STEP_S * len(flows), float(patience_s))
    left = close_intervals(offered / STEP_S, span, [group]).backlog_end
    recent = arrived_within(offered / STEP_S, STEP_S, patience_s)
    backlog = 0
    for n, (came, ready) in enumerate(flows):
        capacity, recently = ready * STEP_S * MICRO, round(recent[n] * MICRO)
        backlog = backlog_after(backlog, came * MICRO, capacity, recently, STEP_S, patience_s * 1000)
        assert backlog == pytest.approx(left[n] * MICRO, abs=MICRO / 1000)


def rule_of(scale: dict[str, Any], start: str = "2026-01-07") -> ScaleRule:
    """The rule of a service of the base scenario, scaled as told; a replica sustains 20 requests/s."""
    tree = read_yaml(BASE, "base.yaml").tree
    tree["start"] = start
    tree["strategies"]["mixed"]["scale"] = {"serve": scale}
    scenario = load_text(write_yaml(tree))
    rates = {("serve", path): 20.0 for path in scenario.pools()}
    return make_plan(scenario, "mixed", rates).fleets[0].scale


def test_schedule_is_read_by_the_calendar() -> None:
    """The start is a Wednesday: its 7:00 is the eighth hour, Monday's 0:00 lies five days later."""
    hours = [
        {"days": ["wed"], "hours": [7, 9], "at_least": 4},
        {"days": ["mon"], "hours": [0, 1], "exactly": 0},
    ]
    bounds = rule_of({"min": 1, "max": 6, "schedule": hours}).bounds
    assert bounds[6:10] == ((1, 6), (4, 6), (4, 6), (1, 6))
    assert [n for n, found in enumerate(bounds) if found == (0, 0)] == [5 * 24]


def test_words_become_intervals_and_whole_numbers() -> None:
    """In intervals of 5 min: 12 min ahead are three, a day is 288, 9 min are two for a step."""
    rule = rule_of(
        {"target_queue": 2.5, "target_utilisation": "50%", "max": 9,
         "predict": {"ahead": "12 min", "season": "day", "trend": "1 h"}, "stabilisation_up": "10 min",
         "down": {"share": "10%", "per": "9 min"}, "warm": {"replicas": 2, "start": "20 s"}},
    )  # fmt: skip
    assert (rule.target, rule.ahead, rule.season, rule.trend) == (0.5, 3, 288, 12)
    assert rule.reaction == Reaction(0, 2_500_000, 6, 2, 0, 0, 0, 0, 100_000, 2)
    assert (rule.warm, rule.warm_start_s) == (2, 20)


def test_without_a_target_utilisation_is_the_target() -> None:
    """70 % where none is given; none of it where another one is."""
    assert rule_of({"min": 2}).target == 0.7
    assert rule_of({"target_queue": 5, "max": 3}).target == 0.0
