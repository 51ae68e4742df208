"""Cells of a surface: a service at one load, with so many replicas, simulated until it is certain enough.

A cell depends on nothing but its place: which thread works on it, and how many there are, changes no number.
"""

import math
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.distributions import Distribution
from sim.serving.arrivals import Law, Modulated, arrivals_s, draw_points
from sim.serving.service import Measure, Service, Slo
from sim.streams import generator, stream_key

Floats = NDArray[np.float64]
Place = tuple[int, float]
"""Replicas and load."""

SATURATED_LOAD = 1.25
"""Simulated instead of 1.0 where the measure has a limit under saturation."""

MOST_REQUESTS = 800_000
"""Simulated for a cell at most."""
GROWTH = 4
STEPS = 3
"""A cell begins with MOST_REQUESTS / GROWTH ** (STEPS - 1), and takes GROWTH times as many while its error is
above the tolerance, as long as the budget lasts."""

RELATIVE = 0.02
ABSOLUTE = 5e-4
"""Tolerance of the violation share, the wider of the two: for its standard error, and between points."""
QUANTILE = 0.03
"""Relative tolerance of the 99th percentile."""

BUSY = 0.97
"""Loads above it come last when a budget is spent."""

CYCLES = 100
"""Rounds through the states of a modulated law that a cell lasts at least."""

BATCHES = 20
WARM_UP = 2
"""Batches at the start that are not counted."""
THINNING = 4
UNTHINNED = 60_000
"""Up to so many requests quantiles use each; beyond, every fourth, as neighbours say much the same."""


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    points: Floats
    work: NDArray[Any]
    round_trip_s: Floats
    limit_s: Floats
    """What the SLO allows each request."""
    alone_s: Floats
    """The measure of each request when it meets no other."""
    alone: Floats
    """The share of each batch that misses the SLO all the same."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one simulation says."""

    violation: float
    """Share of the requests that miss the SLO, those without an answer among them."""
    lost: float
    """Share of the requests without an answer."""
    error: float
    """Standard error of `violation`."""
    p50_s: float
    p95_s: float
    p99_s: float
    p99_error_s: float
    wait_s: float
    """Mean of what the measure of those who are answered grows by because of other requests."""

    @property
    def uncertainty(self) -> float:
        """The larger of its errors, as a multiple of what is tolerated."""
        quantile = self.p99_error_s / (QUANTILE * self.p99_s) if math.isfinite(self.p99_s) else 0.0
        return max(self.error / max(RELATIVE * self.violation, ABSOLUTE), quantile)


@dataclass(slots=True)
class Cells:
    """Simulations of a service."""

    service: Service
    slo: Slo
    round_trip: Distribution
    law: Law
    most_requests: int
    capacity_rps: float = field(init=False)
    known: dict[Place, Cell] = field(init=False, default_factory=dict)
    spent: int = field(init=False, default=0)
    """Requests that have been simulated."""
    _draws: dict[int, _Draws] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """See what a replica sustains."""
        self.capacity_rps = self.service.capacity_rps()

    def simulate(self, places: Iterable[Place]) -> None:
        """Simulate those of the cells that are not known yet, for a first look."""
        new = [place for place in places if place not in self.known]
        for step in range(STEPS):
            self._simulate([place for place in new if self._first_step(place) == step], step)

    def settle(self, step: int) -> None:
        """Simulate longer what is not certain enough, while the budget lasts.

        The worst first; but above a load of BUSY, where queues remember too much for any patience, last.
        """
        affordable = max(self.service.budget - self.spent, 0) // self._count(step)
        unsettled = [
            place
            for place, cell in self.known.items()
            if cell.uncertainty > 1.0 and self._first_step(place) < step
        ]
        unsettled.sort(key=lambda place: (place[1] > BUSY, -self.known[place].uncertainty, place))
        self._simulate(unsettled[:affordable], step)

    def most_replicas(self) -> float:
        """How many replicas can be simulated for long enough; a law without memory sets no limit.

        With more the edge of the table holds: bursts that last leave a large service as they leave a fluid,
        which is the same at any size.
        """
        if not isinstance(self.law, Modulated):
            return math.inf
        return self._count(STEPS - 1) / (CYCLES * self.law.cycle_s * self.capacity_rps)

    def _first_step(self, place: Place) -> int:
        """The first that lasts for CYCLES bursts, or the last."""
        if not isinstance(self.law, Modulated):
            return 0
        replicas, load = place
        needed = CYCLES * self.law.cycle_s * replicas * load * self.capacity_rps
        return next((step for step in range(STEPS - 1) if self._count(step) >= needed), STEPS - 1)

    def _simulate(self, places: list[Place], step: int) -> None:
        if places:
            draws = self._drawn(step)
            with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
                cells = threads.map(lambda place: self._cell(draws, *place), places)
                self.known.update(zip(places, cells, strict=True))
            self.spent += len(places) * self._count(step)

    def _count(self, step: int) -> int:
        """Requests of a cell, in whole batches."""
        shorter: int = GROWTH ** (STEPS - 1 - step)
        return max(self.most_requests // shorter // BATCHES, 1) * BATCHES

    def _drawn(self, step: int) -> _Draws:
        """What happens to the requests of one step, drawn when it is first needed."""
        if step not in self._draws:
            count = self._count(step)
            gaps, works, trips = (
                generator(stream_key(0, 0, f"surface:{name}")) for name in ("gap", "work", "trip")
            )
            work = self.service.draw(works, count)
            round_trip_s = self.round_trip.sample(trips, count)
            limit_s = self.service.limits_s(work, self.slo.limit_s)
            alone_s = self.service.alone(work).measured(self.slo.measure, round_trip_s)
            alone = np.mean((alone_s > limit_s).reshape(BATCHES, -1), axis=1)
            points = draw_points(self.law, gaps, count)
            self._draws[step] = _Draws(points, work, round_trip_s, limit_s, alone_s, alone)
        return self._draws[step]

    def _cell(self, draws: _Draws, replicas: int, load: float) -> Cell:
        """What is simulated is how much more often requests miss the SLO than they do alone (a control
        variate); the errors are those of batch means.
        """
        if load >= 1.0 and not self.service.sheds:
            if self.slo.measure is not Measure.TPOT:
                return Cell(1.0, 0.0, 0.0, math.inf, math.inf, math.inf, 0.0, math.inf)
            load = SATURATED_LOAD
        arrival_s = arrivals_s(self.law, draws.points, load * replicas * self.capacity_rps)
        answers = self.service.answer(arrival_s, draws.work, replicas)
        measured_s = answers.measured(self.slo.measure, draws.round_trip_s)
        late = (measured_s > draws.limit_s).reshape(BATCHES, -1)[WARM_UP:]
        more = np.mean(late, axis=1) - draws.alone[WARM_UP:]
        alone, count = float(draws.alone.mean()), len(measured_s)
        error = math.sqrt(more.var(ddof=1) / len(more) + alone * (1.0 - alone) / count)
        settled_s = measured_s.reshape(BATCHES, -1)[WARM_UP:, :: 1 if count <= UNTHINNED else THINNING]
        ends_s = np.sort(np.quantile(settled_s, 0.99, axis=1, method="higher"))
        spread_s = float(ends_s.std(ddof=1)) if math.isfinite(ends_s[-1]) else 0.0
        longer_s = (measured_s - draws.alone_s).reshape(BATCHES, -1)[WARM_UP:]
        p50_s, p95_s, p99_s = np.quantile(settled_s, (0.5, 0.95, 0.99), method="higher").tolist()
        return Cell(
            min(max(alone + float(more.mean()), 0.0), 1.0),
            float(np.isinf(measured_s.reshape(BATCHES, -1)[WARM_UP:]).mean()),
            error,
            p50_s,
            p95_s,
            p99_s,
            spread_s / math.sqrt(len(ends_s)),
            max(float(longer_s.mean(where=np.isfinite(longer_s))), 0.0),
        )
