"""The ledger's rows under FOCUS names."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim.columns import Column
from sim.ledger import Category, focus_rows, total_micro
from sim.ledger.focus import TERMS
from tests.ledger_miniature import (
    CAMPUS,
    CLOUD,
    DAY_S,
    GB,
    ON_DEMAND,
    ROOM,
    SPOT,
    ledger,
    plan,
    records,
    scenario,
    traffic,
)

MANDATORY = (
    "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd",
    "ChargeCategory", "ChargePeriodStart", "ChargePeriodEnd", "ContractedCost", "EffectiveCost",
    "InvoiceIssuerName", "ListCost", "ServiceCategory", "ServiceName", "ServiceProviderName",
    "HostProviderName",
)  # fmt: skip

FACTS = scenario("2026-01-20", cloud={"egress": {"tiers": [{"price": "0.1 USD/GB"}]}}, link="0.02 USD/GB")
PLAN = plan(20.5, standing=1, datasets=[(CAMPUS, 1e11, 0.0)])
LEDGER = ledger(
    FACTS,
    PLAN,
    records(
        [(ROOM, 4, 0, DAY_S), (SPOT, 8, 0, 15 * DAY_S)],
        [(ON_DEMAND, 8, 0, 7_201)],
        nodes=[(0, 0), (1, DAY_S)],
        sold=[(1,)],
        transfers=[(0, CAMPUS, CLOUD, 0, 100 * GB, 0, 0, 100)],
    ),
    traffic((SPOT, 0, 1e9)),
)


@pytest.fixture(name="rows")
def focus() -> dict[str, Column]:
    """The rows of a month and a half with most kinds of cost."""
    return focus_rows(LEDGER, FACTS, PLAN)


def test_columns_are_equally_long_and_mandatory_ones_are_never_null(rows: dict[str, Column]) -> None:
    """One cell a posting; what FOCUS wants filled is filled."""
    assert {len(column) for column in rows.values()} == {len(LEDGER)}
    assert all(cell is not None for name in MANDATORY for cell in rows[name])


def test_our_own_columns_come_last(rows: dict[str, Column]) -> None:
    """Custom columns begin with x_ and stand after those of FOCUS."""
    names = list(rows)
    assert names == sorted(names, key=lambda name: name.startswith("x_"))
    assert {name for name in names if name.startswith("x_")} == {
        "x_BilledMicros", "x_Category", "x_Dataset", "x_EffectiveMicros", "x_Month", "x_Pool", "x_Site",
        "x_Workload",
    }  # fmt: skip


def test_periods_are_calendar_months_and_charges_lie_within_the_horizon(rows: dict[str, Column]) -> None:
    """For 20.5 days from 20 January: charges begin on the 20th, and February's end on the 9th at noon."""
    names = ("x_Month", "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
    months = ("01-01T00", "01-20T00", "02-01T00", "02-09T12", "03-01T00")
    january, began, february, ended, march = (f"2026-{moment}:00:00Z" for moment in months)
    assert set(zip(*(rows[name] for name in names), strict=True)) == {
        ("2026-01", january, february, began, february),
        ("2026-02", february, march, february, ended),
    }


def test_december_is_followed_by_january() -> None:
    """The billing period of the year's last month ends with the year."""
    facts = scenario("2025-12-31")
    rows = focus_rows(ledger(facts, plan(1), records([(SPOT, 1, 0, 10)])), facts, plan(1))
    assert set(rows["BillingPeriodEnd"]) == {"2026-01-01T00:00:00Z"}


def test_only_spot_is_priced_dynamically(rows: dict[str, Column]) -> None:
    """Rented spot accelerators are Dynamic; everything else has a standing price."""
    found = set(zip(rows["x_Pool"], rows["x_Category"], rows["PricingCategory"], strict=True))
    assert {row for row in found if row[2] == "Dynamic"} == {("site1/spot", "accelerators", "Dynamic")}
    assert ("site1/spot", "egress", "Standard") in found
    assert {row for row in found if row[2] is None} == {("site0/room", "resale", None)}


def test_hardware_is_billed_when_bought_and_costs_while_it_is_written_off(rows: dict[str, Column]) -> None:
    """FOCUS bills no amortisation, and a purchase that is spread later has no effective cost.

    A node of 43,800 USD comes on 21 January. Two nodes are written off at 1 USD an hour less 20 %, one of
    them from a day later on: 12 and 11 days of January. Everything else costs what is billed.
    """
    names = ("x_Category", "x_Month", "BilledCost", "EffectiveCost", "ListCost")
    found = {row[:2]: row[2:] for row in zip(*(rows[name] for name in names), strict=True)}
    assert found["purchase", "2026-01"] == (43_800.0, 0.0, 43_800.0)
    assert found["amortisation", "2026-01"] == (0.0, 23 * 24.0, pytest.approx(23 * 24.0, abs=1e-9))
    assert found["resale", "2026-01"] == (0.0, -110.4, pytest.approx(-110.4, abs=1e-9))
    for (category, _), (bill, cost, _) in found.items():
        assert bill == cost or category in {"purchase", "amortisation", "resale"}


def test_each_kind_of_charge_has_the_quantities_that_belong_to_it(rows: dict[str, Column]) -> None:
    """Usage has both quantities alike, a purchase is not consumed, an adjustment has neither, nor a price."""
    names = (
        "x_Category", "ChargeCategory", "ChargeFrequency", "ConsumedQuantity", "ConsumedUnit",
        "PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice",
    )  # fmt: skip
    kinds = set()
    for category, charge, frequency, consumed, *units in zip(*(rows[name] for name in names), strict=True):
        kinds.add((category, charge))
        if charge == "Usage":
            assert (consumed, units[0]) == (units[1], units[2])
            assert None not in units
        elif charge == "Purchase":
            assert frequency == "One-Time"
            assert (consumed, units[0]) == (None, None)
            assert units[1:] == [1.0, "Nodes", 43_800.0, 43_800.0]
        else:
            assert [consumed, *units] == [None] * 6
    assert {kind for kind in kinds if kind[1] != "Usage"} == {
        ("purchase", "Purchase"), ("resale", "Adjustment"),
    }  # fmt: skip


def test_list_cost_is_list_unit_price_times_pricing_quantity(rows: dict[str, Column]) -> None:
    """FOCUS's own law holds exactly, with prices that are not negative; a bill or a cost is it, rounded."""
    names = ("ListCost", "ListUnitPrice", "PricingQuantity", "BilledCost", "EffectiveCost")
    for cost, price, quantity, bill, effective in zip(*(rows[name] for name in names), strict=True):
        assert pytest.approx(cost, abs=0.51e-6) in (bill, effective)
        if price is not None:
            assert isinstance(price, float)
            assert isinstance(quantity, float)
            assert price >= 0
            assert cost == price * quantity


def test_the_provider_bills_what_it_provides(rows: dict[str, Column]) -> None:
    """A cloud's provider, and where none is named the site itself."""
    pairs = set(zip(rows["x_Site"], rows["InvoiceIssuerName"], rows["RegionId"], strict=True))
    assert pairs == {("site0", "site0", "chicago"), ("site1", "gcp", "iowa")}


def test_no_provider_bills_what_we_own_and_whom_we_employ() -> None:
    """At a colocation the electricity is the provider's; nodes, their support and our people are ours."""
    cloud = {"provider": "gcp", "staff": {"people": 1, "salary": "87600 USD/year"}}
    facts = scenario(cloud=cloud)
    room = facts.sites["site0"].model_copy(update={"provider": "colo"})
    facts = facts.model_copy(update={"sites": facts.sites | {"site0": room}})
    made = plan(31, standing=1)
    left = records([(SPOT, 1, 0, DAY_S)], nodes=[(0, 0), (1, 1)])
    found = focus_rows(ledger(facts, made, left), facts, made)
    issuers = set(zip(found["x_Site"], found["x_Category"], found["InvoiceIssuerName"], strict=True))
    ours = ("purchase", "amortisation", "resale", "support", "staff")
    assert issuers == {
        *(("site0", category, "site0") for category in ours), ("site0", "power", "colo"),
        ("site1", "staff", "site1"), ("site1", "accelerators", "gcp"),
    }  # fmt: skip


def test_workloads_pools_and_datasets_are_named_or_null(rows: dict[str, Column]) -> None:
    """Positions become names; what is shared has none."""
    found = set(zip(rows["x_Category"], rows["x_Pool"], rows["x_Workload"], rows["x_Dataset"], strict=True))
    assert ("accelerators", "site1/on-demand", "serve", None) in found
    assert ("power", "site0/room", "train", None) in found
    assert ("power", "site0/room", None, None) in found
    assert ("transfer", None, None, "data0") in found


def test_exact_amounts_survive_parquet(rows: dict[str, Column]) -> None:
    """The integers written are the integers read, and they sum to the total."""
    file = io.BytesIO()
    pq.write_table(pa.table({name: list(cells) for name, cells in rows.items()}), file)
    read = pq.read_table(file)
    assert read.column("x_BilledMicros").type == pa.int64()
    assert sum(read.column("x_EffectiveMicros").to_pylist()) == total_micro(LEDGER)
    for kind in ("Billed", "Effective"):
        micros = read.column(f"x_{kind}Micros").to_pylist()
        assert read.column(f"{kind}Cost").to_pylist() == [micro / 1e6 for micro in micros]


def test_every_category_has_its_terms() -> None:
    """A new category must be given its words in FOCUS."""
    assert set(TERMS) == set(Category)
