"""Language models with continuous batching: what a replica does in an iteration, and how long that takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from sim.serving.answers import Answers, Floats, Ints, Measure
from sim.serving.requests.llm import LEAST_OUTSTANDING, Fleet, fresh_replicas, fresh_requests, serve_llm
from sim.serving.requests.tables import read_table
from sim.streams import generator, stream_key

Records = NDArray[Any]

REPLICAS = (1, 2, 4, 8, 16, 32)

WORK = np.dtype([("prompt", np.int64), ("answer", np.int64), ("route", np.float64)])
"""A request: its tokens, and a number in [0, 1) that chooses its replica where chance does."""

UNLIMITED = 2**62
SATURATING = 40_000
"""Requests that are all there at once, to see what a replica sustains."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Measured times [s] of one iteration at ascending `points`: a prompt's tokens, or a batch's requests."""

    points: Floats
    values_s: Floats

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]]) -> "Table":
        """The table of (point, seconds) pairs in any order.

        Raises ValueError when there are none, when a point comes twice, or for a time that is not above 0.
        """
        rows = np.array(sorted(pairs), dtype=np.float64).reshape(-1, 2)
        points, values_s = np.ascontiguousarray(rows.T)
        times = np.all((values_s > 0.0) & np.isfinite(values_s))
        if len(rows) == 0 or np.any(np.diff(points) <= 0.0) or not times:
            raise ValueError(f"a table needs different points and positive, finite times: {rows.tolist()}")
        return cls(points, values_s)

    def read(self, at: Floats | Ints) -> Floats:
        """Times [s] at `at`, in its shape; `requests.tables` says what holds outside the points."""
        times_s: Floats = read_table(self.points, self.values_s, at.astype(np.float64))
        return times_s


class Routing(Enum):
    """Which replica a request goes to."""

    RANDOM = "random"
    ROUND_ROBIN = "round-robin"
    LEAST_OUTSTANDING = "least-outstanding"
    """The one with the fewest requests, waiting or active."""


@dataclass(frozen=True, slots=True, eq=False)
class LlmService:
    """Replicas of a language model, each with a line of its own.

    Raises ValueError where a request is larger than `memory_tokens`, or a chunk smaller than the batch.
    """

    tokens: Ints
    """Requests as equally likely (prompt, answer) tokens, each >= 1; shape [k, 2]."""
    prefill: Table
    """Tokens of one prompt -> [s]."""
    decode: Table
    """Requests of a batch -> [s] per iteration."""
    max_batch: int
    """Requests that share an iteration."""
    chunk: int = 0
    """Tokens of an iteration that decodes and parts of prompts share; 0: a prompt is read whole and alone."""
    memory_tokens: int = UNLIMITED
    """Tokens of all active requests that fit into the KV cache of a replica."""
    reserve: bool = False
    """Whether a request waits until its answer fits in as well; else the last to come is thrown out when the
    memory is full, and read again later."""
    cached: float = 0.0
    """The share of each prompt that is in the prefix cache. It saves time; its memory is counted in full."""
    context_s: float = 0.0
    """What each token held by a decoding request adds to an iteration [s]."""
    routing: Routing = Routing.RANDOM

    def __post_init__(self) -> None:
        """Raise the ValueError."""
        largest = int(self.tokens.sum(axis=1).max())
        if largest > self.memory_tokens:
            raise ValueError(f"a request of {largest} tokens does not fit into {self.memory_tokens}")
        if 0 < self.chunk < self.max_batch:
            raise ValueError(f"a chunk of {self.chunk} tokens does not hold a batch of {self.max_batch}")

    @property
    def replica_grid(self) -> tuple[int, ...]:
        """Numbers of replicas with which a surface begins."""
        return REPLICAS

    @property
    def budget(self) -> int:
        """Requests that a surface may simulate: some seconds of two cores."""
        return 9_000_000

    @property
    def is_rising(self) -> bool:
        """Whether more load makes nobody's answer quicker on the average."""
        return True

    @property
    def sheds(self) -> bool:
        """Whether requests are turned away or give up: here all are answered."""
        return False

    @property
    def fills_batches(self) -> bool:
        """Whether a request waits for others, however long that takes: never."""
        return False

    def capacity_rps(self) -> float:
        """What one replica sustains [requests/s].

        1 / (mean prefill + mean(answer - 1) x decode(B) / B), B = `max_batch`, where prompts are read whole,
        the memory is no limit and contexts cost nothing: while requests wait, each that is done is replaced
        before the next decode iteration, so that every iteration has B requests and emits B tokens; the first
        token of an answer comes from its prefill. Otherwise as simulated, between the first and the last
        fifth of many requests that are there from the start.
        """
        if self.chunk == 0 and self.context_s == 0.0 and not self._memory_binds():
            decoded = float(np.mean(self.tokens[:, 1] - 1))
            return 1.0 / (self._mean_prefill_s() + decoded * self._decode_s(self.max_batch) / self.max_batch)
        work = self.draw(generator(stream_key(0, 0, "surface:capacity")), SATURATING)
        end_s = np.sort(self.answer(np.zeros(SATURATING), work, 1).last_s)
        fifth = SATURATING // 5
        return float((SATURATING - 2 * fifth) / (end_s[-fifth] - end_s[fifth]))

    def unloaded_s(self, measure: Measure) -> float:
        """Mean of the measure [s] for a request that meets no other, without the round trip."""
        work = np.zeros(len(self.tokens), WORK)
        work["prompt"], work["answer"] = self.tokens.T
        return float(self.alone(work).measured(measure, np.zeros(len(work))).mean())

    def busiest_s(self, measure: Measure) -> float:
        """Mean of the measure [s] behind the wait for a turn, when every replica is busy all the time.

        A request is in the batch, which is as full as the memory allows, for its size / capacity (Little's
        law), prefill included where chunks are read beside decodes.
        """
        if measure is not Measure.LATENCY:
            return self.unloaded_s(measure)
        together = min(self.max_batch, self.memory_tokens / float(self.tokens.sum(axis=1).mean()))
        reading_s = self._mean_prefill_s() if self.chunk == 0 else 0.0
        return reading_s + together / self.capacity_rps()

    def limits_s(self, work: Records, limit_s: float) -> Floats:
        """What the SLO allows each request."""
        return np.full(len(work), limit_s)

    def draw(self, draws: np.random.Generator, count: int) -> Records:
        """The `WORK` of `count` requests; each pair of tokens equally often, in random order."""
        work = np.zeros(count, WORK)
        pairs = np.take(self.tokens, draws.permutation(np.arange(count) % len(self.tokens)), axis=0)
        work["prompt"], work["answer"] = pairs.T
        work["route"] = draws.random(count)
        return work

    def alone(self, work: Records) -> Answers:
        """Answers to requests that meet no other."""
        prompt, answer = work["prompt"], work["answer"]
        first_s = self._reading_s(prompt)
        context = prompt * (answer - 1) + answer * (answer - 1) // 2
        decodes_s = (answer - 1) * self._decode_s(1) + self.context_s * context
        return Answers(first_s, first_s + decodes_s, answer)

    def answer(self, arrival_s: Floats, work: Records, replicas: int) -> Answers:
        """Answers of `replicas` replicas to requests that arrive at `arrival_s` [s]."""
        fleet = self.fleet(arrival_s, work, replicas)
        serve_llm(fleet, self._route(work, replicas))
        requests = fleet.requests
        return Answers(requests["first_s"].copy(), requests["last_s"].copy(), work["answer"])

    def fleet(self, arrival_s: Floats, work: Records, replicas: int) -> Fleet:
        """Idle replicas, and the requests that will come to them."""
        prompt, answer = work["prompt"], work["answer"]
        longest = max(int((prompt + answer).max()), self.chunk)
        prefill_s = self.prefill.read(np.arange(longest + 1))
        prefill_s[0] = 0.0
        decode_s = self.decode.read(np.arange(self.max_batch + 1))
        requests = fresh_requests(arrival_s, prompt, self._in_cache(prompt), answer)
        replicas_, slots = fresh_replicas(replicas, self.max_batch)
        return Fleet(
            prefill_s, decode_s, self.context_s, self.chunk, self.memory_tokens, self.reserve,
            requests, replicas_, slots,
        )  # fmt: skip

    def _route(self, work: Records, replicas: int) -> Ints:
        match self.routing:
            case Routing.RANDOM:
                return (work["route"] * replicas).astype(np.int64)
            case Routing.ROUND_ROBIN:
                return np.arange(len(work)) % replicas
            case Routing.LEAST_OUTSTANDING:
                return np.full(len(work), LEAST_OUTSTANDING)
            case _:
                assert_never(self.routing)

    def _in_cache(self, prompt: Ints) -> Ints:
        """Tokens of prompts that need not be read; at least one must be."""
        return np.minimum((self.cached * prompt).astype(np.int64), prompt - 1)

    def _reading_s(self, prompt: Ints) -> Floats:
        """Time to read prompts that nothing interrupts, in chunks where there are chunks [s]."""
        begin, reading_s = self._in_cache(prompt), np.zeros(len(prompt))
        while np.any(begin < prompt):
            end = prompt if self.chunk == 0 else np.minimum(begin + self.chunk, prompt)
            alike_s, later_s = self.prefill.read(end - begin), self._up_to_s(end) - self._up_to_s(begin)
            reading_s += np.where(end > begin, np.maximum(alike_s, later_s), 0.0)
            begin = end
        return reading_s

    def _up_to_s(self, tokens: Ints) -> Floats:
        return np.where(tokens > 0, self.prefill.read(tokens), 0.0)

    def _memory_binds(self) -> bool:
        return bool(self.max_batch * self.tokens.sum(axis=1).max() > self.memory_tokens)

    def _mean_prefill_s(self) -> float:
        return float(self._reading_s(self.tokens[:, 0]).mean())

    def _decode_s(self, batch: int) -> float:
        return float(self.decode.read(np.array([batch]))[0])
