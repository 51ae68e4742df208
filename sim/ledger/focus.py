"""The ledger in the words of FOCUS 1.4, the FinOps Open Cost and Usage Specification (https://focus.finops.org)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sim.calendar import month_edges, month_labels
from sim.ledger.postings import MICRO, NONE, Category, Ledger
from sim.policies.plan import Plan, Purchase
from sim.scenario.model import Scenario

Column = list[str] | list[str | None] | list[int] | list[float] | list[float | None]


@dataclass(frozen=True, slots=True)
class Terms:
    """What FOCUS calls a category of ours."""

    service_name: str
    service_category: str
    unit: str
    charge: str = "Usage"
    frequency: str = "Usage-Based"


TERMS = {
    Category.AMORTISATION: Terms("Owned nodes", "Compute", "Node-Hours", frequency="Recurring"),
    Category.RESALE: Terms("Owned nodes", "Compute", "Node-Hours", "Credit", "Recurring"),
    Category.SUPPORT: Terms("Hardware support", "Compute", "Node-Years", frequency="Recurring"),
    Category.POWER: Terms("Electricity", "Other", "kWh"),
    Category.STAFF: Terms("Staff", "Other", "Person-Years", frequency="Recurring"),
    Category.ACCELERATORS: Terms("Rented accelerators", "Compute", "Accelerator-Hours"),
    Category.STORAGE: Terms("Storage", "Storage", "GB-Months"),
    Category.EGRESS: Terms("Egress", "Networking", "GB"),
    Category.TRANSFER: Terms("Transfer between sites", "Networking", "GB"),
}


def focus_rows(ledger: Ledger, scenario: Scenario, plan: Plan) -> dict[str, Column]:
    """One row a posting, as columns with FOCUS names; ours begin with `x_` and come last.

    FOCUS wants costs as decimals. `BilledCost` is a float for the tools that read it; floats add up to other
    sums in another order, so the exact amount stands beside it as the 64-bit integer `x_BilledMicros`, which
    every reader of Parquet gives back bit for bit. List and contracted cost are unit price x quantity, not
    rounded.
    """
    terms = [TERMS[Category(code)] for code in ledger.category.tolist()]
    usage = [term.charge == "Usage" for term in terms]
    micros, quantity = ledger.amount_micro.tolist(), ledger.quantity.tolist()
    unit_price = ledger.unit_price.tolist()
    billed = [micro / MICRO for micro in micros]
    listed = [price * amount for price, amount in zip(unit_price, quantity, strict=True)]
    units = [term.unit for term in terms]
    sites, provider = _places(ledger, scenario, plan)
    return {
        "BilledCost": billed,
        "BillingAccountId": provider,
        "BillingCurrency": [scenario.currency] * len(ledger),
        **_periods(ledger, scenario, plan),
        "ChargeCategory": [term.charge for term in terms],
        "ChargeFrequency": [term.frequency for term in terms],
        "ConsumedQuantity": [x if used else None for x, used in zip(quantity, usage, strict=True)],
        "ConsumedUnit": [x if used else None for x, used in zip(units, usage, strict=True)],
        "ContractedCost": listed,
        "ContractedUnitPrice": unit_price,
        "EffectiveCost": billed,
        "HostProviderName": provider,
        "InvoiceIssuerName": provider,
        "ListCost": listed,
        "ListUnitPrice": unit_price,
        "PricingCategory": _pricing(ledger, plan),
        "PricingQuantity": quantity,
        "PricingUnit": units,
        "RegionId": [scenario.sites[site].location for site in sites],
        "ServiceCategory": [term.service_category for term in terms],
        "ServiceName": [term.service_name for term in terms],
        "ServiceProviderName": provider,
        "x_BilledMicros": micros,
        "x_Category": [Category(code).name.lower() for code in ledger.category.tolist()],
        "x_Dataset": _named(ledger.dataset.tolist(), plan.datasets),
        "x_Month": _named(ledger.month.tolist(), month_labels(scenario.start, plan.horizon_s)),
        "x_Pool": _named(ledger.pool.tolist(), [pool.path for pool in plan.pools]),
        "x_Site": sites,
        "x_Workload": _named(ledger.workload.tolist(), list(scenario.workloads)),
    }


def _places(ledger: Ledger, scenario: Scenario, plan: Plan) -> tuple[list[str], list[str]]:
    """The site of each posting, and who sends its bill."""
    sites = [plan.sites[site] for site in ledger.site.tolist()]
    return sites, [scenario.sites[site].provider or site for site in sites]


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
