"""Services that turn requests away, or whose users give up; services with hardly any load: beside theory."""

import math

import numpy as np
import pytest

from sim.distributions import Constant, Exponential
from sim.serving.intervals import Intervals, ReplicaGroup, Span, close_intervals
from sim.serving.service import Batching, Measure, SingleService, Slo
from sim.serving.surface import Surface, build_surface

MANY = 100_000
LOOSE = Slo(Measure.LATENCY, 10.0, 0.95)
"""Of services that take 0.1 s: nobody who is admitted can be late."""
D = 300
"""Length of an interval [s]."""


class One(SingleService):
    """A service of which only one replica is tabulated."""

    @property
    def replica_grid(self) -> tuple[int, ...]:
        """One."""
        return (1,)


def surface(service: SingleService, slo: Slo) -> Surface:
    """The surface of a service next door."""
    return build_surface(service, slo, Constant(0.0), most_requests=MANY)


def hours(built: Surface, loads: list[float]) -> Intervals:
    """Intervals of a replica that sustains 10 requests/s, at these loads one after the other."""
    ready_s = np.full(len(loads), float(D))
    span = Span(D, D * len(loads), 1.0)
    return close_intervals(10.0 * np.array(loads), span, [ReplicaGroup(built, 10.0, ready_s)])


def mm1k(load: float, most: int) -> float:
    """P(turned away) in M/M/1 with room for `most` requests, the one in service included."""
    return (1.0 - load) * load**most / (1.0 - load ** (most + 1))


def impatient(load: float, patience: float) -> float:
    """P(giving up) in M/M/1 when who has waited for so many mean times goes (D. Barrer, 1957)."""
    going = load * math.exp(-(1.0 - load) * patience)
    return (1.0 - load) * going / (1.0 - load * going)


@pytest.mark.parametrize("load", [0.5, 0.8, 0.97, 1.1, 2.0, 6.0])
def test_a_short_queue_turns_away_as_erlang_says(load: float) -> None:
    """M/M/1/3 at any load: within 4 %; who is served is in time, and all others are counted as not served."""
    built = surface(One(Exponential(0.1), queue_limit=2), LOOSE)
    found = hours(built, [load, load])
    assert found.abandoned / found.offered == pytest.approx([mm1k(load, 3)] * 2, rel=0.04)
    assert found.served + found.abandoned == pytest.approx(found.offered)
    assert found.violated == pytest.approx([0.0, 0.0], abs=1e-9)
    assert found.backlog_end.tolist() == [0.0, 0.0]
    assert found.busy_s[0] == pytest.approx(found.served / 10.0)


@pytest.mark.parametrize("load", [0.8, 0.99, 1.2, 1.8])
def test_short_patience_gives_up_as_barrer_says(load: float) -> None:
    """Who has waited for five mean times goes: within 4 %, below and above what can be served."""
    built = surface(One(Exponential(0.1), patience_s=0.5), LOOSE)
    found = hours(built, [load])
    assert found.abandoned / found.offered == pytest.approx([impatient(load, 5.0)], rel=0.04)


def test_those_who_are_admitted_may_still_be_late() -> None:
    """M/M/1/3 at load 2, limit 0.2 s: who finds k before him is in time if k + 1 exponential times are."""
    built = surface(One(Exponential(0.1), queue_limit=2), Slo(Measure.LATENCY, 0.2, 0.95))
    found = hours(built, [2.0])
    chance = 2.0 ** np.arange(4) / 15.0
    late = [math.exp(-2.0) * sum(2.0**i / math.factorial(i) for i in range(k + 1)) for k in range(3)]
    assert found.violated / found.offered == pytest.approx([chance[:3] @ late], rel=0.04)


def test_overload_leaves_nothing_behind() -> None:
    """A short queue is soon gone: the interval after an overload is as if it had not been."""
    built = surface(One(Exponential(0.1), queue_limit=2), LOOSE)
    after, alone = hours(built, [0.4, 3.0, 0.4]), hours(built, [0.4, 0.4, 0.4])
    assert after.abandoned[2] == alone.abandoned[2]


def test_without_a_replica_all_are_lost() -> None:
    """Nobody waits for long: 3,000 requests that meet no replica are gone, and p99 has no bound."""
    built = surface(One(Exponential(0.1), queue_limit=2), LOOSE)
    ready_s = np.array([0.0, float(D)])
    found = close_intervals(np.array([10.0, 0.0]), Span(D, 2 * D, 1.0), [ReplicaGroup(built, 10.0, ready_s)])
    assert (found.abandoned.tolist(), found.backlog_end.tolist()) == ([3000.0, 0.0], [0.0, 0.0])
    assert found.p99_s[0] == math.inf


@pytest.mark.parametrize("load", [0.005, 0.01, 0.02, 0.05, 0.1])
def test_hardly_any_load_has_hardly_any_waits(load: float) -> None:
    """M/D/1 of 50 ms, limit 70 ms: late is who waits for more than 20 ms, P = 1 - (1 - rho) e^(0.4 rho)."""
    built = surface(One(Constant(0.05)), Slo(Measure.LATENCY, 0.07, 0.95))
    late = 1.0 - (1.0 - load) * math.exp(0.4 * load)
    at, replicas = np.array([load]), np.ones(1)
    error = 3.0 * built.read_error(at, replicas)[0]
    assert built.read(at, replicas) == pytest.approx([late], rel=0.03, abs=error)
    assert error < 0.3 * late + 1e-3


def test_full_batches_that_never_come_are_late() -> None:
    """Batches of eight, a request in two minutes: the last of each is in time, the seven others are not."""
    service = One(Constant(0.1), batching=Batching((1.0,) * 8, math.inf))
    built = surface(service, LOOSE)
    load = 1.0 / 120.0 / service.capacity_rps()
    assert built.read(np.array([load]), np.ones(1)) == pytest.approx([7.0 / 8.0], rel=0.02)
