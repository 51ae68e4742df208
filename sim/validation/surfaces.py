"""Surfaces beside direct simulations, at loads and numbers of replicas that were not tabulated."""

import math

import numpy as np

from sim.distributions import Distribution, lognormal_from_quantiles
from sim.loading.catalogue import catalogue
from sim.serving.arrivals import POISSON, Law, Renewal, arrivals_s, draw_points
from sim.serving.service import Batching, LlmService, Measure, Routing, Service, SingleService, Slo, Table
from sim.serving.surface import build_surface
from sim.streams import generator, stream_key
from sim.validation.sections import Cell, Section

TRIP = lognormal_from_quantiles({0.5: 0.0015, 0.99: 0.006})
TRIAGE_TIME = lognormal_from_quantiles({0.5: 0.055, 0.99: 0.180})
PLACES = ((1, 0.55), (3, 0.74), (5, 0.86), (11, 0.9), (23, 0.93), (90, 0.965))
BATCHES = 20
RELATIVE, ABSOLUTE = 0.03, 1e-3
"""The goal: violation shares within 3 % or 0.1 percentage points, whichever is wider."""
Z = 4.0


def surfaces(*, quick: bool) -> Section:
    """How far surfaces are off, and how far they say that they may be off."""
    rows: list[tuple[Cell, ...]] = []
    for name, service, slo, law, requests in _services()[: 2 if quick else None]:
        rows += _rows(name, service, slo, law, requests * (1 if quick else 4))
    columns = ("service", "replicas", "load", "simulated", "its error", "surface", "its error", "goal", "")
    notes = (
        "Share of requests that miss the SLO. `goal`: within 3 % or 0.1 percentage points, the wider of the "
        f"two. A row is good if the two differ by less than {Z:g} times their errors together.",
    )
    return Section("Surfaces between their points", columns, tuple(rows), notes)


def _rows(
    name: str, service: Service, slo: Slo, law: Law, requests: int, trip: Distribution = TRIP
) -> list[tuple[Cell, ...]]:
    surface = build_surface(service, slo, trip, law)
    rows: list[tuple[Cell, ...]] = []
    for replicas, load in PLACES:
        if replicas > surface.replicas[-1]:
            continue
        draws = {
            what: generator(stream_key(1, replicas, f"validate:{name}:{what}"))
            for what in ("gap", "work", "trip")
        }
        work = service.draw(draws["work"], requests)
        arrival_s = arrivals_s(
            law, draw_points(law, draws["gap"], requests), load * replicas * surface.capacity_rps
        )
        answers = service.answer(arrival_s, work, replicas)
        measured_s = answers.measured(slo.measure, trip.sample(draws["trip"], requests))
        shares = np.mean((measured_s > service.limits_s(work, slo.limit_s)).reshape(BATCHES, -1)[2:], axis=1)
        exact, noise = float(shares.mean()), float(shares.std(ddof=1)) / math.sqrt(len(shares))
        at = np.array([load]), np.array([float(replicas)])
        read, error = float(surface.read(*at)[0]), float(surface.read_error(*at)[0])
        near = abs(read - exact) <= max(RELATIVE * exact, ABSOLUTE)
        good = abs(read - exact) < Z * math.hypot(noise, error)
        rows.append((name, replicas, load, exact, noise, read, error, "yes" if near else "no", good))
    return rows


def conversation(routing: Routing) -> LlmService:
    """A chat of a large model on eight accelerators, with the tokens that people really send."""
    tables = catalogue().entry("llm.llama-2-70b.A100-80GB.tp8").value
    prefill, decode = (
        Table.of((point, ms / 1e3) for point, ms in tables[part]) for part in ("prefill_ms", "decode_ms")
    )
    tokens = np.array(catalogue().entry("azure-llm-2023.conversation").value["pairs"])
    return LlmService(tokens, prefill, decode, 64, routing=routing)


def _services() -> list[tuple[str, Service, Slo, Law, int]]:
    """Typical services: name, service, SLO, law, requests of a direct simulation. Two will do for a look."""
    single = SingleService(TRIAGE_TIME)
    batched = SingleService(TRIAGE_TIME, batching=Batching(tuple(1.0 + 0.2 * k for k in range(8)), 0.01))
    llm = conversation(Routing.LEAST_OUTSTANDING)
    quarter_s, ttft = Slo(Measure.LATENCY, 0.25, 0.99), Slo(Measure.TTFT, 1.5, 0.95)
    return [
        ("single, Poisson", single, quarter_s, POISSON, 1_000_000),
        ("llm, least outstanding", llm, ttft, POISSON, 400_000),
        ("single, gamma gaps of cv 2", single, quarter_s, Renewal(2.0), 1_000_000),
        ("single, batches of 8", batched, quarter_s, POISSON, 1_000_000),
    ]
