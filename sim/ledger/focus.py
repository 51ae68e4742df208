"""The ledger in the words of FOCUS 1.4, the FinOps Open Cost and Usage Specification (https://focus.finops.org)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.calendar import month_edges, month_labels
from sim.ledger.postings import MICRO, NONE, Category, Ledger
from sim.policies.plan import Plan, Purchase
from sim.scenario.model import Scenario

Column = list[str] | list[str | None] | list[int] | list[float] | list[float | None]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Terms:
    """What FOCUS calls a category of ours."""

    service_name: str
    service_category: str
    unit: str
    description: str
    charge: str = "Usage"
    frequency: str = "Usage-Based"
    own: bool = False
    """Whether it is ours, whoever runs the site: what we own and whom we employ."""


TERMS = {
    Category.PURCHASE: Terms(
        "Owned nodes", "Compute", "Nodes", "Nodes delivered, at their price", "Purchase", "One-Time", own=True
    ),
    Category.AMORTISATION: Terms(
        "Owned nodes", "Compute", "Node-Hours", "Price of nodes over their life", frequency="Recurring",
        own=True,
    ),
    Category.RESALE: Terms(
        "Owned nodes", "Compute", "Node-Hours", "Expected resale value of nodes, taken off over their life",
        "Adjustment", "Recurring", own=True,
    ),
    Category.SUPPORT: Terms(
        "Hardware support", "Compute", "Node-Years", "Support contracts of nodes", frequency="Recurring",
        own=True,
    ),
    Category.POWER: Terms("Electricity", "Other", "kWh", "Electricity at the meter of the site"),
    Category.STAFF: Terms(
        "Staff", "Other", "Person-Years", "People who run the site", frequency="Recurring", own=True
    ),
    Category.ACCELERATORS: Terms(
        "Rented accelerators", "Compute", "Accelerator-Hours", "Accelerators rented by the second"
    ),
    Category.STORAGE: Terms("Storage", "Storage", "GB-Months", "Data at rest"),
    Category.EGRESS: Terms("Egress", "Networking", "GB", "Data that left the site"),
    Category.TRANSFER: Terms("Transfer between sites", "Networking", "GB", "Data copied over a link"),
}  # fmt: skip


def focus_rows(ledger: Ledger, scenario: Scenario, plan: Plan) -> dict[str, Column]:
    """One row a posting, as columns with FOCUS names; ours begin with `x_` and come last.

    FOCUS wants costs as decimals. Ours are floats for the tools that read them; floats add up to other sums
    in another order, so the exact amounts stand beside them as 64-bit integers, `x_BilledMicros` and
    `x_EffectiveMicros`, which every reader of Parquet gives back bit for bit. List and contracted cost are
    unit price x quantity, not rounded; an adjustment has no price, and its list cost is the adjustment.
    """
    terms = [TERMS[category] for category in Category]
    used, priced = (
        np.array([term.charge in charges for term in terms])[ledger.category]
        for charges in (("Usage",), ("Usage", "Purchase"))
    )
    listed: list[float] = (ledger.unit_price * ledger.quantity).tolist()
    unit_price = _where(priced, ledger.unit_price)
    units = np.array([term.unit for term in terms], dtype=object)[ledger.category]
    issuers = _issuers(ledger, scenario, plan)
    none: list[str | None] = [None] * len(ledger)

    def termed(name: str) -> list[str]:
        return _words(ledger.category, [getattr(term, name) for term in terms])

    return {
        "BilledCost": (ledger.billed_micro / MICRO).tolist(),
        "BillingAccountId": issuers,
        "BillingAccountName": issuers,
        "BillingCurrency": [scenario.currency] * len(ledger),
        **_periods(ledger, scenario, plan),
        "ChargeCategory": termed("charge"),
        "ChargeClass": none,
        "ChargeDescription": termed("description"),
        "ChargeFrequency": termed("frequency"),
        "ConsumedQuantity": _where(used, ledger.quantity),
        "ConsumedUnit": _where(used, units),
        "ContractedCost": listed,
        "ContractedUnitPrice": unit_price,
        "EffectiveCost": (ledger.amount_micro / MICRO).tolist(),
        "HostProviderName": issuers,
        "InvoiceIssuerName": issuers,
        "ListCost": listed,
        "ListUnitPrice": unit_price,
        "PricingCategory": _where(priced, _pricing(ledger, plan)),
        "PricingQuantity": _where(priced, ledger.quantity),
        "PricingUnit": _where(priced, units),
        "RegionId": _words(ledger.site, [scenario.sites[site].location for site in plan.sites]),
        "ServiceCategory": termed("service_category"),
        "ServiceName": termed("service_name"),
        "ServiceProviderName": issuers,
        "x_BilledMicros": ledger.billed_micro.tolist(),
        "x_Category": _words(ledger.category, [category.name.lower() for category in Category]),
        "x_Dataset": _named(ledger.dataset, plan.datasets),
        "x_EffectiveMicros": ledger.amount_micro.tolist(),
        "x_Month": _words(ledger.month, month_labels(scenario.start, plan.horizon_s)),
        "x_Pool": _named(ledger.pool, [pool.path for pool in plan.pools]),
        "x_Site": _words(ledger.site, plan.sites),
        "x_Workload": _named(ledger.workload, list(scenario.workloads)),
    }


def _issuers(ledger: Ledger, scenario: Scenario, plan: Plan) -> list[str]:
    """Who sends the bill: the provider of the site, or the site itself where it is ours."""
    providers = [scenario.sites[site].provider or site for site in plan.sites]
    own = np.array([TERMS[category].own for category in Category])[ledger.category]
    return _words(ledger.site + len(plan.sites) * own, [*providers, *plan.sites])


def _where(holds: Flags, cells: NDArray[Any]) -> list[Any]:
    """The cells, null where it does not hold."""
    found = cells.astype(object)
    found[~holds] = None
    kept: list[Any] = found.tolist()
    return kept


def _pricing(ledger: Ledger, plan: Plan) -> NDArray[Any]:
    """Dynamic where spot accelerators were rented, Standard elsewhere."""
    spot = [pool for pool, facts in enumerate(plan.pools) if facts.purchase is Purchase.SPOT]
    rented = ledger.category == Category.ACCELERATORS
    return np.where(rented & np.isin(ledger.pool, spot), "Dynamic", "Standard")


def _periods(ledger: Ledger, scenario: Scenario, plan: Plan) -> dict[str, list[str]]:
    """A calendar month is billed; what is charged in it lies within the horizon. Ends are exclusive."""
    months = _months(scenario.start, plan.horizon_s)
    return {name: _words(ledger.month, moments) for name, moments in months.items()}


@lru_cache(maxsize=8)
def _months(start: dt.date, horizon_s: int) -> Mapping[str, list[str]]:
    """When each month of the horizon begins and ends, as it is billed and as it is charged."""
    edges = [_moment(start, edge_s) for edge_s in month_edges(start, horizon_s).tolist()]
    firsts = [dt.date.fromisoformat(f"{month}-01") for month in month_labels(start, horizon_s)]
    return {
        "BillingPeriodStart": [_moment(first) for first in firsts],
        "BillingPeriodEnd": [_moment((first + dt.timedelta(days=31)).replace(day=1)) for first in firsts],
        "ChargePeriodStart": edges[:-1],
        "ChargePeriodEnd": edges[1:],
    }


def _moment(date: dt.date, seconds: int = 0) -> str:
    """The moment `seconds` after the midnight at which a day begins."""
    midnight = dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC)
    return f"{midnight + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def _words(positions: Ints, words: Sequence[str]) -> list[str]:
    """Words for positions among them."""
    found: list[str] = np.array(words, dtype=object)[positions].tolist()
    return found


def _named(positions: Ints, names: Sequence[str]) -> list[str | None]:
    """Names for positions; null where there is none, which is at -1: the last of what there is to choose."""
    assert NONE == -1
    found: list[str | None] = np.array([*names, None], dtype=object)[positions].tolist()
    return found
