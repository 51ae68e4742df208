"""Round-trip times between cloud regions."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from sim.calibrate.catalogue import Entry, quantity
from sim.calibrate.tables import RTT, read

if TYPE_CHECKING:
    import pandas as pd

Z99 = 2.326
"""The 99 % quantile of the standard normal distribution."""

PAIRS = (
    ("aws:eu-west-1", "aws:eu-central-1"),
    ("aws:us-east-1", "aws:eu-central-1"),
    ("aws:us-east-1", "aws:eu-west-1"),
    ("aws:us-east-1", "aws:us-east-2"),
    ("aws:us-east-1", "aws:us-west-1"),
    ("aws:us-east-1", "aws:us-west-2"),
    ("aws:us-east-1", "azure:eastus"),
    ("aws:us-east-1", "gcp:us-east4-a"),
    ("aws:us-east-2", "aws:us-west-2"),
    ("aws:us-east-2", "gcp:us-central1-a"),
    ("aws:us-west-1", "aws:us-west-2"),
    ("aws:us-west-2", "aws:ap-northeast-1"),
    ("azure:eastus", "azure:northcentralus"),
    ("azure:eastus", "azure:westeurope"),
    ("azure:eastus", "azure:westus"),
    ("azure:northcentralus", "gcp:us-central1-a"),
    ("azure:northeurope", "azure:westeurope"),
    ("gcp:europe-west1-b", "gcp:europe-west4-a"),
    ("gcp:us-central1-a", "gcp:asia-northeast1-a"),
    ("gcp:us-central1-a", "gcp:europe-west4-a"),
    ("gcp:us-central1-a", "gcp:us-east1-b"),
    ("gcp:us-central1-a", "gcp:us-east4-a"),
    ("gcp:us-central1-a", "gcp:us-west1-a"),
    ("gcp:us-east1-b", "gcp:us-east4-a"),
    ("gcp:us-east1-b", "gcp:us-west1-a"),
    ("gcp:us-east4-a", "gcp:europe-west1-b"),
)


def round_trip(pings: "pd.DataFrame") -> tuple[float, float]:
    """Median and p99 [ms] from the summary of a few pings in each direction.

    Of the two directions the one with the smaller average: a round trip is the same both ways, and a larger
    average is one slow first packet. The average stands for the median, and the greater of the slowest ping
    and of the normal p99 (average + 2.326 mdev) for the p99.
    """
    row = pings.sort_values("avg_rtt_ms").iloc[0]
    median, slowest, spread = float(row["avg_rtt_ms"]), float(row["max_rtt_ms"]), float(row["mdev_rtt_ms"])
    return median, max(slowest, median + Z99 * spread) if math.isfinite(spread) else slowest


def network_entries(data: Path) -> list[Entry]:
    """Round-trip times of typical pairs of regions."""
    table = read(data, "network_skyplane_2022/rtt_ms")
    table = table[(table["src_tier"] == "PREMIUM") & (table["dst_tier"] == "PREMIUM")]
    entries = []
    for one, other in PAIRS:
        there = (table["src_region"] == one) & (table["dst_region"] == other)
        back = (table["src_region"] == other) & (table["dst_region"] == one)
        pings = table[there | back]
        median, p99 = round_trip(pings)
        value = {"lognormal": {"median": quantity(median, "ms"), "p99": quantity(p99, "ms")}}
        name = f"rtt.{_place(one)}.{_place(other, one)}"
        low, high = float(pings["min_rtt_ms"].min()), float(pings["max_rtt_ms"].max())
        ends = f"{quantity(low, 'ms')} .. {quantity(high, 'ms')}"
        entries.append(Entry(name, "network", value, RTT, "measured", range=ends, note=_NOTE))
    return entries


_NOTE = (
    "Average and slowest of a few pings in a row between virtual machines, as median and p99 of an assumed "
    "lognormal. Congestion and users' own access are not in it: the tail is a lower bound."
)


def _place(region: str, after: str = "") -> str:
    """`gcp.us-central1` of `gcp:us-central1-a`, without the cloud where it is that of the place before."""
    cloud, name = region.split(":")
    name = name[:-2] if cloud == "gcp" else name
    return name if after.startswith(cloud + ":") else f"{cloud}.{name}"
