"""What we own, the electricity that it draws and the people who run the sites."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sim.ledger import rules
from sim.ledger.books import Books
from sim.ledger.integrals import open_s
from sim.ledger.postings import Account, Category, Entry
from sim.policies.plan import Purchase
from sim.scenario.sites import OwnedPool

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def hardware(books: Books) -> Iterator[Entry]:
    """The nodes of each owned pool, and their electricity."""
    for index, plan in enumerate(books.plan.pools):
        if plan.purchase is Purchase.OWNED:
            pool = books.pool(index)
            assert isinstance(pool, OwnedPool), f"{plan.path} is not owned"
            yield from nodes(books, index, pool)
            yield from electricity(books, index, pool)


def nodes(books: Books, index: int, pool: OwnedPool) -> Iterator[Entry]:
    """Nodes are ours from delivery to the horizon, and written off over their life; sold ones pay at once."""
    site, node = books.plan.pools[index].site, pool.node
    standing_s = owned_s(books, index, books.plan.horizon_s)
    young_s = owned_s(books, index, int(pool.life))
    sold = np.zeros(books.months)
    sold[0] = books.records.sold.nodes[books.records.sold.pool == index].sum()
    for category, charge in (
        (Category.AMORTISATION, rules.amortisation(young_s, node.price, pool.life)),
        (Category.RESALE, rules.resale(young_s, node.price, pool.resale, pool.life)),
        (Category.SALE, rules.sale(sold, node.price, pool.resale)),
        (Category.SUPPORT, rules.support(standing_s, node.price, node.support)),
    ):
        yield Entry(Account(category, site, index), charge)


def electricity(books: Books, index: int, pool: OwnedPool) -> Iterator[Entry]:
    """What nodes draw whenever they are up is shared; what leases add to it is charged to their workloads."""
    site = books.plan.pools[index].site
    supply, node = books.site(site).power, pool.node
    if supply is None:
        return
    up_s = owned_s(books, index, books.plan.horizon_s) - down_s(books, index)
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


def owned_s(books: Books, index: int, at_most_s: int) -> Floats:
    """Node-seconds by month for which nodes of a pool were ours, of each no more than `at_most_s`."""
    from_s = books.records.nodes.from_s[books.records.nodes.pool == index]
    return _together_s(from_s, np.minimum(from_s + at_most_s, books.plan.horizon_s), books.edges_s)


def down_s(books: Books, index: int) -> Floats:
    """Node-seconds by month for which nodes of a pool were down."""
    outages = books.records.outages
    here = outages.pool == index
    return _together_s(outages.start_s[here], outages.end_s[here], books.edges_s)


def _together_s(start_s: Ints, end_s: Ints, edges_s: Ints) -> Floats:
    one, together = np.ones_like(start_s), np.zeros_like(start_s)
    seconds: Ints = open_s(start_s, end_s, one, edges_s, group=together, groups=1)[0]
    return seconds.astype(np.float64)
