"""Checks of time, places, networks, pools, datasets and rules."""

from collections.abc import Iterator

from sim import units
from sim.loading.checks.facts import AnyPool, Facts, duplicates, largest, median, number, unknown
from sim.scenario.base import Fault, Path
from sim.scenario.sites import OnDemandPool, OwnedPool, RegimeMarket, SpotPool

DAY_S = 86_400
MAX_INTERVALS = 3_000_000
"""Steps of the demand grid over the horizon: more would not fit into memory beside several workers."""

MAX_FAILURES = 1_000_000
"""Failures of a pool over the horizon: each is sampled in every future."""


def grid(facts: Facts) -> Iterator[Fault]:
    """The demand grid must divide a day, and must not be too fine for the horizon."""
    interval, horizon_s = facts.scenario.interval, facts.scenario.horizon_s
    if DAY_S % interval:
        told = "a day is not a whole number of such intervals"
        yield Fault(("interval",), told, None, "60 s, 5 min, 1 h or the like")
    elif horizon_s / interval > MAX_INTERVALS:
        least = units.render(float(-(-horizon_s // MAX_INTERVALS)), units.DURATION)
        told = f"the horizon has more than {MAX_INTERVALS:,} such intervals"
        yield Fault(("interval",), told, None, f"at least {least}")


def locations(facts: Facts) -> Iterator[Fault]:
    """Locations are listed once, and named where they are used."""
    yield from duplicates(facts.scenario.locations, ("locations",))
    for name, site in facts.scenario.sites.items():
        path = ("sites", name)
        yield from unknown(site.location, facts.locations, (*path, "location"), "location")
        for place in site.access:
            yield from unknown(place, facts.locations, (*path, "access", place), "location", at_key=True)


def network(facts: Facts) -> Iterator[Fault]:
    """A link joins two different locations, and no other link joins the same."""
    seen: set[frozenset[str]] = set()
    for n, link in enumerate(facts.scenario.network):
        path = ("network", n, "between")
        for end, place in enumerate(link.between):
            yield from unknown(place, facts.locations, (*path, end), "location")
        ends = frozenset(link.between)
        if len(ends) == 1:
            yield Fault(path, "a link joins two different locations")
        elif ends in seen:
            yield Fault(path, f"a second link between {' and '.join(link.between)}")
        seen.add(ends)


def pools(facts: Facts) -> Iterator[Fault]:
    """Pools are bought where they can be, and their numbers agree with each other."""
    for site_name, site in facts.scenario.sites.items():
        for name, pool in site.pools.items():
            path = ("sites", site_name, "pools", name)
            owned = isinstance(pool, OwnedPool)
            if owned == (site.kind == "cloud"):
                what, allowed = ("an owned", "on-demand, spot") if owned else ("a rented", "owned")
                told = f"{what} pool cannot stand at a site of the kind {site.kind}"
                yield Fault((*path, "purchase"), told, pool.purchase, allowed)
            yield from _pool(pool, path)
            if not isinstance(pool, OwnedPool):
                yield from _rented_node(pool, path)
        if site.kind == "cloud" and site.power is not None:
            told = "only owned nodes draw power that we pay, and none can stand at a site of the kind cloud"
            yield Fault(("sites", site_name, "power"), told, None, "power of on-prem and edge sites")


def failure_counts(facts: Facts) -> Iterator[Fault]:
    """Not more failures than can be simulated, of all nodes that a pool may come to hold."""
    for name, pool in facts.pools.items():
        if not isinstance(pool, OwnedPool) or pool.failures is None:
            continue
        rate, repair_s = number(pool.failures.per_node), median(pool.failures.repair) or 0.0
        if not rate:
            continue
        expected = facts.scenario.node_slots(name) * facts.scenario.horizon_s / (1.0 / rate + repair_s)
        if expected > MAX_FAILURES:
            site, _, key = name.partition("/")
            told = f"about {expected:.2g} failures of its nodes would come over the horizon"
            path = ("sites", site, "pools", key, "failures", "per_node")
            yield Fault(path, told, None, f"at most {MAX_FAILURES:,}")


def _rented_node(pool: OnDemandPool | SpotPool, path: Path) -> Iterator[Fault]:
    """Nothing is said of a rented node that would cost nothing there."""
    for key in ("price", "idle", "busy", "support"):
        if getattr(pool.node, key) != 0:
            told = f"a rented node has no '{key}' that we pay: its accelerators are paid by the hour"
            yield Fault((*path, "node", key), told, None, "'accelerators' alone")


def _pool(pool: AnyPool, path: Path) -> Iterator[Fault]:
    if isinstance(pool, OwnedPool):
        if pool.max_nodes is not None and pool.nodes > pool.max_nodes:
            told = f"more nodes stand than fit: {pool.nodes} of at most {pool.max_nodes}"
            yield Fault((*path, "nodes"), told)
        idle, busy = number(pool.node.idle), number(pool.node.busy)
        if idle is not None and busy is not None and busy < idle:
            draws = f"{units.render(busy, units.POWER)} against {units.render(idle, units.POWER)}"
            yield Fault((*path, "node", "busy"), f"a busy node draws less than an idle one, {draws}")
    if isinstance(pool, SpotPool) and isinstance(pool.market, RegimeMarket):
        yield from _regimes(pool.market, (*path, "market", "regimes"))


def _regimes(market: RegimeMarket, path: Path) -> Iterator[Fault]:
    """A regime lasts, where it leads to exists, and the shares sum to 100 %."""
    for name, regime in market.regimes.items():
        if largest(regime.spell) == 0.0:
            yield Fault((*path, name, "spell"), "this regime never lasts", "0 s", "a spell above 0 s")
        if regime.next is None:
            continue
        for other in regime.next:
            yield from unknown(other, market.regimes, (*path, name, "next", other), "regime", at_key=True)
        yield from whole(regime.next, (*path, name, "next"))


def whole(shares: dict[str, float], path: Path) -> Iterator[Fault]:
    """A fault when shares do not sum to 100 %."""
    total = sum(shares.values())
    if abs(total - 1) > 1e-6:
        yield Fault(path, f"the shares must sum to 100%, not {100 * total:g}%")


def datasets(facts: Facts) -> Iterator[Fault]:
    """A dataset has a home, where the law lets it be."""
    for name, dataset in facts.scenario.datasets.items():
        path = ("datasets", name)
        yield from unknown(dataset.home, facts.sites, (*path, "home"), "site")
        yield from duplicates(dataset.tags, (*path, "tags"))
        home = facts.scenario.sites.get(dataset.home)
        for rule in facts.scenario.rules:
            bound = rule.tag in dataset.tags and facts.law_is_clear
            if bound and home is not None and home.zone not in rule.stay_in:
                told = f"{dataset.home} is in {home.zone}, and what carries the tag '{rule.tag}' must stay in"
                yield Fault((*path, "home"), f"{told} {' or '.join(rule.stay_in) or 'no zone at all'}")


def rules(facts: Facts) -> Iterator[Fault]:
    """A rule speaks of a tag that something carries, and of zones of sites: a slip would protect nothing."""
    for n, rule in enumerate(facts.scenario.rules):
        yield from unknown(rule.tag, facts.tags, ("rules", n, "tag"), "tag")
        for m, zone in enumerate(rule.stay_in):
            if facts.all_zones:
                yield from unknown(zone, facts.zones, ("rules", n, "stay_in", m), "zone")
        yield from duplicates(rule.stay_in, ("rules", n, "stay_in"))


CHECKS = (grid, locations, network, pools, failure_counts, datasets, rules)
