"""Prices: egress, storage, accelerators on demand and spot, commitments."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.calibrate.catalogue import Entry, Grade, Source, number, quantity
from sim.calibrate.tables import CLOUDPRICE, EPOCH, SPOT_PRICES, floats, read, records

if TYPE_CHECKING:
    import pandas as pd

GCP_BILLING = Source("GCP billing catalogue, from andylizf/skynomad-artifact spot_price_cache", "2025-10-23")
COLLECTED = "2026-09"
"""The date given to prices from a catalogue commit, which has none with it: that of their collection."""

ON_DEMAND = (
    ("aws", "A100-40GB", "p4d.24xlarge", "us-east-1"),
    ("aws", "A100-80GB", "p4de.24xlarge", "us-east-1"),
    ("aws", "A10G", "g5.xlarge", "us-east-1"),
    ("aws", "H100-SXM", "p5.48xlarge", "us-east-1"),
    ("aws", "L4", "g6.xlarge", "us-east-1"),
    ("aws", "L40S", "g6e.xlarge", "us-east-1"),
    ("aws", "T4", "g4dn.xlarge", "us-east-1"),
    ("aws", "V100-16GB", "p3.2xlarge", "us-east-1"),
    ("azure", "A100-40GB", "ND96asr_v4", "eastus"),
    ("azure", "A100-80GB", "NC24ads_A100_v4", "eastus"),
    ("azure", "H100-SXM", "ND96isr_H100_v5", "eastus"),
    ("azure", "T4", "NC4as_T4_v3", "eastus"),
    ("gcp", "A100-40GB", "a2-highgpu-1g", "us-east1"),
    ("gcp", "A100-80GB", "a2-ultragpu-1g", "us-east1"),
    ("gcp", "H100-SXM", "a3-highgpu-8g", "us-east1"),
    ("gcp", "L4", "g2-standard-4", "us-east1"),
    ("gcp", "T4", "n1-standard-4+t4", "us-east1"),
    ("lambda", "B200-SXM", "gpu_8x_b200_sxm6", "all"),
    ("lambda", "H100-SXM", "gpu_8x_h100_sxm5", "all"),
    ("nebius", "B200-SXM", "gpu-b200-sxm_8gpu", "us-central1"),
    ("nebius", "H100-SXM", "gpu-h100-sxm_8gpu", "eu-north1"),
    ("nebius", "H200-SXM", "gpu-h200-sxm_8gpu", "us-central1"),
    ("nebius", "L40S", "gpu-l40s-a_1gpu-8vcpu", "eu-north1"),
    ("oci", "A100-40GB", "BM.GPU4.8", "us-ashburn-1"),
    ("oci", "A100-80GB", "BM.GPU.A100-v2.8", "us-ashburn-1"),
    ("oci", "H100-SXM", "BM.GPU.H100.8", "us-ashburn-1"),
    ("runpod", "A100-80GB", "1x_A100-80GB_SECURE", "all"),
)
"""Cloud, accelerator, instance, region: the smallest or the usual machine in the region that is quoted most.
"""

SPOT = (
    ("aws", "A100-40GB", "p4d.24xlarge"),
    ("aws", "A100-80GB", "p4de.24xlarge"),
    ("aws", "H100-SXM", "p5.48xlarge"),
    ("aws", "H200-SXM", "p5e.48xlarge"),
    ("aws", "V100-16GB", "p3.2xlarge"),
    ("azure", "A100-40GB", "ND96asr_v4"),
    ("azure", "A100-80GB", "NC24ads_A100_v4"),
    ("azure", "H100-SXM", "ND96isr_H100_v5"),
    ("azure", "T4", "NC4as_T4_v3"),
    ("gcp", "H100-SXM", "a3-highgpu-8g"),
    ("nebius", "H100-SXM", "gpu-h100-sxm_8gpu"),
    ("nebius", "H200-SXM", "gpu-h200-sxm_8gpu"),
)
"""Cloud, accelerator, instance; the median over the zones in the United States (nebius: wherever it is sold).
"""

STORAGE_NAMES = {
    "S3 Standard": "standard",
    "S3 Standard-IA": "standard-ia",
    "S3 Glacier Deep Archive": "deep-archive",
    "Blob Hot (LRS)": "standard",
    "Blob Cool (LRS)": "cool",
    "Blob Archive (LRS)": "archive",
    "Standard": "standard",
    "Nearline": "nearline",
    "Archive": "archive",
    "Object Storage Standard": "standard",
    "Object Storage Infrequent Access": "infrequent-access",
    "Archive Storage": "archive",
}
"""The storage classes that are taken, by their product names."""

NO_DISCOUNT = 0.95
"""A spot price above this share of on-demand means that the zone has no spare capacity to sell."""


def price_entries(data: Path) -> list[Entry]:
    """Everything that has a price."""
    rows = read(data, "prices_gpu_instances/prices")
    return [*_egress(data), *_storage(data), *_on_demand(rows), *_spot(rows), *_commitments(data)]


def _source(quoted: str) -> Source:
    """Whom a price row quotes, and the date of its figure."""
    if "as_of" in quoted:
        return CLOUDPRICE
    if "billing catalogue" in quoted:
        return GCP_BILLING
    if "skynomad" in quoted:
        return SPOT_PRICES
    return Source(quoted, COLLECTED)


def _on_demand(rows: "pd.DataFrame") -> list[Entry]:
    entries = []
    for cloud, accelerator, instance, region in ON_DEMAND:
        here = (rows["cloud"] == cloud) & (rows["instance"] == instance) & (rows["region"] == region)
        row = records(rows[here])[-1]
        value = {"price": quantity(row["ondemand_usd_gpu_h"], "USD/hour", 5)}
        note = f"Per accelerator: {instance}, accelerators {row['gpus']}, region {region}."
        name = f"price.{cloud}.{accelerator}.on-demand"
        entries.append(Entry(name, "price", value, _source(row["source"]), "published", note=note))
    return entries


def _spot(rows: "pd.DataFrame") -> list[Entry]:
    entries = []
    for cloud, accelerator, instance in SPOT:
        here = (rows["cloud"] == cloud) & (rows["instance"] == instance) & rows["spot_usd_gpu_h"].notna()
        zones = [row for row in records(rows[here]) if cloud == "nebius" or "us" in row["region"]]
        prices = [row["spot_usd_gpu_h"] for row in zones if not row["spot_over_od"] >= NO_DISCOUNT]
        value = {"price": quantity(float(np.median(prices)), "USD/hour", 5)}
        dear = len(zones) - len(prices)
        without = f" (left out, spot at the on-demand price: {dear})" if dear else ""
        note = f"Per accelerator: {instance}, median over zones: {len(prices)}{without}."
        ends = f"{number(min(prices))} .. {quantity(max(prices), 'USD/hour')}" if len(prices) > 1 else None
        source = _source(zones[-1]["source"])
        grade: Grade = "measured" if source is SPOT_PRICES else "published"
        name = f"price.{cloud}.{accelerator}.spot"
        entries.append(Entry(name, "price", value, source, grade, range=ends, note=note))
    return entries


def _commitments(data: Path) -> list[Entry]:
    entries = []
    note = "Off the on-demand price; a typical figure of the provider, not of one accelerator."
    for row in records(read(data, "prices_gpu_instances/commitment_discounts")):
        name = f"commitment.{row['cloud']}.{row['commitment'].replace('_', '-')}"
        value = {"discount": quantity(100 * row["discount_frac"], "%")}
        entries.append(Entry(name, "price", value, CLOUDPRICE, "published", note=note))
    prices = read(data, "prices_epoch_hardware/prices")
    for years in (1, 3):
        discounts = 100 * (
            1 - floats((prices[f"usd_chip_h_{years}yr"] / prices["usd_chip_h_ondemand"]).dropna())
        )
        low, middle, high = (float(x) for x in np.percentile(discounts, [5, 50, 95]))
        note = (
            f"Median (range: p5 .. p95) of {len(discounts)} accelerators quoted both on demand and committed."
        )
        entries.append(
            Entry(
                f"commitment.accelerators.{years}yr",
                "price",
                {"discount": quantity(middle, "%", 2)},
                EPOCH,
                "published",
                range=f"{number(low, 2)}% .. {number(high, 2)}%",
                note=note,
            )
        )
    return entries


def _egress(data: Path) -> list[Entry]:
    table = read(data, "prices_egress_storage_2026/egress_tiers")
    entries = []
    for (cloud, region, kind), rows in table.groupby(["cloud", "region", "kind"]):
        inside = kind == "inter_region"
        note = "To another region of the same cloud." if inside else "To the internet."
        tiers = records(rows.sort_values("from_gb_month"))
        free_gb = int(tiers[0]["free_gb_month"])
        if free_gb:
            note += (
                f" The free {free_gb:,} GB a month are the first of the volume, and count towards the tiers."
            )
        name = f"{cloud}.{region}{'.inter-region' if inside else ''}"
        entries.append(
            Entry(name, "egress", {"tiers": _tiers(tiers, free_gb)}, CLOUDPRICE, "published", note=note)
        )
    return entries


def _tiers(rows: list[dict[str, Any]], free_gb: int) -> list[dict[str, str]]:
    tiers = [{"up_to": _volume(free_gb), "price": "0 USD/GB"}] if free_gb else []
    for row in rows:
        end = {} if math.isnan(row["to_gb_month"]) else {"up_to": _volume(row["to_gb_month"])}
        tiers.append(end | {"price": quantity(row["usd_per_gb"], "USD/GB")})
    return tiers


def _volume(gigabytes: float) -> str:
    return quantity(gigabytes / 1000, "TB") if gigabytes >= 1000 else quantity(gigabytes, "GB")


def _storage(data: Path) -> list[Entry]:
    entries = []
    for row in records(read(data, "prices_egress_storage_2026/object_storage")):
        if row["sku"] in STORAGE_NAMES:
            name = f"storage.{row['cloud']}.{row['region']}.{STORAGE_NAMES[row['sku']]}"
            value = {"price": quantity(row["usd_per_gb_month"], "USD/GB/month")}
            note = f"{row['sku']}; requests and retrieval are not included."
            entries.append(Entry(name, "storage", value, CLOUDPRICE, "published", note=note))
    return entries
