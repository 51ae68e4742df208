"""Miniature ledgers: two sites with round prices, and records written down by hand."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.ledger import Category, Ledger, Traffic, open_books, post
from sim.policies.plan import Plan, Route
from sim.records import (
    Attempts,
    Closing,
    Nodes,
    Orders,
    Outages,
    Records,
    Refusals,
    Replicas,
    Sold,
    Transfers,
)
from sim.scenario.model import Scenario
from sim.world.world import Prices, World
from tests import miniature
from tests.miniature import on_demand, option, owned, service, spot, training

HOUR_S, DAY_S = 3_600, 86_400
GB, TB = 10**9, 10**12
ROOM, ON_DEMAND, SPOT = 0, 1, 2
TRAIN, SERVE, SHARED = 0, 1, -1
CAMPUS, CLOUD = 0, 1

OWNED_POOL: dict[str, Any] = {
    "purchase": "owned",
    "accelerator": "A100-80GB",
    "node": {"accelerators": 8, "price": "43800 USD", "idle": "1 kW", "busy": "5 kW", "support": "10%"},
    "life": "5 years",
    "resale": "20%",
}

Row = tuple[int, ...]
Key = tuple[Any, ...]


def scenario(
    start: str = "2026-01-01",
    *,
    room: dict[str, Any] | None = None,
    cloud: dict[str, Any] | None = None,
    link: str = "0 USD/GB",
    scale: float = 1.0,
) -> Scenario:
    """A campus with a room of 8-accelerator nodes, and a cloud; `scale` multiplies every price.

    A node costs 1 USD for each hour of its 43,800 h of life (5 years of 8,760 h), idles at 1 kW and adds
    0.5 kW for each busy accelerator; electricity costs 0.1 USD/kWh at a PUE of 1.5. On-demand accelerators
    cost 2 USD an hour, spot ones 1 USD.
    """

    def price(amount: float, unit: str) -> str:
        return f"{amount * scale:.6f} {unit}"

    node = OWNED_POOL["node"] | {"price": price(43_800, "USD")}
    rented = {"accelerator": "A100-80GB", "node": {"accelerators": 8}}
    replica = {"accelerators": 1, "load": "1 s"}
    return Scenario.model_validate(
        {
            "title": "Miniature",
            "start": dt.date.fromisoformat(start),
            "horizon": "20 years",
            "locations": ["chicago", "iowa"],
            "network": [
                {"between": ["chicago", "iowa"], "rtt": "1 ms", "bandwidth": "8 Gbit/s", "price": link}
            ],
            "sites": {
                "site0": {
                    "kind": "on-prem", "location": "chicago", "zone": "home",
                    "power": {"price": price(0.1, "USD/kWh"), "pue": 1.5},
                    "staff": {"people": 1.5, "salary": price(87_600, "USD/year")},
                    "storage": {"price": price(0.73, "USD/GB/month")},
                    "pools": {"room": OWNED_POOL | {"node": node} | (room or {})},
                },
                "site1": {
                    "kind": "cloud", "location": "iowa", "zone": "away", "provider": "gcp",
                    "pools": {
                        "on-demand": rented | {"purchase": "on-demand", "price": price(2, "USD/hour")},
                        "spot": rented | {"purchase": "spot", "price": price(1, "USD/hour")},
                    },
                } | (cloud or {}),
            },
            "workloads": {
                "train": {
                    "kind": "training", "accelerators": 1, "duration": "1 s",
                    "arrivals": {"poisson": {"rate": "1 per day"}},
                },
                "serve": {
                    "kind": "inference", "users": {"chicago": "100%"}, "demand": {"mean": "1 per second"},
                    "service": {"kind": "single", "time": "1 s", "replica": replica},
                    "slo": {"latency": "1 s", "share": "99%"},
                },
            },
            "strategies": {"only": {"place": {"all": ["site0/room"]}}},
        }
    )  # fmt: skip


def plan(
    days: float,
    standing: int = 0,
    pools: Sequence[int] = (ROOM, ON_DEMAND, SPOT),
    datasets: Sequence[tuple[int, float, float]] = (),
) -> Plan:
    """Both workloads may run on `pools`; `datasets` are (home, bytes, growth in bytes/s)."""
    options = [option(pool) for pool in pools]
    made = miniature.plan(
        [owned(standing), on_demand(), spot()],
        [training(*options)],
        [service(*options)],
        horizon_s=round(days * DAY_S),
        datasets=[(home, size) for home, size, _ in datasets],
        routes={(a, b): Route(0, 8e9) for a in (CAMPUS, CLOUD) for b in (CAMPUS, CLOUD) if a != b},
    )
    return replace(made, dataset_growth_bytes_per_s=tuple(growth for _, _, growth in datasets))


def world(facts: Scenario, prices: dict[str, list[tuple[int, float]]] | None = None) -> World:
    """A world of one job; `prices` as (change_s, USD/h)."""
    paths = {
        path: Prices(np.array([s for s, _ in rows], dtype=np.int64), np.array([usd for _, usd in rows]))
        for path, rows in (prices or {}).items()
    }
    return replace(miniature.world(miniature.jobs((0, 1, 1))), scenario=facts, prices=paths)


def records(
    jobs: Sequence[Row] = (),
    replicas: Sequence[Row] = (),
    *,
    nodes: Sequence[Row] = (),
    sold: Sequence[Row] = (),
    outages: Sequence[Row] = (),
    transfers: Sequence[Row] = (),
) -> Records:
    """Records from `jobs` and `replicas` as (pool, leased, start_s, end_s), `nodes` as (node, from_s).

    Nodes from 0 stood at the start, others were ordered. `sold` as (nodes,), `outages` as (node, start_s,
    end_s), all in the room; `transfers` as in the records.
    """
    return Records(
        Attempts.of([(0, n, pool, -1, leased, start, end, 0, 0, 0, 0, 0, 0)
                     for n, (pool, leased, start, end) in enumerate(jobs)]),
        Replicas.of([(0, n, 0, pool, -1, leased, start, start, end, 3)
                     for n, (pool, leased, start, end) in enumerate(replicas)]),
        Nodes.of([(ROOM, node, from_s, 0 if from_s else -1) for node, from_s in nodes]),
        Sold.of([(ROOM, *row) for row in sold]),
        Outages.of([(ROOM, *row) for row in outages]),
        Orders.of([]),
        Transfers.of(list(transfers)),
        Refusals.of([]),
        Closing.of([]),
    )  # fmt: skip


def traffic(*rows: tuple[int, int, float]) -> Traffic:
    """What the service sent to users in Chicago, as (pool, month, bytes)."""
    pool, month, size = (np.array([row[n] for row in rows]) for n in range(3))
    nought = np.zeros(len(rows), dtype=np.int64)
    return Traffic(nought, pool, month, nought, size.astype(float))


def ledger(
    facts: Scenario, made: Plan, left: Records, sent: Traffic | None = None, **prices: list[tuple[int, float]]
) -> Ledger:
    """The ledger of a run; `spot=` is the price path of the spot pool."""
    paths = {f"site1/{pool}": rows for pool, rows in prices.items()}
    traffic_sent = Traffic.none() if sent is None else sent
    return post(open_books(world(facts, paths), made, left, traffic_sent))


def lines(posted: Ledger, *categories: Category) -> dict[Key, float]:
    """USD by (month, category, site, pool, workload, dataset), of all or of some categories."""
    columns = (posted.month, posted.category, posted.site, posted.pool, posted.workload, posted.dataset)
    rows = zip(*(column.tolist() for column in columns), posted.amount_micro.tolist(), strict=True)
    return {
        (month, Category(category).name, *rest): micro / 1e6
        for month, category, *rest, micro in rows
        if not categories or category in categories
    }


def monthly(posted: Ledger, category: Category) -> list[float]:
    """USD of a category by month, over everything."""
    return by_month(posted, posted.amount_micro, category)


def billed(posted: Ledger, category: Category) -> list[float]:
    """USD of a category that are billed, by month, over everything."""
    return by_month(posted, posted.billed_micro, category)


def by_month(posted: Ledger, micro: NDArray[np.int64], category: Category) -> list[float]:
    """Amounts of a category in USD by month, over everything."""
    months = range(int(posted.month.max()) + 1)
    wanted = posted.category == category
    return [int(micro[wanted & (posted.month == month)].sum()) / 1e6 for month in months]
