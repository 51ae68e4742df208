"""Worlds: pure functions of (scenario, seed, run), with supply, prices and beliefs by their laws."""

import math

import numpy as np
import pytest
from scipy import stats

from sim.scenario.beliefs import find_beliefs
from sim.world import World, sample
from sim.world.world import ANY_GANG, Failures, Market
from tests.worlds import (
    CHANGING,
    DAY_S,
    FAILING,
    HOUR_S,
    NODES,
    ONLY,
    PRICED,
    RUNS,
    SEED,
    SERVE,
    SPOT,
    TRAIN,
    YEAR_S,
    everything,
    ks,
    market,
    scenario,
    worlds,
    z_of_mean,
)


def streams_of(world: World) -> dict[str, bytes]:
    """The bits of all that is drawn, by names that stay when other things are drawn too."""
    found: dict[str, bytes] = {
        f"belief {path}": np.float64(value).tobytes() for path, value in world.beliefs.items()
    }
    names = [name for name, workload in world.scenario.workloads.items() if workload.kind == "training"]
    for index, name in enumerate(names):
        mine = world.jobs.workload == index
        columns = (world.jobs.number, world.jobs.submit_s, world.jobs.accelerators, world.jobs.work_s)
        found[f"jobs {name}"] = b"".join(column[mine].tobytes() for column in columns)
    found |= {f"demand {name}": rate.tobytes() for name, rate in world.demand_rps.items()}
    for path, changes in world.markets.items():
        found[f"market {path}"] = changes.change_s.tobytes() + changes.largest_gang.tobytes()
    for path, prices in world.prices.items():
        found[f"price {path}"] = prices.change_s.tobytes() + prices.price_per_h.tobytes()
    for path, failures in world.failures.items():
        found |= {f"failures {path} {node}": bits for node, bits in by_node(failures).items()}
    for stream in world.draws.distributions:
        drawn = [world.draws.seconds(stream, entity, attempt) for entity in range(5) for attempt in range(3)]
        found[f"draws {stream}"] = np.array(drawn).tobytes()
    return found


def by_node(failures: Failures) -> dict[int, bytes]:
    """The failures and repairs of each node."""
    rows = np.column_stack((failures.down_s, failures.up_s))
    return {node: rows[failures.node == node].tobytes() for node in set(failures.node.tolist())}


def test_the_same_world_has_the_same_bits() -> None:
    """A world sampled again, from a scenario loaded again, is equal in every bit."""
    first = streams_of(sample(everything(), SEED, 3))
    scenario.cache_clear()
    assert streams_of(sample(everything(), SEED, 3)) == first


@pytest.mark.parametrize(("seed", "run"), [(SEED, 4), (SEED + 1, 3)])
def test_other_worlds_differ_in_everything(seed: int, run: int) -> None:
    """Another run or another seed draws everything anew."""
    first, other = streams_of(sample(everything(), SEED, 3)), streams_of(sample(everything(), seed, run))
    assert {name for name, bits in first.items() if other.get(name) == bits} == set()
    assert {name.split()[0] for name in first} == {
        "belief", "jobs", "demand", "market", "price", "failures", "draws"
    }  # fmt: skip


MORE = {
    "a strategy": {
        "strategies": f"{ONLY}, more: {{place: {{all: [{NODES}]}}, own: {{{NODES}: {{nodes: 9}}}}}}"
    },
    "an unused owned pool": {"owned": f"{FAILING.replace('nodes:', 'attic:', 1)}, {FAILING}"},
    "an unused spot pool": {"rented": f"{CHANGING.replace('spot:', 'other:', 1)}, {CHANGING}"},
    "a training workload": {"workloads": f"{TRAIN.replace('train:', 'also:', 1)}, {TRAIN}, {SERVE}"},
    "a service": {"workloads": f"{SERVE.replace('serve:', 'also:', 1)}, {TRAIN}, {SERVE}"},
}


@pytest.mark.parametrize("more", MORE)
def test_what_is_added_changes_no_other_stream(more: str) -> None:
    """A strategy, a pool nobody uses or a workload more leaves all other draws as they were, bit for bit."""
    before = streams_of(sample(everything(), SEED, 5))
    after = streams_of(sample(everything(**MORE[more]), SEED, 5))
    assert {name for name, bits in before.items() if after.get(name) != bits} == set()
    assert len(after) > len(before)


def at(changes: Market, time_s: int) -> int:
    """What a market serves at a time."""
    return int(changes.largest_gang[np.searchsorted(changes.change_s, time_s, side="right") - 1])


def open_share(changes: Market, horizon_s: int) -> float:
    """The share of the time in which a market serves anything."""
    spells_s = np.diff(np.append(changes.change_s, horizon_s))
    return float(spells_s[changes.largest_gang > 0].sum() / horizon_s)


def failures(nodes: int) -> Failures:
    """A year of failures of a pool of this many nodes."""
    owned = FAILING.replace("nodes: 3", f"nodes: {nodes}")
    return sample(scenario(TRAIN, "1 year", owned=owned), SEED, 0).failures[NODES]


def test_nodes_fail_at_the_stated_rate_while_they_are_up() -> None:
    """Failures less rate x time up are a martingale, its variance rate x time up; repairs have their law."""
    drawn = failures(40)
    up_s = 40 * YEAR_S - int((np.minimum(drawn.up_s, YEAR_S) - drawn.down_s).sum())
    expected = up_s / (10 * DAY_S)
    assert abs(len(drawn.node) - expected) / math.sqrt(expected) < 5
    sigma = math.sqrt(math.log(1 + 2**2))
    repair = stats.lognorm(sigma, scale=6 * HOUR_S * math.exp(-(sigma**2) / 2))
    assert ks((drawn.up_s - drawn.down_s).tolist(), repair.cdf) < 2.4


def test_failures_of_a_node_do_not_overlap_and_begin_before_the_horizon() -> None:
    """A node fails again only after its repair; rows are in the order of time."""
    drawn = failures(40)
    for node in range(40):
        mine = drawn.node == node
        assert np.all(drawn.down_s[mine][1:] > drawn.up_s[mine][:-1])
    assert np.all(np.diff(drawn.down_s) >= 0)
    assert drawn.down_s.max() < YEAR_S


def test_a_node_fails_the_same_whatever_others_there_are() -> None:
    """The first three nodes of forty have the failures and repairs of a pool of three."""
    few, many = by_node(failures(3)), by_node(failures(40))
    assert len(many) == 40
    assert few == {node: many[node] for node in range(3)}


def test_long_run_availability_is_the_ratio_of_mean_spells() -> None:
    """6 h on and 2 h off in the mean: 75 %, within the error of an alternating renewal process.

    Its variance per hour is (m^2 t^2 + v^2 s^2) / (m + v)^3 for means m, v with standard deviations s, t:
    L. Takacs, "On certain sojourn time problems in the theory of stochastic processes", Acta Math. Acad. Sci.
    Hung. 8 (1957).
    """
    on, off = "{lognormal: {mean: 6 h, cv: 2}}", "{exponential: {mean: 2 h}}"
    facts = market(f"{{regimes: {{on: {{spell: {on}}}, off: {{spell: {off}, largest_gang: 0}}}}}}", "4 years")
    error = math.sqrt((6**2 * 2**2 + 2**2 * 12**2) / 8**3 / (4 * 365 * 24))
    assert error < 0.01, "the check is too weak"
    assert open_share(sample(facts, SEED, 0).markets[SPOT], 4 * YEAR_S) == pytest.approx(0.75, abs=5 * error)


def test_a_market_begins_in_a_typical_state() -> None:
    """At the start a regime is as likely as its share of the time: visits x mean spell.

    From `all` half go to `few`, half to `none`; from `few` all to `all`; from `none` a quarter to `all`.
    Visits are then 1 : 0.875 : 0.5, and with spells of 6, 3 and 2 h the times 6 : 2.625 : 1.
    """
    regimes = (
        "{all: {spell: {exponential: {mean: 6 h}}, next: {few: 50%, none: 50%}},"
        " few: {spell: {exponential: {mean: 3 h}}, largest_gang: 4, next: {all: 100%}},"
        " none: {spell: 2 h, largest_gang: 0, next: {all: 25%, few: 75%}}}"
    )
    states = [at(world.markets[SPOT], 0) for world in worlds(market(f"{{regimes: {regimes}}}", "1 day"))]
    found = np.array([states.count(gang) for gang in (ANY_GANG, 4, 0)])
    expected = RUNS * np.array([6, 2.625, 1]) / 9.625
    assert found.sum() == RUNS
    assert np.sum((found - expected) ** 2 / expected) < stats.chi2.ppf(1 - 1e-6, 2)


STEPS = "trace: [[1 h, null], [30 min, 2], [30 min, 2], [2 h, 0]]"


def test_a_trace_from_its_beginning_gives_its_own_steps() -> None:
    """Steps follow each other round and round; two that serve the same are one."""
    drawn = sample(market(f"{{{STEPS}, random_start: false}}", "10 hours"), SEED, 0).markets[SPOT]
    assert drawn.change_s.tolist() == [hour * HOUR_S for hour in (0, 1, 2, 4, 5, 6, 8, 9)]
    assert drawn.largest_gang.tolist() == [ANY_GANG, 2, 0, ANY_GANG, 2, 0, ANY_GANG, 2]


def test_a_trace_starts_anywhere() -> None:
    """At the start each step is as likely as it is long; from then on the trace goes on as written."""
    drawn = [world.markets[SPOT] for world in worlds(market(f"{{{STEPS}}}", "10 hours"))]
    states = [at(one, 0) for one in drawn]
    found = np.array([states.count(gang) for gang in (ANY_GANG, 2, 0)])
    expected = RUNS * np.array([1, 1, 2]) / 4
    assert np.sum((found - expected) ** 2 / expected) < stats.chi2.ppf(1 - 1e-6, 2)
    spells_h = {ANY_GANG: 1, 2: 1, 0: 2}
    for one in drawn:
        inner = zip(one.largest_gang[1:-1].tolist(), np.diff(one.change_s)[1:].tolist(), strict=True)
        assert all(spell_s == spells_h[gang] * HOUR_S for gang, spell_s in inner)


def test_prices_have_their_mean_and_spread_at_any_time() -> None:
    """At the start as at the end the price is lognormal: mean 2, and 0.8 the sd of its logarithm."""
    drawn = [world.prices[SPOT] for world in worlds(scenario(rented=PRICED))]
    for place in (0, -1):
        prices = np.array([path.price_per_h[place] for path in drawn])
        assert abs(z_of_mean(prices, 2, 2 * math.sqrt(math.expm1(0.64)))) < 5
        assert ks(prices.tolist(), stats.lognorm(0.8, scale=2 * math.exp(-0.32)).cdf) < 2.4
    changes = np.array([len(path.change_s) - 1 for path in drawn])
    assert abs(z_of_mean(changes, 6 * 28, math.sqrt(6 * 28))) < 5


def test_prices_forget_by_their_half_life() -> None:
    """Of the logarithm's deviation 0.5^(t / 12 h) is left after t; what comes in is fresh normal noise."""
    path = sample(scenario(horizon="4 years", rented=PRICED), SEED, 0).prices[SPOT]
    level = (np.log(path.price_per_h / 2) + 0.32) / 0.8
    kept = 0.5 ** (np.diff(path.change_s) / (12 * HOUR_S))
    fresh = (level[1:] - kept * level[:-1]) / np.sqrt(1 - kept**2)
    assert len(fresh) > 8000
    assert ks(fresh.tolist(), stats.norm.cdf) < 2.4
    assert abs(np.corrcoef(fresh, level[:-1])[0, 1]) * math.sqrt(len(fresh)) < 5


def test_beliefs_are_drawn_once_in_each_world() -> None:
    """The drawn number stands in the world's scenario, where no belief is left, and has the belief's law."""
    path = ("workloads", "train", "growth")
    drawn = worlds(scenario())
    for world in drawn:
        train = world.scenario.workloads["train"]
        assert train.kind == "training"
        assert world.beliefs == {path: train.growth}
        assert list(find_beliefs(world.scenario)) == []
    law = stats.triang((0.35 - 0.1) / 0.7, 0.1, 0.7)
    assert ks([world.beliefs[path] for world in drawn], law.cdf) < 2.4


def test_keyed_draws_are_the_same_whoever_asks() -> None:
    """Neither the order of asking, nor other streams, nor other parts of the scenario change a draw."""
    boot, life = f"boot:{SPOT}:train", f"lifetime:{SPOT}:train"
    asked = sample(everything(), SEED, 7).draws
    forth = {
        (entity, attempt): asked.seconds(boot, entity, attempt)
        for entity in range(20)
        for attempt in range(20)
    }
    other = sample(everything(workloads=f"{SERVE}, {TRAIN}", horizon="1 week"), SEED, 7).draws
    for (entity, attempt), seconds in reversed(forth.items()):
        other.seconds(life, entity, attempt)
        assert other.seconds(boot, entity, attempt) == seconds
    assert asked.seconds("boot:elsewhere:train", 0) == 0


def test_keyed_draws_have_their_law_over_entities_and_attempts() -> None:
    """Over jobs as over the tries of one, boots are exponential with mean 300 s; no two draws go together."""
    draws = sample(everything(), SEED, 8).draws
    boot, load = f"boot:{SPOT}:train", "load:serve"
    jobs_s = [draws.seconds(boot, job) for job in range(RUNS)]
    tries_s = [draws.seconds(boot, 3, attempt) for attempt in range(RUNS)]
    loads_s = [draws.seconds(load, slot) for slot in range(RUNS)]
    assert ks(jobs_s, stats.expon(scale=300).cdf) < 2.4
    assert ks(tries_s, stats.expon(scale=300).cdf) < 2.4
    assert ks(loads_s, stats.expon(scale=90).cdf) < 2.4
    together = np.corrcoef([jobs_s, tries_s, loads_s])[np.triu_indices(3, 1)]
    assert np.max(np.abs(together)) * math.sqrt(RUNS) < 5
