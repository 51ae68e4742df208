"""A scenario's services as the serving layer knows them: their surfaces, and what their replicas achieved."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.calendar import first_intervals, month_edges
from sim.distributions import Distribution, Mixture
from sim.folders import default_cache_dir
from sim.jit import constant
from sim.policies.plan import Plan
from sim.records import Replicas
from sim.scenario.beliefs import find_beliefs, realise
from sim.scenario.law import allowed_sites
from sim.scenario.model import Scenario
from sim.scenario.quantities import Path
from sim.scenario.sites import Site
from sim.scenario.workloads import Inference
from sim.serving.arrivals import Law
from sim.serving.flow import ready_time
from sim.serving.intervals import ReplicaGroup, Span, Year, sum_intervals
from sim.serving.service import Measure, Service, Slo
from sim.serving.surface import Surface, load_or_build
from sim.study.described import arrival_law, longest_wait_s, replica_work

Floats = NDArray[np.float64]
Where = tuple[str, str]
"""(service, pool path)."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A service on a pool: what one replica sustains [requests/s], and its latency surface."""

    capacity_rps: float
    surface: Surface


@dataclass(frozen=True, slots=True)
class Achieved:
    """What a service achieved in a run; `pools` names the pools of the groups in `year.busy_s`."""

    name: str
    year: Year
    pools: tuple[int, ...]
    capacity_rps: tuple[float, ...]
    """What one replica of each group sustains, in requests/s."""
    accelerators: int
    """Of one replica."""


def build_servings(
    scenario: Scenario,
    strategies: Sequence[str] | None = None,
    on_progress: Callable[[str], None] = lambda message: None,
) -> dict[Where, Serving]:
    """The surface of every service on every pool where one of the strategies (None: all) may place it.

    Beliefs are taken at their medians: a surface describes the service itself, whose figures are measured,
    not believed.
    """
    central = realise(scenario, medians(scenario))
    cache = default_cache_dir()
    chosen = strategies or tuple(scenario.strategies)
    services = {name: work for name, work in central.workloads.items() if isinstance(work, Inference)}
    wanted = [
        (name, pool)
        for name, workload in services.items()
        for pool in placed_pools(central, name, workload, chosen)
    ]
    found: dict[Where, Serving] = {}
    for number, (name, pool) in enumerate(wanted, start=1):
        on_progress(f"latency surface {number} of {len(wanted)}: {name} on {pool}")
        surface = load_or_build(*describe(central, services[name], pool), cache_dir=cache)
        found[name, pool] = Serving(surface.capacity_rps, surface)
    return found


def medians(scenario: Scenario) -> dict[Path, float]:
    """The median of each belief, by its place."""
    return {path: belief.quantity.distribution().quantile_at(0.5) for path, belief in find_beliefs(scenario)}


def placed_pools(scenario: Scenario, name: str, workload: Inference, strategies: Sequence[str]) -> list[str]:
    """The pools where a service may run under any of the strategies, each once."""
    lawful = allowed_sites(scenario, workload)
    pools: dict[str, None] = {}
    for strategy in strategies:
        place = scenario.strategies[strategy].place
        for option in place.get(name, place.get("all", ())):
            if option.pool.split("/")[0] in lawful:
                pools[option.pool] = None
    return list(pools)


def describe(scenario: Scenario, workload: Inference, pool: str) -> tuple[Service, Slo, Distribution, Law]:
    """A service on a pool, its SLO, the round trips of its users to the pool's site, and its arrival law."""
    site = scenario.sites[pool.split("/", maxsplit=1)[0]]
    accelerator = scenario.pools()[pool].accelerator
    return (
        replica_work(scenario, workload, accelerator),
        Slo(Measure(workload.slo.measure), workload.slo.limit_s, workload.slo.share),
        _trips(workload, site),
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
        groups = []
        for pool in pools:
            serving = servings[service.name, plan.pools[pool].path]
            mine = (replicas.service == index) & (replicas.pool == pool)
            times_s = replicas.ready_s[mine], replicas.end_s[mine]
            ready_s = ready_time(*times_s, constant(plan.interval_s), constant(plan.horizon_s))
            groups.append(ReplicaGroup(serving.surface, serving.capacity_rps, ready_s))
        rates = tuple(group.capacity_rps for group in groups)
        span = Span(plan.interval_s, plan.horizon_s, longest_wait_s(workload, rates))
        year = sum_intervals(demand_rps[service.name], span, groups, workload.slo.share, month_first)
        results.append(Achieved(service.name, year, pools, rates, service.accelerators))
    return results
