"""How many requests a second the request-level simulation takes, beside SimPy in one run; `-s` shows it."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import simpy

from sim.loading.catalogue import catalogue
from sim.serving.llm import LlmService, Table
from sim.serving.requests.single import waits_ggc
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
