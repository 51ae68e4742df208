"""Integrals by month, monthly series, and what holds for any records."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.metrics import Counted, check_books, monthly
from sim.metrics.integrals import Ints, integrate_by_group, integrate_by_month, quantile
from sim.policies.plan import Plan
from sim.records import Outcome, Records
from sim.world.world import World
from tests.miniature import jobs, on_demand, option, owned, plan, service, training
from tests.test_metrics import (
    DAY_S,
    HOUR_S,
    answers,
    attempt,
    close,
    costs,
    future,
    metrics_of,
    queue_of_five,
    records_of,
    two_pools,
)

EDGES = np.array([0, 100, 250, 1000], dtype=np.int64)
Span = tuple[int, int, int]


def columns(spans: list[Span]) -> tuple[Ints, Ints, Ints]:
    """Starts, ends and weights of spans (start, length, weight)."""
    start_s, length_s, weight = np.array(spans, dtype=np.int64).reshape(-1, 3).T
    return start_s, start_s + length_s, weight


spans = st.lists(st.tuples(st.integers(-200, 1200), st.integers(0, 1500), st.integers(-50, 50)), max_size=12)


def test_a_span_is_cut_at_the_months_edges() -> None:
    """Weight 3 over [50, 300): 50, 150 and 50 s; weight 2 over [100, 250) fills the second month alone."""
    start_s, end_s, weight = columns([(50, 250, 3), (100, 150, 2)])
    assert integrate_by_month(start_s, end_s, weight, EDGES).tolist() == [150, 450 + 300, 150]


def test_what_lies_outside_the_edges_is_left_out() -> None:
    """[-50, 1100) holds 100, 150 and 750 s; [-50, 0), [1000, 1100) and an empty span hold nothing."""
    start_s, end_s, weight = columns([(-50, 1150, 1), (-50, 50, 7), (1000, 100, 7), (100, 0, 7)])
    assert integrate_by_month(start_s, end_s, weight, EDGES).tolist() == [100, 150, 750]


def test_integers_stay_exact_beyond_the_digits_of_a_float() -> None:
    """2**50 + 1 over the 750 s of the last month: the product is above 2**53, and its last digit stays."""
    start_s, end_s, weight = columns([(250, 750, 2**50 + 1)])
    assert integrate_by_month(start_s, end_s, weight, EDGES).tolist() == [0, 0, 750 * 2**50 + 750]


def test_groups_do_not_mix() -> None:
    """The same span in groups 0 and 2 of three, with weights 1 and 5."""
    start_s, end_s, weight = columns([(0, 200, 1), (0, 200, 5)])
    found = integrate_by_group(start_s, end_s, weight, EDGES, group=np.array([0, 2]), groups=3)
    assert found.tolist() == [[100, 100, 0], [0, 0, 0], [500, 500, 0]]


@settings(deadline=None)
@given(spans)
def test_months_hold_the_overlap_of_each_span(some: list[Span]) -> None:
    """Each month holds the sum of weight x overlap, taken span by span; together they lose nothing."""
    start_s, end_s, weight = columns(some)
    found = integrate_by_month(start_s, end_s, weight, EDGES)
    months = list(zip(EDGES[:-1].tolist(), EDGES[1:].tolist(), strict=True))
    expected = [sum(w * max(min(s + n, b) - max(s, a), 0) for s, n, w in some) for a, b in months]
    assert found.tolist() == expected
    whole = integrate_by_month(start_s, end_s, weight, np.array([0, 1000]))
    assert found.sum() == whole[0]
    assert np.allclose(
        integrate_by_month(start_s, end_s, weight / 7, EDGES), found / 7, rtol=1e-12, atol=1e-9
    )


@settings(deadline=None)
@given(spans, st.integers(0, 1500))
def test_cutting_spans_in_two_changes_nothing(some: list[Span], at: int) -> None:
    """A span is the same as its first `at` seconds and the rest."""
    parts = [(s, min(n, at), w) for s, n, w in some] + [
        (s + min(n, at), n - min(n, at), w) for s, n, w in some
    ]
    assert (
        integrate_by_month(*columns(some), EDGES).tolist()
        == integrate_by_month(*columns(parts), EDGES).tolist()
    )


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=40)
    | st.lists(st.integers(0, 2**53) | st.floats(0, 1e300), min_size=1, max_size=40),
    st.sampled_from([0.5, 0.95]),
)
def test_a_quantile_is_the_smallest_value_that_its_share_does_not_exceed(
    values: list[int], level: float
) -> None:
    """At least a share `level` lies at or below it, and less than that below it."""
    found = quantile(np.array(values), level)
    assert sum(value <= found for value in values) >= level * len(values)
    assert sum(value < found for value in values) < level * len(values)


def series(*facts: Any) -> dict[tuple[str, str, str], dict[str, float]]:
    """The value of each month by (kind, name, quantity)."""
    table = monthly(*facts, Counted.of(*facts[:3]))
    assert len({len(column) for column in table.values()}) == 1
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for month, kind, name, quantity, value in zip(*table.values(), strict=True):
        found.setdefault((kind, name, quantity), {})[month] = value
    return found


def around_a_months_end() -> tuple[World, Plan, Records]:
    """31 January and 1 February: a gang of 4 waits 1 h, then has a lease for 6; a node is down for 2."""
    made = plan(
        [owned(2), on_demand()],
        [training(option(0))],
        [service(option(1), accelerators=2)],
        horizon_s=2 * DAY_S,
    )
    rows = [attempt(0, 0, 0, 4, 22 * HOUR_S, Outcome.FINISHED, kept=3 * HOUR_S, checkpoint=3 * HOUR_S)]
    replica = (0, 0, 0, 1, -1, 2, 18 * HOUR_S, 20 * HOUR_S, 30 * HOUR_S, Outcome.RELEASED)
    records = records_of(made, rows, [replica], outages=[(0, 1, 23 * HOUR_S, 25 * HOUR_S)])
    return future(jobs((21 * HOUR_S, 4, 3 * HOUR_S)), start="2026-01-31"), made, records


def test_series_are_cut_at_midnight() -> None:
    """2 of the 6 hours are in January, half of each is work; the replica of 2 has 6 h on either side."""
    lived, made, records = around_a_months_end()
    check_books(made, records)
    steps = 2 * DAY_S // made.interval_s
    offered = np.array([3.0, 5.0]) * (steps // 2)
    facts = answers({1: [0.0, 2 * 1800.0]}, months=2, offered=offered, served=offered / 2)
    found = series(lived, made, records, [facts], costs(7_000_000, -2_000_000))

    def row(kind: str, name: str, quantity: str) -> tuple[float, float]:
        values = found[kind, name, quantity]
        assert list(values) == ["2026-01", "2026-02"]
        return values["2026-01"], values["2026-02"]

    assert row("pool", "site0/room", "capacity_accelerator_h") == (16 * 24, 16 * 24)
    assert row("pool", "site0/room", "leased_accelerator_h") == (4 * 2, 4 * 4)
    assert row("pool", "site0/room", "useful_accelerator_h") == (close(4 * 2 / 2), close(4 * 4 / 2))
    assert row("pool", "site0/room", "down_accelerator_h") == (8 * 1, 8 * 1)
    assert row("pool", "site1/on-demand", "capacity_accelerator_h") == (2 * 6, 2 * 6)
    assert row("pool", "site1/on-demand", "useful_accelerator_h") == (0, 2 * 1800 / 3600)
    assert row("training", "train", "jobs_waiting_mean") == (1 / 24, 0)
    assert row("training", "train", "accelerators_waiting_mean") == (4 / 24, 0)
    assert row("service", "serve", "requests") == (3 * steps / 2, 5 * steps / 2)
    assert row("service", "serve", "error_budget_used") == (0, 0)
    assert row("service", "serve", "requests_served") == (1.5 * steps / 2, 2.5 * steps / 2)
    assert row("service", "serve", "replicas_ready_mean") == (4 / 24, 6 / 24)
    assert row("run", "", "cost_usd") == (7.0, -2.0)


def test_refused_jobs_wait_in_no_month() -> None:
    """In a run of one month the series says what the metrics say, of a queue in which one job was refused."""
    lived, made, records, facts = queue_of_five()
    table = series(lived, made, records, [facts], costs(0))
    assert table["training", "train", "jobs_waiting_mean"] == {"2026-01": 350 / 10_000}
    assert table["training", "train", "accelerators_waiting_mean"] == {"2026-01": 1400 / 10_000}


TRIES = st.tuples(
    st.integers(0, 1),
    st.sampled_from([1, 3, 8, 12, 16]),
    st.integers(0, 40 * DAY_S),
    st.sampled_from([Outcome.FINISHED, Outcome.RECLAIMED, Outcome.FAILED, Outcome.CUT_OFF]),
    st.tuples(*[st.integers(0, 4 * DAY_S)] * 5),
)
COPIES = st.tuples(
    st.integers(0, 1), st.integers(0, 40 * DAY_S), st.integers(0, 9 * DAY_S), st.integers(0, 9 * DAY_S)
)


@st.composite
def lived_runs(draw: st.DrawFn) -> tuple[World, Plan, Records, Any]:
    """Any leases of two pools in 60 days, whether or not there was room; half of the ready time is busy."""
    made = two_pools(60 * DAY_S)
    tries, copies = draw(st.lists(TRIES, max_size=6)), draw(st.lists(COPIES, max_size=6))
    names = ("boot", "restart", "kept", "checkpoint", "lost")
    rows = [
        attempt(
            n, 0, pool, made.pools[pool].leased(gang), start, outcome, **dict(zip(names, parts, strict=True))
        )
        for n, (pool, gang, start, outcome, parts) in enumerate(tries)
    ]
    replicas = [
        (0, n, 0, pool, -1, 2, start, start + load, start + load + serving, Outcome.RELEASED)
        for n, (pool, start, load, serving) in enumerate(copies)
    ]
    records = records_of(made, rows, replicas, outages=[(0, 0, 0, draw(st.integers(0, 9 * DAY_S)))])
    busy = {pool: sum(2 * serving / 2 for p, *_, serving in copies if p == pool) for pool in (0, 1)}
    facts = answers({pool: [busy[pool], 0.0, 0.0] for pool in busy}, months=3)
    return future(jobs(*((0, gang, 1) for _, gang, *_ in tries))), made, records, facts


SHARES = ("useful", "unused", "lost", "overhead", "idle", "down")


@given(lived_runs())
@settings(max_examples=60, deadline=None)
def test_shares_add_up_and_months_add_up(run: tuple[World, Plan, Records, Any]) -> None:
    """Six shares make 1, four of them what is leased, in each pool and overall; months make up the run."""
    lived, made, records, facts = run
    found = metrics_of(lived, made, records, [facts], costs(1, 2, 3))
    table = series(lived, made, records, [facts], costs(1, 2, 3))
    for path, closing in zip(
        ("site0/room", "site1/on-demand"), records.closing.capacity_s.tolist(), strict=True
    ):
        if closing == 0:
            assert np.isnan(found[f"useful_share:{path}"])
            continue
        assert sum(found[f"{share}_share:{path}"] for share in SHARES) == pytest.approx(1, abs=1e-12)
        leased = sum(found[f"{share}_share:{path}"] for share in SHARES[:4])
        assert found[f"leased_share:{path}"] == pytest.approx(leased, abs=1e-12)
        for name in ("useful", "leased"):
            whole = sum(table["pool", path, f"{name}_accelerator_h"].values())
            assert whole == pytest.approx(found[f"{name}_accelerator_h:{path}"], rel=1e-9, abs=1e-9)
        capacity = sum(table["pool", path, "capacity_accelerator_h"].values())
        assert capacity * HOUR_S == pytest.approx(closing, rel=1e-12)
    assert sum(found[f"{share}_share"] for share in SHARES) == pytest.approx(1, abs=1e-12)
