"""A run from world to metrics, on the quickstart: what must hold whatever the figures."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.ledger import billed_accelerator_s, total_micro
from sim.loading import load
from sim.policies.plan import Purchase
from sim.scenario.model import Scenario
from sim.study.results import RunResult
from sim.study.services import build_servings
from sim.study.simulation import MakeSimulation, Run, Simulation, simulate_once
from sim.world import sample

QUICKSTART = Path(__file__).parent.parent / "scenarios" / "quickstart.yaml"
DOUBLED = (
    "sites.room.power.price=0.24 USD/kWh",
    "sites.room.staff.salary=276000 USD/year",
    "sites.room.storage.price=0.10 USD/GB/month",
    "sites.cloud.pools.spot.price=3.14 USD/hour",
    "network.0.price=0.04 USD/GB",
)
"""Every price that the quickstart itself states, twice as high."""


@cache
def scenario(*overrides: str) -> Scenario:
    """The quickstart with changes."""
    return load(QUICKSTART, overrides=overrides)


@cache
def simulation(*overrides: str) -> Simulation:
    """All strategies of the quickstart with changes."""
    found = scenario(*overrides)
    return Simulation(found, 11, tuple(found.strategies), build_servings(found))


def once(run: int, strategy: str, *overrides: str) -> Run:
    """One strategy in one world."""
    found = simulation(*overrides)
    return simulate_once(sample(found.scenario, found.seed, run), strategy, found.servings)


def same(a: RunResult, b: RunResult) -> bool:
    """Whether two results are equal, NaN counting as equal to NaN."""
    return repr(a) == repr(b)


def test_the_sum_of_postings_is_the_reported_cost() -> None:
    """In micro-units and in `costs.parquet`'s exact column, for each strategy."""
    for run in range(3):
        for strategy in scenario().strategies:
            found = once(run, strategy)
            row = found.result()
            assert row.metrics["cost_usd"] == total_micro(found.ledger) / 1e6
            assert sum(row.costs["x_EffectiveMicros"]) == total_micro(found.ledger)


def test_postings_cover_leases_exactly() -> None:
    """Accelerator-seconds billed on rented pools are those that the engine leased there."""
    found = once(2, "burst")
    closing = found.records.closing
    rented = {n for n, pool in enumerate(found.plan.pools) if pool.purchase is not Purchase.OWNED}
    leased = {
        p: s
        for p, s in zip(closing.pool.tolist(), closing.leased_s.tolist(), strict=True)
        if p in rented and s
    }
    assert billed_accelerator_s(found.ledger) == leased


def test_doubled_prices_double_the_cost_of_what_they_price() -> None:
    """Power, staff, storage, spot and transfers cost twice as much, within one micro-unit a posting."""

    def priced(*overrides: str) -> tuple[int, int]:
        found = once(1, "burst", *overrides)
        ledger = found.ledger
        spot = [n for n, pool in enumerate(found.plan.pools) if pool.purchase is Purchase.SPOT]
        room = (ledger.site == 0) & np.isin(ledger.category, (4, 5, 7))
        chosen = room | np.isin(ledger.pool, spot)
        return int(ledger.amount_micro[chosen].sum()), int(chosen.sum())

    single, postings = priced()
    double, _ = priced(*DOUBLED)
    assert single > 0
    assert abs(double - 2 * single) <= 2 * postings


def test_strategies_do_not_know_of_each_other() -> None:
    """A strategy alone, and after the others, gives the same row."""
    found = simulation()
    alone = Simulation(found.scenario, found.seed, ("burst",), found.servings)
    backwards = Simulation(found.scenario, found.seed, tuple(reversed(found.strategies)), found.servings)
    together = {row.strategy: row for row in found(4)}
    assert same(alone(4)[0], together["burst"])
    assert all(same(row, together[row.strategy]) for row in backwards(4))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    """Also through the factory that workers are given."""
    found = simulation()
    again = MakeSimulation(found)()
    assert all(same(a, b) for a, b in zip(found(3), again(3), strict=True))
    other = Simulation(found.scenario, 12, found.strategies, found.servings)
    assert not same(found(3)[0], other(3)[0])


def test_a_pool_that_nobody_uses_changes_nothing() -> None:
    """With one more on-demand pool in the cloud all metrics but that pool's own stay as they are."""
    found = simulation()
    cloud = found.scenario.sites["cloud"]
    pools = {**cloud.pools, "idle": cloud.pools["on-demand"]}
    sites = {**found.scenario.sites, "cloud": cloud.model_copy(update={"pools": pools})}
    more = found.scenario.model_copy(update={"sites": sites})
    extended = Simulation(more, found.seed, found.strategies, found.servings)
    for before, after in zip(found(5), extended(5), strict=True):
        kept = {name: value for name, value in after.metrics.items() if not name.endswith("cloud/idle")}
        assert repr(kept) == repr({name: before.metrics[name] for name in kept})
        assert set(kept) == set(before.metrics)


def test_a_longer_study_begins_with_the_shorter_one() -> None:
    """Run 7 does not depend on how many runs there are: it is a function of its number."""
    found: Any = simulation()
    assert [repr(found(7))] * 2 == [repr(found(7)) for _ in range(2)]


@pytest.mark.parametrize("strategy", ["at-home", "burst"])
def test_shares_of_capacity_add_up(strategy: str) -> None:
    """Useful, unused, lost, overhead, idle and down time are all there is."""
    metrics = once(6, strategy).result().metrics
    parts = ("useful_share", "unused_share", "lost_share", "overhead_share", "idle_share", "down_share")
    assert sum(metrics[part] for part in parts) == pytest.approx(1.0, abs=1e-9)
