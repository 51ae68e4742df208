"""Staging: a dataset is copied to a site before the first job that needs it there, over a shared link.

A link serves one transfer after the other, each at its full bandwidth, in the order in which they are asked
for. A copy stays until the horizon and is kept up to date in the background; the ledger bills that.
"""

import math
from collections.abc import Callable

from sim.engine.clock import At, Clock, Rank
from sim.engine.log import Log
from sim.policies.plan import Plan, copying_s

UNDER_WAY = -1


class Staging:
    """Which datasets are at which sites, and the links' queues."""

    def __init__(self, env: Clock, plan: Plan, log: Log) -> None:
        """Each dataset is at its home."""
        self.env = env
        self.plan = plan
        self.log = log
        self.ready = set(enumerate(plan.dataset_home))
        self.waiting: dict[tuple[int, int], list[Callable[[], None]]] = {}
        self.asked: list[tuple[int, int]] = []
        self.link_free_s: dict[int, int] = {}
        self.rows: dict[tuple[int, int], tuple[int, ...]] = {}

    def is_ready(self, dataset: int, pool: int) -> bool:
        """Whether the dataset is at the pool's site."""
        return (dataset, self.plan.pools[pool].site) in self.ready

    def ask(self, dataset: int, pool: int, then: Callable[[], None]) -> None:
        """Call `then` once the dataset is at the pool's site; who is the first to ask has it sent."""
        site = self.plan.pools[pool].site
        waiting = self.waiting.setdefault((dataset, site), [])
        waiting.append(then)
        if len(waiting) == 1:
            self.asked.append((dataset, site))

    def send(self) -> None:
        """Begin the transfers that this instant has asked for, in the order of datasets and sites."""
        asked, self.asked = sorted(self.asked), []
        for dataset, site in asked:
            self._send(dataset, site)

    def _send(self, dataset: int, site: int) -> None:
        now = self.env.now
        home = self.plan.dataset_home[dataset]
        route = self.plan.routes[home, site]
        size = self.plan.dataset_bytes[dataset] + self.plan.dataset_growth_bytes_per_s[dataset] * now
        start, end = now, now
        if route.link >= 0:
            start = max(now, self.link_free_s.get(route.link, 0))
            self.link_free_s[route.link] = end = start + copying_s(size, route.bandwidth_bps)
        self.rows[dataset, site] = (dataset, home, site, route.link, math.ceil(size), now, start)
        At(self.env, end, Rank.TRANSFER, dataset, lambda _: self._arrived(dataset, site))

    def _arrived(self, dataset: int, site: int) -> None:
        self.log.transfers.append((*self.rows.pop((dataset, site)), self.env.now))
        self.ready.add((dataset, site))
        for then in self.waiting.pop((dataset, site)):
            then()

    def close(self) -> None:
        """Write down the transfers that are still under way at the horizon."""
        for row in self.rows.values():
            self.log.transfers.append((*row, UNDER_WAY))
