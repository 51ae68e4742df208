"""The latency surface: how often a service misses its SLO, and how long it takes, by load and by replicas.

It is tabulated once from the request-level simulation and read for every demand interval of the year.
"""

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.distributions import Distribution
from sim.folders import default_cache_dir
from sim.serving import tabulate
from sim.serving.arrivals import POISSON, Law
from sim.serving.cache import digest_of, load_tables, save_tables
from sim.serving.cells import MOST_REQUESTS
from sim.serving.kernels import read_surface
from sim.serving.requests import KERNEL_VERSION
from sim.serving.service import Measure, Service, Slo
from sim.serving.tabulate import tabulated

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Times = Literal["p50_s", "p95_s", "p99_s", "wait_s"]

SURFACE_VERSION = 5
"""Raised when `build_surface` gives other numbers for the same question."""

TINY = 1e-9
"""Added before logarithms are taken, and taken away again, as a table may hold zeros."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Tables of shape [replicas, loads] over the axes `replicas` and `loads`.

    At loads of 1 and more a queue grows without bound: in the long run all requests miss the SLO and the
    quantiles are infinite, except for a measure that has no wait in it (TPOT), and where requests are turned
    away or give up: there the last load is a multiple of 1. How far a queue comes within an interval is no
    matter of the surface; see `intervals`.
    """

    loads: Floats
    replicas: Floats
    violation: Floats
    """Probability that the SLO is missed, round trip included."""
    violation_error: Floats
    """Of `violation`: the standard error from batch means (too small where queues remember more than a
    batch), and what the straight lines on both sides may be off, together."""
    p50_s: Floats
    p95_s: Floats
    p99_s: Floats
    wait_s: Floats
    """Mean of what the measure grows by because of other requests, all in seconds."""
    slack_s: float
    """Wait [s] in a backlog beyond which a request misses its SLO; inf where the measure has no wait in it.

    It is the limit less the *mean* of the rest (round trip and service), and 0 where the rest alone is too
    much: while the wait in a backlog moves linearly through the spread of the rest, the time spent above this
    one step equals the integral of the probabilities.
    """
    service_s: float
    """Mean time [s] of a request with a replica that is busy all the time."""
    capacity_rps: float = math.nan
    """What one replica sustains [requests/s]: what a load of 1 means."""
    lost: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """Probability that a request is turned away or gives up, part of `violation`; empty where none is."""

    @property
    def sheds(self) -> bool:
        """Whether requests are turned away or give up."""
        return self.lost.size > 0

    @property
    def stable_load(self) -> float:
        """The highest load at which a queue has a long run: the last one tabulated before saturation."""
        return float(self.loads[-2])

    def read(self, load: Floats, replicas: Floats | Ints) -> Floats:
        """Probability that the SLO is missed, shape as `load`.

        Its logarithm is bilinear in load and log(replicas), as it grows almost exponentially. Outside the
        table its edge holds. Above the last stable load it rises to its value under saturation, which holds
        from 1 on.
        """
        return self._read(self.violation, load, replicas)

    def read_time(self, name: Times, load: Floats, replicas: Floats | Ints) -> Floats:
        """A quantile [s] of the measure, or the mean wait; but the last stable value holds up to a load of 1.

        Else as `read`.
        """
        table: Floats = getattr(self, name)
        last = self.loads[-1]
        return self._read(table, np.where(load < last, np.minimum(load, self.stable_load), load), replicas)

    def read_lost(self, load: Floats, replicas: Floats | Ints) -> Floats:
        """Probability that a request has no answer, of a service that sheds; else as `read`."""
        return self._read(self.lost, load, replicas)

    def read_error(self, load: Floats, replicas: Floats | Ints) -> Floats:
        """The error of `read`, simulation and interpolation together, shape as `load`."""
        at = np.minimum(load, self.stable_load)
        error: Floats = read_surface(
            self.replicas, self.loads, self.violation_error, replicas.astype(np.float64), at
        )
        return np.where(load < self.loads[-1], error, 0.0)

    def _read(self, table: Floats, load: Floats, replicas: Floats | Ints) -> Floats:
        among = replicas.astype(np.float64)
        finite = np.isfinite(table)
        logs = np.log(np.where(finite, table, 1.0) + TINY)
        logs = read_surface(self.replicas, self.loads, logs, among, load)
        read = np.maximum(np.exp(logs) - TINY, 0.0)
        if not finite[:, :-1].all():
            beside = read_surface(self.replicas, self.loads, (~finite).astype(np.float64), among, load)
            read[beside > 0.0] = np.inf
        read[load >= self.loads[-1]] = table[0, -1]
        return read


def load_or_build(
    service: Service,
    slo: Slo,
    round_trip: Distribution,
    law: Law = POISSON,
    most_requests: int = MOST_REQUESTS,
    *,
    cache_dir: Path | None = None,
) -> Surface:
    """`build_surface`, kept in `cache_dir` (by default the user's cache folder) under its digest.

    A file that is damaged, or answers another question, is built anew; where nothing can be kept, nothing is.
    """
    folder = default_cache_dir() if cache_dir is None else cache_dir
    if folder is None:
        return build_surface(service, slo, round_trip, law, most_requests)
    digest = surface_digest(service, slo, round_trip, law, most_requests)
    path = folder / f"surface-{digest}.npz"
    tables = load_tables(path, digest)
    if tables is None:
        surface = build_surface(service, slo, round_trip, law, most_requests)
        save_tables(path, digest, {f.name: np.asarray(getattr(surface, f.name)) for f in fields(Surface)})
        return surface
    slack_s, service_s = float(tables.pop("slack_s")), float(tables.pop("service_s"))
    capacity_rps = float(tables.pop("capacity_rps"))
    return Surface(**tables, slack_s=slack_s, service_s=service_s, capacity_rps=capacity_rps)


def surface_digest(
    service: Service,
    slo: Slo,
    round_trip: Distribution,
    law: Law = POISSON,
    most_requests: int = MOST_REQUESTS,
) -> str:
    """The digest of all that the numbers of a surface depend on, numpy's version included.

    The SLO's share is no part of it: what is promised does not change what happens.
    """
    versions = (SURFACE_VERSION, KERNEL_VERSION, np.__version__)
    grid = (tabulate.RARE, tabulate.LOADS, tabulate.OVERLOADS, service.replica_grid)
    question = (service, slo.measure, slo.limit_s, round_trip, law, most_requests)
    return digest_of((versions, grid, question))


def build_surface(
    service: Service,
    slo: Slo,
    round_trip: Distribution,
    law: Law = POISSON,
    most_requests: int = MOST_REQUESTS,
) -> Surface:
    """The surface of a service for one SLO and one distribution of round trips [s].

    `law` says how requests are spread within an interval; Poisson is what many independent users send. A cell
    of the table is simulated with at most `most_requests`. See `tabulate` for how its points are chosen.

    Closer arrivals make nobody's wait in a first-come-first-served queue shorter. With other disciplines that
    holds on the average only, hence the running maximum over loads, unless the service waits for batches.
    """
    found = tabulated(service, slo, round_trip, law, most_requests)

    def smooth(table: Floats) -> Floats:
        rising: Floats = np.maximum.accumulate(table, axis=1) if service.is_rising else table
        return np.ascontiguousarray(rising)

    slack_s = slo.limit_s - round_trip.mean() - service.busiest_s(slo.measure)
    return Surface(
        loads=found.loads,
        replicas=found.replicas,
        violation=smooth(found.violation),
        violation_error=found.violation_error,
        p50_s=smooth(found.p50_s),
        p95_s=smooth(found.p95_s),
        p99_s=smooth(found.p99_s),
        wait_s=smooth(found.wait_s),
        slack_s=np.inf if slo.measure is Measure.TPOT else max(slack_s, 0.0),
        service_s=service.busiest_s(Measure.LATENCY),
        capacity_rps=found.capacity_rps,
        lost=smooth(found.lost),
    )
