"""The plan: a scenario and one of its strategies as facts in integers, ready for an engine.

Positions: pools, sites, datasets and links in the order of the scenario; training workloads and services each
in theirs. Nothing here knows a price.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sim.policies.autoscaler import scale_rule
from sim.policies.checkpoints import NO_CHECKPOINTS, Checkpoints
from sim.policies.placement import Opening
from sim.policies.procurement import OrderRule
from sim.policies.routing import RoutingPlan, homes, routing_plan
from sim.policies.scaling import MICRO, ScaleRule
from sim.scenario.law import allowed_sites
from sim.scenario.model import Scenario
from sim.scenario.routing import Routing
from sim.scenario.scaling import Scale
from sim.scenario.serving import LlmServing
from sim.scenario.sites import OnDemandPool, OwnedPool, SpotPool
from sim.scenario.strategies import Order, Strategy
from sim.scenario.workloads import Inference, Training

UNLIMITED = 1 << 40
SLOTS = 1 << 20
"""More replicas than a fleet ever has at a time."""


class Purchase(IntEnum):
    """How a pool's accelerators are paid for."""

    OWNED = 0
    ON_DEMAND = 1
    SPOT = 2


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """A pool under this strategy."""

    path: str
    site: int
    purchase: Purchase
    accelerator: str
    node_accelerators: int
    quota: int
    """Accelerators that may be rented at once; of an owned pool: as many as may ever stand."""
    notice_s: int
    standing: int
    """Nodes at work from the start."""
    sold: int
    """Nodes that stood and are sold at the start."""
    max_nodes: int
    orders: tuple[OrderRule, ...]

    def leased(self, gang: int) -> int:
        """Accelerators that a gang takes: larger gangs than a node take whole nodes."""
        size = self.node_accelerators
        return gang if gang <= size else -(-gang // size) * size


@dataclass(frozen=True, slots=True)
class OptionPlan:
    """One pool where a workload may run, in its order of preference."""

    pool: int
    opening: Opening
    speed_ppm: int
    """Of this pool's accelerator relative to the reference, in millionths."""
    staged: int
    """The dataset that must be copied to the site first; -1 for none."""
    at_once: bool
    """Whether neither waiting time nor slack holds the option back."""
    rate_micro: int = 0
    """What a replica sustains here [micro-requests/s]; 0 for jobs."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A training workload under this strategy."""

    name: str
    options: tuple[OptionPlan, ...]
    forbidden: tuple[int, ...]
    """Pools that the strategy names and the law forbids."""
    checkpoints: Checkpoints
    deadline_s: int
    """After the arrival; UNLIMITED where there is none."""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """An inference workload under this strategy."""

    name: str
    options: tuple[OptionPlan, ...]
    accelerators: int
    """Of one replica."""
    routing: RoutingPlan


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Replicas of a service that scale together: all of them, or those for the users of one site."""

    name: str
    """The service's."""
    service: int
    """Position among the services."""
    options: tuple[OptionPlan, ...]
    forbidden: tuple[int, ...]
    accelerators: int
    scale: ScaleRule
    capacity_rps: float
    """What one replica sustains on the first of its pools, in requests/s."""
    share: float = 1.0
    """Of the service's demand, which it scales for."""
    number: int = 0
    """Among the fleets of its service."""

    @property
    def first_slot(self) -> int:
        """Its replicas hold slots from this one on: those of a service are numbered through."""
        return self.number * SLOTS


@dataclass(frozen=True, slots=True)
class Route:
    """The way between two sites; `link` is -1 between sites at one location, where copying takes no time."""

    link: int
    bandwidth_bps: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario under one strategy."""

    strategy: str
    backfill: bool
    """Whether those behind the first that waits may use what is kept for it, if they are done in time."""
    horizon_s: int
    interval_s: int
    pools: tuple[PoolPlan, ...]
    trainings: tuple[TrainingPlan, ...]
    services: tuple[ServicePlan, ...]
    fleets: tuple[FleetPlan, ...]
    """Of all services, one service after the other."""
    sites: tuple[str, ...]
    datasets: tuple[str, ...]
    dataset_home: tuple[int, ...]
    dataset_bytes: tuple[float, ...]
    dataset_growth_bytes_per_s: tuple[float, ...]
    routes: Mapping[tuple[int, int], Route]

    @property
    def workloads(self) -> tuple[TrainingPlan | FleetPlan, ...]:
        """What engines know of them: the training workloads, then the fleets."""
        return (*self.trainings, *self.fleets)


def copying_s(size_bytes: float, bandwidth_bps: float) -> int:
    """How long a link needs for one transfer at its full bandwidth [s, rounded up]."""
    return math.ceil(size_bytes * 8 / bandwidth_bps)


def make_plan(scenario: Scenario, strategy: str, capacity_rps: Mapping[tuple[str, str], float]) -> Plan:
    """The plan of `strategy` in a realised scenario.

    `capacity_rps` gives what one replica of a service sustains on a pool, by (service, pool path).
    """
    chosen = scenario.strategies[strategy]
    names = list(scenario.pools())
    sites = list(scenario.sites)
    datasets = list(scenario.datasets)
    where = _Positions(
        {path: n for n, path in enumerate(names)},
        {s: n for n, s in enumerate(sites)},
        {d: n for n, d in enumerate(datasets)},
    )
    trainings: list[TrainingPlan] = []
    services: list[ServicePlan] = []
    fleets: list[FleetPlan] = []
    for name, workload in scenario.workloads.items():
        options, forbidden = _options(scenario, chosen, name, workload, where, capacity_rps)
        if isinstance(workload, Training):
            deadline_s = UNLIMITED if workload.deadline is None else int(workload.deadline)
            trainings.append(TrainingPlan(name, options, forbidden, _checkpoints(workload), deadline_s))
        else:
            service = _service(scenario, chosen, name, workload, options)
            rates = {o.pool: capacity_rps.get((name, names[o.pool]), 0.0) for o in options}
            fleets += _fleets(scenario, chosen, service, len(services), forbidden, rates)
            services.append(service)
    return Plan(
        strategy,
        chosen.backfill,
        scenario.horizon_s,
        int(scenario.interval),
        tuple(
            _pool(path, pool, where.sites[path.split("/")[0]], chosen)
            for path, pool in scenario.pools().items()
        ),
        tuple(trainings),
        tuple(services),
        tuple(fleets),
        tuple(sites),
        tuple(datasets),
        tuple(where.sites[scenario.datasets[d].home] for d in datasets),
        tuple(scenario.datasets[d].size for d in datasets),
        tuple(scenario.datasets[d].growth for d in datasets),
        _routes(scenario, sites),
    )


@dataclass(frozen=True, slots=True)
class _Positions:
    pools: Mapping[str, int]
    sites: Mapping[str, int]
    datasets: Mapping[str, int]


def _service(
    scenario: Scenario, chosen: Strategy, name: str, workload: Inference, options: tuple[OptionPlan, ...]
) -> ServicePlan:
    paths, sites = list(scenario.pools()), list(scenario.sites)
    names = dict.fromkeys(paths[option.pool].split("/")[0] for option in options)
    routing = routing_plan(
        scenario, workload, chosen.route.get(name, Routing()), {site: sites.index(site) for site in names}
    )
    return ServicePlan(name, options, workload.service.replica.accelerators, routing)


def _fleets(
    scenario: Scenario,
    chosen: Strategy,
    service: ServicePlan,
    index: int,
    forbidden: tuple[int, ...],
    rates_rps: Mapping[int, float],
) -> Iterator[FleetPlan]:
    """The fleets of a service: one for the users of each site that is the nearest of some, else one.

    Where a site has no room for a replica, it starts on another one. `rates_rps` is what a replica sustains,
    by pool. What the law forbids is told once, by the first fleet.
    """
    workload, routing = scenario.workloads[service.name], chosen.route.get(service.name, Routing())
    assert isinstance(workload, Inference), f"{service.name} is not a service"
    scale = chosen.scale.get(service.name, Scale())
    site_of = [list(scenario.sites).index(path.split("/")[0]) for path in scenario.pools()]

    def fleet(number: int, options: Sequence[OptionPlan], share: float, standby: int) -> FleetPlan:
        first_rps = rates_rps[options[0].pool] if options else 0.0
        rule = ScaleRule(0.0, standby, standby, 0)
        if standby == 0:
            rule = scale_rule(scenario, workload, scale, first_rps)
        return FleetPlan(
            service.name, index, tuple(options), () if number else forbidden, service.accelerators, rule,
            first_rps, share, number,
        )  # fmt: skip

    shares = homes(service.routing) if routing.by_location else {}
    if len(shares) > 1:
        for number, (site, share) in enumerate(shares.items()):
            near_first = sorted(service.options, key=lambda option: site_of[option.pool] != site)
            yield fleet(number, near_first, share, 0)
        return
    yield fleet(0, service.options, 1.0, 0)
    if routing.standby:
        for number, site in enumerate(service.routing.sources[0].order[1:], start=1):
            there = [option for option in service.options if site_of[option.pool] == site]
            yield fleet(number, there, 0.0, routing.standby)


def _pool(path: str, pool: OwnedPool | OnDemandPool | SpotPool, site: int, chosen: Strategy) -> PoolPlan:
    size = pool.node.accelerators
    match pool:
        case OwnedPool():
            wanted = chosen.nodes_wanted(path, pool.nodes)
            limit = UNLIMITED if pool.max_nodes is None else pool.max_nodes
            first = (OrderRule(wanted - pool.nodes, 0, (), 1),) if wanted > pool.nodes else ()
            return PoolPlan(
                path, site, Purchase.OWNED, pool.accelerator, size, min(limit * size, UNLIMITED), 0,
                min(wanted, pool.nodes), max(pool.nodes - wanted, 0), limit,
                first + _orders(chosen.order.get(path, ())),
            )  # fmt: skip
        case OnDemandPool():
            quota = UNLIMITED if pool.quota is None else pool.quota
            return PoolPlan(path, site, Purchase.ON_DEMAND, pool.accelerator, size, quota, 0, 0, 0, 0, ())
        case SpotPool():
            quota = UNLIMITED if pool.quota is None else pool.quota
            notice_s = int(pool.notice)
            return PoolPlan(path, site, Purchase.SPOT, pool.accelerator, size, quota, notice_s, 0, 0, 0, ())


def _orders(orders: tuple[Order, ...]) -> tuple[OrderRule, ...]:
    return tuple(
        OrderRule.watching(order.nodes, order.when, order.deliveries)
        if order.when is not None
        else OrderRule(order.nodes, int(order.at or 0), (), order.deliveries)
        for order in orders
    )


def _checkpoints(workload: Training) -> Checkpoints:
    if workload.checkpoint is None:
        return NO_CHECKPOINTS
    c = workload.checkpoint
    return Checkpoints(int(c.every), int(c.cost), int(c.restart))


def _options(
    scenario: Scenario,
    chosen: Strategy,
    name: str,
    workload: Training | Inference,
    where: _Positions,
    capacity_rps: Mapping[tuple[str, str], float],
) -> tuple[tuple[OptionPlan, ...], tuple[int, ...]]:
    """What the strategy allows a workload, and which pools of it the law forbids."""
    lawful = allowed_sites(scenario, workload)
    options: list[OptionPlan] = []
    forbidden: list[int] = []
    pools = scenario.pools()
    for option in chosen.place.get(name, chosen.place.get("all", ())):
        site = option.pool.split("/")[0]
        if site not in lawful:
            forbidden.append(where.pools[option.pool])
            continue
        first = options[0].pool if options else where.pools[option.pool]
        staged = -1
        if isinstance(workload, Training) and workload.data is not None:
            home = scenario.datasets[workload.data].home
            staged = -1 if home == site else where.datasets[workload.data]
        opening = Opening.of(option.when, first, where.pools)
        options.append(
            OptionPlan(
                where.pools[option.pool],
                opening,
                _speed_ppm(scenario, workload, pools[option.pool].accelerator),
                staged,
                at_once=opening.at_once,
                rate_micro=round(capacity_rps.get((name, option.pool), 0.0) * MICRO),
            )
        )
    return tuple(options), tuple(forbidden)


def _speed_ppm(scenario: Scenario, workload: Training | Inference, accelerator: str) -> int:
    """Speed of an accelerator relative to the one that the workload's times refer to, in millionths."""
    match workload:
        case Training():
            reference = workload.reference
        case Inference(service=LlmServing()):
            return 1_000_000
        case Inference():
            reference = getattr(workload.service, "reference", None)
    if reference is None or reference == accelerator:
        return 1_000_000
    ratio = scenario.accelerators[accelerator].speed / scenario.accelerators[reference].speed
    return round(ratio * 1_000_000)


def _routes(scenario: Scenario, sites: list[str]) -> dict[tuple[int, int], Route]:
    links = {frozenset(link.between): (n, link.bandwidth) for n, link in enumerate(scenario.network)}
    routes: dict[tuple[int, int], Route] = {}
    for a, source in enumerate(sites):
        for b, target in enumerate(sites):
            ends = frozenset((scenario.sites[source].location, scenario.sites[target].location))
            if len(ends) == 1:
                routes[a, b] = Route(-1, np.inf)
            elif ends in links:
                routes[a, b] = Route(*links[ends])
    return routes
