"""The engine in miniature worlds whose arithmetic is done by hand."""

import pytest

from sim.policies.checkpoints import Checkpoints
from sim.policies.placement import ANY_SLACK, Busy, Opening
from sim.policies.plan import Route
from sim.policies.procurement import OrderRule
from sim.records import Kind, Outcome, Reason, Records
from sim.scenario.conditions import parse_condition
from sim.world.world import ANY_GANG
from tests.engines import run
from tests.miniature import jobs, on_demand, option, owned, plan, service, spot, training, world

DAY_S = 86_400


def tries(records: Records) -> list[tuple[int, int, int, int, str]]:
    """(job, pool, start, end, outcome) of each attempt."""
    a = records.attempts
    return [
        (int(a.job[n]), int(a.pool[n]), int(a.start_s[n]), int(a.end_s[n]), Outcome(a.outcome[n]).name)
        for n in range(len(a))
    ]


def reasons(records: Records, kind: Kind = Kind.JOB) -> list[tuple[int, int, int, str]]:
    """(time, entity, pool, reason) of each refusal of a kind."""
    r = records.refusals
    return [
        (int(r.time_s[n]), int(r.entity[n]), int(r.pool[n]), Reason(r.reason[n]).name)
        for n in range(len(r))
        if r.kind[n] == kind
    ]


def test_gang_waits_until_its_node_is_free() -> None:
    """Four accelerators wait for the eight that are busy until 100; the refusal says: the pool was full."""
    records = run(world(jobs((0, 8, 100), (10, 4, 50))), plan([owned()], [training(option(0))]))
    assert tries(records) == [(0, 0, 0, 100, "FINISHED"), (1, 0, 100, 150, "FINISHED")]
    assert reasons(records) == [(10, 1, 0, "POOL_FULL")]


def test_small_gang_goes_to_the_fullest_node_that_holds_it() -> None:
    """Six and four do not share a node of eight; two fill up the node with six."""
    records = run(world(jobs((0, 6, 100), (0, 4, 100), (0, 2, 100))), plan([owned(2)], [training(option(0))]))
    assert records.attempts.node.tolist() == [0, 1, 0]
    assert records.attempts.start_s.tolist() == [0, 0, 0]


def test_large_gang_takes_whole_nodes() -> None:
    """Twelve accelerators lease two nodes of eight, so that one more has to wait."""
    records = run(world(jobs((0, 12, 100), (5, 1, 10))), plan([owned(2)], [training(option(0))]))
    assert records.attempts.leased.tolist() == [16, 1]
    assert records.attempts.start_s.tolist() == [0, 100]


def test_backfill_does_not_delay_the_head() -> None:
    """Eight wait for the half-busy node, theirs at 100: two that end at 70 may use it, two of 90 may not."""
    rows = ((0, 4, 100), (10, 8, 50), (20, 2, 50), (25, 2, 90))
    records = run(world(jobs(*rows)), plan([owned()], [training(option(0))]))
    assert records.attempts.start_s.tolist() == [0, 100, 20, 150]
    assert reasons(records) == [(10, 1, 0, "POOL_FULL"), (25, 3, 0, "BEHIND_HEAD")]


def test_short_job_overtakes_a_long_one_of_its_own_size() -> None:
    """Eight wait for 100; of two gangs of two the first is too long for the gap, the second, of 60, fits."""
    rows = ((0, 4, 100), (10, 8, 50), (20, 2, 500), (30, 2, 60))
    records = run(world(jobs(*rows)), plan([owned()], [training(option(0))]))
    assert records.attempts.start_s.tolist() == [0, 100, 150, 30]


def test_without_backfilling_nobody_overtakes() -> None:
    """The same four in the order of their arrival: the short one starts with the long one, at 150."""
    rows = ((0, 4, 100), (10, 8, 50), (20, 2, 500), (30, 2, 60))
    records = run(world(jobs(*rows)), plan([owned()], [training(option(0))], backfill=False))
    assert records.attempts.start_s.tolist() == [0, 100, 150, 150]
    assert [row[-1] for row in reasons(records)] == ["POOL_FULL", "BEHIND_HEAD", "BEHIND_HEAD"]


def test_nothing_is_kept_for_one_that_goes_elsewhere() -> None:
    """The room's free half is not kept for the eight that go to the cloud: four behind them start at once."""
    rows = ((0, 4, 1000), (10, 8, 50), (10, 4, 5000))
    facts = jobs(*rows)
    facts.workload[1] = 1
    works = training(option(0)), training(option(0), option(1), name="burst")
    records = run(world(facts), plan([owned(), on_demand()], works))
    assert records.attempts.pool.tolist() == [0, 1, 0]
    assert records.attempts.start_s.tolist() == [0, 10, 10]


def test_head_gets_what_a_replica_leaves_early() -> None:
    """Nobody knows how long a replica stays; when it goes at 600, the node is kept for the eight that wait.

    Fours of 200 that come every 100 would otherwise hold the node for ever. Beside the replica one fits at a
    time, from 10, 210 and 410 on; the last of these ends at 610.
    """
    rows = ((10, 8, 1000), *((10 + 100 * k, 4, 200) for k in range(30)))
    future = world(jobs(*rows), demand_rps={"serve": [1.0, *[0.0] * 100]})
    serve = service(option(0), accelerators=1)
    records = run(future, plan([owned()], [training(option(0))], [serve], horizon_s=30_000))
    first = records.attempts.job == 0
    assert records.replicas.end_s.tolist() == [600]
    assert records.attempts.start_s[first].tolist() == [610]


def test_promise_ends_when_a_replica_takes_of_the_promised_node() -> None:
    """Two wait for the half-busy node, theirs at 700; a replica takes its other half from 600 to 900.

    Nobody knows how long a replica stays, so from then on nothing is promised, and nothing kept from the one
    that comes at 710. (The one that comes at 20 is done by 700: for its sake the promise is made.)
    """
    rows = ((0, 1, 700), (10, 2, 50), (20, 1, 50), (710, 1, 50))
    future = world(jobs(*rows), demand_rps={"serve": [0, 1, *[0] * 10]})
    records = run(future, plan([owned(size=2)], [training(option(0))], [service(option(0))], horizon_s=3000))
    assert (records.replicas.start_s.tolist(), records.replicas.end_s.tolist()) == ([600], [900])
    assert records.attempts.start_s.tolist() == [0, 900, 20, 710]


def test_data_stays_at_home_when_the_job_does() -> None:
    """A job that starts at home at once asks for no copy at the site that it may use as well."""
    work = training(option(0), option(1, staged=0))
    routes = {(0, 1): Route(0, 80e6)}
    made = plan([owned(), on_demand()], [work], datasets=[(0, 1e9)], routes=routes)
    assert len(run(world(jobs((0, 8, 50))), made).transfers) == 0
    assert run(world(jobs((0, 8, 50), (10, 8, 50))), made).transfers.asked_s.tolist() == [10]


def test_head_gets_the_node_that_will_be_free_first() -> None:
    """Of a node busy until 100 and one half busy until 1000 the first is kept; four may use the second."""
    rows = ((0, 8, 100), (0, 4, 1000), (10, 8, 50), (20, 4, 500))
    records = run(world(jobs(*rows)), plan([owned(2)], [training(option(0))]))
    assert records.attempts.start_s.tolist() == [0, 0, 100, 20]
    assert records.attempts.node.tolist() == [0, 1, 0, 1]


def test_large_head_gets_the_nodes_that_will_be_free_first() -> None:
    """Sixteen wait for the two nodes that are free at 100; the third's free half serves four meanwhile."""
    rows = ((0, 4, 1000), (0, 8, 100), (0, 8, 100), (10, 16, 50), (20, 4, 50))
    records = run(world(jobs(*rows)), plan([owned(3)], [training(option(0))]))
    assert records.attempts.node.tolist()[:3] == [0, 1, 2]
    assert records.attempts.start_s.tolist() == [0, 0, 0, 100, 20]
    records = run(world(jobs(*rows)), plan([owned(5)], [training(option(0))]))
    assert records.attempts.start_s.tolist() == [0, 0, 0, 10, 20]


CHECKPOINTS = Checkpoints(every_s=100, cost_s=10, restart_s=20)


@pytest.mark.parametrize(
    ("notice_s", "kept_s", "checkpoint_s", "lost_s", "end_s"),
    [
        (0, 200, 20, 75, 500 + 5 + 20 + 800 + 7 * 10),
        (9, 200, 20, 75, 500 + 5 + 20 + 800 + 7 * 10),
        (30, 265, 30, 0, 500 + 5 + 20 + 735 + 7 * 10),
    ],
)
def test_reclaim_with_and_without_notice(
    notice_s: int, kept_s: int, checkpoint_s: int, lost_s: int, end_s: int
) -> None:
    """After 5 s of boot 295 s are left until the reclaim at 300: two cycles of 100 + 10 and 75 s beyond them.

    Without a notice long enough for a checkpoint the 75 s are lost; with one, 65 s are saved by a checkpoint
    of 10 s.
    """
    future = world(
        jobs((0, 1, 1000)),
        markets={"site1/spot": [(0, ANY_GANG), (300, 0), (500, ANY_GANG)]},
        seconds={"boot:site1/spot:train": 5},
    )
    records = run(future, plan([spot(notice_s=notice_s)], [training(option(0), checkpoints=CHECKPOINTS)]))
    assert tries(records) == [(0, 0, 0, 300, "RECLAIMED"), (0, 0, 500, end_s, "FINISHED")]
    a = records.attempts
    assert (a.boot_s[0], a.kept_s[0], a.checkpoint_s[0], a.lost_s[0]) == (5, kept_s, checkpoint_s, lost_s)
    assert a.restart_s.tolist() == [0, 20]
    assert int(a.kept_s.sum()) == 1000


def test_job_that_finishes_at_the_instant_of_a_reclaim_has_finished() -> None:
    """Ends come before what the world does."""
    future = world(jobs((0, 1, 300)), markets={"site1/spot": [(0, ANY_GANG), (300, 0)]})
    assert tries(run(future, plan([spot()], [training(option(0))]))) == [(0, 0, 0, 300, "FINISHED")]


def test_scarce_market_serves_small_gangs_only() -> None:
    """When the market falls to single accelerators, the gang of eight is reclaimed, the single one not."""
    future = world(
        jobs((0, 8, 500), (0, 1, 500)), markets={"site1/spot": [(0, ANY_GANG), (100, 1), (400, 8)]}
    )
    records = run(future, plan([spot()], [training(option(0))]))
    assert tries(records) == [
        (0, 0, 0, 100, "RECLAIMED"), (0, 0, 400, 900, "FINISHED"), (1, 0, 0, 500, "FINISHED"),
    ]  # fmt: skip
    assert reasons(records) == [(100, 0, 0, "NO_SPOT")]


def test_spot_lease_ends_with_its_lifetime() -> None:
    """A lifetime of 60 s takes the lease back; without checkpoints all work is done again, for ever."""
    future = world(jobs((0, 1, 100)), seconds={"lifetime:site1/spot:train": 60})
    records = run(future, plan([spot()], [training(option(0))], horizon_s=150))
    assert tries(records) == [
        (0, 0, 0, 60, "RECLAIMED"), (0, 0, 60, 120, "RECLAIMED"), (0, 0, 120, 150, "CUT_OFF"),
    ]  # fmt: skip
    assert records.attempts.lost_s.tolist() == [60, 60, 30]


def test_order_arrives_late() -> None:
    """A node ordered at the start arrives after 40 days, and the job that has waited for it starts then."""
    pool = owned(0, orders=[OrderRule(1, 0, (), 1)])
    future = world(jobs((100, 8, 50)), seconds={"lead-time:site0/room": 40 * DAY_S})
    records = run(future, plan([pool], [training(option(0))], horizon_s=50 * DAY_S))
    assert tries(records) == [(0, 0, 40 * DAY_S, 40 * DAY_S + 50, "FINISHED")]
    assert (records.orders.ordered_s.tolist(), records.orders.arrived_s.tolist()) == ([0], [40 * DAY_S])
    assert records.nodes.from_s.tolist() == [40 * DAY_S]
    assert records.closing.capacity_s.tolist() == [8 * 10 * DAY_S]


def test_shipments_have_lead_times_of_their_own_and_may_stay_out() -> None:
    """Three nodes in two shipments: two and one; with a horizon before the lead time neither has arrived."""
    pool = owned(0, orders=[OrderRule(3, 0, (), 2)])
    future = world(seconds={"lead-time:site0/room": 100})
    arrived = run(future, plan([pool], horizon_s=101)).orders
    assert (arrived.nodes.tolist(), arrived.arrived_s.tolist()) == ([2, 1], [100, 100])
    assert run(future, plan([pool], horizon_s=100)).orders.arrived_s.tolist() == [-1, -1]


def test_reorder_rule_waits_for_its_window_and_for_what_is_on_its_way() -> None:
    """One accelerator is busy from the start: the rule fires after two days, and its node comes on day 3.

    Both are busy from day 4 on: of the window since the delivery, days 4 and 5 are full at the midnight of
    day 6, where the next order is refused, as the rack holds two; half of two on day 3 was not more than 80
    %.
    """
    rule = OrderRule.watching(1, parse_condition("utilisation > 80% over 2 days"), 1)
    pool = owned(1, size=1, most=2, orders=[rule])
    future = world(
        jobs((0, 1, 20 * DAY_S), (4 * DAY_S, 1, 20 * DAY_S)), seconds={"lead-time:site0/room": DAY_S}
    )
    records = run(future, plan([pool], [training(option(0))], horizon_s=7 * DAY_S))
    assert records.orders.ordered_s.tolist() == [2 * DAY_S]
    assert records.orders.arrived_s.tolist() == [3 * DAY_S]
    assert reasons(records, Kind.ORDER) == [(6 * DAY_S, 0, 0, "RACK_FULL")]


def test_burst_by_waiting_time() -> None:
    """A job may leave for the cloud after two hours in the queue, and not before."""
    later = option(1, Opening(7200, ANY_SLACK, ()))
    future = world(jobs((0, 8, 100_000), (60, 8, 100)), seconds={"boot:site1/on-demand:train": 240})
    records = run(future, plan([owned(), on_demand()], [training(option(0), later)]))
    assert tries(records)[1] == (1, 1, 60 + 7200, 60 + 7200 + 240 + 100, "FINISHED")
    assert reasons(records) == [(60, 1, 0, "POOL_FULL"), (60, 1, 1, "CONDITION")]


def test_burst_by_slack_to_the_deadline() -> None:
    """Work of 100, due 1000 after its arrival at 60, has 300 of slack left at 1060 - 100 - 300 = 660."""
    later = option(1, Opening(0, 300, ()))
    work = training(option(0), later, deadline_s=1000)
    records = run(world(jobs((0, 8, 100_000), (60, 8, 100))), plan([owned(), on_demand()], [work]))
    assert tries(records)[1] == (1, 1, 660, 760, "FINISHED")


def test_burst_by_utilisation() -> None:
    """The cloud opens only while over half of the room is leased: not for the second job but the third."""
    later = option(1, Opening(0, ANY_SLACK, (Busy(0, above=True, ppm=500_000),)))
    first, second = training(option(0)), training(later, name="burst")
    facts = jobs((0, 4, 1000), (10, 1, 100), (20, 2, 1000))
    facts.workload[1] = 1
    records = run(world(facts), plan([owned(), on_demand()], [first, second]))
    # 4 of 8 leased at 10: not more than half; 6 of 8 from 20 on: the waiting job leaves then.
    assert tries(records)[1] == (1, 1, 20, 120, "FINISHED")


def test_dataset_is_copied_once_before_the_first_job_runs_away_from_home() -> None:
    """A gigabyte at 80 Mbit/s takes 100 s; two jobs wait for one transfer, the next transfer for the link."""
    remote = training(option(0, staged=0)), training(option(0, staged=1), name="other")
    facts = jobs((10, 1, 50), (20, 1, 50), (30, 1, 50))
    facts.workload[2] = 1
    made = plan([on_demand()], remote, datasets=[(0, 1e9), (0, 1e9)], routes={(0, 1): Route(0, 80e6)})
    records = run(world(facts), made)
    assert records.attempts.start_s.tolist() == [110, 110, 210]
    t = records.transfers
    assert list(zip(t.asked_s.tolist(), t.start_s.tolist(), t.end_s.tolist(), strict=True)) == [
        (10, 10, 110), (30, 110, 210),
    ]  # fmt: skip
    assert t.size_bytes.tolist() == [10**9, 10**9]
    assert (10, 0, 0, "DATA_IN_TRANSIT") in reasons(records)


def test_quota_is_never_exceeded_and_the_head_is_not_overtaken() -> None:
    """With a quota of 8 and 4 in use, 8 wait; 2 that came later do not overtake them."""
    records = run(
        world(jobs((0, 4, 100), (10, 8, 100), (20, 2, 100))),
        plan([on_demand(quota=8)], [training(option(0))]),
    )
    assert records.attempts.start_s.tolist() == [0, 100, 200]
    assert [row[-1] for row in reasons(records)] == ["QUOTA", "BEHIND_HEAD"]


def test_failure_ends_what_runs_on_the_node_and_the_repair_brings_it_back() -> None:
    """A node that fails at 50 and is back at 80 loses 50 s of unsaved work, and was down for 30 x 8."""
    future = world(jobs((0, 8, 100)), failures={"site0/room": [(0, 50, 80), (3, 60, 70)]})
    records = run(future, plan([owned()], [training(option(0))], horizon_s=1000))
    assert tries(records) == [(0, 0, 0, 50, "FAILED"), (0, 0, 80, 180, "FINISHED")]
    closing = records.closing
    assert (closing.capacity_s[0], closing.leased_s[0], closing.down_s[0], closing.idle_s[0]) == (
        8000,
        1200,
        240,
        6560,
    )
    assert list(zip(records.outages.start_s.tolist(), records.outages.end_s.tolist(), strict=True)) == [
        (50, 80)
    ]


def test_faster_accelerators_take_less_time() -> None:
    """At two and a half times the speed 1000 s of reference work take 400 s."""
    records = run(world(jobs((0, 1, 1000))), plan([owned()], [training(option(0, speed_ppm=2_500_000))]))
    assert tries(records) == [(0, 0, 0, 400, "FINISHED")]


def test_replicas_come_before_jobs_and_are_released_when_demand_falls() -> None:
    """Demand of 2/s, then 1/s, wants two replicas, then one (a step later, when it has been seen).

    Both start before the job that arrives at the same instant; the job runs when the second replica goes.
    """
    serve = service(option(0), accelerators=4)
    future = world(jobs((0, 4, 100)), demand_rps={"serve": [2.0, 1.0, 1.0, 1.0]}, seconds={"load:serve": 90})
    records = run(future, plan([owned()], [training(option(0))], [serve], horizon_s=1200))
    r = records.replicas
    rows = list(zip(r.slot.tolist(), r.start_s.tolist(), r.ready_s.tolist(), r.end_s.tolist(), strict=True))
    assert rows == [(0, 0, 90, 1200), (1, 0, 90, 600)]
    assert r.outcome.tolist() == [Outcome.CUT_OFF, Outcome.RELEASED]
    assert tries(records) == [(0, 0, 600, 700, "FINISHED")]


def test_lost_replica_is_replaced_and_the_dearest_pool_is_left_first() -> None:
    """The room holds one replica of eight, the second goes to the cloud; when one is enough, it ends."""
    serve = service(option(0), option(1), accelerators=8)
    future = world(demand_rps={"serve": [2.0, 2.0, 1.0, 1.0]}, failures={"site0/room": [(0, 100, 200)]})
    records = run(future, plan([owned(), on_demand()], (), [serve], horizon_s=1200))
    r = records.replicas
    rows = list(zip(r.slot.tolist(), r.pool.tolist(), r.start_s.tolist(), r.end_s.tolist(), strict=True))
    assert rows == [(0, 0, 0, 100), (0, 1, 100, 900), (1, 1, 0, 1200)]


def test_refused_job_leaves_a_record_and_no_attempt() -> None:
    """A gang larger than the quota can never run: it is refused once, with the reason."""
    records = run(world(jobs((7, 9, 10))), plan([on_demand(quota=8, size=1)], [training(option(0))]))
    assert len(records.attempts) == 0
    assert reasons(records) == [(7, 0, 0, "NEVER_FITS")]


def test_books_close_at_the_horizon() -> None:
    """What runs at the horizon is cut off, what waits leaves no attempt, nothing of that instant happens."""
    records = run(
        world(jobs((0, 8, 100), (10, 8, 10), (60, 1, 1))),
        plan([owned()], [training(option(0))], horizon_s=60),
    )
    assert tries(records) == [(0, 0, 0, 60, "CUT_OFF")]
    assert records.closing.leased_s.tolist() == [480]
    assert reasons(records) == [(10, 1, 0, "POOL_FULL")]
