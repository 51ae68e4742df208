"""What holds for every ledger: leases are covered exactly, and money adds up."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, fields
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.calendar import month_edges
from sim.ledger import Category, Ledger, billed_accelerator_s, micro_by, total_micro
from sim.ledger.integrals import open_s, spread
from tests.ledger_miniature import (
    CAMPUS,
    CLOUD,
    DAY_S,
    GB,
    ON_DEMAND,
    ROOM,
    SERVE,
    SPOT,
    TRAIN,
    ledger,
    plan,
    records,
    scenario,
    traffic,
)

START = "2024-01-15"
DAYS = 100
END_S = DAYS * DAY_S
EDGES_S = month_edges(dt.date.fromisoformat(START), END_S)

moments = st.integers(0, END_S)


@dataclass(frozen=True)
class Lease:
    workload: int
    pool: int
    leased: int
    start_s: int
    end_s: int

    @property
    def row(self) -> tuple[int, int, int, int]:
        """As the records' helper takes it."""
        return self.pool, self.leased, self.start_s, self.end_s


@st.composite
def leases(draw: st.DrawFn) -> Lease:
    """A lease of a job or a replica on any pool; it may be empty."""
    start_s, end_s = sorted((draw(moments), draw(moments)))
    workload, pool = draw(st.sampled_from([TRAIN, SERVE])), draw(st.sampled_from([ROOM, ON_DEMAND, SPOT]))
    return Lease(workload, pool, draw(st.integers(1, 512)), start_s, end_s)


price_steps = st.dictionaries(st.integers(1, END_S), st.floats(0.01, 50), max_size=30).map(
    lambda later: [(0, 1.5), *sorted(later.items())]
)


def posted_for(found: list[Lease], steps: list[tuple[int, float]], scale: float = 1.0) -> Ledger:
    """The ledger of these leases beside a node, a copied dataset and some traffic."""
    tiers = [
        {"up_to": "100 GB", "price": f"{0.1 * scale:.6f} USD/GB"},
        {"price": f"{0.05 * scale:.6f} USD/GB"},
    ]
    return ledger(
        scenario(START, cloud={"egress": {"tiers": tiers}}, link=f"{0.02 * scale:.6f} USD/GB", scale=scale),
        plan(DAYS, standing=1, datasets=[(CAMPUS, 1e12, 12_345.0)]),
        records(
            [lease.row for lease in found if lease.workload == TRAIN],
            [lease.row for lease in found if lease.workload == SERVE],
            nodes=[(0, 0), (1, 777_777)],
            sold=[(1,)],
            outages=[(0, 1_000_000, 5_000_001)],
            transfers=[(0, CAMPUS, CLOUD, 0, 1_000 * GB, 5, 10, 1_010)],
        ),
        traffic((SPOT, 0, 1.23e9), (ON_DEMAND, 2, 5.6e11)),
        spot=[(time_s, price * scale) for time_s, price in steps],
    )


def by_hand(lease: Lease, steps: list[tuple[int, float]]) -> Counter[tuple[int, int, int]]:
    """What one lease costs [USD/h x accelerator-s] by (month, pool, workload), in exact fractions."""
    cost: Counter[tuple[int, int, int]] = Counter()
    rates = steps if lease.pool == SPOT else [(0, 2.0)]
    ends = [time_s for time_s, _ in rates[1:]] + [END_S]
    for month, (first, last) in enumerate(zip(EDGES_S.tolist(), EDGES_S.tolist()[1:], strict=False)):
        for (since, rate), until in zip(rates, ends, strict=True):
            seconds = min(last, until, lease.end_s) - max(first, since, lease.start_s)
            cost[month, lease.pool, lease.workload] += max(seconds, 0) * lease.leased * Fraction(rate)
    return cost


@settings(max_examples=60, deadline=None)
@given(st.lists(leases(), max_size=12), price_steps)
def test_every_leased_second_is_billed_once_at_its_price(
    found: list[Lease], steps: list[tuple[int, float]]
) -> None:
    """Accelerator-seconds agree exactly with the leases, each amount with its price to half a micro-USD."""
    posted = posted_for(found, steps)
    rented = [lease for lease in found if lease.pool != ROOM and lease.end_s > lease.start_s]
    used: Counter[int] = Counter()
    expected: Counter[tuple[int, int, int]] = Counter()
    for lease in rented:
        used[lease.pool] += lease.leased * (lease.end_s - lease.start_s)
        expected.update(by_hand(lease, steps))
    assert billed_accelerator_s(posted) == dict(used)
    rows = np.flatnonzero(posted.category == Category.ACCELERATORS)
    assert len(rows) == sum(usd > 0 for usd in expected.values())
    for n in rows.tolist():
        key = (int(posted.month[n]), int(posted.pool[n]), int(posted.workload[n]))
        exact = expected[key] / 3600 * 1_000_000
        assert abs(int(posted.amount_micro[n]) - exact) <= Fraction(1, 2) + exact * Fraction(1, 10**12)
    assert (posted.quantity[rows] * 3600).round().astype(int).tolist() == posted.leased_s[rows].tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(leases(), max_size=8), price_steps, st.lists(moments, min_size=8, max_size=8))
def test_a_lease_in_two_parts_costs_what_it_costs_whole(
    found: list[Lease], steps: list[tuple[int, float]], cuts: list[int]
) -> None:
    """Cutting each lease somewhere leaves the same ledger, bit for bit."""
    parts: list[Lease] = []
    for lease, anywhere in zip(found, cuts, strict=False):
        cut_s = min(max(anywhere, lease.start_s), lease.end_s)
        parts.append(Lease(lease.workload, lease.pool, lease.leased, lease.start_s, cut_s))
        parts.append(Lease(lease.workload, lease.pool, lease.leased, cut_s, lease.end_s))
    whole, cut = posted_for(found, steps), posted_for(parts, steps)
    for column in fields(Ledger):
        assert np.array_equal(getattr(whole, column.name), getattr(cut, column.name)), column.name


@settings(max_examples=20, deadline=None)
@given(st.lists(leases(), max_size=8), price_steps)
def test_doubled_prices_double_the_cost(found: list[Lease], steps: list[tuple[int, float]]) -> None:
    """Every posting doubles to within a micro-USD, and nothing appears or vanishes."""
    once, twice = posted_for(found, steps), posted_for(found, steps, scale=2.0)
    assert np.array_equal(once.category, twice.category)
    assert np.array_equal(once.quantity, twice.quantity)
    assert np.abs(twice.amount_micro - 2 * once.amount_micro).max(initial=0) <= 1


@settings(max_examples=40, deadline=None)
@given(st.lists(leases(), max_size=8), price_steps)
def test_quantities_are_positive_and_amounts_add_up(
    found: list[Lease], steps: list[tuple[int, float]]
) -> None:
    """No negative quantity, negative amounts for credits alone, and one total whichever way it is added."""
    posted = posted_for(found, steps)
    assert (posted.quantity > 0).all()
    credited = posted.category == Category.RESALE
    assert ((posted.amount_micro < 0) == credited).all()
    assert sum(posted.amount_micro.tolist()) == total_micro(posted) == sum(micro_by(posted, "pool").values())
    bought = posted.category == Category.PURCHASE
    written_off = np.isin(posted.category, (Category.AMORTISATION, Category.RESALE))
    assert not posted.amount_micro[bought].any()
    assert not posted.billed_micro[written_off].any()
    alike = ~bought & ~written_off
    assert np.array_equal(posted.amount_micro[alike], posted.billed_micro[alike])
    exact_micro = posted.quantity * posted.unit_price * 1e6
    micro = posted.amount_micro + np.where(bought, posted.billed_micro, 0)
    assert np.abs(micro - exact_micro).max() <= 0.5 + 1e-12 * np.abs(exact_micro).max()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, END_S - 1), max_size=6),
    st.integers(0, 3),
    st.integers(1, 500),
    st.integers(0, 500),
)
def test_nodes_lose_their_value_evenly_and_never_more_than_they_had(
    delivered_s: list[int], standing: int, life_days: int, age_days: int
) -> None:
    """Write-off less resale is 80 % of the price x the part of each node's life that lies in the horizon."""
    nodes = [(n, 0) for n in range(standing)] + [(n + 9, s) for n, s in enumerate(delivered_s) if s]
    posted = ledger(
        scenario(START, room={"life": f"{life_days} days", "age": f"{age_days} days"}),
        plan(DAYS, standing=standing),
        records(nodes=nodes),
    )
    life_s = life_days * DAY_S
    lived_s = standing * min(max(life_s - age_days * DAY_S, 0), END_S)
    lived_s += sum(min(life_s, END_S - from_s) for from_s in delivered_s if from_s)
    exact_micro = Fraction(43_800 * 8, 10) * lived_s / life_s * 1_000_000
    by_category = micro_by(posted, "category")
    found = by_category.get(Category.AMORTISATION, 0) + by_category.get(Category.RESALE, 0)
    assert abs(found - exact_micro) <= 2 * (len(EDGES_S) - 1) * Fraction(1, 2) + Fraction(1, 1000)


@settings(deadline=None)
@given(st.lists(st.tuples(moments, moments, st.integers(-9, 9), st.integers(0, 2)), max_size=10))
def test_step_functions_are_integrated_exactly(rows: list[tuple[int, int, int, int]]) -> None:
    """By group and month, the integral is the sum of each interval's overlaps."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    start_s, end_s = np.minimum(columns[0], columns[1]), np.maximum(columns[0], columns[1])
    integral = open_s(start_s, end_s, columns[2], EDGES_S, group=columns[3], groups=3)
    expected = np.zeros((3, len(EDGES_S) - 1), dtype=np.int64)
    for a, b, weight, group in zip(start_s, end_s, columns[2], columns[3], strict=True):
        expected[group] += weight * np.diff(np.clip(EDGES_S, a, b))
    assert np.array_equal(integral, expected)


@given(st.integers(0, END_S - 1), st.integers(0, END_S), st.floats(0, 1e15))
def test_what_is_spread_within_the_horizon_arrives_whole(start_s: int, end_s: int, amount: float) -> None:
    """An amount that moves within the horizon is spread over months without loss."""
    length_s = max(end_s - start_s, 0)
    assert np.isclose(spread(amount, start_s, length_s, EDGES_S).sum(), amount, rtol=1e-12)
