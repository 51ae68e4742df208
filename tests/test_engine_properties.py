"""What holds in every world: generated small ones, with ties on purpose."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine import Engine
from sim.engine import run as run_engine
from sim.engine.pools import OwnedPool
from sim.engine.queue import Queue, Request
from sim.metrics.books import check_books
from sim.policies.checkpoints import NO_CHECKPOINTS, Checkpoints
from sim.policies.placement import ANY_SLACK, Busy, Opening
from sim.policies.plan import UNLIMITED, Plan, Purchase, Route
from sim.policies.procurement import OrderRule
from sim.policies.scaling import Reaction, ScaleRule
from sim.records import Outcome, Records
from sim.scenario.conditions import parse_condition
from sim.world.world import ANY_GANG, Jobs, World
from tests.engines import run, same
from tests.miniature import on_demand, option, owned, plan, service, spot, training, world

HORIZON_S = 4000
Case = tuple[World, Plan]

times = st.integers(0, HORIZON_S - 1) | st.sampled_from([0, 300, 600, 900, 1200])
demands = st.integers(0, 4) | st.sampled_from([0.0, 0.0, 0.001, 0.005, 0.7])
gangs = st.sampled_from([1, 1, 2, 3, 4, 6, 8, 12])
checkpoints = st.just(NO_CHECKPOINTS) | st.builds(
    Checkpoints, every_s=st.integers(1, 400), cost_s=st.integers(0, 60), restart_s=st.integers(0, 60)
)
openings = st.builds(
    Opening,
    wait_s=st.sampled_from([0, 0, 60, 600]),
    slack_s=st.just(ANY_SLACK) | st.sampled_from([0, 300, 5000]),
    busy=st.just(())
    | st.builds(lambda above, ppm: (Busy(0, above, ppm),), st.booleans(), st.integers(0, 1_000_000)),
)


@st.composite
def scale_rules(draw: st.DrawFn) -> ScaleRule:
    """A rule of the plainest kind, or with some of all that there is."""
    few = st.sampled_from([0, 0, 1, 2])
    least, most, season = draw(few), draw(st.integers(2, 6)), draw(st.sampled_from([0, 4, 7]))
    if draw(st.booleans()):
        return ScaleRule(1.0, 0, UNLIMITED, 0)
    step = st.sampled_from([(0, 0, 0), (0, 0, 0), (1, 0, 2), (0, 500_000, 1), (1, 1_000_000, 3)])
    target, idle_s = draw(st.sampled_from([0.0, 0.6, 1.0])), draw(st.sampled_from([0, 0, 200, 600]))
    calm, requests = draw(few), st.sampled_from([0, 0, 500_000, 40_000_000])
    reaction = Reaction(
        draw(requests), draw(requests), calm, draw(few), *draw(step), *draw(step)
    )  # fmt: skip
    hours = [(draw(few), most), (0, most), *[(1, most)] * 166]
    return ScaleRule(
        target, 0 if idle_s else least, most, calm, reaction,
        tuple(hours) if draw(st.booleans()) else (),
        ahead=draw(few) if season else 0, season=season, trend=draw(few), idle_s=idle_s,
        warm=draw(few), warm_start_s=draw(st.sampled_from([0, 30, 400])),
        service_s=draw(st.sampled_from([0.0, 0.8])), patience_ms=draw(st.sampled_from([0, 500, 400_000])),
    )  # fmt: skip


@st.composite
def job_tables(draw: st.DrawFn, workloads: int) -> Jobs:
    """A few dozen jobs in order of arrival, many at the same instant."""
    rows = draw(
        st.lists(st.tuples(times, st.integers(0, workloads - 1), gangs, st.integers(1, 1500)), max_size=30)
    )
    rows.sort(key=lambda row: row[:2])
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Jobs(columns[1], np.arange(len(rows)), columns[0], columns[2], columns[3])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """An owned, an on-demand and a spot pool, two training workloads and a service, for a few hours."""
    order = OrderRule(draw(st.integers(1, 2)), draw(times), (), draw(st.integers(1, 2)))
    watched = OrderRule.watching(1, parse_condition("utilisation > 50% over 1 day"), 1)
    size = draw(st.sampled_from([1, 4, 8]))
    nodes = draw(st.sampled_from([0, 1, 2, 3, 32]))
    pools = [
        owned(nodes, size, most=max(nodes + 1, 5), orders=[order, watched]),
        replace(on_demand(quota=draw(st.integers(0, 24))), node_accelerators=size),
        replace(
            spot(quota=draw(st.integers(0, 24)), notice_s=draw(st.sampled_from([0, 30]))),
            node_accelerators=size,
        ),
    ]
    options = st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True)
    trainings = [
        training(
            *(option(p, draw(openings), draw(st.sampled_from([1_000_000, 1_500_000])), -1 if p == 0 else n)
              for p in draw(options)),
            checkpoints=draw(checkpoints), deadline_s=draw(st.integers(100, 6000)), name=f"train{n}",
        )
        for n in range(2)
    ]  # fmt: skip
    serve = service(
        *(option(p) for p in draw(options)), accelerators=draw(st.integers(1, 4)), capacity_rps=1.0,
        scale=draw(scale_rules()),
    )  # fmt: skip
    levels = st.sampled_from([0, 1, ANY_GANG, 4])
    changes = sorted({0, *draw(st.lists(times, max_size=6))})
    downs = [
        (n % 3, at, at + draw(st.integers(1, 900)))
        for n, at in enumerate(sorted(draw(st.lists(times, max_size=3))))
    ]
    seconds = st.sampled_from([0, 1, 120])
    future = world(
        draw(job_tables(2)),
        demand_rps={"serve": draw(st.lists(demands, min_size=14, max_size=14))},
        markets={"site1/spot": [(at, draw(levels)) for at in changes]},
        failures={"site0/room": downs} if downs else {},
        seconds={
            "lead-time:site0/room": draw(st.integers(0, 3000)),
            "load:serve": draw(seconds),
            "lifetime:site1/spot:train0": draw(st.sampled_from([0, 200, 1000])),
            **{f"boot:site1/{pool}:{name}": draw(seconds)
               for pool in ("on-demand", "spot") for name in ("train0", "train1", "serve")},
        },
    )  # fmt: skip
    made = plan(
        pools,
        trainings,
        [serve],
        horizon_s=HORIZON_S,
        backfill=draw(st.booleans()),
        datasets=[(0, 1e6), (0, 2e6)],
        routes={(0, 1): Route(0, 8e4)},
    )
    return future, made


def leases(records: Records) -> list[tuple[Any, ...]]:
    """(pool, first node, leased, start, end) of all leases."""
    return [
        row
        for table in (records.attempts, records.replicas)
        for row in zip(
            *(getattr(table, c).tolist() for c in ("pool", "node", "leased", "start_s", "end_s")), strict=True
        )
    ]


@given(cases())
@settings(max_examples=300, deadline=None)
def test_pools_and_leases_count_the_same_accelerator_seconds(case: Case) -> None:
    """Capacity is leased, idle and down; the pools count what the leases add up to; nothing is negative."""
    records = run(*case)
    check_books(case[1], records)
    closing = records.closing
    for column in (closing.capacity_s, closing.leased_s, closing.idle_s, closing.down_s):
        assert np.all(column >= 0)


@given(cases())
@settings(max_examples=200, deadline=None)
def test_every_second_of_an_attempt_is_accounted_for_and_finished_work_is_complete(case: Case) -> None:
    """Parts add up to the whole; a job's tries follow each other; a finished job has kept its work."""
    future, made = case
    records = run(future, made)
    a = records.attempts
    assert np.array_equal(a.end_s - a.start_s, a.boot_s + a.restart_s + a.kept_s + a.checkpoint_s + a.lost_s)
    for column in (a.boot_s, a.restart_s, a.kept_s, a.checkpoint_s, a.lost_s):
        assert np.all(column >= 0)
    assert np.all(a.start_s >= future.jobs.submit_s[a.job])
    for job in np.unique(a.job):
        mine = a.job == job
        assert a.attempt[mine].tolist() == list(range(mine.sum()))
        assert np.all(a.start_s[mine][1:] >= a.end_s[mine][:-1])
        assert np.all(np.isin(a.outcome[mine][:-1], (Outcome.RECLAIMED, Outcome.FAILED)))
        if a.outcome[mine][-1] == Outcome.FINISHED:
            options = made.trainings[future.jobs.workload[job]].options
            speed = {o.pool: o.speed_ppm for o in options}
            done = sum(
                k * speed[p] // 10**6
                for k, p in zip(a.kept_s[mine].tolist(), a.pool[mine].tolist(), strict=True)
            )
            assert done >= future.jobs.work_s[job]


@given(cases())
@settings(max_examples=200, deadline=None)
def test_capacity_is_never_exceeded(case: Case) -> None:
    """At no instant does a node hold more than it has, a quota than it allows, a market than it serves."""
    future, made = case
    records = run(future, made)
    rows = leases(records)
    for now in sorted({row[3] for row in rows}):
        running = [row for row in rows if row[3] <= now < row[4]]
        for index, pool in enumerate(made.pools):
            held = [row for row in running if row[0] == index]
            if pool.purchase is Purchase.OWNED:
                small = [row for row in held if row[2] <= pool.node_accelerators]
                for node in {row[1] for row in small}:
                    assert sum(row[2] for row in small if row[1] == node) <= pool.node_accelerators
                standing = (records.nodes.pool == index) & (records.nodes.from_s <= now)
                assert sum(row[2] for row in held) <= pool.node_accelerators * int(standing.sum())
            else:
                assert sum(row[2] for row in held) <= pool.quota
            if pool.purchase is Purchase.SPOT:
                market = future.markets[pool.path]
                level = market.largest_gang[np.searchsorted(market.change_s, now, side="right") - 1]
                assert all(row[2] <= level for row in held)


@given(cases())
@settings(max_examples=200, deadline=None)
def test_nodes_are_kept_for_nobody_whose_moment_has_passed(case: Case) -> None:
    """What is kept for one who waits will be free later: else that one would have started."""
    kept: list[tuple[int, int]] = []

    class Watched(Queue):
        def _grant(self, request: Request, dirty: set[int]) -> bool:
            granted = super()._grant(request, dirty)
            pools = [self.desks[index].pool for index in dirty]
            kept.extend((p.kept_until_s, self.env.now) for p in pools if isinstance(p, OwnedPool) and p.kept)
            return granted

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sim.engine.simpy.Queue", Watched)
        run_engine(*case, Engine.SIMPY)
    assert all(until_s > now_s for until_s, now_s in kept)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_the_same_world_gives_the_same_bits(case: Case) -> None:
    """Nothing but the world and the plan has a say."""
    assert same(run(*case), run(*case))


@given(cases())
@settings(max_examples=100, deadline=None)
def test_a_pool_that_nobody_uses_changes_nothing(case: Case) -> None:
    """With one more on-demand pool at the end of the plan all other records stay as they are."""
    future, made = case
    more = replace(made, pools=(*made.pools, replace(on_demand(), path="site1/unused")))
    before, after = run(future, made), run(future, more)
    unused = after.closing.pool == len(made.pools)
    assert after.closing.capacity_s[unused].tolist() == [0]
    kept = replace(
        after,
        closing=type(after.closing)(
            *(getattr(after.closing, f.name)[~unused] for f in fields(after.closing))
        ),
    )
    assert same(before, kept)


@given(cases(), times)
@settings(max_examples=150, deadline=None)
def test_nothing_is_decided_by_what_comes_later(case: Case, until_s: int) -> None:
    """When jobs, failures and the market change from some moment on, all that began before it stays."""
    future, made = case
    early = future.jobs.submit_s < until_s
    market = future.markets["site1/spot"]
    known = market.change_s < until_s
    change = np.append(market.change_s[known], max(until_s, 1)) if known.any() else market.change_s[:1]
    level = np.append(market.largest_gang[known], 0) if known.any() else market.largest_gang[:1]
    other = replace(
        future,
        jobs=Jobs(*(getattr(future.jobs, f.name)[early] for f in fields(Jobs))),
        markets={"site1/spot": type(market)(change, level)},
        failures={
            path: type(rows)(*(getattr(rows, f.name)[rows.down_s < until_s] for f in fields(rows)))
            for path, rows in future.failures.items()
        },
    )

    def begun(records: Records) -> list[list[tuple[Any, ...]]]:
        tables = ((records.attempts, ("job", "attempt", "pool", "node", "leased", "start_s")),
                  (records.replicas, ("slot", "attempt", "pool", "node", "leased", "start_s")))  # fmt: skip
        return [
            [row for row in zip(*(getattr(t, c).tolist() for c in columns), strict=True) if row[-1] < until_s]
            for t, columns in tables
        ]

    assert begun(run(future, made)) == begun(run(other, made))


@given(cases(), st.integers(1, 13), st.lists(demands, min_size=14, max_size=14))
@settings(max_examples=150, deadline=None)
def test_no_autoscaler_looks_into_the_future(case: Case, interval: int, later: list[float]) -> None:
    """When demand changes from some interval on, all replicas that started until then are the same."""
    future, made = case
    demand = future.demand_rps["serve"]
    changed = np.concatenate((demand[:interval], later[interval:]))
    other = replace(future, demand_rps={"serve": changed})

    def begun(records: Records) -> list[tuple[int, ...]]:
        rows = zip(
            *(getattr(records.replicas, c).tolist() for c in ("slot", "attempt", "start_s")), strict=True
        )
        return [row for row in rows if row[-1] <= interval * 300]

    assert begun(run(future, made)) == begun(run(other, made))
