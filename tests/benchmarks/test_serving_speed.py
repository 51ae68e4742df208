"""How many requests a second the request-level simulation takes, beside SimPy in one run; `-s` shows it."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import simpy

from sim.distributions import lognormal_from_quantiles
from sim.jit import constant
from sim.loading.catalogue import catalogue
from sim.serving.capacity import ready_time
from sim.serving.intervals import ReplicaGroup, Span, sum_intervals
from sim.serving.llm import LlmService, Table
from sim.serving.requests.single import waits_ggc
from sim.serving.service import Measure, SingleService, Slo
from sim.serving.surface import build_surface
from sim.streams import generator, stream_key

SERVERS, OFFERED = 8, 6.4


def rate(work: Callable[[], Any], requests: int, repeat: int = 3) -> float:
    """Requests per second of processor time: the best of some runs, after one that compiles."""
    work()
    times = []
    for _ in range(repeat):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return requests / min(times)


def simpy_mmc(gaps: list[float], times: list[float]) -> list[float]:
    """Waits in M/M/c, as one would write it in SimPy."""
    env = simpy.Environment()
    servers = simpy.Resource(env, SERVERS)
    waits = []

    def customer(time_s: float) -> Iterator[Any]:
        arrived = env.now
        with servers.request() as turn:
            yield turn
            waits.append(env.now - arrived)
            yield env.timeout(time_s)

    def source() -> Iterator[Any]:
        for gap, time_s in zip(gaps, times, strict=True):
            yield env.timeout(gap)
            env.process(customer(time_s))

    env.process(source())
    env.run()
    return waits


@pytest.mark.benchmark_ratio
def test_a_plain_queue_is_300_times_as_fast_as_in_simpy(
    record_property: Callable[[str, object], None],
) -> None:
    """M/M/8 at 80 %: the same waits, at least 300 times as many requests a second."""
    draws = generator(stream_key(0, 0, "benchmark"))
    gaps, times = draws.exponential(1.0 / OFFERED, 400_000), draws.exponential(1.0, 400_000)
    arrival = np.cumsum(gaps)
    few = 20_000
    slow = simpy_mmc(gaps[:few].tolist(), times[:few].tolist())
    fast = waits_ggc(arrival[:few], times[:few], SERVERS)
    assert np.sort(slow) == pytest.approx(np.sort(fast), abs=1e-9)
    ours = rate(lambda: waits_ggc(arrival, times, SERVERS), 400_000)
    theirs = rate(lambda: simpy_mmc(gaps[:few].tolist(), times[:few].tolist()), few)
    sys.stdout.write(f"kernel {ours:,.0f} requests/s, SimPy {theirs:,.0f}, ratio {ours / theirs:,.0f}\n")
    assert ours > 300.0 * theirs


@pytest.mark.benchmark_ratio
@pytest.mark.parametrize("servers", [1, 8, 64])
def test_ten_million_requests_a_second_with_up_to_64_servers(servers: int) -> None:
    """M/M/c at 80 %."""
    draws = generator(stream_key(0, 0, "benchmark"))
    arrival = np.cumsum(draws.exponential(1.0 / (0.8 * servers), 2_000_000))
    times = draws.exponential(1.0, 2_000_000)
    found = rate(lambda: waits_ggc(arrival, times, servers), 2_000_000)
    sys.stdout.write(f"c = {servers}: {found:,.0f} requests/s\n")
    assert found > 10e6


@pytest.mark.benchmark_ratio
@pytest.mark.parametrize("chunk", [0, 512])
@pytest.mark.parametrize("replicas", [1, 8])
def test_300_thousand_conversations_a_second(chunk: int, replicas: int) -> None:
    """Llama-2-70B on eight A100, batch of 64, lengths of the Azure conversations, at 80 % of capacity."""
    tables = catalogue().entry("llm.llama-2-70b.A100-80GB.tp8").value
    prefill, decode = (
        Table.of((point, ms / 1e3) for point, ms in tables[part]) for part in ("prefill_ms", "decode_ms")
    )
    tokens = np.array(catalogue().entry("azure-llm-2023.conversation").value["pairs"])
    service = LlmService(tokens, prefill, decode, 64, chunk=chunk, memory_tokens=1_300_000)
    draws = generator(stream_key(0, 0, "benchmark"))
    work = service.draw(draws, 100_000)
    arrival = np.cumsum(draws.exponential(1.0 / (0.8 * replicas * service.capacity_rps()), 100_000))
    found = rate(lambda: service.answer(arrival, work, replicas), 100_000)
    sys.stdout.write(f"chunk {chunk}, {replicas} replicas: {found:,.0f} requests/s\n")
    assert found > 300e3


@pytest.mark.benchmark_ratio
def test_a_year_at_50_requests_a_second_in_50_milliseconds() -> None:
    """105,120 intervals, 1.6 billion requests, four to twelve replicas that change 9,000 times."""
    draws = generator(stream_key(0, 0, "benchmark"))
    horizon_s, interval_s = 365 * 86_400, 300
    time_s = lognormal_from_quantiles({0.5: 0.1, 0.99: 0.3})
    trip = lognormal_from_quantiles({0.5: 0.0015, 0.99: 0.006})
    surface = build_surface(
        SingleService(time_s), Slo(Measure.LATENCY, 0.5, 0.99), trip, most_requests=20_000
    )
    count = horizon_s // interval_s
    hours = np.arange(count) / 12.0
    demand_rps = 50.0 * (1.0 + 0.5 * np.sin(2 * np.pi * hours / 24.0)) * draws.gamma(25.0, 0.04, count)
    begins = np.concatenate((np.zeros(4, dtype=np.int64), np.sort(draws.integers(0, horizon_s, 9_000))))
    ends = np.minimum(begins + 4 * 3_600, horizon_s)
    ends[:4] = horizon_s
    month_first = np.arange(12, dtype=np.int64) * (count // 12)

    def year() -> object:
        ready_s = ready_time(begins, ends, constant(interval_s), constant(horizon_s))
        group = ReplicaGroup(surface, surface.capacity_rps, ready_s)
        return sum_intervals(demand_rps, Span(interval_s, horizon_s, 60.0), [group], 0.99, month_first)

    took_s = 1.0 / rate(year, 1, repeat=10)
    sys.stdout.write(f"a year of a service: {1e3 * took_s:.1f} ms\n")
    assert took_s < 0.05
