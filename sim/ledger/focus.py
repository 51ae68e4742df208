"""The ledger in the words of FOCUS 1.4, the FinOps Open Cost and Usage Specification (https://focus.finops.org)."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sim.calendar import month_edges, month_labels
from sim.columns import Columns, Gaps, Words
from sim.ledger.postings import MICRO, NONE, Category, Ledger
from sim.policies.plan import Plan, Purchase
from sim.scenario.model import Scenario

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
USED, PRICED = (
    np.array([TERMS[category].charge in charges for category in Category])
    for charges in (("Usage",), ("Usage", "Purchase"))
)
"""Whether a category is consumed, and whether it has a price."""
OWN = np.array([TERMS[category].own for category in Category])
WORDS = {
    name: tuple(getattr(TERMS[category], name) for category in Category)
    for name in ("service_name", "service_category", "unit", "description", "charge", "frequency")
}
CATEGORIES = tuple(category.name.lower() for category in Category)
PRICINGS = ("Standard", "Dynamic", None)


def focus_rows(ledger: Ledger, scenario: Scenario, plan: Plan) -> Columns:
    """One row a posting, as columns with FOCUS names; ours begin with `x_` and come last.

    FOCUS wants costs as decimals. Ours are floats for the tools that read them; floats add up to other sums
    in another order, so the exact amounts stand beside them as 64-bit integers, `x_BilledMicros` and
    `x_EffectiveMicros`, which every reader of Parquet gives back bit for bit. List and contracted cost are
    unit price x quantity, not rounded; an adjustment has no price, and its list cost is the adjustment.
    """
    used, priced = USED[ledger.category], PRICED[ledger.category]
    listed, unit_price = ledger.unit_price * ledger.quantity, Gaps(ledger.unit_price, priced)
    issuers = _issuers(ledger, scenario, plan)
    pools = tuple(pool.path for pool in plan.pools)

    def termed(name: str) -> Words:
        return Words(ledger.category, WORDS[name])

    def unit(holds: Flags) -> Words:
        return Words(np.where(holds, ledger.category, NONE), (*WORDS["unit"], None))

    return {
        "BilledCost": ledger.billed_micro / MICRO,
        "BillingAccountId": issuers,
        "BillingAccountName": issuers,
        "BillingCurrency": [scenario.currency] * len(ledger),
        **_periods(ledger, scenario, plan),
        "ChargeCategory": termed("charge"),
        "ChargeClass": [None] * len(ledger),
        "ChargeDescription": termed("description"),
        "ChargeFrequency": termed("frequency"),
        "ConsumedQuantity": Gaps(ledger.quantity, used),
        "ConsumedUnit": unit(used),
        "ContractedCost": listed,
        "ContractedUnitPrice": unit_price,
        "EffectiveCost": ledger.amount_micro / MICRO,
        "HostProviderName": issuers,
        "InvoiceIssuerName": issuers,
        "ListCost": listed,
        "ListUnitPrice": unit_price,
        "PricingCategory": _pricing(ledger, plan, priced),
        "PricingQuantity": Gaps(ledger.quantity, priced),
        "PricingUnit": unit(priced),
        "RegionId": Words(ledger.site, tuple(scenario.sites[site].location for site in plan.sites)),
        "ServiceCategory": termed("service_category"),
        "ServiceName": termed("service_name"),
        "ServiceProviderName": issuers,
        "x_BilledMicros": ledger.billed_micro,
        "x_Category": Words(ledger.category, CATEGORIES),
        "x_Dataset": _named(ledger.dataset, plan.datasets),
        "x_EffectiveMicros": ledger.amount_micro,
        "x_Month": Words(ledger.month, month_labels(scenario.start, plan.horizon_s)),
        "x_Pool": _named(ledger.pool, pools),
        "x_Site": Words(ledger.site, tuple(plan.sites)),
        "x_Workload": _named(ledger.workload, tuple(scenario.workloads)),
    }


def _issuers(ledger: Ledger, scenario: Scenario, plan: Plan) -> Words:
    """Who sends the bill: the provider of the site, or the site itself where it is ours."""
    providers = (scenario.sites[site].provider or site for site in plan.sites)
    return Words(ledger.site + len(plan.sites) * OWN[ledger.category], (*providers, *plan.sites))


def _pricing(ledger: Ledger, plan: Plan, priced: Flags) -> Words:
    """Dynamic where spot accelerators were rented, Standard elsewhere, null where nothing is priced."""
    is_spot = np.array([pool.purchase is Purchase.SPOT for pool in plan.pools] + [False])
    rented = ledger.category == Category.ACCELERATORS
    return Words(np.where(priced, (rented & is_spot[ledger.pool]).astype(np.int64), NONE), PRICINGS)


def _periods(ledger: Ledger, scenario: Scenario, plan: Plan) -> dict[str, Words]:
    """A calendar month is billed; what is charged in it lies within the horizon. Ends are exclusive."""
    months = _months(scenario.start, plan.horizon_s)
    return {name: Words(ledger.month, moments) for name, moments in months.items()}


@lru_cache(maxsize=8)
def _months(start: dt.date, horizon_s: int) -> Mapping[str, tuple[str, ...]]:
    """When each month of the horizon begins and ends, as it is billed and as it is charged."""
    edges = [_moment(start, edge_s) for edge_s in month_edges(start, horizon_s).tolist()]
    firsts = [dt.date.fromisoformat(f"{month}-01") for month in month_labels(start, horizon_s)]
    ends = [(first + dt.timedelta(days=31)).replace(day=1) for first in firsts]
    return {
        "BillingPeriodStart": tuple(map(_moment, firsts)),
        "BillingPeriodEnd": tuple(map(_moment, ends)),
        "ChargePeriodStart": tuple(edges[:-1]),
        "ChargePeriodEnd": tuple(edges[1:]),
    }


def _moment(date: dt.date, seconds: int = 0) -> str:
    """The moment `seconds` after the midnight at which a day begins."""
    midnight = dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC)
    return f"{midnight + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def _named(positions: Ints, names: tuple[str, ...]) -> Words:
    """Names for positions; null where there is none, which is at -1: the last of what there is to choose."""
    assert NONE == -1
    return Words(positions, (*names, None))
