"""Data: kept at sites, copied over links, and sent out of sites."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.ledger import rules
from sim.ledger.books import Books
from sim.ledger.integrals import overlap_s, spread
from sim.ledger.postings import Account, Category, Entry

Floats = NDArray[np.float64]
BITS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """A dataset's way to another site, and what moved on it by month."""

    dataset: int
    source: int
    target: int
    link: int
    ready_s: int
    """-1 when it is still under way at the horizon."""
    moved_bytes: Floats


def copies(books: Books) -> list[Copy]:
    """The transfers of a run, with what moved by month.

    First the dataset as it was when it was asked for, evenly over the time that this takes; when it has
    arrived, what the dataset has grown since then; from then on its growth, as it happens. So at the horizon
    a copy that has arrived has received what the dataset holds.
    """
    t = books.records.transfers
    columns = (t.dataset, t.source, t.target, t.link, t.size_bytes, t.asked_s, t.start_s, t.end_s)
    found: list[Copy] = []
    for row in zip(*(column.tolist() for column in columns), strict=True):
        dataset, source, target, link, size_bytes, asked_s, start_s, end_s = row
        if start_s < 0:
            continue
        if end_s < 0:
            length_s = size_bytes * BITS / books.plan.routes[source, target].bandwidth_bps
            moved = spread(size_bytes, start_s, length_s, books.edges_s)
        else:
            growth = books.plan.dataset_growth_bytes_per_s[dataset]
            moved = spread(size_bytes, start_s, end_s - start_s, books.edges_s)
            moved += spread(growth * (end_s - asked_s), end_s, 0, books.edges_s)
            moved += growth * overlap_s(end_s, books.plan.horizon_s, books.edges_s)
        found.append(Copy(dataset, source, target, link, end_s, moved))
    return found


def storage(books: Books, copied: list[Copy]) -> Iterator[Entry]:
    """Each dataset at its home from the start on, and each copy from its arrival on."""
    kept = [(dataset, home, 0) for dataset, home in enumerate(books.plan.dataset_home)]
    kept += [(copy.dataset, copy.target, copy.ready_s) for copy in copied if copy.ready_s >= 0]
    for dataset, site, from_s in kept:
        price = books.site(site).storage
        if price is not None:
            charge = rules.storage(kept_byte_s(books, dataset, from_s), price.price)
            yield Entry(Account(Category.STORAGE, site, dataset=dataset), charge)


def kept_byte_s(books: Books, dataset: int, from_s: int) -> Floats:
    """Byte-seconds by month of a dataset that is kept from a moment on and has grown since the start.

    size(t) = size + growth x t, so [a, b) holds size x (b - a) + growth x (b^2 - a^2) / 2.
    """
    size, growth = books.plan.dataset_bytes[dataset], books.plan.dataset_growth_bytes_per_s[dataset]
    kept_s = np.maximum(books.edges_s, from_s).astype(np.float64)
    return size * np.diff(kept_s) + growth * np.diff(kept_s**2) / 2


def transfers(books: Books, copied: list[Copy]) -> Iterator[Entry]:
    """What moved over links, charged to the site that wanted the copy."""
    for copy in copied:
        if copy.link >= 0:
            charge = rules.transfer(copy.moved_bytes, books.scenario.network[copy.link].price)
            yield Entry(Account(Category.TRANSFER, copy.target, dataset=copy.dataset), charge)


def egress(books: Books, copied: list[Copy]) -> Iterator[Entry]:
    """What left each site that has a price for it: responses to users anywhere, and copies of datasets."""
    senders = {**responses(books), **copied_away(books, copied)}
    for site in range(len(books.plan.sites)):
        price = books.site(site).egress
        here = [account for account in senders if account.site == site]
        if price is not None and here:
            charge = rules.egress(np.array([senders[account] for account in here]), price.tiers)
            for n, account in enumerate(here):
                yield Entry(account, rules.Charge(charge.quantity[n], charge.cost_usd[n]))


def responses(books: Books) -> dict[Account, Floats]:
    """Bytes by month that services sent to their users, by pool and service."""
    traffic, pools, services = books.traffic, books.plan.pools, books.services.tolist()
    sent = np.zeros((len(pools), len(services), books.months))
    np.add.at(sent, (traffic.pool, traffic.service, traffic.month), traffic.size_bytes)
    return {
        Account(Category.EGRESS, pools[pool].site, pool, workload): sent[pool, service]
        for pool in range(len(pools))
        for service, workload in enumerate(services)
        if sent[pool, service].any()
    }


def copied_away(books: Books, copied: list[Copy]) -> dict[Account, Floats]:
    """Bytes by month that left a site as copies of a dataset."""
    sent: dict[Account, Floats] = {}
    for copy in copied:
        account = Account(Category.EGRESS, copy.source, dataset=copy.dataset)
        sent[account] = sent.get(account, np.zeros(books.months)) + copy.moved_bytes
    return sent
