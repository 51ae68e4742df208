"""Sampling a world: a pure function of (scenario, seed, run).

Each draw has a named stream, so that a workload, pool or strategy that is added changes nothing that others
draw.
"""

from dataclasses import dataclass
from functools import lru_cache

from sim import streams
from sim.distributions import Distribution
from sim.scenario.beliefs import find_beliefs, realise
from sim.scenario.model import Scenario
from sim.scenario.quantities import Path
from sim.scenario.random_quantities import Belief
from sim.scenario.sites import OnDemandPool, OwnedPool, PricePath, SpotPool
from sim.scenario.workloads import Inference, Training
from sim.world import arrivals, demand, failures, markets
from sim.world.world import Draws, Market, Prices, World


def sample(scenario: Scenario, seed: int, run: int) -> World:
    """World number `run` of a scenario."""
    beliefs = draw_beliefs(scenario, seed, run)
    real = realise(scenario, beliefs)
    believed = {path[:2] for path in beliefs}
    source = streams.Source(seed, run)
    training = {name: w for name, w in real.workloads.items() if isinstance(w, Training)}
    pools = real.pools()
    owned = {path: pool for path, pool in pools.items() if isinstance(pool, OwnedPool)}
    spot = {path: pool for path, pool in pools.items() if isinstance(pool, SpotPool)}
    return World(
        scenario=real,
        seed=seed,
        run=run,
        beliefs=beliefs,
        jobs=arrivals.sample_jobs(real, training, source),
        demand_rps={
            name: demand.sample_demand(
                real, workload.demand, name, source, varies=("workloads", name) in believed
            )
            for name, workload in real.workloads.items()
            if isinstance(workload, Inference)
        },
        markets={
            path: _market(pool, path, real.horizon_s, source) for path, pool in spot.items() if pool.market
        },
        prices={
            path: _prices(pool.price, path, real.horizon_s, source)
            for path, pool in spot.items()
            if isinstance(pool.price, PricePath)
        },
        failures={
            path: failures.sample_failures(
                pool.failures, scenario.node_slots(path), path, real.horizon_s, source
            )
            for path, pool in owned.items()
            if pool.failures is not None
        },
        draws=Draws(seed, run, keyed_distributions(real)),
    )


def draw_beliefs(scenario: Scenario, seed: int, run: int) -> dict[Path, float]:
    """The number that world `run` has in the place of each belief, in canonical units."""
    drawn: dict[Path, float] = {}
    for path, belief in _beliefs(_Itself(scenario)):
        key = streams.stream_key(seed, run, "belief:" + "/".join(map(str, path)))
        drawn[path] = belief.quantity.distribution().quantile_at(streams.uniform(key, 0))
    return drawn


@dataclass(frozen=True, slots=True)
class _Itself:
    """A scenario that equals itself alone: looking through another to compare it would take as long."""

    scenario: Scenario

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.scenario is self.scenario

    def __hash__(self) -> int:
        return id(self.scenario)


@lru_cache(maxsize=4)
def _beliefs(of: _Itself) -> tuple[tuple[Path, Belief], ...]:
    """What `find_beliefs` finds, the same in every world."""
    return tuple(find_beliefs(of.scenario))


def keyed_distributions(scenario: Scenario) -> dict[str, Distribution]:
    """The distributions of the draws whose number depends on what we do, by stream (see `World`)."""
    found: dict[str, Distribution] = {}
    for path, pool in scenario.pools().items():
        match pool:
            case OwnedPool(lead_time=lead_time):
                if lead_time is not None:
                    found[f"lead-time:{path}"] = lead_time.distribution()
            case OnDemandPool() | SpotPool():
                for name in scenario.workloads:
                    if pool.boot is not None:
                        found[f"boot:{path}:{name}"] = pool.boot.distribution()
                    if isinstance(pool, SpotPool) and pool.lifetime is not None:
                        found[f"lifetime:{path}:{name}"] = pool.lifetime.distribution()
    for name, workload in scenario.workloads.items():
        if isinstance(workload, Inference):
            found[f"load:{name}"] = workload.service.replica.load.distribution()
    return found


def _market(pool: SpotPool, path: str, horizon_s: int, source: streams.Source) -> Market:
    assert pool.market is not None, f"{path} has no market"
    return markets.sample_market(pool.market, path, horizon_s, source)


def _prices(price: PricePath, path: str, horizon_s: int, source: streams.Source) -> Prices:
    return markets.sample_prices(price, path, horizon_s, source)
