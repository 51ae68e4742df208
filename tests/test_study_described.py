"""Services of the language in the terms of the simulation: each key arrives where it belongs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.loading import load_text
from sim.scenario.model import Scenario
from sim.scenario.workloads import Inference
from sim.serving.arrivals import POISSON, Client, Family, Modulated, Renewal, Replayed, Superposed
from sim.serving.service import LlmService, Measure, Priority, Routing, SingleService
from sim.serving.single import UNLIMITED
from sim.study.described import arrival_law, longest_wait_s
from sim.study.services import describe

BASE = (Path(__file__).parent / "invalid" / "base.yaml").read_text(encoding="utf-8")
SERVICE = "{kind: single, time: 50 ms, replica: {accelerators: 1, load: 1 min}}"
DEMAND = "demand: {mean: 4 per second}"
LLM = (
    "{kind: llm, model: llama-2-70b, tokens: {pairs: [[1000, 200]]}, cached: 25%, routing: round-robin, "
    "replica: {accelerators: 2, load: 5 min, max_batch: 16, chunk: 256, memory: 95%, full: queue}}"
)


def scenario(*changes: tuple[str, str], folder: Path = Path()) -> Scenario:
    """The small scenario with texts replaced."""
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_text(text, folder=folder)


def serve_of(found: Scenario) -> Inference:
    """The service in it."""
    workload = found.workloads["serve"]
    assert isinstance(workload, Inference)
    return workload


def law_of(spread: str, folder: Path = Path()) -> Any:
    """The arrival law of a demand whose `arrivals` are written so."""
    found = scenario((DEMAND, f"demand: {{mean: 4 per second, arrivals: {spread}}}"), folder=folder)
    return arrival_law(serve_of(found).demand.arrivals)


def test_a_single_service_with_everything() -> None:
    """Batches of up to 4, 20 % more for each request, 10 ms; a limit; two classes; a timeout of 2 s."""
    written = SERVICE.replace(
        "replica:",
        "batching: {max: 4, delay: 10 ms, item: 20%}, queue_limit: 7, "
        "priorities: {fast: {share: 30%}, slow: {share: 70%, latency: 4 s}}, replica:",
    )
    found = scenario((SERVICE, written), ("share: 95%}", "share: 95%}\n    timeout: 2 s"))
    service, slo, _, law = describe(found, serve_of(found), "room/nodes")
    assert isinstance(service, SingleService)
    assert service.batching.growth == pytest.approx((1.0, 1.2, 1.4, 1.6))
    assert (service.batching.delay_s, service.queue_limit, service.patience_s) == (0.01, 7, 2.0)
    assert service.priorities == (Priority(0.3, 0.3), Priority(0.7, 4.0))
    assert (slo.limit_s, law) == (0.3, POISSON)


@pytest.mark.parametrize(
    ("limit", "timeout", "interval", "expected"),
    [
        (99, "1 min", "5 min", (99, np.inf)),
        (100, "1 min", "5 min", (UNLIMITED, np.inf)),
        (2000, "4 s", "5 min", (2000, 4.0)),
        (99, "1 min", "24 s", (UNLIMITED, np.inf)),
    ],
)
def test_limits_that_take_long_to_be_reached_are_left_to_the_backlog(
    limit: int, timeout: str, interval: str, expected: tuple[int, float]
) -> None:
    """Of 50 ms each, 99 take 4.95 s: less than 100 mean times, but more than a fifth of 24 s."""
    written = SERVICE.replace("replica:", f"queue_limit: {limit}, replica:")
    found = scenario((SERVICE, written), ("share: 95%}", f"share: 95%}}\n    timeout: {timeout}"))
    found = found.model_copy(update={"interval": {"5 min": 300.0, "24 s": 24.0}[interval]})
    service = describe(found, serve_of(found), "room/nodes")[0]
    assert isinstance(service, SingleService)
    assert (service.queue_limit, service.patience_s) == expected


def test_a_patient_service_is_a_plain_queue() -> None:
    """The usual timeout of 60 s is 1,200 times as long as a request: nobody is simulated to leave."""
    service, *_ = describe(found := scenario(), serve_of(found), "room/nodes")
    assert service == SingleService(service.time)  # type: ignore[union-attr]  # it is a single one


def test_measured_growth_is_read_between_its_points() -> None:
    """[1, 1] and [4, 2.5]: batches of 2 and 3 take 1.5 and 2; without a delay only full ones start."""
    written = SERVICE.replace("replica:", "batching: {max: 4, growth: [[1, 1], [4, 2.5]]}, replica:")
    service, *_ = describe(found := scenario((SERVICE, written)), serve_of(found), "room/nodes")
    assert isinstance(service, SingleService)
    assert service.batching.growth == pytest.approx((1.0, 1.5, 2.0, 2.5))
    assert service.batching.delay_s == np.inf


def test_a_language_model_with_everything() -> None:
    """2 x 80 GB x 95 % less 138 GB of weights are 14 GB: 42,724 tokens of 327,680 bytes."""
    found = scenario((SERVICE, LLM), ("latency: 300 ms", "ttft: 2 s"))
    service, *_ = describe(found, serve_of(found), "room/nodes")
    assert isinstance(service, LlmService)
    assert service.memory_tokens == int((2 * 80e9 * 0.95 - 138e9) // 327_680)
    assert (service.chunk, service.reserve, service.cached) == (256, True, 0.25)
    assert service.routing is Routing.ROUND_ROBIN


@pytest.mark.parametrize("measure", list(Measure))
def test_a_promise_may_speak_of_each_measure(measure: Measure) -> None:
    """A limit of 20 s on the answer, the first token, or the time between tokens."""
    found = scenario((SERVICE, LLM), ("latency: 300 ms", f"{measure.value}: 20 s"))
    _, slo, *_ = describe(found, serve_of(found), "room/nodes")
    assert (slo.measure, slo.limit_s) == (measure, 20.0)


def test_a_full_queue_bounds_the_backlog() -> None:
    """A replica answers 20/s and lets 10 wait: nobody waits for longer than 0.5 s; else for the timeout."""
    limited = serve_of(scenario((SERVICE, SERVICE.replace("replica:", "queue_limit: 10, replica:"))))
    assert longest_wait_s(limited, [20.0, 40.0]) == 0.25
    assert longest_wait_s(serve_of(scenario()), [20.0]) == 60.0


def test_laws_arrive() -> None:
    """Each law of the language is the one of the simulation."""
    assert law_of("{gamma: {cv: 2}}") == Renewal(2.0)
    assert law_of("{weibull: {cv: 3}}") == Renewal(3.0, Family.WEIBULL)
    assert law_of("{mmpp: [{rate: 1, stay: 20 s}, {rate: 4, stay: 500 ms}]}") == Modulated((1, 4), (20, 0.5))
    clients = law_of("{clients: [{share: 40%, clients: 2, cv: 2}, {share: 60%, cv: 1, law: weibull}]}")
    alike, other = Client(0.2, Renewal(2.0)), Client(0.6, Renewal(1.0, Family.WEIBULL))
    assert clients == Superposed((alike, alike, other))


def test_the_clients_of_a_recorded_service_are_in_the_catalogue() -> None:
    """162 of them, whose shares are a whole."""
    law = law_of("{catalogue: gaps.servegen-m-large}")
    assert isinstance(law, Superposed)
    assert len(law.clients) == 162


def test_recorded_arrivals_are_replayed(tmp_path: Path) -> None:
    """Gaps in the file or between the arrivals of a CSV file beside it."""
    (tmp_path / "requests.csv").write_text("arrival_s\n3\n3.5\n6\n", encoding="utf-8")
    for written in ("requests.csv", "[500 ms, 2.5 s]"):
        law = law_of(f"{{replay: {written}}}", tmp_path)
        assert isinstance(law, Replayed)
        assert law.gaps.tolist() == [0.5, 2.5]


@pytest.mark.parametrize(
    ("rows", "told"),
    [("3\n2\n", "arrival 2 comes before the one above it"), ("3\n", "one arrival has no gap to the next")],
)
def test_arrivals_that_are_no_trace_are_refused(tmp_path: Path, rows: str, told: str) -> None:
    """Times that go back, and a single one."""
    (tmp_path / "requests.csv").write_text("arrival_s\n" + rows, encoding="utf-8")
    with pytest.raises(ScenarioError, match=told):
        law_of("{replay: requests.csv}", tmp_path)
