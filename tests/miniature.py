"""Miniature worlds by hand: plans and worlds of a few pools and jobs, without a seed and without a file."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from sim.distributions import Constant
from sim.policies.checkpoints import NO_CHECKPOINTS, Checkpoints
from sim.policies.placement import ANY_SLACK, Opening
from sim.policies.plan import (
    UNLIMITED,
    FleetPlan,
    OptionPlan,
    Plan,
    PoolPlan,
    Purchase,
    Route,
    ServicePlan,
    TrainingPlan,
)
from sim.policies.procurement import OrderRule
from sim.policies.routing import RoutingPlan, Source
from sim.policies.scaling import ScaleRule
from sim.scenario.model import Scenario
from sim.world.world import Draws, Failures, Jobs, Market, World

AT_ONCE = Opening(0, ANY_SLACK, ())


def owned(
    nodes: int = 1, size: int = 8, most: int = UNLIMITED, orders: Sequence[OrderRule] = (), site: int = 0
) -> PoolPlan:
    """A pool of `nodes` nodes that stand at the start."""
    return PoolPlan(
        f"site{site}/room", site, Purchase.OWNED, "A100-80GB", size, UNLIMITED, 0, nodes, 0, most,
        tuple(orders),
    )  # fmt: skip


def on_demand(quota: int = UNLIMITED, size: int = 8, site: int = 1) -> PoolPlan:
    """An on-demand pool."""
    return PoolPlan(
        f"site{site}/on-demand", site, Purchase.ON_DEMAND, "A100-80GB", size, quota, 0, 0, 0, 0, ()
    )


def spot(quota: int = UNLIMITED, size: int = 8, notice_s: int = 0, site: int = 1) -> PoolPlan:
    """A spot pool."""
    return PoolPlan(f"site{site}/spot", site, Purchase.SPOT, "A100-80GB", size, quota, notice_s, 0, 0, 0, ())


def option(pool: int, opening: Opening = AT_ONCE, speed_ppm: int = 1_000_000, staged: int = -1) -> OptionPlan:
    """A pool where a workload may run."""
    return OptionPlan(pool, opening, speed_ppm, staged, opening.at_once)


def training(
    *options: OptionPlan,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    deadline_s: int = UNLIMITED,
    name: str = "train",
) -> TrainingPlan:
    """A training workload."""
    return TrainingPlan(name, options, (), checkpoints, deadline_s)


def service(
    *options: OptionPlan,
    accelerators: int = 1,
    capacity_rps: float = 1.0,
    name: str = "serve",
    least: int = 0,
    scale: ScaleRule | None = None,
) -> FleetPlan:
    """The fleet of a service, which runs at full utilisation and shrinks at once unless told otherwise."""
    rule = ScaleRule(1.0, least, UNLIMITED, 0) if scale is None else scale
    rated = tuple(replace(each, rate_micro=round(capacity_rps * 1e6)) for each in options)
    return FleetPlan(name, 0, rated, (), accelerators, rule, capacity_rps)


def plan(
    pools: Sequence[PoolPlan],
    trainings: Sequence[TrainingPlan] = (),
    services: Sequence[FleetPlan] = (),
    *,
    horizon_s: int = 1_000_000,
    backfill: bool = True,
    datasets: Sequence[tuple[int, float]] = (),
    routes: dict[tuple[int, int], Route] | None = None,
) -> Plan:
    """A plan; `datasets` are (home, bytes)."""
    everybody = RoutingPlan((Source({"here": 1.0}, ()),), 0.0)
    known = tuple(ServicePlan(fleet.name, fleet.options, fleet.accelerators, everybody) for fleet in services)
    fleets = tuple(replace(fleet, service=n) for n, fleet in enumerate(services))
    return Plan(
        "only", backfill, horizon_s, 300, tuple(pools), tuple(trainings), known, fleets, ("site0", "site1"),
        tuple(f"data{n}" for n in range(len(datasets))), tuple(home for home, _ in datasets),
        tuple(size for _, size in datasets), tuple(0.0 for _ in datasets), routes or {},
    )  # fmt: skip


def jobs(*rows: tuple[int, int, int], workload: int = 0) -> Jobs:
    """Jobs as (submit_s, accelerators, work_s), in order of arrival."""
    submit_s, accelerators, work_s = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Jobs(np.full(len(rows), workload), np.arange(len(rows)), submit_s, accelerators, work_s)


def world(
    facts: Jobs | None = None,
    demand_rps: dict[str, Any] | None = None,
    markets: dict[str, list[tuple[int, int]]] | None = None,
    failures: dict[str, list[tuple[int, int, int]]] | None = None,
    seconds: dict[str, float] | None = None,
) -> World:
    """A world: `markets` (change_s, largest gang), `failures` (node, down_s, up_s), `seconds` fixed draws."""
    return World(
        scenario=cast(Scenario, None),
        seed=0,
        run=0,
        beliefs={},
        jobs=facts if facts is not None else jobs(),
        demand_rps={name: np.array(rate, dtype=float) for name, rate in (demand_rps or {}).items()},
        markets={path: Market(*np.array(rows, dtype=np.int64).T) for path, rows in (markets or {}).items()},
        prices={},
        failures={
            path: Failures(*np.array(rows, dtype=np.int64).T) for path, rows in (failures or {}).items()
        },
        draws=Draws(0, 0, {stream: Constant(value) for stream, value in (seconds or {}).items()}),
    )
