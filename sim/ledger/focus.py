"""The ledger in the words of FOCUS 1.4, the FinOps Open Cost and Usage Specification (https://focus.finops.org)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from sim.calendar import month_edges, month_labels
from sim.ledger.postings import MICRO, NONE, Category, Ledger
from sim.policies.plan import Plan, Purchase
from sim.scenario.model import Scenario

Column = list[str] | list[str | None] | list[int] | list[float] | list[float | None]
Cell = TypeVar("Cell", str, float)


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
    terms = [TERMS[Category(code)] for code in ledger.category.tolist()]
    used = [term.charge == "Usage" for term in terms]
    priced = [term.charge != "Adjustment" for term in terms]
    listed: list[float] = (ledger.unit_price * ledger.quantity).tolist()
    quantity, unit_price = ledger.quantity.tolist(), _where(priced, ledger.unit_price.tolist())
    units = [term.unit for term in terms]
    sites = [plan.sites[site] for site in ledger.site.tolist()]
    issuers = [
        site if term.own else scenario.sites[site].provider or site
        for site, term in zip(sites, terms, strict=True)
    ]
    no_corrections: list[str | None] = [None] * len(ledger)
    return {
        "BilledCost": (ledger.billed_micro / MICRO).tolist(),
        "BillingAccountId": issuers,
        "BillingAccountName": issuers,
        "BillingCurrency": [scenario.currency] * len(ledger),
        **_periods(ledger, scenario, plan),
        "ChargeCategory": [term.charge for term in terms],
        "ChargeClass": no_corrections,
        "ChargeDescription": [term.description for term in terms],
        "ChargeFrequency": [term.frequency for term in terms],
        "ConsumedQuantity": _where(used, quantity),
        "ConsumedUnit": _where(used, units),
        "ContractedCost": listed,
        "ContractedUnitPrice": unit_price,
        "EffectiveCost": (ledger.amount_micro / MICRO).tolist(),
        "HostProviderName": issuers,
        "InvoiceIssuerName": issuers,
        "ListCost": listed,
        "ListUnitPrice": unit_price,
        "PricingCategory": _where(priced, _pricing(ledger, plan)),
        "PricingQuantity": _where(priced, quantity),
        "PricingUnit": _where(priced, units),
        "RegionId": [scenario.sites[site].location for site in sites],
        "ServiceCategory": [term.service_category for term in terms],
        "ServiceName": [term.service_name for term in terms],
        "ServiceProviderName": issuers,
        "x_BilledMicros": ledger.billed_micro.tolist(),
        "x_Category": [Category(code).name.lower() for code in ledger.category.tolist()],
        "x_Dataset": _named(ledger.dataset.tolist(), plan.datasets),
        "x_EffectiveMicros": ledger.amount_micro.tolist(),
        "x_Month": _named(ledger.month.tolist(), month_labels(scenario.start, plan.horizon_s)),
        "x_Pool": _named(ledger.pool.tolist(), [pool.path for pool in plan.pools]),
        "x_Site": sites,
        "x_Workload": _named(ledger.workload.tolist(), list(scenario.workloads)),
    }


def _where(holds: Sequence[bool], cells: Sequence[Cell]) -> list[Cell | None]:
    """The cells, null where it does not hold."""
    return [cell if here else None for here, cell in zip(holds, cells, strict=True)]


def _pricing(ledger: Ledger, plan: Plan) -> list[str]:
    """Dynamic where spot accelerators were rented, Standard elsewhere."""
    spot = {pool for pool, facts in enumerate(plan.pools) if facts.purchase is Purchase.SPOT}
    rows = zip(ledger.pool.tolist(), ledger.category.tolist(), strict=True)
    dynamic = (category == Category.ACCELERATORS and pool in spot for pool, category in rows)
    return ["Dynamic" if moves else "Standard" for moves in dynamic]


def _periods(ledger: Ledger, scenario: Scenario, plan: Plan) -> dict[str, list[str]]:
    """A calendar month is billed; what is charged in it lies within the horizon. Ends are exclusive."""
    edges_s = month_edges(scenario.start, plan.horizon_s).tolist()
    firsts = [dt.date.fromisoformat(f"{month}-01") for month in month_labels(scenario.start, plan.horizon_s)]
    nexts = [(first + dt.timedelta(days=31)).replace(day=1) for first in firsts]
    months = ledger.month.tolist()
    return {
        "BillingPeriodStart": [_moment(firsts[month]) for month in months],
        "BillingPeriodEnd": [_moment(nexts[month]) for month in months],
        "ChargePeriodStart": [_moment(scenario.start, edges_s[month]) for month in months],
        "ChargePeriodEnd": [_moment(scenario.start, edges_s[month + 1]) for month in months],
    }


def _moment(date: dt.date, seconds: int = 0) -> str:
    """The moment `seconds` after the midnight at which a day begins."""
    midnight = dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC)
    return f"{midnight + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def _named(positions: list[int], names: Sequence[str]) -> list[str | None]:
    """Names for positions; null where there is none."""
    return [None if position == NONE else names[position] for position in positions]
