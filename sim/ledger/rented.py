"""Rented accelerators: billed from start to end of a lease, boot included, at the price of each moment."""

from collections.abc import Iterator

import numpy as np

from sim.ledger import rules
from sim.ledger.books import Books
from sim.ledger.postings import Account, Category, Entry
from sim.scenario.sites import OwnedPool, PricePath
from sim.world.world import Prices


def accelerators(books: Books) -> Iterator[Entry]:
    """The leases on each rented pool, by workload."""
    for index, plan in enumerate(books.plan.pools):
        prices = price_path(books, index)
        if prices is None:
            continue
        edges_s = np.union1d(books.edges_s, prices.change_s[prices.change_s < books.plan.horizon_s])
        first_steps = np.searchsorted(edges_s, books.edges_s[:-1])
        price_per_h = prices.price_per_h[np.searchsorted(prices.change_s, edges_s[:-1], side="right") - 1]
        for workload, leased_s in enumerate(books.leased_s(index, edges_s)):
            if leased_s.any():
                yield Entry(
                    Account(Category.ACCELERATORS, plan.site, index, workload),
                    rules.rental(leased_s, price_per_h, first_steps),
                    np.add.reduceat(leased_s, first_steps),
                )


def price_path(books: Books, index: int) -> Prices | None:
    """The price of a rented pool from 0 on; None for a pool that we own."""
    path = books.plan.pools[index].path
    pool = books.pool(index)
    if isinstance(pool, OwnedPool):
        return None
    if path in books.prices:
        return books.prices[path]
    assert not isinstance(pool.price, PricePath), f"the price of {path} was not sampled"
    return Prices(np.zeros(1, dtype=np.int64), np.array([pool.price]))
