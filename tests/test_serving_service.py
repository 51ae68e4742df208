"""What replicas sustain and promise, from their definitions, theory and measured throughput."""

import numpy as np
import pytest

from sim.distributions import Constant, Exponential, Normal, lognormal_from_mean_cv
from sim.serving.requests.llm import serve_llm
from sim.serving.service import Answers, LlmService, Measure, SingleService, Table
from sim.streams import generator, stream_key


def llama() -> LlmService:
    """Llama2-70B on eight A100 (Splitwise, medians), prompts and answers of three kinds."""
    return LlmService(
        np.array([[512, 1], [1024, 129], [2048, 401]]),
        Table.of([(2048, 0.2742), (512, 0.0930), (8192, 1.5498)]),
        Table.of([(1, 0.0450), (8, 0.0465), (32, 0.0530), (64, 0.0716)]),
        32,
    )


def test_a_single_replica_sustains_one_over_its_mean_time() -> None:
    """Mean 50 ms: 20 requests/s; on an accelerator of speed 2 it takes 25 ms: 40 requests/s."""
    assert SingleService(Constant(0.05)).capacity_rps() == pytest.approx(20.0)
    fast = SingleService(Constant(0.05), 2.0)
    assert fast.capacity_rps() == pytest.approx(40.0)
    assert fast.unloaded_s(Measure.LATENCY) == pytest.approx(0.025)
    assert fast.draw(generator(stream_key(0, 0, "test")), 3)["time_s"].tolist() == pytest.approx([0.025] * 3)


@pytest.mark.parametrize("time", [Constant(0.0), Normal(0.05, 0.01)])
def test_a_service_that_takes_no_or_negative_time_is_refused(time: Constant | Normal) -> None:
    """Neither a mean of 0 nor a quantity that can be negative is a service time."""
    with pytest.raises(ValueError, match="time >= 0"):
        SingleService(time)


@pytest.mark.parametrize("pairs", [[], [(1, 0.1), (1, 0.2)], [(1, 0.0)], [(1, float("inf"))]])
def test_a_table_without_durations_is_refused(pairs: list[tuple[float, float]]) -> None:
    """No points, one point twice, a time of 0 and an infinite one."""
    with pytest.raises(ValueError, match="a table needs"):
        Table.of(pairs)


def test_llm_capacity_by_hand() -> None:
    """Prompts take 93.0, 93.0 + 181.2 / 3, 274.2 ms; 0, 128, 400 decoded tokens 53.0 / 32 ms each."""
    prefill = (0.0930 + 0.0930 + 0.1812 / 3 + 0.2742) / 3
    decoded = (0 + 128 + 400) / 3
    assert llama().capacity_rps() == pytest.approx(1.0 / (prefill + decoded * 0.0530 / 32), rel=1e-12)


def test_llm_unloaded_by_hand() -> None:
    """Alone each token after the first takes 45 ms; one of the three requests has no such token."""
    prefill = (0.0930 + 0.0930 + 0.1812 / 3 + 0.2742) / 3
    service = llama()
    assert service.unloaded_s(Measure.TTFT) == pytest.approx(prefill, rel=1e-12)
    assert service.unloaded_s(Measure.LATENCY) == pytest.approx(prefill + 528 / 3 * 0.0450, rel=1e-12)
    assert service.unloaded_s(Measure.TPOT) == pytest.approx(2 / 3 * 0.0450, rel=1e-12)


def test_llm_capacity_is_the_measured_saturated_throughput() -> None:
    """10,000 requests that are all there at the start leave at the rate that was promised, within 2 %."""
    service = llama()
    work = service.draw(generator(stream_key(0, 0, "test")), 10_000)
    fleet = service.fleet(np.zeros(10_000), work, 1)
    serve_llm(fleet, np.zeros(10_000, np.int64))
    end_s = fleet.requests["last_s"].max()
    assert 10_000 / end_s == pytest.approx(service.capacity_rps(), rel=0.02)
    assert fleet.replicas["busy_s"][0] == pytest.approx(end_s, rel=1e-9)


def test_a_saturated_llm_request_takes_what_little_says() -> None:
    """With the batch always full, requests spend their prefill and then, by Little's law, B / capacity."""
    service = llama()
    work = service.draw(generator(stream_key(0, 0, "test")), 20_000)
    arrival_s = np.arange(20_000.0) / (1.02 * service.capacity_rps())
    answers = service.answer(arrival_s, work, 1)
    turn_s = answers.first_s - service.prefill.read(work["prompt"])
    behind_s = (answers.last_s - turn_s)[10_000:].mean()
    assert behind_s == pytest.approx(service.busiest_s(Measure.LATENCY), rel=0.02)


def test_draws_have_the_exact_mean() -> None:
    """Times are scaled to their mean, and each pair of tokens comes equally often."""
    key = stream_key(0, 0, "test")
    times = SingleService(lognormal_from_mean_cv(0.2, 2.0)).draw(generator(key), 1000)
    assert times["time_s"].mean() == pytest.approx(0.2, rel=1e-12)
    pairs = llama().draw(generator(key), 300)[["prompt", "answer"]]
    assert np.unique(pairs, return_counts=True)[1].tolist() == [100, 100, 100]


def test_measures_contain_what_they_say() -> None:
    """Round trip 0.5, first token 1, last 5 of 5 tokens: latency 5.5, ttft 1.5, tpot 4 / 4 = 1."""
    answers = Answers(np.array([1.0]), np.array([5.0]), np.array([5]))
    trip = np.array([0.5])
    assert answers.measured(Measure.LATENCY, trip).tolist() == [5.5]
    assert answers.measured(Measure.TTFT, trip).tolist() == [1.5]
    assert answers.measured(Measure.TPOT, trip).tolist() == [1.0]


def test_requests_far_apart_meet_nobody() -> None:
    """With gaps longer than any answer, the simulated answers are those of requests alone."""
    service = llama()
    work = service.draw(generator(stream_key(0, 0, "test")), 60)
    arrival_s = np.arange(60.0) * 1000.0
    alone, met = service.alone(work), service.answer(arrival_s, work, 1)
    assert met.first_s == pytest.approx(alone.first_s, rel=1e-9)
    assert met.last_s == pytest.approx(alone.last_s, rel=1e-9)
    single = SingleService(Exponential(1.0))
    times = single.draw(generator(stream_key(0, 0, "test")), 60)
    assert single.answer(arrival_s, times, 2).last_s.tolist() == single.alone(times).last_s.tolist()
