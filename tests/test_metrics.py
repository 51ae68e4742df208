"""Metrics in miniature worlds, with the arithmetic in the assertion; the records are written by hand."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.metrics import CostFacts, Counted, ServiceFacts, measure
from sim.metrics.state import training_states
from sim.policies.plan import Plan, Purchase
from sim.records import (
    Attempts,
    Closing,
    Nodes,
    Orders,
    Outages,
    Outcome,
    Reason,
    Records,
    Refusals,
    Replicas,
    Sold,
    Transfers,
)
from sim.scenario.model import Scenario
from sim.scenario.sites import OnDemandPool, OwnedPool, Site
from sim.scenario.workloads import Inference, LatencySlo, Training
from sim.world.world import Jobs, World
from tests.miniature import jobs, on_demand, option, owned, plan, service, training, world

DAY_S = 86_400
HOUR_S = 3600
Row = tuple[int, ...]


def metrics_of(
    world: World, plan: Plan, records: Records, services: Sequence[ServiceFacts], costs: CostFacts
) -> dict[str, float]:
    """The metrics of a run."""
    return measure(world, plan, records, services, costs, Counted.of(world, plan, records))


def scenario(start: str = "2026-01-01", discount_rate: float = 0.0, promised: float = 0.95) -> Scenario:
    """What the metrics read of a scenario: a room, an on-demand pool, `train` and `serve`."""
    pools = {"room": OwnedPool.model_construct(purchase="owned")}
    cloud = {"on-demand": OnDemandPool.model_construct(purchase="on-demand")}
    return Scenario.model_construct(
        start=dt.date.fromisoformat(start),
        discount_rate=discount_rate,
        sites={"site0": Site.model_construct(pools=pools), "site1": Site.model_construct(pools=cloud)},
        workloads={
            "train": Training.model_construct(kind="training"),
            "serve": Inference.model_construct(
                kind="inference", slo=LatencySlo.model_construct(share=promised)
            ),
        },
    )


def future(facts: Jobs | None = None, **of_scenario: Any) -> World:
    """A world with these jobs."""
    return replace(world(facts), scenario=scenario(**of_scenario))


def attempt(  # a row, in the order of its columns
    job: int, number: int, pool: int, leased: int, start_s: int, outcome: Outcome, **parts: int
) -> Row:
    """An attempt that lasts as long as its parts: boot, restart, kept, checkpoint, lost."""
    times = [parts.get(name, 0) for name in ("boot", "restart", "kept", "checkpoint", "lost")]
    return (job, number, pool, -1, leased, start_s, start_s + sum(times), outcome, *times)


def records_of(
    made: Plan,
    attempts: Sequence[Row] = (),
    replicas: Sequence[Row] = (),
    *,
    outages: Sequence[Row] = (),
    orders: Sequence[Row] = (),
    refusals: Sequence[Row] = (),
) -> Records:
    """Records whose owned nodes stand from the start, and whose pools count by looping over the leases."""
    nodes = [(n, node, 0, -1) for n, pool in enumerate(made.pools) for node in range(pool.standing)]
    closing: list[Row] = []
    for n, pool in enumerate(made.pools):
        leased = sum(row[4] * (row[6] - row[5]) for row in attempts if row[2] == n)
        leased += sum(row[5] * (row[8] - row[6]) for row in replicas if row[3] == n)
        stood = pool.node_accelerators * pool.standing * made.horizon_s
        down = sum(pool.node_accelerators * (row[3] - row[2]) for row in outages if row[0] == n)
        if pool.purchase is Purchase.OWNED:
            closing.append((n, stood, leased, stood - leased - down, down))
        else:
            closing.append((n, leased, leased, 0, 0))
    return Records(
        Attempts.of(list(attempts)), Replicas.of(list(replicas)), Nodes.of(nodes), Sold.of([]),
        Outages.of(list(outages)), Orders.of(list(orders)), Transfers.of([]), Refusals.of(list(refusals)),
        Closing.of(closing),
    )  # fmt: skip


def answers(busy: dict[int, Sequence[float]] | None = None, months: int = 1, **known: Any) -> ServiceFacts:
    """Facts of service 0, arrays by month; what is left out is 0."""
    by_month = ("offered", "served", "violated", "abandoned", "capacity")
    arrays = {name: np.array(known.pop(name, [0.0] * months), dtype=float) for name in by_month}
    facts = {"waiting": 0.0, "broken_s": 0, "saturated_s": 0, "p99_s": math.nan, "unsure": 0.0} | known
    by_pool = {pool: np.array(values, dtype=float) for pool, values in (busy or {}).items()}
    return ServiceFacts(service=0, **arrays, **facts, state="STABLE", busy_accelerator_s=by_pool)


def costs(*by_month: int, **by_workload: int) -> CostFacts:
    """Costs of rented accelerators, month by month [micro-USD]."""
    total = sum(by_month)
    return CostFacts(total, {"accelerators": total}, list(by_month), by_workload, {"site1/on-demand": total})


def two_pools(horizon_s: int = 1000, deadline_s: int = 1 << 40) -> Plan:
    """An owned node of eight, and the cloud; `train` runs on both, `serve` has two accelerators a copy."""
    return plan(
        [owned(), on_demand(quota=64)],
        [training(option(0), option(1), deadline_s=deadline_s)],
        [service(option(0), accelerators=2)],
        horizon_s=horizon_s,
    )


def close(expected: float) -> Any:
    """Equal but for the last digits."""
    return pytest.approx(expected, rel=1e-12)


def worked_example() -> tuple[World, Plan, Records, ServiceFacts]:
    """1000 s in which everything happens to gangs of 4 and 12 (which leases 16), and to a replica of 2.

    Owned, 8 x 1000: the gang of 4 for 200 s until its node fails, 50 s of outage, again for 200 s; the
    replica for 500 s, the first 100 of them loading. Rented, 16 a lease: 300 s until a reclaim, and from 400
    up to the horizon.
    """
    made = two_pools()
    rows = [
        attempt(0, 0, 0, 4, 0, Outcome.FAILED, kept=100, checkpoint=20, lost=80),
        attempt(0, 1, 0, 4, 250, Outcome.FINISHED, restart=30, kept=170),
        attempt(1, 0, 1, 16, 0, Outcome.RECLAIMED, boot=50, kept=200, lost=50),
        attempt(1, 1, 1, 16, 400, Outcome.CUT_OFF, boot=50, restart=30, kept=400, checkpoint=40, lost=80),
    ]
    replica = (0, 0, 0, 0, 0, 2, 500, 600, 1000, Outcome.CUT_OFF)
    records = records_of(made, rows, [replica], outages=[(0, 0, 200, 250)])
    busy = {0: [200 + 100]}
    return future(jobs((0, 4, 270), (0, 12, 2000))), made, records, answers(busy)


def measured(
    example: tuple[World, Plan, Records, ServiceFacts], total: CostFacts | None = None
) -> dict[str, float]:
    """The metrics of an example of one month, which costs nothing unless said."""
    lived, made, records, facts = example
    return metrics_of(lived, made, records, [facts], total or costs(0))


def test_every_accelerator_second_of_an_owned_pool_is_somewhere() -> None:
    """Useful 4 x 270 + 300 busy; lost 4 x 80; overhead 4 x 50 + 2 x 100; unused 800 - 300; down 8 x 50."""
    found, pool = measured(worked_example()), "site0/room"
    assert found[f"useful_share:{pool}"] == close(1380 / 8000)
    assert found[f"lost_share:{pool}"] == close(320 / 8000)
    assert found[f"overhead_share:{pool}"] == close(400 / 8000)
    assert found[f"unused_share:{pool}"] == close(500 / 8000)
    assert found[f"leased_share:{pool}"] == close((4 * 200 + 4 * 200 + 2 * 500) / 8000)
    assert found[f"down_share:{pool}"] == close(8 * 50 / 8000)
    assert found[f"idle_share:{pool}"] == close((8000 - 400 - 2600) / 8000)
    assert found[f"utilisation:{pool}"] == close(1380 / (8000 - 400))


def test_whole_nodes_and_work_under_way_in_a_rented_pool() -> None:
    """Of 16 leased 4 have no work; what the horizon cuts off was not lost: 12 x 680 is useful."""
    found, pool = measured(worked_example()), "site1/on-demand"
    leased = 16 * (300 + 600)
    assert found[f"useful_share:{pool}"] == found[f"utilisation:{pool}"] == close(12 * 680 / leased)
    assert found[f"lost_share:{pool}"] == close(12 * 50 / leased)
    assert found[f"overhead_share:{pool}"] == close(12 * (50 + 50 + 30 + 40) / leased)
    assert found[f"unused_share:{pool}"] == close(4 * 900 / leased)
    assert found[f"leased_share:{pool}"] == 1.0
    assert (found[f"idle_share:{pool}"], found[f"down_share:{pool}"]) == (0.0, 0.0)


def test_shares_of_all_pools_weigh_accelerator_seconds() -> None:
    """8000 owned and 14400 rented, 1380 + 8160 of them useful; of 17000 leased ones 14400 were rented."""
    found = measured(worked_example())
    assert found["utilisation"] == close((1380 + 8160) / (8000 - 400 + 14400))
    assert found["useful_share"] == close((1380 + 8160) / (8000 + 14400))
    assert found["useful_accelerator_h"] == close((1380 + 8160) / HOUR_S)
    assert found["leased_accelerator_h:train"] == close((1600 + 14400) / HOUR_S)
    assert found["share_of_accelerator_h:site1/on-demand"] == found["rented_share"] == close(14400 / 17000)
    assert (found["rented_share:train"], found["rented_share:serve"]) == (close(14400 / 16000), 0.0)


def test_a_pool_that_nobody_used_has_no_shares() -> None:
    """Nothing of nothing is undefined, not 0: no capacity, no requests, no jobs, no useful hour."""
    made = two_pools()
    found = measured((future(), made, records_of(made), answers()))
    undefined = (
        "utilisation:site1/on-demand", "idle_share:site1/on-demand", "slo_violation_share", "slo_met:serve",
        "request_p99_s:serve", "wait_s_p95", "wait_s_mean:train", "slowdown_p95", "deadline_miss_share",
        "never_started_share", "attempts_per_job", "cost_usd_per_useful_accelerator_h", "rented_share:train",
        "cost_usd_per_million_requests:serve",
    )  # fmt: skip
    assert [name for name in undefined if not math.isnan(found[name])] == []
    assert found["idle_share:site0/room"] == 1.0
    assert found["cost_usd"] == found["jobs_submitted"] == found["refusals"] == 0.0
    assert not any(math.isinf(value) for value in found.values())


def test_replicas_cannot_be_busier_than_they_were_ready() -> None:
    """A replica of 2 that was ready for 400 s has 800 accelerator-s; 801 contradict it."""
    lived, made, records, _ = worked_example()
    with pytest.raises(AssertionError, match=r"site0/room: replicas busy for 801\.0 .* ready for 800"):
        metrics_of(lived, made, records, [answers({0: [801]})], costs(0))


def queue_of_five() -> tuple[World, Plan, Records, ServiceFacts]:
    """Five jobs: at once, after 100 s, after 150, not before the horizon, and never (99 do not fit)."""
    made = two_pools(10_000, deadline_s=150)
    rows = [
        attempt(0, 0, 0, 1, 0, Outcome.FINISHED, kept=100),
        attempt(1, 0, 0, 1, 100, Outcome.FINISHED, kept=100),
        attempt(2, 0, 0, 8, 200, Outcome.RECLAIMED, kept=400),
        attempt(2, 1, 0, 8, 600, Outcome.FINISHED, kept=600),
    ]
    never = [(9900, 0, 4, pool, Reason.NEVER_FITS, 1) for pool in (0, 1)]
    full = [
        (0, 0, 1, 0, Reason.POOL_FULL, 1),
        (0, 0, 1, 1, Reason.QUOTA, 1),
        (50, 0, 2, 0, Reason.POOL_FULL, 3),
    ]
    facts = jobs((0, 1, 100), (0, 1, 100), (50, 8, 1000), (9900, 1, 50), (9900, 99, 1))
    return future(facts), made, records_of(made, rows, refusals=[*full, *never]), answers()


def test_jobs_are_counted_by_what_became_of_them() -> None:
    """Three of five finished, one waits, one was refused; four leases for three jobs that started."""
    found = measured(queue_of_five())
    counts = [found[f"jobs_{what}"] for what in ("submitted", "finished", "unfinished", "refused")]
    assert counts == [5.0, 3.0, 1.0, 1.0]
    assert found["never_started_share"] == 1 / 4
    assert found["attempts_per_job"] == 4 / 3
    assert (found["reclaims"], found["reclaims:train"], found["reclaims:serve"]) == (1.0, 1.0, 0.0)
    assert found["jobs_submitted:train"] == 5.0


def test_waits_include_those_that_never_started() -> None:
    """Waits of 0, 100, 150 and, up to the horizon, 100: the refused job has none."""
    found = measured(queue_of_five())
    assert found["wait_s_mean"] == (0 + 100 + 150 + 100) / 4
    assert (found["wait_s_p50"], found["wait_s_p95"]) == (100.0, 150.0)
    assert found["wait_s_p95:train"] == 150.0


def test_slowdown_counts_unfinished_jobs_up_to_the_horizon() -> None:
    """100/100, 200/100, 1150/1000 and 100/50 so far: the highest of four is their 95th percentile."""
    lived, made, records, facts = queue_of_five()
    assert measured((lived, made, records, facts))["slowdown_p95"] == 2.0
    patient = replace(lived, jobs=replace(lived.jobs, work_s=np.array([100, 100, 1000, 20, 1])))
    assert measured((patient, made, records, facts))["slowdown_p95"] == 100 / 20


def test_queue_length_is_a_time_average() -> None:
    """One job of 1 waits 100 s, one of 8 waits 150 s, one of 1 waits 100 s, of 10,000 s."""
    found = measured(queue_of_five())
    assert found["jobs_waiting_mean"] == (100 + 150 + 100) / 10_000
    assert found["accelerators_waiting_mean"] == (1 * 100 + 8 * 150 + 1 * 100) / 10_000


def test_deadlines_beyond_the_horizon_are_not_judged() -> None:
    """With 150 s: one in time, two late, and the two that came at 9900 are not due; with 99 s they are."""
    assert measured(queue_of_five())["deadline_miss_share"] == 2 / 3
    lived, _, records, facts = queue_of_five()
    for deadline_s, missed in ((99, 5 / 5), (100, 2 / 3)):
        made = two_pools(10_000, deadline_s=deadline_s)
        assert measured((lived, made, records, facts))["deadline_miss_share"] == missed


def test_refusals_are_counted_by_reason() -> None:
    """Four times full, once beyond the quota, and a job that fits in neither of two pools."""
    found = measured(queue_of_five())
    assert found["refusals:pool_full"] == 4.0
    assert found["refusals:quota"] == 1.0
    assert found["refusals:never_fits"] == 2.0
    assert (found["refusals:no_spot"], found["refusals"]) == (0.0, 7.0)


@pytest.mark.parametrize(
    ("day", "work_d", "state"),
    [(25, 8, "OVERLOADED"), (25, 7, "STABLE"), (10, 8, "BACKLOGGED"), (20, 8, "BACKLOGGED")],
)
def test_state_compares_what_waits_with_a_week_of_work(day: int, work_d: int, state: str) -> None:
    """One accelerator does 7 days in a week: 8 days of work from after day 20 are more, and new."""
    made = two_pools(30 * DAY_S)
    records = records_of(made, [attempt(0, 0, 0, 1, 0, Outcome.CUT_OFF, kept=30 * DAY_S)])
    lived = future(jobs((0, 1, 40 * DAY_S), (day * DAY_S, 1, work_d * DAY_S)))
    (found,) = training_states(lived, made, records, Counted.of(lived, made, records))
    assert found.name == state
    metrics = measured((lived, made, records, answers()))
    assert metrics["state:train"] == {"STABLE": 0, "BACKLOGGED": 1, "OVERLOADED": 2}[state]
    assert metrics["stable"] == metrics["stable:train"] == float(state == "STABLE")
    assert metrics["overloaded_share"] == (0.5 if state == "OVERLOADED" else 0.0)


def test_a_queue_that_was_worked_off_leaves_a_workload_backlogged() -> None:
    """20 days of work waited at day 20 and run from day 21 on; 30 + 9 days done are 9.1 a week."""
    made = two_pools(30 * DAY_S)
    rows = [
        attempt(0, 0, 0, 1, 0, Outcome.CUT_OFF, kept=30 * DAY_S),
        attempt(1, 0, 1, 1, 21 * DAY_S, Outcome.CUT_OFF, kept=9 * DAY_S),
    ]
    lived, records = future(jobs((0, 1, 40 * DAY_S), (10 * DAY_S, 1, 20 * DAY_S))), records_of(made, rows)
    (found,) = training_states(lived, made, records, Counted.of(lived, made, records))
    assert found.name == "BACKLOGGED"


def test_work_that_was_done_before_a_reclaim_does_not_wait() -> None:
    """Of 8.5 days of work one day did 1, or 2 at double speed: 7.5 or 6.5 wait.

    In 30 days 31 or 32 days of work were done, 31 x 7 / 30 = 7.2 or 7.5 in a week.
    """
    made = two_pools(30 * DAY_S)
    fast = replace(made.trainings[0], options=(option(0), option(1, speed_ppm=2_000_000)))
    rows = [
        attempt(0, 0, 0, 1, 0, Outcome.CUT_OFF, kept=30 * DAY_S),
        attempt(1, 0, 1, 1, 25 * DAY_S, Outcome.RECLAIMED, kept=DAY_S),
    ]
    lived = future(jobs((0, 1, 40 * DAY_S), (25 * DAY_S, 1, 17 * DAY_S // 2)))
    for plan_, state in ((replace(made, trainings=(fast,)), "STABLE"), (made, "OVERLOADED")):
        records = records_of(plan_, rows)
        (found,) = training_states(lived, plan_, records, Counted.of(lived, plan_, records))
        assert found.name == state


def a_service() -> tuple[World, Plan, Records, ServiceFacts]:
    """1000 s in which 300 were asked: 10 late, 20 given up, 5 still waiting; 400 s were below the promise."""
    made = two_pools(1000)
    facts = answers(
        offered=[300], served=[275], violated=[10], abandoned=[20], waiting=5.0,
        broken_s=400, saturated_s=300, p99_s=0.2, unsure=1.5,
    )  # fmt: skip
    return future(), made, records_of(made), facts


def test_requests_outside_the_slo_and_abandoned_ones_violate_it() -> None:
    """10 violated and 20 abandoned of 300; 275 answered and 5 still waiting."""
    found = measured(a_service())
    assert found["slo_violation_share"] == found["slo_violation_share:serve"] == close((10 + 20) / 300)
    assert found["slo_violation_share_error:serve"] == close(1.5 / 300)
    assert found["abandoned_share:serve"] == close(20 / 300)
    assert (found["requests"], found["requests_served"]) == (300.0, 275.0)
    assert found["requests_waiting_at_end:serve"] == 5.0
    assert found["slo_met:serve"] == 0.0


def test_an_error_budget_is_what_the_promise_allows_in_each_month() -> None:
    """Of 100, 200 and 0 requests 10 % may be missed: 5 of 10, 30 of 20 are used up, in all 35 of 30.

    In January there was room for 150, in February for 180 of 200.
    """
    made = two_pools(60 * DAY_S)
    facts = answers(
        months=3, offered=[100, 200, 0], served=[100, 195, 0], violated=[5, 25, 0], abandoned=[0, 5, 0],
        capacity=[150, 180, 7],
    )  # fmt: skip
    found = metrics_of(future(promised=0.9), made, records_of(made), [facts], costs(0, 0, 0))
    assert found["error_budget_used:serve"] == close(35 / 30)
    assert found["error_budget_used_worst_month:serve"] == close(30 / 20)
    assert found["months_over_budget_share:serve"] == 1 / 2
    assert found["stable_demand_share:serve"] == close(180 / 200)
    perfect = metrics_of(future(promised=1.0), made, records_of(made), [facts], costs(0, 0, 0))
    assert math.isnan(perfect["error_budget_used:serve"])
    assert math.isnan(perfect["error_budget_used_worst_month:serve"])
    assert perfect["months_over_budget_share:serve"] == 1.0


def test_times_of_a_service() -> None:
    """400 s below the promise are minutes, 300 of 1000 s saturated a share; the p99 is as it comes."""
    lived, made, records, facts = a_service()
    found = measured((lived, made, records, facts))
    assert found["slo_violation_minutes:serve"] == close(400 / 60)
    assert found["saturated_share:serve"] == 300 / 1000
    assert found["request_p99_s:serve"] == 0.2
    unbounded = replace(facts, p99_s=math.inf)
    assert math.isnan(measured((lived, made, records, unbounded))["request_p99_s:serve"])


def test_slo_met_allows_exactly_the_promised_share() -> None:
    """30 of 300 missed are within a promise of 90 %, and not within one of 91 %."""
    _, made, records, facts = a_service()
    for promised, met in ((0.9, 1.0), (0.91, 0.0)):
        found = metrics_of(future(promised=promised), made, records, [facts], costs(0))
        assert found["slo_met:serve"] == met


def test_a_service_without_facts_is_an_error() -> None:
    """The plan has one service; no facts for it, or for another, are refused."""
    lived, made, records, facts = a_service()
    with pytest.raises(AssertionError, match=r"facts of services \[\] of 1"):
        metrics_of(lived, made, records, [], costs(0))
    with pytest.raises(AssertionError, match=r"facts of services \[1\] of 1"):
        metrics_of(lived, made, records, [replace(facts, service=1)], costs(0))


def test_cost_by_year_and_by_what_was_achieved() -> None:
    """30 USD in 1000 s of which serving cost 11 USD for 275 requests; 9540 useful accelerator-s."""
    lived, made, records, facts = worked_example()
    _, _, _, served = a_service()
    both = replace(served, busy_accelerator_s=facts.busy_accelerator_s)
    found = measured((lived, made, records, both), costs(30_000_000, train=19_000_000, serve=11_000_000))
    assert (found["cost_usd"], found["cost_usd:workload.serve"]) == (30.0, 11.0)
    assert found["cost_usd_per_year"] == close(30 * 365 * DAY_S / 1000)
    assert found["cost_usd_per_useful_accelerator_h"] == close(30 / ((1380 + 8160) / 3600))
    assert found["cost_usd_per_million_requests:serve"] == close(11 / 275 * 1e6)
    assert (found["cost_usd:category.accelerators"], found["cost_usd:category.power"]) == (30.0, 0.0)
    assert (found["cost_usd:pool.site1/on-demand"], found["cost_usd:pool.site0/room"]) == (30.0, 0.0)


def test_present_value_discounts_each_month_from_its_end() -> None:
    """At 10 % a year, 100 are paid after the one day of January and 60 after 28 more."""
    made = two_pools(29 * DAY_S)
    lived = future(start="2026-01-31", discount_rate=0.1)
    found = measured((lived, made, records_of(made), answers()), costs(100_000_000, 60_000_000))
    assert found["npv_usd"] == close(100 * 1.1 ** (-1 / 365) + 60 * 1.1 ** (-29 / 365))
    assert (
        measured((future(start="2026-01-31"), made, records_of(made), answers()), costs(1, 2))["npv_usd"]
        == 3e-6
    )


def test_present_value_of_a_month_that_is_cut_off_is_due_at_the_horizon() -> None:
    """After 10 days of January nothing more comes: 100 are due then, not with a whole month's interest."""
    made = two_pools(10 * DAY_S)
    lived = future(start="2026-01-01", discount_rate=0.1)
    found = measured((lived, made, records_of(made), answers()), costs(100_000_000))
    assert found["npv_usd"] == close(100 * 1.1 ** (-10 / 365))


def test_without_interest_the_present_value_is_the_cost() -> None:
    """31,022.174952 USD in three parts are the same to the last digit."""
    made = two_pools(60 * DAY_S)
    found = measured(
        (future(), made, records_of(made), answers()),
        costs(10_340_724_987, 10_340_724_983, 10_340_724_982),
    )
    assert found["npv_usd"] == found["cost_usd"] == 31022.174952


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"by_month": [4]}, "parts"),
        ({"by_category": {"power": 6}}, "parts"),
        ({"by_category": {"pwoer": 5}}, "pwoer"),
        ({"by_workload": {"shared": 1}}, "shared"),
        ({"by_pool": {"site0/rom": 1}}, "site0/rom"),
        ({"by_month": [2, 3]}, "months"),
    ],
)
def test_costs_that_do_not_add_up_are_an_error(wrong: dict[str, Any], message: str) -> None:
    """5 micro-USD are neither 4 nor 6, and belong to names that the scenario and the ledger have."""
    made = two_pools()
    with pytest.raises(AssertionError, match=message):
        measured((future(), made, records_of(made), answers()), replace(costs(5), **wrong))


def test_nodes_on_the_way_wait_until_the_horizon() -> None:
    """Two nodes of eight arrive after 3 of 10 days; one ordered on day 6 is on its way for the last 4."""
    made = two_pools(10 * DAY_S)
    orders = [(0, 0, 0, 2, 0, 3 * DAY_S), (0, 1, 0, 1, 6 * DAY_S, -1)]
    found = measured((future(), made, records_of(made, orders=orders), answers()))
    names = ("nodes_ordered", "nodes_arrived", "nodes_on_the_way", "node_days_on_the_way")
    assert [found[name] for name in names] == [3.0, 2.0, 1.0, 2 * 3 + 1 * 4]
    assert found["wait_for_hardware_accelerator_h:site0/room"] == 8 * 24 * (2 * 3 + 1 * 4)
    assert "nodes_ordered:site1/on-demand" not in found
