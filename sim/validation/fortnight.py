"""A fortnight of real demand, by intervals and surfaces as a run sees it, and request by request."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.calibrate.tables import floats, read
from sim.distributions import lognormal_from_quantiles
from sim.serving.intervals import ReplicaGroup, Span, close_intervals
from sim.serving.medians import worst_median
from sim.serving.requests.single import waits_scaled
from sim.serving.service import Measure, Routing, Service, SingleService, Slo
from sim.serving.surface import Surface, build_surface
from sim.streams import generator, stream_key
from sim.validation.sections import Cell, Section
from sim.validation.surfaces import TRIP, conversation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW_S = 600
"""Step of the recorded demand."""
PEAKS = (0.5, 0.8, 0.95, 1.1)
"""Demand in the highest step / capacity of all replicas."""
REPLICAS = 12
TARGET = 0.7
"""Load for which the scaled service has replicas, by the demand of the step before."""
RELATIVE, ABSOLUTE, P99 = 0.03, 1e-3, 0.05
"""The goal: shares within 3 % or 0.1 percentage points, whichever is wider, and p99 within 5 %."""

SCAN_TIME = lognormal_from_quantiles({0.5: 0.55, 0.99: 1.8})
"""Ten times the time of a triage, so that a fortnight has millions of requests, not hundreds of them."""
SCAN_SLO = Slo(Measure.LATENCY, 2.5, 0.99)
CHAT_SLO = Slo(Measure.TTFT, 1.5, 0.95)


def fortnight(data: Path, *, quick: bool) -> Section:
    """Violations and p99 by intervals beside those of every single request, with and without scaling.

    Raises FileNotFoundError when the data set is not in the folder.
    """
    rate = floats(read(data, "servegen/m-large_total_rate")["total_rate_rps"])
    shape = rate / rate.max()
    days = 3 if quick else 14
    shape = shape[: days * 86_400 // WINDOW_S]
    single, llm = SingleService(SCAN_TIME), conversation(Routing.LEAST_OUTSTANDING)
    rows: list[tuple[Cell, ...]] = []
    scan = build_surface(single, SCAN_SLO, TRIP)
    for scaled in (False, True):
        rows += [
            _row("single", single, SCAN_SLO, scan, shape, peak, REPLICAS, scaled=scaled) for peak in PEAKS
        ]
    if not quick:
        chat = build_surface(llm, CHAT_SLO, TRIP)
        rows += [_row("llm", llm, CHAT_SLO, chat, shape, peak, 2, scaled=False) for peak in PEAKS]
    columns = (
        "service", "scaling", "peak load", "requests",
        "late", "by intervals", "p99, s", "by intervals, s", "goal",
    )  # fmt: skip
    notes = (
        "Demand of m-large (servegen), scaled so that its highest step is the stated share of the capacity "
        "of all replicas. With scaling as many replicas are there as the demand of the step before needs at "
        f"a load of {TARGET:g}. `late`: share of requests outside the SLO. `p99`: the median over requests "
        "of the p99 of their steps. `goal`: shares within 3 % or 0.1 percentage points, p99 within 5 %.",
    )
    return Section("A fortnight of real demand", columns, tuple(rows), notes)


def _row(
    name: str,
    service: Service,
    slo: Slo,
    surface: Surface,
    shape: Floats,
    peak: float,
    replicas: int,
    *,
    scaled: bool,
) -> tuple[Cell, ...]:
    demand_rps = shape * peak * replicas * surface.capacity_rps
    there = _scaled(demand_rps / surface.capacity_rps, replicas) if scaled else np.full(len(shape), replicas)
    draws = {
        what: generator(stream_key(1, 0, f"fortnight:{what}")) for what in ("count", "gap", "work", "trip")
    }
    counts = draws["count"].poisson(demand_rps * WINDOW_S)
    arrival_s = _spread(counts, draws["gap"].random)
    work = service.draw(draws["work"], len(arrival_s))
    if isinstance(service, SingleService):
        time_s = np.ascontiguousarray(work["time_s"])
        answered_s = waits_scaled(arrival_s, time_s, there, float(WINDOW_S)) + time_s
    else:
        answered_s = service.answer(arrival_s, work, replicas).first_s
    measured_s = answered_s + TRIP.sample(draws["trip"], len(arrival_s))
    late = float(np.mean(measured_s > slo.limit_s))
    p99_s = _median_p99(measured_s, counts)

    span = Span(WINDOW_S, len(shape) * WINDOW_S, math.inf)
    group = ReplicaGroup(surface, surface.capacity_rps, there.astype(np.float64) * WINDOW_S)
    found = close_intervals(demand_rps, span, [group])
    share = float(found.violated.sum() / found.offered.sum())
    spoken_s = float(worst_median(found.p99_s, found.offered, np.zeros(1, dtype=np.int64)))
    near = abs(share - late) <= max(RELATIVE * late, ABSOLUTE) and abs(spoken_s - p99_s) <= P99 * p99_s
    told = "yes" if scaled else "no"
    return (name, told, peak, len(arrival_s), late, share, p99_s, spoken_s, near)


def _scaled(needed: Floats, most: int) -> Ints:
    """Replicas for the load of the step before, at least one."""
    before = np.concatenate((needed[:1], needed[:-1]))
    return np.clip(np.ceil(before / TARGET), 1, most).astype(np.int64)


def _spread(counts: Ints, uniform: Callable[[int], Floats]) -> Floats:
    """Arrivals [s], ascending: in each step as many as are counted, anywhere in it."""
    return np.sort((np.repeat(np.arange(len(counts)), counts) + uniform(int(counts.sum()))) * WINDOW_S)


def _median_p99(measured_s: Floats, counts: Ints) -> float:
    """The median, over requests, of the 99th percentile of the step in which each came [s]."""
    ends = np.cumsum(counts)
    p99_s = np.array(
        [
            np.quantile(measured_s[end - count : end], 0.99, method="higher") if count else np.nan
            for end, count in zip(ends.tolist(), counts.tolist(), strict=True)
        ]
    )
    return float(worst_median(p99_s, counts.astype(np.float64), np.zeros(1, dtype=np.int64)))
