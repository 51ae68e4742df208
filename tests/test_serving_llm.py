"""Continuous batching by hand and against one iteration at a time: prompts, chunks, memory, routing."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.serving.requests.llm import Fleet, fresh_replicas, fresh_requests, serve_llm
from sim.serving.requests.tables import read_table
from sim.serving.service import LlmService, Measure, Routing, Table
from sim.streams import generator, stream_key

Floats = NDArray[np.float64]
Request = tuple[float, int, int]
"""Arrival [s], tokens of the prompt, tokens of the answer."""
Points = tuple[Floats, Floats]

NO_LIMIT = 10**9

V4_PREFILL = (np.array([512.0, 2048.0, 8192.0]), np.array([0.0930, 0.2742, 1.5498]))
V4_DECODE = (np.array([1.0, 8.0, 32.0, 64.0]), np.array([0.0450, 0.0465, 0.0530, 0.0716]))
"""Llama2-70B on eight A100 (Splitwise, medians)."""


def run_fleet(
    requests: Sequence[Request],
    prefill: Points,
    decode: Points,
    max_batch: int,
    *,
    chunk: int = 0,
    memory: int = NO_LIMIT,
    reserve: bool = False,
    context_s: float = 0.0,
    cached: int = 0,
    replicas: int = 1,
    route: Sequence[int] | None = None,
) -> Fleet:
    """The fleet after these requests."""
    arrival, prompt, answer = (np.array(column) for column in zip(*requests, strict=True))
    prefill_s = read_table(*prefill, np.arange(max(int((prompt + answer).max()), chunk) + 1.0))
    prefill_s[0] = 0.0
    fleet = Fleet(
        prefill_s,
        read_table(*decode, np.arange(max_batch + 1.0)),
        context_s,
        chunk,
        memory,
        reserve,
        fresh_requests(arrival.astype(np.float64), prompt, np.full(len(prompt), cached), answer),
        *fresh_replicas(replicas, max_batch),
    )
    serve_llm(fleet, np.zeros(len(prompt), np.int64) if route is None else np.array(route))
    return fleet


def run_llm(
    requests: Sequence[Request], prefill: Points, decode: Points, max_batch: int, **rules: Any
) -> tuple[Floats, Floats, float]:
    """Times to first and last token [s], busy time [s]."""
    fleet = run_fleet(requests, prefill, decode, max_batch, **rules)
    return fleet.requests["first_s"], fleet.requests["last_s"], float(fleet.replicas["busy_s"].sum())


def test_a_request_alone_takes_its_prefill_and_its_decodes() -> None:
    """Prompt 512, 11 tokens: first after 0.0930 s, last after 0.0930 + 10 x 0.0450 s."""
    ttft, e2e, busy = run_llm([(100.0, 512, 11)], V4_PREFILL, V4_DECODE, 64)
    assert ttft[0] == pytest.approx(0.0930, rel=1e-12)
    assert e2e[0] == pytest.approx(0.0930 + 10 * 0.0450, rel=1e-12)
    assert busy == pytest.approx(0.0930 + 10 * 0.0450, rel=1e-12)


TWO = ((np.array([1.0]), np.array([2.0])), (np.array([1.0, 2.0]), np.array([1.0, 1.5])))
"""Every prefill takes 2 s; an iteration 1 s for one request, 1.5 s for two."""


def test_two_overlapping_requests_share_iterations() -> None:
    """A (t = 0, 4 tokens) and B (t = 2.5, 3 tokens).

    A: prefill 0-2, decode 2-3 (its 2nd token). B arrived at 2.5: prefill 3-5. Both: 5-6.5 (A's 3rd, B's 2nd),
    6.5-8 (A's 4th, B's 3rd). A: ttft 2, e2e 8. B: ttft 2.5, e2e 5.5. Busy all the time, 8 s.
    """
    ttft, e2e, busy = run_llm([(0.0, 1, 4), (2.5, 1, 3)], *TWO, 2)
    assert ttft.tolist() == [2.0, 2.5]
    assert e2e.tolist() == [8.0, 5.5]
    assert busy == 8.0


def test_a_full_batch_keeps_the_next_request_waiting() -> None:
    """With max_batch 1, A (4 tokens) ends at 2 + 3 x 1 = 5; B is prefilled 5-7 and ends at 7 + 2 = 9."""
    ttft, e2e, busy = run_llm([(0.0, 1, 4), (2.5, 1, 3)], *TWO, 1)
    assert ttft.tolist() == [2.0, 7.0 - 2.5]
    assert e2e.tolist() == [5.0, 9.0 - 2.5]
    assert busy == 9.0


STEP = ((np.arange(0.0, 101.0), 0.5 * np.arange(0.0, 101.0)), (np.array([1.0, 9.0]), np.array([1.0, 9.0])))
"""A prompt takes 0.5 s a token; an iteration of k requests takes k s."""


def test_chunks_and_decodes_share_iterations() -> None:
    """Five tokens an iteration, for A (t = 0, 8 tokens in, 3 out) and B (t = 1, 3 in, 2 out).

    0-2.5: A's tokens 1-5. 2.5-5.5: A's last three and two of B's, 2.5 s: ends at 5, A's first token. 5-6: one
    place is A's decode, B's last token takes 0.5 s, the decode beside it nothing: ends at 5.5, A's 2nd and
    B's 1st. Then both decode, 2 s: ends at 7.5, A's 3rd and B's 2nd.
    """
    first, last, busy = run_llm([(0.0, 8, 3), (1.0, 3, 2)], *STEP, 4, chunk=5)
    assert first.tolist() == [5.0, 4.5]
    assert last.tolist() == [7.5, 6.5]
    assert busy == 7.5


def test_later_parts_of_a_long_prompt_cost_what_they_cost_in_one_piece() -> None:
    """Where 2 tokens take 1 s and 4 take 3 s, two parts of 2 take 1 and 3 - 1 = 2 s."""
    superlinear = (np.array([0.0, 2.0, 4.0, 8.0]), np.array([0.0, 1.0, 3.0, 10.0]))
    first, _, _ = run_llm([(0.0, 4, 1)], superlinear, STEP[1], 2, chunk=2)
    assert first.tolist() == [3.0]


def test_what_is_in_the_prefix_cache_is_not_read() -> None:
    """Of 8 tokens 6 are cached: 2 tokens take 1 s instead of 4."""
    first, _, _ = run_llm([(0.0, 8, 1)], *STEP, 2, cached=6)
    assert first.tolist() == [1.0]


def test_contexts_make_iterations_longer() -> None:
    """A prompt of 10, 4 tokens out, 0.1 s for each token held: 5 + (1 + 1.1) + (1 + 1.2) + (1 + 1.3)."""
    _, last, _ = run_llm([(0.0, 10, 4)], *STEP, 2, context_s=0.1)
    assert last.tolist() == pytest.approx([5.0 + 2.1 + 2.2 + 2.3])


def test_where_memory_is_reserved_one_waits_until_the_answer_fits() -> None:
    """Memory for 10: A (4 in, 4 out) reserves 8; B (2 in, 2 out) needs 4, and waits until A is done at 5.

    A: 0-2 prompt, then 3 tokens, 1 s each. B: 5-6 its prompt, 6-7 its second token.
    """
    first, last, _ = run_llm([(0.0, 4, 4), (0.0, 2, 2)], *STEP, 4, memory=10, reserve=True)
    assert (first[1], last[0], last[1]) == (6.0, 5.0, 7.0)


def test_where_memory_is_full_the_last_to_come_is_read_again() -> None:
    """Memory for 8: A (4 in, 4 out) and B (2 in, 4 out).

    0-2 A's prompt (5 tokens held), 2-3 B's (8 held). Two more would be 10: B is thrown out with its first
    token. A decodes alone, 1 s each, to its end at 6 (8 held). B's 2 + 1 tokens are read again, 6-7.5, which
    gives its second token; its third and fourth come at 8.5 and 9.5.
    """
    fleet = run_fleet([(0.0, 4, 4), (0.0, 2, 4)], *STEP, 4, memory=8)
    assert fleet.replicas["thrown_out"].tolist() == [1]
    assert fleet.requests["first_s"].tolist() == [2.0, 3.0]
    assert fleet.requests["last_s"].tolist() == [6.0, 9.5]


def test_the_replica_with_the_fewest_is_chosen() -> None:
    """Two replicas, batch of 1: A goes to the first, B (1 s later) to the second, C to the first again.

    A: 1 s prompt + 9 s; B: 1 s + 1 s, done at 3; C comes at 4 and finds the second empty.
    """
    requests = [(0.0, 2, 10), (1.0, 2, 2), (4.0, 2, 2)]
    fleet = run_fleet(requests, *STEP, 1, replicas=2, route=[-1, -1, -1])
    assert fleet.requests["last_s"].tolist() == [10.0, 2.0, 2.0]
    assert fleet.replicas["busy_s"].tolist() == [10.0, 4.0]


class Reference:
    """One replica, one iteration at a time, in plain lists; whole quarters of seconds throughout."""

    def __init__(self, rows: Sequence[Request], rules: dict[str, Any], decode_s: Sequence[float]) -> None:
        self.rows, self.rules, self.decode_s = rows, rules, decode_s
        self.now, self.waiting, self.reading, self.decoding = 0.0, list(range(len(rows))), [], []
        self.read, self.emitted = [0] * len(rows), [0] * len(rows)
        self.first, self.last = [0.0] * len(rows), [0.0] * len(rows)
        self.thrown_out = 0

    def _held(self) -> int:
        everybody = self.reading + self.decoding
        if self.rules["reserve"]:
            return sum(self.rows[n][1] + self.rows[n][2] for n in everybody)
        return sum(self.rows[n][1] + self.emitted[n] for n in everybody)

    def _admits(self) -> bool:
        if not self.waiting or self.rows[self.waiting[0]][0] > self.now:
            return False
        n = self.waiting[0]
        needs = self.rows[n][1] + (self.rows[n][2] if self.rules["reserve"] else self.emitted[n])
        fits = self._held() + needs <= self.rules["memory"]
        if fits and len(self.reading) + len(self.decoding) < len(self.decode_s) - 1:
            self.waiting.pop(0)
            self.read[n] = 0
            self.reading.append(n)
            self.order.append(n)
            return True
        return False

    def run(self) -> None:
        """Answer all."""
        self.order: list[int] = []
        while self.waiting or self.reading or self.decoding:
            if not self.reading and not self.decoding and self.rows[self.waiting[0]][0] > self.now:
                self.now = self.rows[self.waiting[0]][0]
            full = False
            while (
                not self.rules["reserve"]
                and self.decoding
                and self._held() + len(self.decoding) > self.rules["memory"]
            ):
                full = True
                self._throw_out()
            parts = self._parts(full)
            if not parts:
                self._iterate(self.decode_s[len(self.decoding)], self.decoding[:], {})
            elif self.rules["chunk"] == 0:
                self._iterate(0.5 * sum(parts.values()), [], parts)
            else:
                beside = self.decode_s[len(self.decoding)] - self.decode_s[1] if self.decoding else 0.0
                self._iterate(0.5 * sum(parts.values()) + beside, self.decoding[:], parts)

    def _parts(self, full: bool) -> dict[int, int]:
        if self.rules["chunk"] == 0:
            if not full and self._admits():
                n = self.reading[0]
                return {n: self.rows[n][1] + self.emitted[n]}
            return {}
        left, parts = self.rules["chunk"] - len(self.decoding), {}
        place = 0
        while left > 0 and (place < len(self.reading) or (not full and self._admits())):
            n = self.reading[place]
            parts[n] = min(left, self.rows[n][1] + self.emitted[n] - self.read[n])
            left -= parts[n]
            place += 1
        return parts

    def _throw_out(self) -> None:
        latest = max(self.reading + self.decoding, key=lambda n: len(self.order) - self.order[::-1].index(n))
        (self.reading if latest in self.reading else self.decoding).remove(latest)
        self.waiting.insert(0, latest)
        self.thrown_out += 1

    def _iterate(self, time_s: float, decoding: list[int], parts: dict[int, int]) -> None:
        self.now += time_s
        for n in decoding:
            self._emit(n, self.decoding)
        for n, part in parts.items():
            self.read[n] += part
            if self.read[n] == self.rows[n][1] + self.emitted[n]:
                self.reading.remove(n)
                self.decoding.append(n)
                self._emit(n, self.decoding)

    def _emit(self, n: int, place: list[int]) -> None:
        self.emitted[n] += 1
        if self.emitted[n] == 1:
            self.first[n] = self.now
        if self.emitted[n] == self.rows[n][2]:
            self.last[n] = self.now
            place.remove(n)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6), st.integers(1, 9)), min_size=1, max_size=25),
    st.integers(1, 4),
    st.sampled_from([0, 4, 7]),
    st.sampled_from([15, 22, 10**6]),
    st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_iterations_taken_at_once_equal_one_by_one(
    drawn: list[tuple[int, int, int]], max_batch: int, chunk: int, memory: int, reserve: bool
) -> None:
    """All times are quarters of seconds, whose sums are exact: both simulations agree to the bit."""
    arrival = np.cumsum([gap for gap, _, _ in drawn]) / 4.0
    rows = [(at, prompt, answer) for at, (_, prompt, answer) in zip(arrival.tolist(), drawn, strict=True)]
    decode_s = [0.0, 1.0, 1.25, 1.5, 2.5][: max_batch + 1]
    expected = Reference(rows, {"chunk": chunk, "memory": memory, "reserve": reserve}, decode_s)
    expected.run()
    decode = (np.arange(1.0, max_batch + 1), np.array(decode_s[1:]))
    fleet = run_fleet(rows, STEP[0], decode, max_batch, chunk=chunk, memory=memory, reserve=reserve)
    assert (arrival + fleet.requests["first_s"]).tolist() == expected.first
    assert (arrival + fleet.requests["last_s"]).tolist() == expected.last
    assert fleet.replicas["thrown_out"].tolist() == [expected.thrown_out]


def test_no_more_than_a_full_batch_is_between_first_and_last_token() -> None:
    """In a crowd, the requests that have their first token and not yet their last are at most max_batch."""
    rng = np.random.default_rng(2)
    requests = [(0.01 * n, int(rng.integers(50, 3000)), int(rng.integers(1, 300))) for n in range(2000)]
    ttft, e2e, _ = run_llm(requests, V4_PREFILL, V4_DECODE, 32)
    arrival = np.array([at for at, _, _ in requests])
    times = np.concatenate((arrival + e2e, arrival + ttft))
    steps = np.concatenate((-np.ones(2000), np.ones(2000)))
    # One that leaves makes room before the next prefill, which takes time: ends sort before beginnings.
    active = np.cumsum(steps[np.argsort(times, kind="stable")])
    assert active.max() == 32


def llama(**rules: Any) -> LlmService:
    """Llama2-70B on eight A100, prompts and answers of three kinds."""
    return LlmService(
        np.array([[512, 1], [1024, 129], [2048, 401]]),
        Table(*V4_PREFILL),
        Table(*V4_DECODE),
        32,
        **rules,
    )


@pytest.mark.parametrize(
    "rules",
    [
        {"chunk": 512},
        {"chunk": 512, "cached": 0.5, "context_s": 1e-7},
        {"cached": 0.25, "context_s": 1e-7},
    ],
)
def test_requests_far_apart_meet_nobody(rules: dict[str, Any]) -> None:
    """With gaps longer than any answer, the simulated answers are those of requests alone."""
    service = llama(**rules)
    work = service.draw(generator(stream_key(0, 0, "test")), 60)
    alone, met = service.alone(work), service.answer(np.arange(60.0) * 1000.0, work, 1)
    assert met.first_s == pytest.approx(alone.first_s, rel=1e-9)
    assert met.last_s == pytest.approx(alone.last_s, rel=1e-9)


@pytest.mark.parametrize(
    "rules", [{"chunk": 512}, {"memory_tokens": 12_000}, {"memory_tokens": 12_000, "reserve": True}]
)
def test_capacity_is_what_leaves_where_everybody_waits(rules: dict[str, Any]) -> None:
    """Demand 2 % above the promised capacity is served at that capacity, within 1.5 %."""
    service = llama(**rules)
    work = service.draw(generator(stream_key(0, 0, "other")), 30_000)
    arrival_s = np.arange(30_000) / (1.02 * service.capacity_rps())
    end_s = np.sort(arrival_s + service.answer(arrival_s, work, 1).last_s)
    assert 20_000 / (end_s[25_000] - end_s[5_000]) == pytest.approx(service.capacity_rps(), rel=0.015)


def test_little_memory_sustains_less_and_reserving_it_less_again() -> None:
    """A KV cache of 12,000 tokens holds some 8 requests instead of 32."""
    ample, full, reserved = (
        llama(**rules).capacity_rps()
        for rules in ({}, {"memory_tokens": 12_000}, {"memory_tokens": 12_000, "reserve": True})
    )
    assert reserved < full < ample


def test_requests_are_spread_as_the_routing_says() -> None:
    """Round robin gives each of 4 replicas every fourth; chance about a quarter; the fewest waits least."""
    work = llama().draw(generator(stream_key(0, 0, "test")), 20_000)
    arrival_s = np.cumsum(generator(stream_key(0, 0, "gaps")).exponential(1.0, 20_000))
    arrival_s /= 4 * 0.9 * llama().capacity_rps()
    waits = {}
    for routing in Routing:
        service = replace(llama(), routing=routing)
        route = service._route(work, 4)
        if routing is not Routing.LEAST_OUTSTANDING:
            counts = np.bincount(route, minlength=4) / 20_000
            spread = 0.0 if routing is Routing.ROUND_ROBIN else 4 * math.sqrt(0.25 * 0.75 / 20_000)
            assert counts == pytest.approx([0.25] * 4, abs=spread)
        waits[routing] = service.answer(arrival_s, work, 4).measured(Measure.TTFT, np.zeros(20_000)).mean()
    assert waits[Routing.LEAST_OUTSTANDING] < waits[Routing.ROUND_ROBIN] < waits[Routing.RANDOM]


def test_what_cannot_work_is_refused() -> None:
    """A request that is larger than the memory, and a chunk that does not hold the batch."""
    with pytest.raises(ValueError, match="2449 tokens does not fit into 2000"):
        llama(memory_tokens=2000)
    with pytest.raises(ValueError, match="a chunk of 16"):
        llama(chunk=16)
