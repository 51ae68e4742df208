"""How requests of a model service are spread in time: the clients behind it, and the gaps of each."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.calibrate.catalogue import Entry, number, percentages
from sim.calibrate.tables import SERVEGEN, floats, read

if TYPE_CHECKING:
    import pandas as pd

SERVICES = ("m-large", "m-small")
LARGEST = 20
"""Clients that have a line of their own; the others are put together in groups of similar burstiness."""
GROUPS = 4
HIGHEST_CV = 15.0
"""Burstier windows are put here: within 600 s so few gaps are seen that higher values mean nothing."""


def gap_entries(data: Path) -> list[Entry]:
    """Superpositions of clients, one for each recorded service."""
    return [_entry(name, read(data, f"servegen/{name}_client_windows")) for name in SERVICES]


def clients(windows: "pd.DataFrame") -> list[dict[str, Any]]:
    """Shares, numbers, cv and law of clients: the largest one by one, then groups of the others.

    A client's cv is the mean over its windows of 600 s, weighted by the requests in them; its law is the one
    that was fitted to most of its requests.
    """
    seen = windows[windows["rate_rps"] > 0.0]
    rate, cv = floats(seen["rate_rps"]), np.clip(floats(seen["iat_cv"]), 0.0, HIGHEST_CV)
    parts = seen.assign(rate=rate, weighted=rate * cv, weibull=rate * (seen["iat_dist"] == "Weibull"))
    sums = parts.groupby("client")[["rate", "weighted", "weibull"]].sum().sort_values("rate", ascending=False)
    sums = sums.assign(cv=sums["weighted"] / sums["rate"], law=sums["weibull"] > sums["rate"] / 2.0)
    top, rest = sums.iloc[:LARGEST], sums.iloc[LARGEST:].sort_values("cv")
    groups = [rest.iloc[part] for part in np.array_split(np.arange(len(rest)), GROUPS) if len(part)]
    each = [top.iloc[n : n + 1] for n in range(len(top))] + groups
    shares = percentages([float(group["rate"].sum() / sums["rate"].sum()) for group in each], 2)
    return [_alike(share, group) for share, group in zip(shares, each, strict=True) if share != "0%"]


def _alike(share: str, group: "pd.DataFrame") -> dict[str, Any]:
    cv = float(group["weighted"].sum() / group["rate"].sum())
    law = "weibull" if group["weibull"].sum() > group["rate"].sum() / 2.0 else "gamma"
    count = {"clients": len(group)} if len(group) > 1 else {}
    return {"share": share, **count, "cv": float(number(cv, 3)), "law": law}


def _entry(name: str, windows: "pd.DataFrame") -> Entry:
    found = clients(windows)
    people = windows["client"].nunique()
    note = (
        f"{people} clients over 14 days in windows of 600 s. The {LARGEST} largest one by one, the others in "
        f"{GROUPS} groups of similar burstiness. cv is the mean over windows, weighted by requests, at most "
        f"{HIGHEST_CV:g}; the law that fitted most requests. Clients are independent here; that their rates "
        "move together is the demand's profile and bursts."
    )
    return Entry(f"gaps.servegen-{name}", "gaps", {"clients": found}, SERVEGEN, "measured", note=note)
