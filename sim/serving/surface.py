"""The latency surface: how often a service misses its SLO, and how long it takes, by load and by replicas.

It is tabulated once from the request-level simulation and read for every demand interval of the year.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sim.distributions import Distribution
from sim.folders import default_cache_dir
from sim.serving.cache import digest_of, load_tables, save_tables
from sim.serving.kernels import KERNEL_VERSION, read_surface
from sim.serving.service import Measure, Service, Slo
from sim.streams import generator, stream_key

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Quantile = Literal["p50_s", "p95_s", "p99_s"]

SURFACE_VERSION = 1
"""Raised when `build_surface` gives other numbers for the same question."""

LOADS = (
    *(0.05, 0.2, 0.35, 0.5, 0.6, 0.7, 0.75, 0.8, 0.84, 0.88, 0.91, 0.93, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995),
    1.0,
)
"""Offered load as a fraction of what the replicas sustain; 1.0 stands for saturation."""

SATURATED_LOAD = 1.25
"""Simulated instead of 1.0 where the measure has a limit under saturation."""

TINY = 1e-9
"""Added before logarithms are taken, and taken away again, as a table may hold zeros."""

REQUESTS_PER_CELL = 500_000
BATCHES = 20
WARM_UP = 2
"""Batches at the start that are not counted."""
THINNING = 4
THREADS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Tables of shape [replicas, loads] over the axes `replicas` and `loads`.

    At loads of 1 and more a queue grows without bound: in the long run all requests miss the SLO and the
    quantiles are infinite, except for a measure that has no wait in it (TPOT). How far the queue comes within
    an interval is no matter of the surface; see `intervals`.
    """

    loads: Floats
    replicas: Floats
    violation: Floats
    """Probability that the SLO is missed, round trip included."""
    violation_error: Floats
    """Standard error of `violation` from batch means; too small where queues remember more than a batch."""
    p50_s: Floats
    p95_s: Floats
    p99_s: Floats
    slack_s: float
    """Wait [s] in a backlog beyond which a request misses its SLO; inf where the measure has no wait in it.

    It is the limit less the *mean* of the rest (round trip and service), and 0 where the rest alone is too
    much: while the wait in a backlog moves linearly through the spread of the rest, the time spent above this
    one step equals the integral of the probabilities.
    """

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

    def read_quantile(self, name: Quantile, load: Floats, replicas: Floats | Ints) -> Floats:
        """A quantile [s] of the measure, as `read`; but the last stable value holds up to a load of 1."""
        table: Floats = getattr(self, name)
        return self._read(table, np.where(load < 1.0, np.minimum(load, self.stable_load), load), replicas)

    def _read(self, table: Floats, load: Floats, replicas: Floats | Ints) -> Floats:
        logs = np.log(np.where(np.isfinite(table), table, 1.0) + TINY)
        logs = read_surface(self.replicas, self.loads, logs, replicas.astype(np.float64), load)
        read = np.maximum(np.exp(logs) - TINY, 0.0)
        read[load >= 1.0] = table[0, -1]
        return read


def load_or_build(
    service: Service,
    slo: Slo,
    round_trip: Distribution,
    arrivals_cv: float = 1.0,
    requests_per_cell: int = REQUESTS_PER_CELL,
    *,
    cache_dir: Path | None = None,
) -> Surface:
    """`build_surface`, kept in `cache_dir` (by default the user's cache folder) under its digest.

    A file that is damaged, or answers another question, is built anew; where nothing can be kept, nothing is.
    """
    folder = default_cache_dir() if cache_dir is None else cache_dir
    if folder is None:
        return build_surface(service, slo, round_trip, arrivals_cv, requests_per_cell)
    digest = surface_digest(service, slo, round_trip, arrivals_cv, requests_per_cell)
    path = folder / f"surface-{digest}.npz"
    tables = load_tables(path, digest)
    if tables is None:
        surface = build_surface(service, slo, round_trip, arrivals_cv, requests_per_cell)
        save_tables(path, digest, {f.name: np.asarray(getattr(surface, f.name)) for f in fields(Surface)})
        return surface
    slack_s = float(tables.pop("slack_s"))
    return Surface(**tables, slack_s=slack_s)


def surface_digest(
    service: Service,
    slo: Slo,
    round_trip: Distribution,
    arrivals_cv: float = 1.0,
    requests_per_cell: int = REQUESTS_PER_CELL,
) -> str:
    """The digest of all that the numbers of a surface depend on, numpy's version included.

    The SLO's share is no part of it: what is promised does not change what happens.
    """
    versions = (SURFACE_VERSION, KERNEL_VERSION, np.__version__)
    grid = (LOADS, service.replica_grid)
    question = (service, slo.measure, slo.limit_s, round_trip, arrivals_cv, requests_per_cell)
    return digest_of((versions, grid, question))


def build_surface(
    service: Service,
    slo: Slo,
    round_trip: Distribution,
    arrivals_cv: float = 1.0,
    requests_per_cell: int = REQUESTS_PER_CELL,
) -> Surface:
    """The surface of a service for one SLO and one distribution of round trips [s].

    Gaps between requests are gamma with coefficient of variation `arrivals_cv`; 1 is Poisson, as the requests
    of many independent users within some minutes are. All cells and all surfaces see the same draws, only
    closer together, so that differences between loads, sites or limits are not noise.

    Closer arrivals make nobody's wait in a first-come-first-served queue shorter. With batches that holds on
    the average only, hence the running maximum over loads.
    """
    draws = _draw(service, slo, round_trip, arrivals_cv, requests_per_cell // BATCHES * BATCHES)

    def cell(place: tuple[int, float]) -> tuple[float, ...]:
        return _cell(service, slo, draws, *place)

    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as threads:
        cells = np.array(list(threads.map(cell, product(service.replica_grid, LOADS))))
    tables = np.ascontiguousarray(cells.T).reshape(5, len(service.replica_grid), len(LOADS))
    rising = np.maximum.accumulate(tables, axis=2)
    slack_s = slo.limit_s - round_trip.mean() - service.busiest_s(slo.measure)
    return Surface(
        loads=np.array(LOADS),
        replicas=np.array(service.replica_grid, dtype=np.float64),
        violation=rising[0],
        violation_error=tables[1],
        p50_s=rising[2],
        p95_s=rising[3],
        p99_s=rising[4],
        slack_s=np.inf if slo.measure is Measure.TPOT else max(slack_s, 0.0),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    arrival: Floats
    """With a mean gap of 1."""
    work: NDArray[Any]
    round_trip_s: Floats
    alone: Floats
    """The share of each batch that misses the SLO even when it meets no other request."""


def _draw(service: Service, slo: Slo, round_trip: Distribution, arrivals_cv: float, count: int) -> _Draws:
    gaps, works, trips = (generator(stream_key(0, 0, f"surface:{name}")) for name in ("gap", "work", "trip"))
    gap = gaps.gamma(arrivals_cv**-2, size=count) if arrivals_cv > 0.0 else np.ones(count)
    work: NDArray[Any] = service.draw(works, count)
    round_trip_s = round_trip.sample(trips, count)
    alone_s = service.alone(work).measured(slo.measure, round_trip_s)
    alone = np.mean((alone_s > slo.limit_s).reshape(BATCHES, -1), axis=1)
    return _Draws(np.cumsum(gap / gap.mean()), work, round_trip_s, alone)


def _cell(service: Service, slo: Slo, draws: _Draws, replicas: int, load: float) -> tuple[float, ...]:
    """Violation, its standard error, and three quantiles [s].

    What is simulated is how much more often requests miss the SLO than they do alone (a control variate);
    the error is that of batch means. Quantiles come from every fourth request: neighbours say much the same.
    """
    if load >= 1.0:
        if slo.measure is not Measure.TPOT:
            return 1.0, 0.0, np.inf, np.inf, np.inf
        load = SATURATED_LOAD
    arrival_s = draws.arrival / (load * replicas * service.capacity_rps())
    answers = service.answer(arrival_s, draws.work, replicas)
    measured_s = answers.measured(slo.measure, draws.round_trip_s).reshape(BATCHES, -1)[WARM_UP:]
    more = np.mean(measured_s > slo.limit_s, axis=1) - draws.alone[WARM_UP:]
    alone = float(draws.alone.mean())
    error = math.sqrt(more.var(ddof=1) / len(more) + alone * (1.0 - alone) / len(draws.work))
    violation = min(max(alone + float(more.mean()), 0.0), 1.0)
    return violation, error, *np.quantile(measured_s[:, ::THINNING], (0.5, 0.95, 0.99))
