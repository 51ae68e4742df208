"""The ledger in miniature worlds whose bills are worked out by hand."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from sim.engine import run
from sim.ledger import Category, Traffic, billed_accelerator_s, micro_by, post, total_micro, total_usd
from sim.ledger.books import open_books
from sim.ledger.data import Copy, copied_away
from sim.ledger.postings import Account, Column, Entry, ledger_of
from sim.ledger.rules import Charge, tiered_usd
from sim.policies.plan import Plan
from sim.policies.procurement import OrderRule
from sim.records import Nodes, Outages, Sold
from sim.scenario.sites import EgressTier
from tests.ledger_miniature import (
    CAMPUS,
    CLOUD,
    DAY_S,
    GB,
    HOUR_S,
    ON_DEMAND,
    OWNED_POOL,
    ROOM,
    SERVE,
    SHARED,
    SPOT,
    TB,
    TRAIN,
    billed,
    ledger,
    lines,
    monthly,
    plan,
    records,
    scenario,
    traffic,
    world,
)
from tests.miniature import jobs, on_demand, option, owned, spot, training
from tests.miniature import plan as bare_plan

JANUARY_H = 31 * 24
EGRESS = {"egress": {"tiers": [{"up_to": "100 GB", "price": "0.1 USD/GB"}, {"price": "0.05 USD/GB"}]}}
CLOUD_STAFF = {"staff": {"people": 0.5, "salary": "87600 USD/year"}}
STORAGE = {"storage": {"price": "0.73 USD/GB/month"}}


def test_a_month_with_every_category() -> None:
    """One January of 744 h with one node, one copied dataset and all ways of paying, each line by hand."""
    copied = (0, CAMPUS, CLOUD, 0, 1 * TB, 0, 0, 1000)
    posted = ledger(
        scenario(cloud=EGRESS | CLOUD_STAFF | STORAGE, link="0.02 USD/GB"),
        plan(31, standing=1, datasets=[(CAMPUS, 1e12, 0.0)]),
        records(
            jobs=[(ROOM, 4, 0, 10 * HOUR_S), (SPOT, 8, HOUR_S, 4 * HOUR_S)],
            replicas=[(ON_DEMAND, 8, 0, 2 * HOUR_S), (ROOM, 2, 0, 5 * HOUR_S)],
            nodes=[(0, 0)],
            sold=[(2,)],
            outages=[(0, 20 * HOUR_S, 64 * HOUR_S)],
            transfers=[copied],
        ),
        traffic((ON_DEMAND, 0, 150e9)),
        spot=[(0, 1.0), (2 * HOUR_S, 3.0)],
    )
    none = -1
    assert lines(posted) == {
        (0, "AMORTISATION", CAMPUS, ROOM, SHARED, none): 744 * 1.0,
        (0, "RESALE", CAMPUS, ROOM, SHARED, none): -148.8,  # 20 % of 744
        (0, "SUPPORT", CAMPUS, ROOM, SHARED, none): 43_800 * 0.1 * 744 / 8_760,
        (0, "POWER", CAMPUS, ROOM, SHARED, none): 105.0,  # 1 kW x 1.5 x (744 - 44) h x 0.1
        (0, "POWER", CAMPUS, ROOM, TRAIN, none): 3.0,  # 4 x 10 h x 0.5 kW x 1.5 x 0.1
        (0, "POWER", CAMPUS, ROOM, SERVE, none): 0.75,  # 2 x 5 h x 0.5 kW x 1.5 x 0.1
        (0, "STAFF", CAMPUS, none, SHARED, none): 1.5 * 10 * 744,  # 87,600 USD/year is 10 USD/h
        (0, "STAFF", CLOUD, none, SHARED, none): 0.5 * 10 * 744,
        (0, "ACCELERATORS", CLOUD, ON_DEMAND, SERVE, none): 8 * 2 * 2.0,
        (0, "ACCELERATORS", CLOUD, SPOT, TRAIN, none): 8 * (1 * 1.0 + 2 * 3.0),
        (0, "STORAGE", CAMPUS, none, SHARED, 0): 744.0,  # 1,000 GB at 0.73/730 = 0.001 USD/GB/h
        (0, "STORAGE", CLOUD, none, SHARED, 0): 743.722222,  # 1,000 s less: 1/3.6 h
        (0, "EGRESS", CLOUD, ON_DEMAND, SERVE, none): 100 * 0.1 + 50 * 0.05,
        (0, "TRANSFER", CLOUD, none, SHARED, 0): 1_000 * 0.02,
    }
    assert total_usd(posted) == sum(micro_by(posted, "category").values()) / 1e6


def test_quantities_and_unit_prices_say_what_was_priced() -> None:
    """Sixteen accelerator-hours for 32 USD; the mean price of a spot lease over a price change is 7/3 USD."""
    posted = ledger(
        scenario(),
        plan(31, pools=[ON_DEMAND]),
        records([(ON_DEMAND, 8, 0, 2 * HOUR_S), (SPOT, 8, HOUR_S, 4 * HOUR_S)]),
        spot=[(0, 1.0), (2 * HOUR_S, 3.0)],
    )
    assert posted.quantity.tolist() == [16.0, 24.0]
    assert posted.unit_price == pytest.approx([2.0, 7 / 3], rel=1e-15)
    assert posted.leased_s.tolist() == [16 * HOUR_S, 24 * HOUR_S]
    assert billed_accelerator_s(posted) == {ON_DEMAND: 16 * HOUR_S, SPOT: 24 * HOUR_S}


@pytest.mark.parametrize(("year", "february"), [("2024", 20), ("2025", 19)])
def test_a_lease_is_split_at_the_calendar_months(year: str, february: int) -> None:
    """From 10 February for 60 days: February has 20 days left in a leap year, 19 in others; March has 31."""
    days = [february, 31, 60 - february - 31]
    posted = ledger(
        scenario(f"{year}-02-10"), plan(60), records([(ON_DEMAND, 1, 0, 60 * DAY_S)], nodes=[(0, 0)])
    )
    assert monthly(posted, Category.ACCELERATORS) == [day * 24 * 2.0 for day in days]
    assert monthly(posted, Category.AMORTISATION) == [day * 24 * 1.0 for day in days]
    assert monthly(posted, Category.STAFF) == [day * 24 * 15.0 for day in days]


def test_a_lease_that_ends_as_the_month_ends_is_billed_in_that_month_alone() -> None:
    """The last hour of January, and the first of February, are one posting each."""
    month_s = JANUARY_H * HOUR_S
    january = [(ON_DEMAND, 1, month_s - HOUR_S, month_s)]
    february = [(ON_DEMAND, 1, month_s, month_s + HOUR_S)]
    for leases, month in ((january, 0), (february, 1)):
        posted = ledger(scenario(), plan(59), records(leases))
        assert lines(posted, Category.ACCELERATORS) == {(month, "ACCELERATORS", 1, 1, 0, -1): 2.0}


def test_spot_prices_are_integrated_over_the_lease() -> None:
    """Half an hour at each of 1, 5 and 2 USD, on two accelerators, and again across the end of January."""
    changes = [(0, 1.0), (1800, 5.0), (3600, 2.0), (JANUARY_H * HOUR_S + 1800, 4.0)]
    leases = [(SPOT, 2, 0, 5400), (SPOT, 1, (JANUARY_H - 1) * HOUR_S, (JANUARY_H + 1) * HOUR_S)]
    posted = ledger(scenario(), plan(59), records(leases), spot=changes)
    assert monthly(posted, Category.ACCELERATORS) == [2 * (0.5 + 2.5 + 1.0) + 2.0, 1.0 + 2.0]


def test_prices_that_change_after_the_horizon_or_at_its_start_do_not_matter() -> None:
    """A change at the very end of the horizon is after every lease."""
    leases = records([(SPOT, 1, 0, 31 * DAY_S)])
    assert monthly(
        ledger(scenario(), plan(31), leases, spot=[(0, 3.0), (31 * DAY_S, 9.0), (40 * DAY_S, 99.0)]),
        Category.ACCELERATORS,
    ) == [JANUARY_H * 3.0]


def test_leases_on_owned_accelerators_are_not_billed() -> None:
    """What we own costs its nodes and its power, not its hours."""
    posted = ledger(scenario(), plan(31), records([(ROOM, 8, 0, HOUR_S)], nodes=[(0, 0)]))
    assert lines(posted, Category.ACCELERATORS) == {}
    assert billed_accelerator_s(posted) == {}


def test_a_node_is_written_off_to_its_resale_value_and_not_further() -> None:
    """With a life of 20 days, a node of day 5 has cost 80 % of its price by day 25, and no more."""
    posted = ledger(scenario(room={"life": "20 days"}), plan(59, standing=1), records(nodes=[(0, 5 * DAY_S)]))
    assert monthly(posted, Category.AMORTISATION) == [43_800.0, 0.0]
    assert monthly(posted, Category.RESALE) == [-8_760.0, 0.0]
    stands_h = (JANUARY_H - 120, 28 * 24)
    assert monthly(posted, Category.SUPPORT) == [hours * 0.5 for hours in stands_h]  # 4,380 USD / 8,760 h
    assert monthly(posted, Category.POWER) == pytest.approx([hours * 0.15 for hours in stands_h], abs=1e-6)


def test_nodes_that_stand_are_written_off_over_what_is_left_of_their_life() -> None:
    """Of 5 years 4 are past: 365 days are left, at 24 USD a day less 20 %, then only support and power."""
    room = {"age": "4 years"}
    posted = ledger(scenario(room=room), plan(2 * 365, standing=1), records(nodes=[(0, 0)]))
    year = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert monthly(posted, Category.AMORTISATION) == [days * 24.0 for days in year] + [0.0] * 12
    assert monthly(posted, Category.RESALE) == pytest.approx([days * -4.8 for days in year] + [0.0] * 12)
    assert monthly(posted, Category.SUPPORT) == [days * 12.0 for days in year] * 2  # 4,380 USD a year
    assert monthly(posted, Category.POWER) == pytest.approx([days * 3.6 for days in year] * 2, abs=1e-6)
    assert monthly(posted, Category.STAFF) == [days * 360.0 for days in year] * 2


def test_age_is_that_of_the_nodes_that_stand_and_not_of_what_is_delivered() -> None:
    """Of 20 days of life the standing node has 5 left; one that comes on the 5th day has all of them."""
    posted = ledger(
        scenario(room={"life": "20 days", "age": "15 days"}),
        plan(31, standing=1),
        records(nodes=[(0, 0), (1, 5 * DAY_S)]),
    )
    assert monthly(posted, Category.AMORTISATION) == [43_800 * (5 + 20) / 20]


def test_nodes_that_are_ordered_at_the_start_and_come_at_once_are_new() -> None:
    """An order marks a node as new, not the time of its delivery."""
    left = replace(records(), nodes=Nodes.of([(ROOM, 0, 0, -1), (ROOM, 1, 0, 0)]))
    posted = ledger(scenario(room={"life": "20 days", "age": "15 days"}), plan(31, standing=1), left)
    assert monthly(posted, Category.AMORTISATION) == [43_800 * (5 + 20) / 20]


@pytest.mark.parametrize("age", ["5 years", "9 years"])
def test_nodes_beyond_their_life_have_nothing_left_to_write_off(age: str) -> None:
    """At the end of life or past it: no amortisation, no resale, but support, power and staff."""
    posted = ledger(scenario(room={"age": age}), plan(31, standing=1), records(nodes=[(0, 0)]))
    assert micro_by(posted, "category") == {
        Category.SUPPORT: 372_000_000,  # 31 days at 12 USD
        Category.POWER: 111_600_000,  # 31 x 24 h x 1 kW x 1.5 x 0.1 USD
        Category.STAFF: 11_160_000_000,
    }


@pytest.mark.parametrize("age", ["0 s", "2 years", "9 years"])
def test_nodes_are_sold_at_their_book_value(age: str) -> None:
    """What the buyer pays is what the books held: nothing is credited and nothing lost, at any age."""
    posted = ledger(scenario(room={"age": age}), plan(59), records(sold=[(3,)]))
    assert set(micro_by(posted, "category")) == {Category.STAFF}


def test_nodes_are_billed_when_they_come_and_cost_by_and_by() -> None:
    """Two nodes come in the last hour of January, one in the first second of February; one stood before.

    Bills: 2 x 43,800 USD, then 43,800. Costs: an hour of two nodes and a month of one, then 28 days of four.
    """
    month_s = JANUARY_H * HOUR_S
    posted = ledger(
        scenario(),
        plan(59, standing=1),
        records(nodes=[(0, 0), (1, month_s - HOUR_S), (2, month_s - HOUR_S), (3, month_s)]),
    )
    assert billed(posted, Category.PURCHASE) == [87_600.0, 43_800.0]
    assert monthly(posted, Category.PURCHASE) == [0.0, 0.0]
    assert posted.quantity[posted.category == Category.PURCHASE].tolist() == [2.0, 1.0]
    assert monthly(posted, Category.AMORTISATION) == [JANUARY_H + 2.0, 4 * 28 * 24.0]
    assert billed(posted, Category.AMORTISATION) == billed(posted, Category.RESALE) == [0.0, 0.0]
    assert billed(posted, Category.SUPPORT) == monthly(posted, Category.SUPPORT)
    assert Category.PURCHASE not in micro_by(posted, "category")


def test_fewer_nodes_never_cost_less_than_nothing() -> None:
    """Of three nodes that stand, each that is sold saves its own costs; without the last nothing is left."""
    costs = [
        total_usd(
            ledger(
                scenario(),
                plan(31, standing=kept, pools=[]),
                records(nodes=[(n, 0) for n in range(kept)], sold=[(3 - kept,)]),
            )
        )
        for kept in range(4)
    ]
    one = 744 * (0.8 + 0.5 + 0.15)  # write-off to 20 %, support, idle power, all by the hour
    assert costs == pytest.approx([0.0, one + 11_160, 2 * one + 11_160, 3 * one + 11_160])


def test_each_owned_pool_pays_for_its_own_nodes() -> None:
    """A second room, at the other site, has one node; the first has two, and what both sell costs nothing."""
    facts = scenario(cloud={"pools": {"room": OWNED_POOL}})
    made = bare_plan([owned(2), owned(1, site=1)], [training(option(0))], horizon_s=31 * DAY_S)
    left = replace(
        records(),
        nodes=Nodes.of([(0, 0, 0, -1), (0, 1, 0, -1), (1, 0, 0, -1)]),
        sold=Sold.of([(0, 1), (1, 2)]),
        outages=Outages.of([(1, 0, 0, HOUR_S)]),
    )
    posted = ledger(facts, made, left)
    assert lines(posted, Category.AMORTISATION, Category.POWER) == {
        (0, "AMORTISATION", CAMPUS, 0, SHARED, -1): 2 * 744.0,
        (0, "AMORTISATION", CLOUD, 1, SHARED, -1): 744.0,
        (0, "POWER", CAMPUS, 0, SHARED, -1): 223.2,  # 2 x 744 h x 0.15, no matter what is down elsewhere
    }


def test_free_accelerators_are_still_counted() -> None:
    """A price of 0 bills nothing, but the hours are in the books."""
    posted = ledger(scenario(), plan(31, pools=[]), records([(SPOT, 2, 0, HOUR_S)]), spot=[(0, 0.0)])
    assert lines(posted, Category.ACCELERATORS) == {(0, "ACCELERATORS", CLOUD, SPOT, TRAIN, -1): 0.0}
    assert billed_accelerator_s(posted) == {SPOT: 2 * HOUR_S}


def test_a_node_in_transit_costs_nothing() -> None:
    """An order that has not arrived by the horizon leaves no node; only the people who wait cost."""
    posted = ledger(scenario(), plan(31), records())
    assert micro_by(posted, "category") == {Category.STAFF: round(15 * JANUARY_H * 1e6)}


def test_a_node_that_is_down_draws_nothing() -> None:
    """Two nodes, one of them down from the 10th of January for 10 days: 52 node-days at 36 kWh."""
    posted = ledger(
        scenario(),
        plan(31, standing=2),
        records(nodes=[(0, 0), (1, 0)], outages=[(1, 10 * DAY_S, 20 * DAY_S)]),
    )
    assert monthly(posted, Category.POWER) == pytest.approx([52 * 36 * 0.1], abs=1e-6)
    assert posted.quantity[posted.category == Category.POWER] == pytest.approx([52 * 36])


def test_the_ledger_and_the_pools_count_the_same() -> None:
    """What is billed is what each rented pool says that it leased, to the accelerator-second."""
    arrived = jobs((0, 8, 5_000), (3_000, 12, 70_000), (4_000, 1, 20), (5_000, 16, 90_000_000))
    facts = replace(world(scenario(), {"site1/spot": [(0, 1.0), (4_000, 2.0)]}), jobs=arrived)
    made = bare_plan(
        [owned(1), on_demand(4), spot()], [training(option(0), option(1), option(2))], horizon_s=40 * DAY_S
    )
    left = run(facts, made)
    assert len(left.attempts) == 4
    leased = dict(zip(left.closing.pool.tolist(), left.closing.leased_s.tolist(), strict=True))
    assert billed_accelerator_s(post(open_books(facts, made, left, Traffic.none()))) == {
        pool: leased_s for pool, leased_s in leased.items() if pool != ROOM and leased_s
    }


def test_electricity_needs_a_supply() -> None:
    """A site without a power price bills no electricity."""
    free = scenario().model_copy(
        update={"sites": {n: s.model_copy(update={"power": None}) for n, s in scenario().sites.items()}}
    )
    posted = ledger(free, plan(31, standing=1), records([(ROOM, 8, 0, HOUR_S)], nodes=[(0, 0)]))
    assert lines(posted, Category.POWER) == {}


def test_staff_is_paid_where_the_strategy_does_something() -> None:
    """A site is used by nodes that stand, by orders, or by workloads that may run there."""
    both = scenario(cloud=CLOUD_STAFF)

    def sites(made: Plan) -> set[int]:
        return set(micro_by(ledger(both, made, records()), "site"))

    assert sites(plan(31, pools=[])) == set()
    assert sites(plan(31, standing=1, pools=[])) == {CAMPUS}
    assert sites(plan(31, pools=[SPOT])) == {CLOUD}
    assert sites(plan(31, pools=[ROOM, SPOT])) == {CAMPUS, CLOUD}
    waits = owned(0, orders=[OrderRule(1, DAY_S, (), 1)])
    ordered = bare_plan([waits, on_demand(), spot()], [training(option(SPOT))], horizon_s=31 * DAY_S)
    assert sites(ordered) == {CAMPUS, CLOUD}


def test_growing_data_is_integrated_over_the_month() -> None:
    """1 TB that grows by 1 GB an hour: mean size 1,372 GB in January and 2,080 GB in February."""
    posted = ledger(scenario(), plan(59, pools=[], datasets=[(CAMPUS, 1e12, GB / HOUR_S)]), records())
    means_gb = (1_000 + 744 / 2, 1_000 + 744 + 672 / 2)
    assert monthly(posted, Category.STORAGE) == pytest.approx(
        [means_gb[0] * 0.744, means_gb[1] * 0.672], abs=1e-6
    )


def test_transfers_are_billed_when_their_bytes_move() -> None:
    """A copy of 100 GB that begins an hour before February and takes four pays a quarter in January."""
    month_s = JANUARY_H * HOUR_S
    row = (0, CAMPUS, CLOUD, 0, 100 * GB, 0, month_s - HOUR_S, month_s + 3 * HOUR_S)
    posted = ledger(
        scenario(link="0.02 USD/GB"), plan(59, datasets=[(CAMPUS, 1e11, 0.0)]), records(transfers=[row])
    )
    assert monthly(posted, Category.TRANSFER) == [0.5, 1.5]


def test_transfers_under_way_at_the_horizon_pay_what_has_moved() -> None:
    """8 Gbit/s move 1 GB/s: of 7,200 GB an hour's 3,600 have moved; what waits for the link has not begun."""
    last_s = 31 * DAY_S
    rows = [
        (0, CAMPUS, CLOUD, 0, 7_200 * GB, 0, last_s - HOUR_S, -1),
        (1, CAMPUS, CLOUD, 0, 100 * GB, 0, last_s + HOUR_S, -1),
        (2, CAMPUS, CLOUD, 0, 100 * GB, 0, -1, -1),
    ]
    posted = ledger(
        scenario(cloud=STORAGE, link="0.02 USD/GB"),
        plan(31, datasets=[(CAMPUS, 7.2e12, 0.0), (CAMPUS, 1e11, 0.0), (CAMPUS, 1e11, 0.0)]),
        records(transfers=rows),
    )
    assert lines(posted, Category.TRANSFER) == {(0, "TRANSFER", CLOUD, -1, SHARED, 0): 72.0}
    assert {key[2] for key in lines(posted, Category.STORAGE)} == {CAMPUS}, "no copy is kept yet"


def test_a_copy_is_kept_up_to_date_over_the_link() -> None:
    """After 100 GB come the 10 GB by which the data grew until they arrived, then 1 GB/h to the horizon."""
    row = (0, CAMPUS, CLOUD, 0, 100 * GB, 0, 2 * HOUR_S, 10 * HOUR_S)
    posted = ledger(
        scenario(link="0.02 USD/GB"),
        plan(59, datasets=[(CAMPUS, 1e11, GB / HOUR_S)]),
        records(transfers=[row]),
    )
    assert monthly(posted, Category.TRANSFER) == [(100 + 10 + 734) * 0.02, 672 * 0.02]
    moved_gb = posted.quantity[posted.category == Category.TRANSFER].sum()
    assert moved_gb == pytest.approx(100 + 59 * 24), "at the horizon the copy has what the dataset has"


def test_copies_leave_their_source_by_egress() -> None:
    """A copy from the cloud, and its growth, pay the cloud's egress beside the link."""
    row = (0, CLOUD, CAMPUS, 0, 100 * GB, 0, 0, 0)
    grows = plan(31, datasets=[(CLOUD, 1e11, GB / HOUR_S)])
    posted = ledger(scenario(cloud=EGRESS, link="0.02 USD/GB"), grows, records(transfers=[row]))
    assert lines(posted, Category.EGRESS, Category.TRANSFER) == {
        (0, "EGRESS", CLOUD, -1, SHARED, 0): 100 * 0.1 + 744 * 0.05,
        (0, "TRANSFER", CAMPUS, -1, SHARED, 0): 16.88,
    }


def test_a_copy_within_a_location_costs_egress_but_no_link() -> None:
    """Between sites at one location a copy arrives at once, over no link."""
    month_s = JANUARY_H * HOUR_S
    row = (0, CLOUD, CAMPUS, -1, 10 * GB, month_s, month_s, month_s)
    posted = ledger(
        scenario(cloud=EGRESS, link="0.02 USD/GB"),
        plan(59, datasets=[(CLOUD, 1e10, 0.0)]),
        records(transfers=[row]),
    )
    assert lines(posted, Category.EGRESS, Category.TRANSFER) == {(1, "EGRESS", CLOUD, -1, SHARED, 0): 1.0}


def test_copies_to_several_sites_leave_their_source_each() -> None:
    """A dataset that goes to two sites leaves its home twice."""
    books = open_books(world(scenario()), plan(59), records(), Traffic.none())
    one, two = (Copy(0, CAMPUS, target, 0, 0, np.array([1.0, 2.0]) * target) for target in (1, 2))
    sent = copied_away(books, [one, two])
    assert {account: moved.tolist() for account, moved in sent.items()} == {
        Account(Category.EGRESS, CAMPUS, dataset=0): [3.0, 6.0]
    }


def test_senders_share_the_month_s_egress_by_volume() -> None:
    """400 GB cost 25 USD; a quarter of them are from on-demand, three quarters from spot."""
    sent = traffic((ON_DEMAND, 0, 60e9), (ON_DEMAND, 0, 40e9), (SPOT, 0, 300e9))
    posted = ledger(scenario(cloud=EGRESS), plan(31), records(), sent)
    assert lines(posted, Category.EGRESS) == {
        (0, "EGRESS", CLOUD, ON_DEMAND, SERVE, -1): 6.25,
        (0, "EGRESS", CLOUD, SPOT, SERVE, -1): 18.75,
    }


def test_egress_tiers_begin_again_each_month() -> None:
    """100 GB in each of two months never reach the second tier; a site without a price pays nothing."""
    sent = traffic((ON_DEMAND, 0, 100e9), (ON_DEMAND, 1, 100e9), (ROOM, 0, 100e9))
    assert monthly(ledger(scenario(cloud=EGRESS), plan(59), records(), sent), Category.EGRESS) == [10.0, 10.0]


@pytest.mark.parametrize(
    ("volume_gb", "usd"),
    [(0, 0.0), (1, 0.0), (10, 0.0), (11, 0.1), (100, 9.0), (101, 9.05), (300, 9.0 + 200 * 0.05)],
)
def test_each_part_of_a_volume_pays_its_tier(volume_gb: float, usd: float) -> None:
    """The first 10 GB are free, up to 100 GB they cost 0.1, and 0.05 above."""
    tiers = [
        EgressTier.model_validate(tier)
        for tier in (
            {"up_to": "10 GB", "price": "0 USD/GB"},
            {"up_to": "100 GB", "price": "0.1 USD/GB"},
            {"price": "0.05 USD/GB"},
        )
    ]
    assert tiered_usd(np.array([volume_gb * 1e9]), tiers) == pytest.approx([usd], abs=1e-12)


def test_postings_are_rounded_half_to_even() -> None:
    """1.5, 2.5 and 3.5 micro-USD become 2, 2 and 4; the total is the sum of what was rounded."""
    cost = np.array([0.0000015, 0.0000025, 0.0000035])
    posted = ledger_of([Entry(Account(Category.STAFF, CAMPUS), Charge(np.ones(3), cost))], 3)
    assert posted.amount_micro.tolist() == [2, 2, 4]
    assert (total_micro(posted), total_usd(posted)) == (8, 0.000008)


def test_what_has_no_price_is_not_posted() -> None:
    """Accounts without cost and months without quantity are left out; a free month of a priced one stays."""
    free = Entry(Account(Category.STORAGE, CAMPUS), Charge(np.ones(3), np.zeros(3)))
    priced = Entry(
        Account(Category.EGRESS, CLOUD), Charge(np.array([1.0, 0.0, 2.0]), np.array([0.0, 0.0, 3.0]))
    )
    posted = ledger_of([free, priced], 3)
    assert lines(posted) == {
        (0, "EGRESS", CLOUD, -1, -1, -1): 0.0,
        (2, "EGRESS", CLOUD, -1, -1, -1): 3.0,
    }
    assert len(ledger_of([], 3)) == 0


def test_two_entries_for_one_account_are_refused() -> None:
    """Each group has one posting a month, so that nothing is counted twice unseen."""
    entry = Entry(Account(Category.STAFF, CAMPUS), Charge(np.ones(1), np.ones(1)))
    with pytest.raises(AssertionError, match="same account"):
        ledger_of([entry, entry], 1)


def test_totals_add_up_in_every_direction() -> None:
    """By month, category, site, pool, workload and dataset the totals sum to the same micro-USD."""
    posted = ledger(
        scenario(cloud=EGRESS | CLOUD_STAFF, link="0.02 USD/GB"),
        plan(59, standing=1, datasets=[(CAMPUS, 1e12, 1e4)]),
        records(
            [(ROOM, 4, 0, 9 * DAY_S), (SPOT, 3, 77, 40 * DAY_S)],
            nodes=[(0, 0)],
            transfers=[(0, CAMPUS, CLOUD, 0, TB, 0, 0, 1000)],
        ),
        traffic((SPOT, 1, 1e12)),
    )
    for column in get_args(Column):
        assert sum(micro_by(posted, column).values()) == total_micro(posted)
    assert list(micro_by(posted, "month")) == [0, 1]
