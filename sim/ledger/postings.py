"""The ledger: postings in whole micro-units of the currency, and their totals.

Every rule fills accounts, one amount a month. A posting is an account's month, rounded once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.ledger.rules import Charge

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MICRO = 1_000_000
NONE = -1
"""Stands in an account for a pool, workload or dataset to which it does not belong."""


class Category(IntEnum):
    """What a posting is for, and the unit of its quantity."""

    PURCHASE = 0
    """Nodes that were delivered: billed whole, and nothing by themselves, nodes."""
    AMORTISATION = 1
    """Price of owned nodes over their life, node-hours."""
    RESALE = 2
    """Taken off that: their expected resale value over their life, node-hours."""
    SUPPORT = 3
    """Support contracts, node-years."""
    POWER = 4
    """Electricity, kWh."""
    STAFF = 5
    """People, person-years."""
    ACCELERATORS = 6
    """Rented accelerators, accelerator-hours."""
    STORAGE = 7
    """Data at rest, GB-months."""
    EGRESS = 8
    """Data that left a site, GB."""
    TRANSFER = 9
    """Data copied over a link, GB."""


BILLED_BEFORE = (Category.AMORTISATION, Category.RESALE)
"""What spreads a bill that was sent when hardware was bought: a cost, but no bill."""
SPREAD_LATER = (Category.PURCHASE,)
"""What is billed at once and becomes a cost by and by, under another category: a bill, but no cost."""

COSTS = np.array([category not in SPREAD_LATER for category in Category])
BILLED = np.array([category not in BILLED_BEFORE for category in Category])
"""By category."""


class Account(NamedTuple):
    """Where a cost belongs: positions in the plan, of the workload among all of the scenario, or NONE."""

    category: Category
    site: int
    pool: int = NONE
    workload: int = NONE
    dataset: int = NONE


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What a rule charges to an account, month by month."""

    account: Account
    charge: Charge
    leased_s: Ints | None = None
    """[accelerator-s] of rented accelerators."""


Column = Literal["month", "site", "pool", "workload", "dataset", "category"]


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """Postings as equally long columns: one for each month, category, site, pool, workload and dataset."""

    month: Ints
    """Calendar months since the one in which the scenario starts."""
    site: Ints
    pool: Ints
    """-1 for what belongs to no pool."""
    workload: Ints
    """Position among all workloads of the scenario; -1 for what they share."""
    dataset: Ints
    """-1 for what is not about a dataset."""
    category: Ints
    quantity: Floats
    """What was priced, in the category's unit."""
    unit_price: Floats
    """Price x quantity before rounding / quantity: the mean price where it changed within the month."""
    amount_micro: Ints
    """The cost [micro-USD], rounded half to even: FOCUS's effective cost."""
    billed_micro: Ints
    """What is billed in the month [micro-USD]; it differs where hardware is bought and written off."""
    leased_s: Ints
    """[accelerator-s] billed; 0 in other categories than ACCELERATORS."""

    def __len__(self) -> int:
        """The number of postings."""
        return len(self.month)


def ledger_of(entries: Iterable[Entry], months: int) -> Ledger:
    """The postings of all entries.

    Left out are months in which an account has no quantity, and accounts that cost nothing in any month (what
    has no price), unless they tell of rented accelerators.
    """
    kept = [entry for entry in entries if entry.charge.cost_usd.any() or entry.leased_s is not None]
    kept.sort(key=lambda entry: entry.account)
    assert len({entry.account for entry in kept}) == len(kept), "two entries fill the same account"
    accounts = np.array([entry.account for entry in kept], dtype=np.int64).reshape(-1, len(Account._fields))
    quantity = np.array([entry.charge.quantity for entry in kept]).reshape(-1, months)
    cost_usd = np.array([entry.charge.cost_usd for entry in kept]).reshape(-1, months)
    none = np.zeros(months, dtype=np.int64)
    leased_s = np.array([none if e.leased_s is None else e.leased_s for e in kept]).reshape(-1, months)
    month, row = np.nonzero(quantity.T)
    category, site, pool, workload, dataset = accounts[row].T
    micro = np.rint(cost_usd[row, month] * MICRO).astype(np.int64)
    return Ledger(
        month, site, pool, workload, dataset, category, quantity[row, month],
        cost_usd[row, month] / quantity[row, month],
        np.where(COSTS[category], micro, 0),
        np.where(BILLED[category], micro, 0),
        leased_s[row, month].astype(np.int64),
    )  # fmt: skip


def total_micro(ledger: Ledger) -> int:
    """The sum of all postings [micro-USD], exact."""
    return int(ledger.amount_micro.sum())


def total_usd(ledger: Ledger) -> float:
    """The sum of all postings [USD]: added as integers, divided once."""
    return total_micro(ledger) / MICRO


def micro_by(ledger: Ledger, column: Column) -> dict[int, int]:
    """Totals [micro-USD] by month, category, site, pool, workload or dataset, in rising order; exact.

    What costs nothing is left out.
    """
    sums = _sums(getattr(ledger, column), ledger.amount_micro)
    return {key: micro for key, micro in sums.items() if micro}


def billed_accelerator_s(ledger: Ledger) -> dict[int, int]:
    """Accelerator-seconds billed, by rented pool; exactly what the leases on it lasted."""
    rented = ledger.category == Category.ACCELERATORS
    return _sums(ledger.pool[rented], ledger.leased_s[rented])


def _sums(keys: Ints, values: Ints) -> dict[int, int]:
    """Sums of values by key, in rising order of the keys there are."""
    first = int(keys.min(initial=0))
    sums = np.zeros(int(keys.max(initial=0)) - first + 1, dtype=np.int64)
    np.add.at(sums, keys - first, values)
    known = np.flatnonzero(np.bincount(keys - first))
    return dict(zip((known + first).tolist(), sums[known].tolist(), strict=True))
