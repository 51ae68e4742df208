"""A scenario's services as the serving layer knows them: their surfaces, and what their replicas achieved."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.calendar import first_intervals, month_edges
from sim.distributions import Distribution, Mixture
from sim.folders import default_cache_dir
from sim.jit import constant
from sim.policies.plan import Plan, ServicePlan
from sim.records import Replicas
from sim.scenario.beliefs import find_beliefs, realise
from sim.scenario.law import allowed_sites
from sim.scenario.model import Scenario
from sim.scenario.quantities import Path
from sim.scenario.routing import Routing
from sim.scenario.sites import Site
from sim.scenario.workloads import Inference
from sim.serving.arrivals import Law
from sim.serving.capacity import ready_time
from sim.serving.intervals import ReplicaGroup, Span, Year, sum_intervals
from sim.serving.service import Measure, Service, Slo
from sim.serving.spread import Spread, Stream
from sim.serving.surface import Surface, load_or_build
from sim.study.described import arrival_law, longest_wait_s, replica_work

Floats = NDArray[np.float64]
EVERYBODY = ""
"""In the place of a location: the users of all."""
Where = tuple[str, str, str]
"""(service, pool path, location of the users)."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A service on a pool for some users: what one replica sustains [requests/s], and its latency surface."""

    capacity_rps: float
    surface: Surface


@dataclass(frozen=True, slots=True)
class Lane:
    """The way of some users' requests to a pool."""

    pool: int
    """Position in the plan."""
    users: Mapping[str, float]
    """Location -> share of these users."""
    capacity_rps: float
    """What one replica sustains there [requests/s]."""
    is_first_choice: bool
    """Whether they turn to its site first, or it is all the same to them."""


@dataclass(frozen=True, slots=True)
class Achieved:
    """What a service achieved in a run."""

    name: str
    year: Year
    lanes: tuple[Lane, ...]
    """Those of `year.busy_s`."""
    accelerators: int
    """Of one replica."""


def build_servings(
    scenario: Scenario,
    strategies: Sequence[str] | None = None,
    on_progress: Callable[[str], None] = lambda message: None,
) -> dict[Where, Serving]:
    """The surface of every service on every pool where one of the strategies (None: all) may place it.

    Where a strategy lets users choose the nearest site, those of each location have their own.

    Beliefs are taken at their medians: a surface describes the service itself, whose figures are measured,
    not believed.
    """
    central = realise(scenario, medians(scenario))
    cache = default_cache_dir()
    chosen = strategies or tuple(scenario.strategies)
    services = {name: work for name, work in central.workloads.items() if isinstance(work, Inference)}
    wanted = [
        (name, pool, users)
        for name, workload in services.items()
        for pool, users in placed_pools(central, name, workload, chosen)
    ]
    found: dict[Where, Serving] = {}
    for number, (name, pool, users) in enumerate(wanted, start=1):
        whose = f" for {users}" if users else ""
        on_progress(f"latency surface {number} of {len(wanted)}: {name} on {pool}{whose}")
        surface = load_or_build(*describe(central, services[name], pool, users), cache_dir=cache)
        found[name, pool, users] = Serving(surface.capacity_rps, surface)
    return found


def rates_rps(servings: Mapping[Where, Serving]) -> dict[tuple[str, str], float]:
    """What one replica of a service sustains on a pool [requests/s], whoever its users are."""
    return {(name, pool): serving.capacity_rps for (name, pool, _), serving in servings.items()}


def medians(scenario: Scenario) -> dict[Path, float]:
    """The median of each belief, by its place."""
    return {path: belief.quantity.distribution().quantile_at(0.5) for path, belief in find_beliefs(scenario)}


def placed_pools(
    scenario: Scenario, name: str, workload: Inference, strategies: Sequence[str]
) -> list[tuple[str, str]]:
    """The pools where a service may run under any of the strategies, and the users there, each pair once."""
    lawful = allowed_sites(scenario, workload)
    found: dict[tuple[str, str], None] = {}
    for strategy in map(scenario.strategies.__getitem__, strategies):
        routing = strategy.route.get(name, Routing())
        for option in strategy.place.get(name, strategy.place.get("all", ())):
            if option.pool.split("/")[0] in lawful:
                for users in locations(workload) if routing.by_location else (EVERYBODY,):
                    found[option.pool, users] = None
    return list(found)


def locations(workload: Inference) -> tuple[str, ...]:
    """Where a service has users."""
    return tuple(location for location, share in workload.users.items() if share > 0)


def describe(
    scenario: Scenario, workload: Inference, pool: str, users: str = EVERYBODY
) -> tuple[Service, Slo, Distribution, Law]:
    """A service on a pool, its SLO, the round trips of users to the pool's site, and its arrival law."""
    site = scenario.sites[pool.split("/", maxsplit=1)[0]]
    accelerator = scenario.pools()[pool].accelerator
    return (
        replica_work(scenario, workload, accelerator),
        Slo(Measure(workload.slo.measure), workload.slo.limit_s, workload.slo.share),
        _trips(workload, site) if users == EVERYBODY else site.access[users].distribution(),
        arrival_law(workload.demand.arrivals),
    )


def _trips(workload: Inference, site: Site) -> Distribution:
    """Round trips [s]: a mixture over the locations of the users."""
    present = [(location, share) for location, share in workload.users.items() if share > 0]
    trips = tuple(site.access[location].distribution() for location, _ in present)
    return trips[0] if len(trips) == 1 else Mixture(trips, tuple(share for _, share in present))


def achieved(
    plan: Plan,
    scenario: Scenario,
    demand_rps: Mapping[str, Floats],
    replicas: Replicas,
    servings: Mapping[Where, Serving],
) -> list[Achieved]:
    """What each service of the plan achieved with the replicas it had."""
    month_first = first_intervals(plan.interval_s, month_edges(scenario.start, plan.horizon_s))
    results = []
    for index, service in enumerate(plan.services):
        workload = scenario.workloads[service.name]
        assert isinstance(workload, Inference), f"{service.name} is not a service"
        pools = tuple(dict.fromkeys(option.pool for option in service.options))
        spread, lanes = spread_of(plan, service, pools, servings)
        groups = []
        for pool, lane, surface in zip(pools, lanes, spread.surfaces, strict=False):
            mine = (replicas.service == index) & (replicas.pool == pool)
            times_s = replicas.ready_s[mine], replicas.end_s[mine]
            ready_s = ready_time(*times_s, constant(plan.interval_s), constant(plan.horizon_s))
            groups.append(ReplicaGroup(surface, lane.capacity_rps, ready_s))
        rates = tuple(group.capacity_rps for group in groups)
        span = Span(plan.interval_s, plan.horizon_s, longest_wait_s(workload, rates))
        year = sum_intervals(demand_rps[service.name], span, groups, workload.slo.share, month_first, spread)
        results.append(Achieved(service.name, year, lanes, service.accelerators))
    return results


def spread_of(
    plan: Plan, service: ServicePlan, pools: Sequence[int], servings: Mapping[Where, Serving]
) -> tuple[Spread, tuple[Lane, ...]]:
    """How a service's requests are spread over its pools, and the lanes that they take."""
    routing, sites = service.routing, [plan.pools[pool].site for pool in pools]
    known = list(dict.fromkeys(sites))
    streams: list[Stream] = []
    lanes: list[Lane] = []
    for source in routing.sources:
        users = next(iter(source.users)) if routing.by_location else EVERYBODY
        there = [servings[service.name, plan.pools[pool].path, users] for pool in pools]
        order = tuple(known.index(site) for site in source.order)
        among = {location: share / source.share for location, share in source.users.items()}
        streams.append(Stream(source.share, order, tuple(serving.surface for serving in there)))
        lanes += [
            Lane(pool, among, serving.capacity_rps, source.order[:1] in {(), (site,)})
            for pool, site, serving in zip(pools, sites, there, strict=True)
        ]
    return Spread(tuple(streams), tuple(map(known.index, sites)), routing.up_to), tuple(lanes)
