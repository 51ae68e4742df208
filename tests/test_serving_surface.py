"""The surface against closed forms and direct simulations, and its cache against damage."""

import math
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.distributions import Constant, Exponential, lognormal_from_quantiles
from sim.folders import default_cache_dir
from sim.serving import surface
from sim.serving.arrivals import POISSON, Modulated, Renewal
from sim.serving.cache import digest_of
from sim.serving.cells import Cells
from sim.serving.intervals import ReplicaGroup, Span, close_intervals
from sim.serving.requests.single import waits_ggc
from sim.serving.service import LlmService, Measure, Service, SingleService, Slo, Table
from sim.serving.single import REPLICAS
from sim.serving.surface import Surface, build_surface, load_or_build, surface_digest
from sim.serving.tabulate import LOADS

Floats = NDArray[np.float64]

TRIAGE = SingleService(lognormal_from_quantiles({0.5: 0.055, 0.99: 0.180}))
TRIAGE_SLO = Slo(Measure.LATENCY, 0.250, 0.99)
TRIP = lognormal_from_quantiles({0.5: 0.0015, 0.99: 0.006})
FEW = 4000
"""Requests per cell where only the form matters."""
MANY = 1_000_000
"""Requests per cell where the numbers matter."""


class OneReplica(SingleService):
    """A service whose surface has a single row."""

    __slots__ = ()
    replica_grid = (1,)


class FewReplicas(SingleService):
    """A service whose surface ends at eight replicas."""

    __slots__ = ()
    replica_grid = (1, 2, 3, 4, 6, 8)


def llm() -> LlmService:
    """A small language model with a batch of 8."""
    return LlmService(
        np.array([[500, 20], [1500, 60], [3000, 1]]),
        Table.of([(512, 0.0930), (2048, 0.2742)]),
        Table.of([(1, 0.0450), (8, 0.0465)]),
        8,
    )


@pytest.fixture(scope="module")
def triage() -> Surface:
    """The surface of a typical single service."""
    return build_surface(FewReplicas(TRIAGE.time), TRIAGE_SLO, TRIP, most_requests=MANY)


def direct(service: Service, slo: Slo, load: float, replicas: int, count: int) -> Floats:
    """Shares that miss the SLO in 18 batches of a simulation with draws of its own."""
    rng = np.random.default_rng(7)
    work = service.draw(rng, count)
    arrival_s = np.cumsum(rng.exponential(1.0 / (load * replicas * service.capacity_rps()), count))
    answers = service.answer(arrival_s, work, replicas)  # type: ignore[arg-type]  # drawn by itself
    late = answers.measured(slo.measure, TRIP.sample(rng, count)) > slo.limit_s
    shares: Floats = late.reshape(20, -1)[2:].mean(axis=1)
    return shares


def test_mm1_misses_as_its_sojourn_time_says() -> None:
    """The time in M/M/1 with mean service 1 is exponential: P(T > 5) = exp(-(1 - rho) 5)."""
    slo = Slo(Measure.LATENCY, 5.0, 0.9)
    found = build_surface(OneReplica(Exponential(1.0)), slo, Constant(0.0), most_requests=3 * MANY)
    loads = np.array([load for load in LOADS if load <= 0.9])
    theory = np.exp(-(1.0 - loads) * 5.0)
    error = found.read_error(loads, np.ones(len(loads)))
    assert np.all(error < 0.03 * theory)
    assert np.all(np.abs(found.read(loads, np.ones(len(loads))) - theory) < 5.0 * error)
    quantiles = -np.log(0.05) / (1.0 - loads)
    assert found.read_time("p95_s", loads, np.ones(len(loads))) == pytest.approx(quantiles, rel=0.04)


@pytest.mark.parametrize(("load", "replicas"), [(0.55, 1), (0.73, 2), (0.86, 5), (0.94, 7)])
def test_between_its_points_the_surface_agrees_with_a_direct_simulation(
    triage: Surface, load: float, replicas: int
) -> None:
    """Off the grid in load and in replicas: within 4 standard errors, and 10 % for the straight lines."""
    shares = direct(TRIAGE, TRIAGE_SLO, load, replicas, 2 * MANY)
    near = np.abs(triage.replicas - replicas).argmin(), np.abs(triage.loads - load).argmin()
    error = math.hypot(shares.std(ddof=1) / math.sqrt(len(shares)), triage.violation_error[near])
    read = triage.read(np.array([load]), np.array([replicas]))[0]
    assert abs(read - shares.mean()) < 4.0 * error + 0.1 * shares.mean()
    assert 4.0 * error < 0.4 * shares.mean()


def test_an_llm_surface_agrees_with_a_direct_simulation() -> None:
    """Time to first token of a small model, between two loads, within 5 standard errors and 5 %."""
    slo = Slo(Measure.TTFT, 0.5, 0.95)
    found = build_surface(llm(), slo, TRIP, most_requests=100_000)
    shares = direct(llm(), slo, 0.65, 1, 200_000)
    read = found.read(np.array([0.65, 0.65]), np.array([1, 40]))
    error = math.hypot(shares.std(ddof=1) / math.sqrt(len(shares)), found.violation_error[0, 5])
    assert read[0] == read[1]
    assert abs(read[0] - shares.mean()) < 5.0 * error + 0.05 * shares.mean()
    assert 5.0 * error < 0.2 * shares.mean()


def test_saturation_misses_everything_and_more_load_never_less(triage: Surface) -> None:
    """From 1 on all miss and quantiles are infinite; below, probabilities and quantiles rise with load."""
    loads = np.linspace(0.0, 1.5, 301)
    for replicas in (1, 5, 1000):
        read = triage.read(loads, np.full(301, replicas))
        assert np.all(np.diff(read) > -1e-12)
        assert np.all((read >= 0.0) & (read <= 1.0))
        assert np.all(read[loads >= 1.0] == 1.0)
        p99_s = triage.read_time("p99_s", loads, np.full(301, replicas))
        assert np.all(np.isinf(p99_s) == (loads >= 1.0))
        assert np.all(np.diff(p99_s[loads < 1.0]) > -1e-12)
    assert triage.read(np.array([np.inf]), np.array([1])).tolist() == [1.0]


def test_waits_rise_with_load_request_by_request() -> None:
    """Why common draws give a smooth surface: with closer arrivals no request waits less."""
    rng = np.random.default_rng(3)
    arrival, service = np.cumsum(rng.exponential(1.0, 20_000)), rng.lognormal(0.0, 1.0, 20_000)
    waits = [waits_ggc(arrival / load, service / service.mean(), 1) for load in (0.5, 0.7, 0.9)]
    assert np.all(waits[0] <= waits[1] + 1e-6)
    assert np.all(waits[1] <= waits[2] + 1e-6)


def test_a_constant_round_trip_is_taken_off_the_limit() -> None:
    """A round trip of 1/8 s and a limit of 3/8 s miss as often as none and 1/4 s; quantiles move by 1/8."""
    near = build_surface(TRIAGE, Slo(Measure.LATENCY, 0.250, 0.99), Constant(0.0), most_requests=FEW)
    far = build_surface(TRIAGE, Slo(Measure.LATENCY, 0.375, 0.99), Constant(0.125), most_requests=FEW)
    assert far.violation == pytest.approx(near.violation, abs=1e-12)
    simulated = np.ix_(np.isin(near.replicas, REPLICAS), np.isin(near.loads, LOADS[:-1]))
    assert far.p99_s[simulated] == pytest.approx(near.p99_s[simulated] + 0.125, rel=1e-12)
    assert far.slack_s == pytest.approx(near.slack_s)


def test_the_slack_is_the_limit_less_the_mean_of_the_rest() -> None:
    """Limit 1 s, round trip 0.1 s, service 0.25 s: 0.65 s may be waited; a limit of 0.3 s leaves none."""
    service = SingleService(Constant(0.25))
    for limit_s, slack_s in ((1.0, 0.65), (0.3, 0.0)):
        found = build_surface(service, Slo(Measure.LATENCY, limit_s, 0.9), Constant(0.1), most_requests=FEW)
        assert found.slack_s == pytest.approx(slack_s)


def test_the_time_per_token_has_a_limit_under_saturation() -> None:
    """TPOT has no wait in it: beyond saturation it is that of a full batch, and never below one request's."""
    found = build_surface(llm(), Slo(Measure.TPOT, 0.060, 0.9), TRIP, most_requests=FEW)
    assert math.isinf(found.slack_s)
    over = np.array([1.0, 3.0])
    assert np.all(found.read(over, np.ones(2)) == found.violation[0, -1])
    assert np.all(found.read_time("p50_s", over, np.ones(2)) == found.p50_s[0, -1])
    assert 0.0449 < found.p50_s[0, 0] < found.p50_s[0, -1] < math.inf


def test_regular_arrivals_wait_less_than_bursts() -> None:
    """Gaps with cv 0 and cv 2 miss less and more than Poisson's, at every stable load of one replica."""
    regular, poisson, bursts = (
        build_surface(OneReplica(TRIAGE.time), TRIAGE_SLO, TRIP, Renewal(cv), 100_000).violation[0, 3:-2]
        for cv in (0.0, 1.0, 2.0)
    )
    assert np.all(regular < poisson)
    assert np.all(poisson < bursts)


@pytest.mark.parametrize(
    ("peak", "service", "slo", "replicas", "bound"),
    [
        (0.9, TRIAGE, TRIAGE_SLO, 6, 0.06),
        (1.1, TRIAGE, TRIAGE_SLO, 6, 0.02),
        (0.9, llm(), Slo(Measure.TTFT, 1.0, 0.95), 1, 0.06),
    ],
)
@pytest.mark.slow
def test_a_day_in_intervals_agrees_with_every_request(
    peak: float, service: Service, slo: Slo, replicas: int, bound: float
) -> None:
    """Two days (20 for the slow model) between 30 % and `peak`, with noise of cv 0.1 in 5-minute steps.

    The share of requests outside the SLO, by intervals, against the simulation of each request.
    """
    rng = np.random.default_rng(5)
    days = 2 if replicas > 1 else 20
    hours = np.arange(days * 288) / 12.0
    noise = rng.gamma(100.0, 0.01, len(hours))
    load = (0.3 + (peak - 0.3) * (0.5 - 0.5 * np.cos(2.0 * np.pi * hours / 24.0))) * noise
    rate = load * replicas * service.capacity_rps()
    arrivals = rng.poisson(rate * 300.0)
    arrival_s = np.sort(
        300.0 * np.repeat(np.arange(len(rate)), arrivals) + 300.0 * rng.random(arrivals.sum())
    )
    answers = service.answer(arrival_s, service.draw(rng, len(arrival_s)), replicas)  # type: ignore[arg-type]  # drawn by itself
    exact = np.mean(answers.measured(slo.measure, TRIP.sample(rng, len(arrival_s))) > slo.limit_s)
    found = build_surface(service, slo, TRIP)
    ready_s = np.full(len(rate), 300.0 * replicas)
    group = ReplicaGroup(found, service.capacity_rps(), ready_s)
    closed = close_intervals(arrivals / 300.0, Span(300, 300 * len(rate), math.inf), [group])
    assert closed.violated.sum() / closed.offered.sum() == pytest.approx(exact, rel=bound)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell depends on its place alone."""
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        found.append(build_surface(FewReplicas(TRIAGE.time), TRIAGE_SLO, TRIP, most_requests=FEW))
    assert same(*found)


def test_the_error_covers_what_the_surface_is_off() -> None:
    """Against M/M/1, whose times are known, between simulated points too: within 4 errors of the surface."""
    slo = Slo(Measure.LATENCY, 5.0, 0.9)
    found = build_surface(OneReplica(Exponential(1.0)), slo, Constant(0.0))
    loads = np.linspace(0.3, 0.95, 100)
    off = found.read(loads, np.ones(100)) - np.exp(-(1.0 - loads) * 5.0)
    error = found.read_error(loads, np.ones(100))
    assert np.all(np.abs(off) < 4.0 * error)
    assert np.all(error < np.maximum(0.06 * np.exp(-(1.0 - loads) * 5.0), 2e-3))
    assert found.read_error(np.array([1.0, 2.0]), np.ones(2)).tolist() == [0.0, 0.0]


def test_bursts_that_last_are_tabulated_for_as_many_replicas_as_they_can_be_simulated() -> None:
    """100 rounds of 25 s at 16 requests/s and replica are 40,000 requests: 800,000 last for 16 replicas."""
    law = Modulated((1.0, 4.0), (20.0, 5.0))
    cells = Cells(TRIAGE, TRIAGE_SLO, TRIP, law, 800_000)
    assert cells.most_replicas() == pytest.approx(800_000 / (100 * 25 * TRIAGE.capacity_rps()))
    assert Cells(TRIAGE, TRIAGE_SLO, TRIP, POISSON, 800_000).most_replicas() == math.inf


def test_a_service_that_sheds_has_a_surface_without_an_end() -> None:
    """With nobody allowed to wait, M/M/1/1 at load 0.5 answers 2 of 3, and its p99 is unbounded."""
    service = OneReplica(Exponential(1.0), queue_limit=0)
    found = build_surface(service, Slo(Measure.LATENCY, 1e6, 0.9), Constant(0.0), most_requests=200_000)
    at = np.array([0.45]), np.ones(1)
    assert found.read(*at)[0] == pytest.approx(0.45 / 1.45, abs=0.01)
    assert found.read_time("p99_s", *at)[0] == math.inf
    assert found.read_time("p50_s", *at)[0] < 2.0


def same(a: Surface, b: Surface) -> bool:
    """Whether two surfaces are the same to the bit."""
    return all(np.array_equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(Surface))


def cached(folder: Path | None, limit_s: float = 0.250) -> Surface:
    """A coarse surface of the single service, through the cache."""
    slo = Slo(Measure.LATENCY, limit_s, 0.99)
    return load_or_build(TRIAGE, slo, TRIP, most_requests=FEW, cache_dir=folder)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The limits of the surfaces that are built, in order."""
    limits: list[float] = []

    def counted(service: Service, slo: Slo, *rest: object, **more: object) -> Surface:
        limits.append(slo.limit_s)
        return build_surface(service, slo, *rest, **more)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(surface, "build_surface", counted)
    return limits


def test_a_surface_is_built_once_and_read_back_to_the_bit(tmp_path: Path, builds: list[float]) -> None:
    """The second call finds the file of the first; no other file is left beside it."""
    assert same(cached(tmp_path), cached(tmp_path))
    assert builds == [0.250]
    assert len(list(tmp_path.iterdir())) == 1


def flip(data: bytes) -> bytes:
    """The data with one bit in the middle changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: data[:-100], flip, lambda data: b"not a surface", lambda data: data[:9]],
)
def test_a_damaged_file_is_built_anew(
    tmp_path: Path, builds: list[float], damage: Callable[[bytes], bytes]
) -> None:
    """Emptied, cut, a bit flipped, overwritten: never read as data, and whole again afterwards."""
    whole = cached(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert same(cached(tmp_path), whole)
    assert same(cached(tmp_path), whole)
    assert builds == [0.250, 0.250]


def test_the_file_of_another_question_is_not_trusted(tmp_path: Path, builds: list[float]) -> None:
    """A sound file under a wrong name is built anew."""
    cached(tmp_path)
    (mine,) = tmp_path.iterdir()
    cached(tmp_path, 0.5)
    (other,) = (path for path in tmp_path.iterdir() if path != mine)
    other.replace(mine)
    cached(tmp_path)
    assert builds == [0.250, 0.5, 0.250]


def test_a_file_with_other_content_is_not_trusted(tmp_path: Path, builds: list[float]) -> None:
    """A readable archive whose tables were changed, with the right digest in it, is built anew."""
    whole = cached(tmp_path)
    (path,) = tmp_path.iterdir()
    with np.load(path) as stored:
        tables = {name: stored[name] for name in stored.files}
    tables["violation"] = tables["violation"] / 2.0
    np.savez(path, allow_pickle=False, **tables)
    assert same(cached(tmp_path), whole)
    assert builds == [0.250, 0.250]


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path, builds: list[float]) -> None:
    """A cache folder below a file cannot exist: the surface is built each time, without a word."""
    (tmp_path / "file").write_text("")
    assert same(cached(tmp_path / "file" / "cache"), cached(tmp_path / "file" / "cache"))
    assert builds == [0.250, 0.250]


def test_the_default_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_CACHE_HOME when it is absolute, else ~/.cache, and None where there is no home."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "simulate"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert default_cache_dir() == tmp_path / "home" / ".cache" / "simulate"

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    assert default_cache_dir() is None


def test_the_digest_tells_apart_what_gives_other_numbers() -> None:
    """Service, limit, measure, round trip, arrivals and requests matter; the share promised does not."""
    base = surface_digest(TRIAGE, TRIAGE_SLO, TRIP)
    others = [
        surface_digest(SingleService(TRIAGE.time, 2.0), TRIAGE_SLO, TRIP),
        surface_digest(llm(), TRIAGE_SLO, TRIP),
        surface_digest(replace(llm(), tokens=llm().tokens + 1), TRIAGE_SLO, TRIP),
        surface_digest(replace(llm(), max_batch=9), TRIAGE_SLO, TRIP),
        surface_digest(TRIAGE, replace(TRIAGE_SLO, limit_s=0.3), TRIP),
        surface_digest(TRIAGE, replace(TRIAGE_SLO, measure=Measure.TTFT), TRIP),
        surface_digest(TRIAGE, TRIAGE_SLO, Constant(0.0)),
        surface_digest(TRIAGE, TRIAGE_SLO, TRIP, Renewal(2.0)),
        surface_digest(TRIAGE, TRIAGE_SLO, TRIP, most_requests=5),
    ]
    assert len({base, *others}) == 1 + len(others)
    assert surface_digest(TRIAGE, replace(TRIAGE_SLO, share=0.5), TRIP) == base
    assert surface_digest(llm(), TRIAGE_SLO, TRIP) == others[1]


def test_what_has_no_canonical_form_has_no_digest() -> None:
    """An object whose content is unknown raises instead of being left out."""
    with pytest.raises(TypeError, match="canonical"):
        digest_of((1, object()))
