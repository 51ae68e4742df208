"""Checks of strategies: that they decide everything, and within the law; what is owned and ordered."""

from collections.abc import Iterator

from sim import units
from sim.loading.checks.conditions import conditions
from sim.loading.checks.facts import AnyWorkload, Facts, duplicates, site_of, unknown
from sim.loading.checks.gangs import gangs
from sim.scenario.base import Fault, Path
from sim.scenario.law import allowed_sites, tags_of
from sim.scenario.sites import OwnedPool
from sim.scenario.strategies import Strategy
from sim.scenario.workloads import Inference, Training


def names(facts: Facts) -> Iterator[Fault]:
    """Workloads and pools that a strategy names exist; every workload is placed."""
    for name, strategy in facts.scenario.strategies.items():
        path = ("strategies", name)
        for workload, options in strategy.place.items():
            here = (*path, "place", workload)
            yield from unknown(workload, (*facts.workloads, "all"), here, "workload", at_key=True)
            yield from duplicates((option.pool for option in options), here)
            for n, option in enumerate(options):
                yield from unknown(option.pool, facts.pool_names, (*here, n, "pool"), "pool")
        if "all" not in strategy.place:
            for workload in facts.workloads:
                if workload not in strategy.place:
                    told = f"the workload '{workload}' has no place; 'all' stands for the rest"
                    yield Fault((*path, "place"), told)
        services = [w for w in facts.workloads if not isinstance(facts.scenario.workloads.get(w), Training)]
        for key, named in (("scale", strategy.scale), ("route", strategy.route)):
            for service in named:
                yield from unknown(
                    service, services, (*path, key, service), "inference workload", at_key=True
                )


def law(facts: Facts) -> Iterator[Fault]:
    """A strategy names no pool that the law forbids; under `all` they are left out, if one remains."""
    for placement in facts.placements():
        workload = facts.scenario.workloads.get(placement.workload)
        if workload is None or not facts.law_is_clear:
            continue
        lawful = allowed_sites(facts.scenario, workload)
        forbidden = [
            n
            for n, option in enumerate(placement.options)
            if site_of(option.pool) in facts.scenario.sites and site_of(option.pool) not in lawful
        ]
        why = [_why(facts, placement.workload, workload, placement.options[n].pool) for n in forbidden]
        if placement.by_name:
            for n, told in zip(forbidden, why, strict=True):
                yield Fault((*placement.path, n, "pool"), told)
        elif forbidden and len(forbidden) == len(placement.options):
            yield Fault(placement.path, f"no pool is left for {placement.workload}: {why[0]}")


def _why(facts: Facts, name: str, workload: AnyWorkload, pool: str) -> str:
    """Which rule keeps a workload from a pool."""
    zone = facts.scenario.sites[site_of(pool)].zone
    tags = tags_of(facts.scenario, workload)
    rule = next(rule for rule in facts.scenario.rules if rule.tag in tags and zone not in rule.stay_in)
    carrier = "it" if rule.tag in workload.tags else f"its data '{workload.data}'"
    zones = " or ".join(rule.stay_in) or "no zone at all"
    reason = f"{carrier} carries the tag '{rule.tag}', which must stay in {zones}, not {zone}"
    return f"{name} may not run at {pool}: {reason}"


def reach(facts: Facts) -> Iterator[Fault]:
    """Users can reach the sites of a service, and data can be copied to the sites of a training workload."""
    for placement in facts.placements():
        workload = facts.scenario.workloads.get(placement.workload)
        if workload is None:
            continue
        lawful = allowed_sites(facts.scenario, workload)
        for n, option in enumerate(placement.options):
            site, path = site_of(option.pool), (*placement.path, n, "pool")
            if site not in lawful:
                continue
            if isinstance(workload, Inference):
                yield from _access(facts, placement.workload, workload, site, path)
            elif workload.data is not None:
                yield from _link(facts, placement.workload, workload.data, site, path)


def _access(facts: Facts, name: str, workload: Inference, site: str, path: Path) -> Iterator[Fault]:
    for place, share in workload.users.items():
        if share > 0 and place in facts.locations and place not in facts.scenario.sites[site].access:
            told = f"users of {name} in {place} have no access to {site}"
            yield Fault(path, told, None, f"a round trip under sites.{site}.access.{place}")


def _link(facts: Facts, name: str, data: str, site: str, path: Path) -> Iterator[Fault]:
    dataset = facts.scenario.datasets.get(data)
    home = facts.scenario.sites.get(dataset.home) if dataset is not None else None
    if home is None or not facts.all_links:
        return
    ends = {home.location, facts.scenario.sites[site].location}
    if (
        len(ends) > 1
        and ends <= set(facts.locations)
        and not any(set(link.between) == ends for link in facts.scenario.network)
    ):
        told = f"the data '{data}' of {name} cannot be copied to {site}"
        yield Fault(path, told, None, f"a link between {' and '.join(sorted(ends))} under network")


def ownership(facts: Facts) -> Iterator[Fault]:
    """Only owned pools grow by orders; what is owned fits; what is ordered has a lead time."""
    for name, strategy in facts.scenario.strategies.items():
        path = ("strategies", name)
        for pool in strategy.own:
            yield from _owned(facts, pool, (*path, "own", pool))
        for pool in strategy.order:
            yield from _owned(facts, pool, (*path, "order", pool))
        for pool in {**strategy.own, **strategy.order}:
            if isinstance(known := facts.pools.get(pool), OwnedPool):
                yield from _nodes(strategy, pool, known, path)
                yield from _orders(facts, strategy, pool, known, path)


def _owned(facts: Facts, pool: str, path: Path) -> Iterator[Fault]:
    yield from unknown(pool, facts.pool_names, path, "pool", at_key=True)
    purchase = facts.pools[pool].purchase if pool in facts.pools else "owned"
    if purchase != "owned":
        told = f"{pool} is rented ({purchase}): only owned pools have nodes of ours"
        yield Fault(path, told, at_key=True)


def _nodes(strategy: Strategy, name: str, pool: OwnedPool, path: Path) -> Iterator[Fault]:
    """What a strategy wants to own of one pool fits, and can be delivered."""
    wanted, here = strategy.nodes_wanted(name, pool.nodes), (*path, "own", name, "nodes")
    if name in strategy.own and pool.max_nodes is not None and wanted > pool.max_nodes:
        yield Fault(here, f"{wanted} nodes do not fit: {name} has room for {pool.max_nodes}")
    if pool.lead_time is None and wanted > pool.nodes:
        missing = wanted - pool.nodes
        nodes = "1 more node" if missing == 1 else f"{missing} more nodes"
        allowed = f"at most {pool.nodes}, which stand, or {_lead_time_of(name)}"
        yield Fault(here, f"{nodes} must be ordered, and {name} has no 'lead_time'", None, allowed)


def _orders(facts: Facts, strategy: Strategy, name: str, pool: OwnedPool, path: Path) -> Iterator[Fault]:
    """What a strategy orders of one pool can be delivered, and is ordered in time."""
    here = (*path, "order", name)
    if pool.lead_time is None and name in strategy.order:
        yield Fault(here, f"{name} gets orders, and has no 'lead_time'", None, _lead_time_of(name))
    for n, order in enumerate(strategy.order.get(name, ())):
        if order.at is not None and order.at >= facts.scenario.horizon:
            allowed = f"less than {units.render(facts.scenario.horizon, units.DURATION)}"
            yield Fault((*here, n, "at"), "this order is after the horizon", None, allowed)


def _lead_time_of(pool: str) -> str:
    """Where the lead time of a pool is written."""
    site, _, name = pool.partition("/")
    return f"a lead time under sites.{site}.pools.{name}.lead_time"


def expectations(facts: Facts) -> Iterator[Fault]:
    """What is expected is expected of a strategy that exists."""
    for n, expect in enumerate(facts.scenario.expect):
        yield from unknown(expect.strategy, facts.strategies, ("expect", n, "strategy"), "strategy")


CHECKS = (names, law, reach, ownership, conditions, gangs, expectations)
