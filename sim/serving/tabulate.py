"""Tables of a service by load and replicas: simulated where it matters, filled in between by smooth curves.

The simulated grid begins coarse. Each of its points is foretold from the others, by the monotone cubic that
fills the gaps in the end; where one is foretold badly, points are put on both sides of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sim.distributions import Distribution
from sim.serving.arrivals import POISSON, Law
from sim.serving.cells import ABSOLUTE, MOST_REQUESTS, QUANTILE, RELATIVE, Cells
from sim.serving.llm import LlmService, Routing
from sim.serving.service import Service, Slo

Floats = NDArray[np.float64]

LOADS = (0.003, 0.02, 0.1, 0.25, 0.45, 0.6, 0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.985, 0.995, 1.0)
"""Loads with which a table begins, as fractions of what the replicas sustain; 1.0 stands for saturation. At
the first nearly all are alone."""
RARE = (0.0001, 0.001)
"""Further loads of a service that waits for full batches: the fewer come, the longer that takes."""
OVERLOADS = (1.05, 1.12, 1.25, 1.5, 2.0, 3.0, 4.0)
"""Further loads of a service that turns requests away, or whose users give up. Beyond the last, replicas that
are busy all the time answer as many as there."""

REFINEMENTS = 3
"""How often points are put between those that are there."""
NOISE = 1.0
"""Standard errors of a point that surprise nobody."""
LEAST_STEP = 0.01
"""Loads are not simulated closer than this in refinements."""
CLOSER = 4.0
"""How much less a cubic over all points is off than one without the point in question: its steps are half as
long, which is 4 times less for an error of second order, and more where the table is smooth."""

FILLED = 4
"""Steps of a table for each step of the simulated loads."""
ROW_RATIO = 1.13
"""Between numbers of replicas in a table, above the small ones, which are all there."""

LEAST = 1e-12
"""Stands for 0 where a logarithm is taken."""
FLOOR = 1e-5
"""Added to violation shares before logarithms are taken, and taken away again: smaller ones do not count."""


@dataclass(frozen=True, slots=True, eq=False)
class Tabulated:
    """Tables of shape [replicas, loads]; `surface.Surface` says what they mean."""

    loads: Floats
    replicas: Floats
    violation: Floats
    violation_error: Floats
    p50_s: Floats
    p95_s: Floats
    p99_s: Floats
    wait_s: Floats
    lost: Floats
    """Empty where nobody is ever turned away or gives up."""
    capacity_rps: float


def tabulated(
    service: Service,
    slo: Slo,
    round_trip: Distribution,
    law: Law = POISSON,
    most_requests: int = MOST_REQUESTS,
) -> Tabulated:
    """Simulate a service on a grid that is refined where it is foretold badly, and fill the gaps.

    All cells see the same draws, only closer together, so that differences between loads, sites or limits are
    not noise.
    """
    lonely = isinstance(service, LlmService) and service.routing is Routing.RANDOM and law == POISSON
    # A Poisson stream that chance divides is Poisson again: no replica knows of the others.
    cells = Cells(service, slo, round_trip, law, most_requests)
    rows = (1,) if lonely else service.replica_grid
    rare, more = RARE if service.fills_batches else (), OVERLOADS if service.sheds else ()
    known = [count for count in rows if count == 1 or count <= cells.most_replicas()]
    grid = _Grid(cells, known, (*rare, *LOADS, *more))
    for _ in range(REFINEMENTS):
        refined = grid.refine()
        cells.settle(1)
        if not refined:
            break
    cells.settle(2)
    return grid.filled()


class _Grid:
    """Cells on two axes."""

    def __init__(self, cells: Cells, replicas: Sequence[int], loads: Sequence[float]) -> None:
        """Have a first look at the cells."""
        self._cells = cells
        self._replicas = list(replicas)
        self._loads = list(loads)
        cells.simulate(product(replicas, loads))

    def refine(self) -> bool:
        """Put points beside those that are foretold badly, and simulate them; whether there were any.

        There are none once half of the budget is spent: the rest is for what is there.
        """
        if 2 * self._cells.spent > self._cells.service.budget:
            return False
        excess = np.maximum(
            self._excess(
                "violation", "error", np.maximum(RELATIVE, ABSOLUTE / (self._stable("violation") + FLOOR))
            ),
            self._excess("p99_s", "p99_error_s", np.full((1, 1), QUANTILE)),
        )
        rows = [
            round(math.sqrt(left * right))
            for left, right in _gaps(self._replicas, excess[0].max(axis=1))
            if right - left > 1
        ]
        loads = [
            round((left + right) / 2.0, 4)
            for left, right in _gaps(self._loads[:-1], excess[1].max(axis=0))
            if right - left >= 2.0 * LEAST_STEP
        ]
        self._replicas = sorted({*self._replicas, *rows})
        self._loads = sorted({*self._loads, *loads})
        self._cells.simulate(product(self._replicas, self._loads))
        return bool(rows or loads)

    def _excess(self, name: str, error: str, tolerance: Floats) -> Floats:
        """What surprises in a table beyond its noise / what is tolerated, along both axes: [axis, *table]."""
        table, noise = self._stable(name), self._stable(error)
        logs = _logs(table, FLOOR)
        rough = np.divide(NOISE * noise, table + FLOOR, out=np.zeros(table.shape), where=np.isfinite(table))
        axes = (np.log(self._replicas), np.log(self._loads[:-1]))
        surprises = [_surprise(logs, axis, along) for along, axis in enumerate(axes)]
        return np.array([(surprise - rough / CLOSER) / tolerance for surprise in surprises])

    def filled(self) -> Tabulated:
        """The table, with smooth curves between what was simulated, and how far it may be off."""
        sheds = self._cells.service.sheds
        replicas, loads = _fill_rows(self._replicas), _fill_loads(self._loads)
        axes = (np.log(self._replicas), np.log(self._loads[:-1]))
        to = (np.log(replicas), np.log(loads[:-1]))

        def between(name: str, floor: float) -> Floats:
            stable = self._stable(name)
            inner = np.exp(_smooth(_logs(stable, floor), axes, to)) - floor
            inner[_linear((~np.isfinite(stable)).astype(np.float64), axes, to) > 0.0] = np.inf
            last = np.array([getattr(self._cells.known[self._replicas[0], self._loads[-1]], name)])
            return np.hstack((np.maximum(inner, 0.0), np.broadcast_to(last, (len(replicas), 1))))

        violation = np.minimum(between("violation", FLOOR), 1.0)
        error = np.zeros(violation.shape)
        off = self._off(axes, to) * violation[:, :-1]
        error[:, :-1] = np.hypot(_linear(self._stable("error"), axes, to), off)
        return Tabulated(
            loads=loads,
            replicas=replicas,
            violation=violation,
            violation_error=error,
            p50_s=between("p50_s", 0.0),
            p95_s=between("p95_s", 0.0),
            p99_s=between("p99_s", 0.0),
            wait_s=between("wait_s", 0.0),
            lost=np.minimum(between("lost", FLOOR), violation) if sheds else np.zeros((0, 0)),
            capacity_rps=self._cells.capacity_rps,
        )

    def _off(self, axes: tuple[Floats, Floats], to: tuple[Floats, Floats]) -> Floats:
        """How far the curves may be off, relative to the violation share: nothing at simulated points."""
        logs, off = _logs(self._stable("violation"), FLOOR), np.zeros((len(to[0]), len(to[1])))
        for along, axis in enumerate(axes):
            inside = np.interp(to[along], axis, np.arange(len(axis))) % 1.0
            bump = np.expand_dims(4.0 * inside * (1.0 - inside), 1 - along)
            off += bump * _linear(_near(_surprise(logs, axis, along), along), axes, to)
        return np.minimum(off, 1.0)

    def _stable(self, name: str) -> Floats:
        """A table without saturation, shape [replicas, loads - 1]."""
        loads = self._loads[:-1]
        values = [getattr(self._cells.known[place], name) for place in product(self._replicas, loads)]
        return np.array(values).reshape(len(self._replicas), len(loads))


def _logs(table: Floats, floor: float) -> Floats:
    """Logarithms; what is not finite is put at the largest finite value before it in its row."""
    known = np.where(np.isfinite(table), table, 0.0)
    filled = np.where(np.isfinite(table), table, np.maximum.accumulate(known, axis=1)) + floor
    return np.log(np.maximum(filled, LEAST))


def _gaps(points: Sequence[float], surprise: Floats) -> list[tuple[float, float]]:
    """The gaps beside points whose surprise exceeds 1."""
    bad = surprise > 1.0
    pairs = zip(points[:-1], points[1:], bad[:-1] | bad[1:], strict=True)
    return [(left, right) for left, right, either in pairs if either]


def _surprise(logs: Floats, axis: Floats, along: int) -> Floats:
    """How far a table may be off around each point, in its logarithm: as far as the cubic through the others
    misses it, less what that one misses more. 0 at the ends.
    """
    surprise = np.zeros(logs.shape)
    for n in range(1, len(axis) - 1):
        others = np.delete(np.arange(len(axis)), n)
        foretold = _curve(np.take(logs, others, axis=along), axis[others], axis[n : n + 1], along)
        place = (n, slice(None)) if along == 0 else (slice(None), n)
        surprise[place] = np.abs(np.take(foretold, 0, axis=along) - logs[place]) / CLOSER
    return surprise


def _near(surprise: Floats, along: int) -> Floats:
    """Of each point and its neighbours the largest."""
    padded = np.pad(surprise, [(1, 1) if axis == along else (0, 0) for axis in (0, 1)])
    count = surprise.shape[along]
    parts = [np.take(padded, np.arange(shift, shift + count), axis=along) for shift in (0, 1, 2)]
    largest: Floats = np.maximum.reduce(parts)
    return largest


def _curve(logs: Floats, axis: Floats, to: Floats, along: int) -> Floats:
    """The monotone cubic through a table, along one of its axes, at the points `to`."""
    from scipy.interpolate import PchipInterpolator  # slow to load, and not needed where a surface is cached

    if len(axis) == 1:
        return np.repeat(logs, len(to), axis=along)
    curve: Floats = PchipInterpolator(axis, logs, axis=along)(to)
    return curve


def _smooth(logs: Floats, axes: tuple[Floats, Floats], to: tuple[Floats, Floats]) -> Floats:
    return _curve(_curve(logs, axes[0], to[0], 0), axes[1], to[1], 1)


def _linear(table: Floats, axes: tuple[Floats, Floats], to: tuple[Floats, Floats]) -> Floats:
    rows = np.array([np.interp(to[1], axes[1], row) for row in table])
    return np.array([np.interp(to[0], axes[0], column) for column in rows.T]).T


def _fill_rows(replicas: Sequence[int]) -> Floats:
    """Numbers of replicas from the first to the last, those that were simulated among them."""
    found = set(replicas)
    count = float(replicas[0])
    while count < replicas[-1]:
        found.add(round(count))
        count = max(count * ROW_RATIO, count + 1.0)
    return np.array(sorted(found), dtype=np.float64)


def _fill_loads(loads: Sequence[float]) -> Floats:
    """Loads from the first to the last, `FILLED` steps for one, and none from the last stable to the last.

    Each is the same multiple of the one before, as few requests miss in proportion to the load.
    """
    stable = np.array(loads[:-1])
    places = np.arange((len(stable) - 1) * FILLED + 1) / FILLED
    filled = np.exp(np.interp(places, np.arange(len(stable)), np.log(stable)))
    filled[::FILLED] = stable
    return np.append(filled, loads[-1])
