"""Routing: which site answers whom, worked out by hand; and the fleets of replicas that follow the users."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.loading import load_text
from sim.policies.plan import SLOTS, Plan, make_plan
from sim.policies.scaling import ScaleRule
from sim.serving.intervals import Intervals, ReplicaGroup, Span, close_intervals, sum_intervals
from sim.serving.spread import Spread, Stream
from sim.serving.surface import Surface
from sim.study.services import achieved, build_servings, rates_rps
from sim.study.simulation import responses, service_facts
from sim.world import sample
from tests.engines import run
from tests.miniature import on_demand, option, owned, plan, service, world

D = 100
"""Length of an interval [s]; a replica sustains 1 request/s, so that n replicas sustain 100 n an interval."""


def rising(slack_s: float = 1.0) -> Surface:
    """A service of which the load squared misses its SLO: 1/4 at a load of 1/2, 9/16 at 3/4."""
    loads = np.array([*np.arange(0, 1024) / 1024, 1.0])
    table = np.broadcast_to(loads**2, (2, 1025)).copy()
    quantile = np.full((2, 1025), 0.1)
    return Surface(
        loads, np.array([1.0, 100.0]), table, 0.0 * table, quantile, quantile, quantile, 0.0 * table,
        slack_s, 1.0, 1.0,
    )  # fmt: skip


def flat(miss: float) -> Surface:
    """A service that misses its SLO with one probability at any load."""
    surface = rising()
    return replace(surface, violation=np.full((2, 1025), miss))


def queueing(slack_s: float = 20.0) -> Surface:
    """One in which requests wait as in M/M/1 for a server of 1/s, and miss the SLO after `slack_s`."""
    surface = rising(slack_s)
    load = np.minimum(surface.loads, 0.999)
    wait_s = np.broadcast_to(load / (1.0 - load), (2, 1025)).copy()
    late = np.broadcast_to(load * np.exp(-slack_s * (1.0 - load)), (2, 1025)).copy()
    wait_s[:, -1], late[:, -1] = np.inf, 1.0
    return replace(surface, violation=late, wait_s=wait_s)


def spread(
    orders: Sequence[Sequence[int]],
    shares: Sequence[float],
    up_to: float,
    surfaces: Sequence[Sequence[Surface]] | None = None,
    sites: Sequence[int] = (0, 1),
) -> Spread:
    """Streams with their order of sites, on pools that are each a site of its own."""
    given_surfaces = surfaces or [[rising()] * len(sites)] * len(orders)
    streams = tuple(
        Stream(share, tuple(order), tuple(each))
        for share, order, each in zip(shares, orders, given_surfaces, strict=True)
    )
    return Spread(streams, tuple(sites), up_to)


def close(how: Spread, demand_rps: Sequence[float], replicas: Sequence[Sequence[float]]) -> Intervals:
    """What becomes of the demand with so many replicas in each pool."""
    groups = [ReplicaGroup(rising(), 1.0, np.array(ready, dtype=float) * D) for ready in replicas]
    demand = np.array(demand_rps, dtype=float)
    return close_intervals(demand, Span(D, D * len(demand), math.inf), groups, how)


NEAREST = spread([(0, 1), (1, 0)], [0.75, 0.25], 0.8)
"""Three quarters of the users have the first site beside them, one quarter the second."""


def test_users_are_answered_by_their_nearest_site() -> None:
    """8/s, of which 6/s and 2/s: of 10 and 8 replicas 6 and 2 are busy, at loads of 0.6 and 0.25.

    Late are 0.6^2 of 600 and 0.25^2 of 200.
    """
    found = close(NEAREST, [8.0], [[10], [8]])
    assert found.busy_s[:, 0] == pytest.approx([600, 0, 0, 200])
    assert found.violated == pytest.approx([0.36 * 600 + 0.0625 * 200], rel=1e-6)


def test_what_exceeds_the_threshold_goes_to_the_next_site() -> None:
    """12/s, of which 9/s and 3/s: 10 replicas take 8/s, and 1/s goes to the second site: 4/s for 8."""
    found = close(NEAREST, [12.0], [[10], [8]])
    assert found.busy_s[:, 0] == pytest.approx([800, 100, 0, 300])
    assert found.violated == pytest.approx([0.64 * 800 + 0.25 * 400], rel=1e-6)


def test_beyond_all_thresholds_every_site_takes_a_part_alike() -> None:
    """18/s of 20: 8/s each is taken, and 2/s of the first users are left over; each site takes half of them.

    Of the first users' 13.5/s 8 stay, 3.5 fit beside the second site's own 4.5, and 1 more goes to each.
    """
    found = close(NEAREST, [18.0], [[10], [10]])
    assert found.busy_s[:, 0] == pytest.approx([900, 450, 0, 450])
    assert found.violated == pytest.approx([0.81 * 1800], rel=1e-6)


def test_who_asks_at_a_full_site_is_taken_in_the_same_part() -> None:
    """Both streams want the first site: 6/s and 2/s for a room of 4/s, so that half of each goes on."""
    found = close(spread([(0, 1), (0, 1)], [0.75, 0.25], 0.8), [8.0], [[5], [10]])
    assert found.busy_s[:, 0] == pytest.approx([300, 300, 100, 100])


def test_site_without_replicas_fails_over() -> None:
    """The first site has lost its replicas in the second interval: all go to the second, 8/s for 16."""
    found = close(NEAREST, [8.0, 8.0], [[10, 0], [16, 16]])
    assert found.busy_s[:, 1] == pytest.approx([0, 600, 0, 200])
    assert found.violated[1] == pytest.approx(0.25 * 800, rel=1e-6)


def test_while_anybody_waits_all_sites_have_the_same_load() -> None:
    """24/s for 10 and 10 replicas: all are busy, 400 wait; the next interval has 12/s, and works them off.

    It answers 1,600: 800 a site where each user's choice has room for 80 %.
    """
    found = close(NEAREST, [24.0, 12.0], [[10, 10], [10, 10]])
    assert found.backlog_end.tolist() == [400.0, 0.0]
    by_site = found.busy_s[:2] + found.busy_s[2:]
    assert by_site[:, 0] == pytest.approx([1000, 1000])
    assert by_site[:, 1] == pytest.approx([800, 800])


def test_each_stream_has_the_round_trip_of_its_own_lane() -> None:
    """Users of the first site miss 1 % there and 5 % at the second; those of the second 20 % and 2 %."""
    surfaces = [[flat(0.01), flat(0.05)], [flat(0.2), flat(0.02)]]
    how = spread([(0, 1), (1, 0)], [0.75, 0.25], 0.8, surfaces)
    found = close(how, [12.0], [[10], [8]])
    assert found.violated == pytest.approx([0.01 * 800 + 0.05 * 100 + 0.02 * 300], rel=1e-6)


def test_pools_of_one_site_share_its_requests_by_their_capacity() -> None:
    """10/s for a site of two pools, with 6 and 2 replicas, that takes 6.4/s: 4.8 and 1.6; 3.6 go on."""
    how = spread([(0, 1)], [1.0], 0.8, sites=(0, 0, 1))
    found = close(how, [10.0], [[6], [2], [20]])
    assert found.busy_s[:, 0] == pytest.approx([480, 160, 360])


def test_months_add_up_what_lanes_did() -> None:
    """Two intervals of a month: busy replica-seconds by lane are those of the intervals."""
    groups = [ReplicaGroup(rising(), 1.0, np.full(3, 1000.0)) for _ in range(2)]
    demand = np.array([8.0, 18.0, 30.0])
    span = Span(D, 3 * D, math.inf)
    closed = close_intervals(demand, span, groups, NEAREST)
    year = sum_intervals(demand, span, groups, 0.99, np.array([0, 2]), NEAREST)
    assert year.busy_s[:, 0] == pytest.approx(closed.busy_s[:, :2].sum(axis=1))
    assert year.busy_s[:, 1] == pytest.approx(closed.busy_s[:, 2])


def test_beyond_the_threshold_of_all_sites_queues_are_followed() -> None:
    """Load 0.95 from an empty start, above the 0.8 of both sites: as without a choice, interval by interval.

    The surface alone says 0.95 exp(-20 x 0.05) = 35 % from the first on; the queue has not come so far.
    """
    groups = [ReplicaGroup(queueing(), 1.0, np.full(5, 100.0)) for _ in range(2)]
    demand, span = np.array([0.0, 1.9, 1.9, 1.9, 0.2]), Span(D, 5 * D, math.inf)
    how = spread([(0, 1), (1, 0)], [0.75, 0.25], 0.8, [[queueing()] * 2] * 2)
    free, bound = (close_intervals(demand, span, groups, each) for each in (None, how))
    assert bound.violated == pytest.approx(free.violated, rel=1e-9)
    share = bound.violated[1:4] / bound.offered[1:4]
    assert share[0] < share[1] < share[2] < 0.35


requests = st.lists(st.floats(0.0, 60.0), min_size=1, max_size=6)
ORDERS = st.permutations([0, 1, 2])


@settings(max_examples=200, deadline=None)
@given(demand=requests, data=st.data(), up_to=st.floats(0.0, 1.0))
def test_laws_of_every_spread(demand: list[float], data: st.DataObject, up_to: float) -> None:
    """All that is served is served somewhere, no site does more than it can, and nobody goes on without need.

    Without a backlog, whoever is answered elsewhere leaves a first choice that is at its threshold.
    """
    orders = [data.draw(ORDERS), data.draw(ORDERS)]
    share = data.draw(st.floats(0.0, 1.0))
    ready = [
        data.draw(st.lists(st.integers(0, 20), min_size=len(demand), max_size=len(demand))) for _ in orders
    ]
    ready.append([1] * len(demand))
    how = spread(orders, [share, 1.0 - share], up_to, sites=(0, 1, 2))
    found = close(how, demand, ready)
    by_lane = found.busy_s.reshape(2, 3, -1)
    assert by_lane.sum(axis=(0, 1)) == pytest.approx(found.served, abs=1e-6)
    by_site, capacity = by_lane.sum(axis=0), np.array(ready) * float(D)
    assert (by_site <= capacity + 1e-6).all()
    calm = found.backlog_end == 0.0
    calm[1:] &= found.backlog_end[:-1] == 0.0
    for stream, order in enumerate(orders):
        elsewhere = by_lane[stream].sum(axis=0) - by_lane[stream, order[0]]
        full = by_site[order[0]] >= up_to * capacity[order[0]] - 1e-6
        assert (full | (elsewhere < 1e-6))[calm].all()


@settings(max_examples=100, deadline=None)
@given(demand=requests, share=st.floats(0.0, 1.0))
def test_without_a_threshold_choice_changes_nothing(demand: list[float], share: float) -> None:
    """Sites that take nothing by choice share everything alike: the same as one stream without a choice."""
    groups = [ReplicaGroup(rising(), 1.0, np.full(len(demand), n * 1000.0)) for n in (1, 2)]
    span = Span(D, D * len(demand), 300.0)
    one = close_intervals(np.array(demand), span, groups)
    two = close_intervals(np.array(demand), span, groups, spread([(0, 1), (1, 0)], [share, 1.0 - share], 0.0))
    assert two.violated == pytest.approx(one.violated, abs=1e-6)
    assert two.busy_s.reshape(2, 2, -1).sum(axis=0) == pytest.approx(one.busy_s, abs=1e-6)


SERVE = (
    "serve: {kind: inference, users: {here: 60%, there: 40%}, demand: {mean: 20 per second}, response: 10 kB,"
    " service: {kind: single, time: 60 ms, replica: {accelerators: 1, load: 90 s}},"
    " slo: {latency: 300 ms, share: 99%}}"
)
SITES = """
title: Two sites
start: 2026-01-05
horizon: 2 days
interval: 20 min
locations: [here, there]
sites:
  room: {{kind: on-prem, location: here, zone: home, access: {{here: 1 ms, there: 40 ms}}, pools: {{nodes:
    {{purchase: owned, accelerator: A100-80GB, nodes: 3}}}}}}
  cloud: {{kind: cloud, location: there, zone: cloud, access: {{here: 40 ms, there: 1 ms}}, pools: {{
    od: {{purchase: on-demand, accelerator: A100-80GB, price: 2 USD/hour, boot: 0 s}},
    spot: {{purchase: spot, accelerator: A100-80GB, price: 1 USD/hour, boot: 0 s}}}}}}
workloads: {{{serve}}}
strategies:
  one: {{place: {{all: [room/nodes, cloud/od, cloud/spot]}}, {rest}}}
"""


def planned(rest: str, serve: str = SERVE) -> Plan:
    """The plan of a strategy whose replicas sustain 10 requests/s in the room and 20 in the cloud."""
    facts = load_text(SITES.format(serve=serve, rest=rest))
    rates = {("serve", "room/nodes"): 10.0, ("serve", "cloud/od"): 20.0, ("serve", "cloud/spot"): 20.0}
    return make_plan(facts, "one", rates)


def test_without_a_rule_one_fleet_scales_for_all() -> None:
    """Least loaded: one fleet, no choice of sites."""
    found = planned("scale: {serve: {min: 2}}")
    [fleet] = found.fleets
    assert (fleet.share, fleet.first_slot, [o.pool for o in fleet.options]) == (1.0, 0, [0, 1, 2])
    assert [source.order for source in found.services[0].routing.sources] == [()]


def test_nearest_gives_each_site_a_fleet_for_its_own_users() -> None:
    """60 % have the room beside them, 40 % the cloud; a replica that finds no room goes to the other site."""
    found = planned("route: {serve: nearest}, scale: {serve: {min: 2}}")
    room, cloud = found.fleets
    assert (room.share, room.capacity_rps, [o.pool for o in room.options]) == (0.6, 10.0, [0, 1, 2])
    assert (cloud.share, cloud.capacity_rps, [o.pool for o in cloud.options]) == (0.4, 20.0, [1, 2, 0])
    assert (cloud.first_slot, room.scale.least, cloud.scale.least) == (SLOTS, 2, 2)
    sources = found.services[0].routing.sources
    assert [(dict(s.users), s.order) for s in sources] == [({"here": 0.6}, (0, 1)), ({"there": 0.4}, (1, 0))]


def test_users_who_all_have_one_nearest_site_need_one_fleet() -> None:
    """Nobody is nearest to the cloud: all replicas scale together, from the room on."""
    found = planned("route: {serve: nearest}", SERVE.replace("here: 60%, there: 40%", "here: 100%"))
    assert [fleet.share for fleet in found.fleets] == [1.0]


def test_standby_is_kept_at_every_site_but_the_first() -> None:
    """In order: one fleet scales for everything, from the room on; two more replicas stand in the cloud."""
    found = planned("route: {serve: {rule: in-order, standby: 2, up_to: 90%}}")
    main, standby = found.fleets
    assert (main.share, [o.pool for o in main.options]) == (1.0, [0, 1, 2])
    assert (standby.scale, [o.pool for o in standby.options]) == (ScaleRule(0.0, 2, 2, 0), [1, 2])
    routing = found.services[0].routing
    assert (routing.up_to, [source.order for source in routing.sources]) == (0.9, [(0, 1)])


def two_fleets() -> Plan:
    """4/s, a replica sustains 1/s: three quarters scale in the room of 2, one quarter in the cloud first."""
    main = replace(service(option(0), option(1)), share=0.75)
    far = replace(service(option(1), option(0)), share=0.25, number=1)
    made = plan([owned(1, size=2), on_demand()], services=[main, far], horizon_s=900)
    fleets = tuple(replace(fleet, service=0) for fleet in made.fleets)
    return replace(made, services=made.services[:1], fleets=fleets)


def test_fleets_scale_for_their_share_and_start_at_their_own_site() -> None:
    """3 of 4/s need three replicas: two fit into the room and one goes to the cloud, where the far one is.

    Slots of the second fleet are numbered from SLOTS on, and all belong to the one service.
    """
    found = run(world(demand_rps={"serve": [4.0] * 3}), two_fleets()).replicas
    rows = list(zip(found.service.tolist(), found.slot.tolist(), found.pool.tolist(), strict=True))
    assert rows == [(0, 0, 0), (0, 1, 0), (0, 2, 1), (0, SLOTS, 1)]


@pytest.mark.parametrize(("up_to", "elsewhere"), [("80%", 0.0), ("15%", 2.0)])
def test_answers_leave_from_the_site_that_gave_them(up_to: str, elsewhere: float) -> None:
    """12/s from here and 8/s from there, for four replicas at each site that sustain 16.7/s, 10 kB an answer.

    At 80 % everybody has room beside him. At 15 % a site takes 10/s: 2/s from here are answered in the cloud,
    but for the first of 144 intervals, in which replicas load for 90 s.
    """
    rest = f"route: {{serve: {{rule: nearest, up_to: {up_to}}}}}, scale: {{serve: {{min: 4}}}}"
    facts = load_text(SITES.format(serve=SERVE, rest=rest))
    servings = build_servings(facts)
    assert {users for _, _, users in servings} == {"here", "there"}
    drawn = sample(facts, 1, 0)
    made = make_plan(facts, "one", rates_rps(servings))
    [found] = achieved(made, facts, drawn.demand_rps, run(drawn, made).replicas, servings)
    traffic = responses(facts, made, [found])
    sent = np.zeros((3, 2))
    np.add.at(sent, (traffic.pool, traffic.location), traffic.size_bytes)
    rate_rps = sent / 10_000 / facts.horizon_s
    assert rate_rps.sum() == pytest.approx(20.0)
    assert rate_rps[0] == pytest.approx([12.0 - elsewhere, 0.0], rel=0.002, abs=0.01)
    assert rate_rps[1:].sum(axis=0) == pytest.approx([elsewhere, 8.0], rel=0.002, abs=0.01)
    away = (rate_rps[0, 1] + rate_rps[1:, 0].sum()) * facts.horizon_s
    assert service_facts(0, found).elsewhere == pytest.approx(away)
