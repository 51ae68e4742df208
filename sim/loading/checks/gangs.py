"""Checks that gangs fit into pools."""

from collections.abc import Iterator

from sim.loading.checks.facts import AnyPool, AnyWorkload, Facts, Placement, largest, site_of
from sim.scenario.base import Fault
from sim.scenario.law import allowed_sites
from sim.scenario.sites import OwnedPool, RegimeMarket, SpotPool, TraceMarket
from sim.scenario.strategies import Option, Strategy
from sim.scenario.workloads import Inference, Trace

NO_LIMIT = float("inf")


def gangs(facts: Facts) -> Iterator[Fault]:
    """The largest gang of a workload fits at least into one of its pools."""
    for placement in facts.placements():
        workload = facts.scenario.workloads.get(placement.workload)
        gang = None if workload is None else _largest_gang(workload)
        if workload is None or gang is None:
            continue
        lawful = allowed_sites(facts.scenario, workload)
        options = [option for option in placement.options if site_of(option.pool) in lawful]
        rooms = [_room(facts, placement, option) for option in options]
        fits = [room >= _leased(facts, option, gang) for option, room in zip(options, rooms, strict=True)]
        if options and not any(fits):
            most = f"no pool here ever holds more than {max(rooms):g}"
            told = f"{placement.workload} has gangs of {gang}, and {most}"
            allowed = f"gangs of at most {max(rooms):g} under this strategy, or a pool that holds {gang}"
            yield Fault(placement.path, told, None, allowed)


def _largest_gang(workload: AnyWorkload) -> int | None:
    """None where a gang may be of any size, or where a belief leaves it open."""
    if isinstance(workload, Inference):
        return workload.service.replica.accelerators
    if isinstance(workload.arrivals, Trace):
        return max(job.accelerators for job in workload.arrivals.trace)
    greatest = None if workload.accelerators is None else largest(workload.accelerators)
    return None if greatest is None else round(greatest)


def _leased(facts: Facts, option: Option, gang: int) -> int:
    """Accelerators that a gang takes: larger gangs than a node take whole nodes."""
    pool = facts.pools.get(option.pool)
    size = gang if pool is None else pool.node.accelerators
    return gang if gang <= size else -(-gang // size) * size


def _room(facts: Facts, placement: Placement, option: Option) -> float:
    """The most accelerators that a gang can ever get in a pool; no limit for one that is not known."""
    pool = facts.pools.get(option.pool)
    if pool is None or pool.accelerator not in facts.scenario.accelerators:
        return NO_LIMIT
    if isinstance(pool, OwnedPool):
        return _owned_room(facts.scenario.strategies[placement.strategy], option.pool, pool)
    return min(NO_LIMIT if pool.quota is None else pool.quota, _market_room(pool))


def _owned_room(strategy: Strategy, name: str, pool: OwnedPool) -> float:
    nodes: float = strategy.nodes_wanted(name, pool.nodes)
    for order in strategy.order.get(name, ()):
        nodes += order.nodes if order.at is not None else NO_LIMIT
    return min(nodes, NO_LIMIT if pool.max_nodes is None else pool.max_nodes) * pool.node.accelerators


def _market_room(pool: AnyPool) -> float:
    """The largest gang that a spot market ever serves."""
    match pool.market if isinstance(pool, SpotPool) else None:
        case RegimeMarket(regimes=regimes):
            served = [regime.largest_gang for regime in regimes.values()]
        case TraceMarket(trace=trace):
            served = [gang for _, gang in trace]
        case None:
            return NO_LIMIT
    return max(NO_LIMIT if gang is None else gang for gang in served)
