"""What we own, the electricity that it draws and the people who run the sites."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sim.ledger import rules
from sim.ledger.books import Books
from sim.ledger.integrals import open_s
from sim.ledger.postings import Account, Category, Entry
from sim.policies.plan import Purchase
from sim.records import Nodes
from sim.scenario.sites import OwnedPool

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

STOOD = -1
"""The order of nodes that stood at the start."""


def hardware(books: Books) -> Iterator[Entry]:
    """The nodes of each owned pool, and their electricity."""
    for index, plan in enumerate(books.plan.pools):
        if plan.purchase is Purchase.OWNED:
            pool = books.pool(index)
            assert isinstance(pool, OwnedPool), f"{plan.path} is not owned"
            yield from nodes(books, index, pool)
            yield from electricity(books, index, pool)


def nodes(books: Books, index: int, pool: OwnedPool) -> Iterator[Entry]:
    """Nodes are billed when they come, ours to the horizon, and written off over what is left of their life.

    Those that the strategy sells at the start go at their book value, which costs and credits nothing.
    """
    site, node, life_s = books.plan.pools[index].site, pool.node, int(pool.life)
    standing_s = owned_s(books, index)
    young_s = within_life_s(books, index, pool)
    for category, charge in (
        (Category.PURCHASE, rules.purchase(delivered(books, index), node.price)),
        (Category.AMORTISATION, rules.amortisation(young_s, node.price, life_s)),
        (Category.RESALE, rules.resale(young_s, node.price, pool.resale, life_s)),
        (Category.SUPPORT, rules.support(standing_s, node.price, node.support)),
    ):
        yield Entry(Account(category, site, index), charge)


def electricity(books: Books, index: int, pool: OwnedPool) -> Iterator[Entry]:
    """What nodes draw whenever they are up is shared; what leases add to it is charged to their workloads."""
    site = books.plan.pools[index].site
    supply, node = books.site(site).power, pool.node
    if supply is None:
        return
    up_s = owned_s(books, index) - down_s(books, index)
    idle = rules.power(up_s, node.idle, supply.pue, supply.price)
    yield Entry(Account(Category.POWER, site, index), idle)
    busy_w = (node.busy - node.idle) / node.accelerators
    for workload, leased_s in enumerate(books.leased_s(index, books.edges_s).astype(np.float64)):
        busy = rules.power(leased_s, busy_w, supply.pue, supply.price)
        yield Entry(Account(Category.POWER, site, index, workload), busy)


def people(books: Books) -> Iterator[Entry]:
    """The staff of each site that the strategy uses, from the start to the horizon."""
    for index in used_sites(books):
        staff = books.site(index).staff
        if staff is not None:
            charge = rules.staff(np.diff(books.edges_s).astype(np.float64), staff.people, staff.salary)
            yield Entry(Account(Category.STAFF, index), charge)


def used_sites(books: Books) -> list[int]:
    """Sites where a node stands or may be ordered, or with a pool on which a workload may run."""
    plan = books.plan
    options = [
        *(training.options for training in plan.trainings),
        *(service.options for service in plan.services),
    ]
    placed = {option.pool for choice in options for option in choice}
    used = (n for n, pool in enumerate(plan.pools) if pool.standing or pool.orders or n in placed)
    return sorted({plan.pools[n].site for n in used})


def owned_s(books: Books, index: int) -> Floats:
    """Node-seconds by month for which nodes of a pool were ours."""
    from_s = books.records.nodes.from_s[books.records.nodes.pool == index]
    return _together_s(from_s, np.full_like(from_s, books.plan.horizon_s), books.edges_s)


def delivered(books: Books, index: int) -> Ints:
    """Nodes of a pool that were delivered, by month."""
    nodes = books.records.nodes
    from_s = nodes.from_s[(nodes.pool == index) & (nodes.order != STOOD)]
    month = np.searchsorted(books.edges_s, from_s, side="right") - 1
    counts: Ints = np.bincount(month, minlength=books.months)
    return counts


def within_life_s(books: Books, index: int, pool: OwnedPool) -> Floats:
    """Node-seconds by month for which nodes of a pool were ours and within their life."""
    nodes, horizon_s = books.records.nodes, books.plan.horizon_s
    from_s = nodes.from_s[nodes.pool == index]
    return _together_s(from_s, life_ends_s(nodes, index, pool, horizon_s), books.edges_s)


def life_ends_s(nodes: Nodes, index: int, pool: OwnedPool, horizon_s: int) -> Ints:
    """Until when each node of a pool is within its life [s]: to the horizon at most, and never if too old.

    Nodes that stood at the start had the pool's `age` then; what is delivered is new.
    """
    here = nodes.pool == index
    from_s, stood = nodes.from_s[here], nodes.order[here] == STOOD
    left_s = np.where(stood, max(int(pool.life) - int(pool.age), 0), int(pool.life))
    ends_s: Ints = np.minimum(from_s + left_s, horizon_s)
    return ends_s


def down_s(books: Books, index: int) -> Floats:
    """Node-seconds by month for which nodes of a pool were down."""
    outages = books.records.outages
    here = outages.pool == index
    return _together_s(outages.start_s[here], outages.end_s[here], books.edges_s)


def _together_s(start_s: Ints, end_s: Ints, edges_s: Ints) -> Floats:
    one, together = np.ones_like(start_s), np.zeros_like(start_s)
    seconds: Ints = open_s(start_s, end_s, one, edges_s, group=together, groups=1)[0]
    return seconds.astype(np.float64)
