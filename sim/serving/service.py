"""Services: how a replica works on requests, what it sustains, and what its users were promised."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from sim.distributions import Distribution
from sim.serving.kernels import llm_replica, read_table, waits_ggc

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SINGLE_REPLICAS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256)


class Measure(Enum):
    """What a promise speaks of, as the user sees it."""

    LATENCY = "latency"
    """From sending the request to the end of the answer, round trip included."""
    TTFT = "ttft"
    """From sending the request to the first token, round trip included."""
    TPOT = "tpot"
    """Mean time between the tokens after the first; 0 for an answer of one token."""


@dataclass(frozen=True, slots=True)
class Slo:
    """At least `share` of the requests stay within `limit_s`."""

    measure: Measure
    limit_s: float
    share: float


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
        """Times [s] at `at`, in its shape; `kernels.read_table` says what holds outside the points."""
        times_s: Floats = read_table(self.points, self.values_s, at.astype(np.float64))
        return times_s


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a simulation leaves of each request, counted from its arrival at the service."""

    first_s: Floats
    """To the first token; for a single service, to the answer."""
    last_s: Floats
    """To the end of the answer."""
    tokens: Ints
    """Of the answer."""

    def measured(self, measure: Measure, round_trip_s: Floats) -> Floats:
        """The measure [s] of each request, given the round trip [s] of each."""
        match measure:
            case Measure.LATENCY:
                return round_trip_s + self.last_s
            case Measure.TTFT:
                return round_trip_s + self.first_s
            case Measure.TPOT:
                return (self.last_s - self.first_s) / np.maximum(self.tokens - 1, 1)
            case _:
                assert_never(measure)


@dataclass(frozen=True, slots=True)
class SingleService:
    """Replicas that work on one request at a time, first come first served from one queue for all of them.

    Raises ValueError when the time of a request can be negative, or has no mean above 0.
    """

    time: Distribution
    """Of one request [s], on an accelerator of speed 1."""
    speed: float = 1.0
    """Of the accelerator."""

    def __post_init__(self) -> None:
        """Raise the ValueError."""
        if not (0.0 < self.time.mean() < math.inf and self.time.support()[0] >= 0.0):
            raise ValueError(f"a request needs a time >= 0 with a finite mean above 0, not {self.time}")

    @property
    def replica_grid(self) -> tuple[int, ...]:
        """Numbers of replicas that a surface tabulates."""
        return SINGLE_REPLICAS

    def mean_s(self) -> float:
        """Mean time of one request [s]."""
        return self.time.mean() / self.speed

    def capacity_rps(self) -> float:
        """What one replica sustains [requests/s]: 1 / mean time."""
        return 1.0 / self.mean_s()

    def unloaded_s(self, measure: Measure) -> float:
        """Mean of the measure [s] for a request that meets no other, without the round trip."""
        return 0.0 if measure is Measure.TPOT else self.mean_s()

    def busiest_s(self, measure: Measure) -> float:
        """Mean of the measure [s] behind the wait for a turn, when every replica is busy all the time."""
        return self.unloaded_s(measure)

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        """Times [s] of `count` requests, scaled to have the exact mean.

        Matching the mean takes away the largest error near saturation, where the wait grows as
        1 / (1 - load): a mean that is off by 0.2 % turns a load of 0.99 into 0.992.
        """
        drawn = self.time.sample(generator, count)
        return drawn * (self.mean_s() / float(drawn.mean()))

    def alone(self, work: Floats) -> Answers:
        """Answers to requests with times `work` [s] that meet no other."""
        return Answers(work, work, np.broadcast_to(np.int64(1), work.shape))

    def answer(self, arrival_s: Floats, work: Floats, replicas: int) -> Answers:
        """Answers of `replicas` replicas to requests with times `work` [s] that arrive at `arrival_s` [s]."""
        return self.alone(waits_ggc(arrival_s, work, replicas) + work)


@dataclass(frozen=True, slots=True, eq=False)
class LlmService:
    """Replicas of a language model with continuous batching; each request goes to one of them at random."""

    tokens: Ints
    """Requests as equally likely (prompt, answer) tokens, each >= 1; shape [k, 2]."""
    prefill: Table
    """Tokens of one prompt -> [s]."""
    decode: Table
    """Requests of a batch -> [s] per iteration."""
    max_batch: int
    """Requests that share an iteration."""

    @property
    def replica_grid(self) -> tuple[int, ...]:
        """Numbers of replicas that a surface tabulates: one, as a replica knows nothing of the others."""
        return (1,)

    def capacity_rps(self) -> float:
        """What one replica sustains [requests/s]: 1 / (mean prefill + mean(answer - 1) x decode(B) / B).

        B is `max_batch`. It is exact: while requests wait, each that is done is replaced before the next
        decode iteration, so that every iteration has B requests and emits B tokens; the first token of an
        answer comes from its prefill.
        """
        decoded = float(np.mean(self.tokens[:, 1] - 1))
        return 1.0 / (self._mean_prefill_s() + decoded * self._decode_s(self.max_batch) / self.max_batch)

    def unloaded_s(self, measure: Measure) -> float:
        """Mean of the measure [s] for a request that meets no other, without the round trip."""
        return float(self.alone(self.tokens).measured(measure, np.zeros(len(self.tokens))).mean())

    def busiest_s(self, measure: Measure) -> float:
        """Mean of the measure [s] behind the wait for a turn, when every replica is busy all the time.

        After its prefill a request is in the full batch for max_batch / capacity (Little's law).
        """
        if measure is Measure.LATENCY:
            return self._mean_prefill_s() + self.max_batch / self.capacity_rps()
        return self.unloaded_s(measure)

    def draw(self, generator: np.random.Generator, count: int) -> Ints:
        """Tokens of `count` requests, shape [count, 2]; each pair equally often, in random order."""
        return np.take(self.tokens, generator.permutation(np.arange(count) % len(self.tokens)), axis=0)

    def alone(self, work: Ints) -> Answers:
        """Answers to requests with tokens `work` that meet no other."""
        first_s = self.prefill.read(work[:, 0])
        return Answers(first_s, first_s + (work[:, 1] - 1) * self._decode_s(1), work[:, 1])

    def answer(self, arrival_s: Floats, work: Ints, replicas: int) -> Answers:
        """Answers of one replica to the requests with tokens `work` that came to it at `arrival_s` [s]."""
        assert replicas == 1, replicas
        prompt, answer = np.ascontiguousarray(work.T)
        prefill, decode = self.prefill, self.decode
        first_s, last_s, _ = llm_replica(
            arrival_s,
            prompt,
            answer,
            prefill.points,
            prefill.values_s,
            decode.points,
            decode.values_s,
            self.max_batch,
        )
        return Answers(first_s, last_s, answer)

    def _mean_prefill_s(self) -> float:
        return float(self.prefill.read(self.tokens[:, 0]).mean())

    def _decode_s(self, batch: int) -> float:
        return float(self.decode.read(np.array([batch]))[0])


Service = SingleService | LlmService
