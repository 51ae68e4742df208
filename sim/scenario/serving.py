"""How replicas work: on single requests, in batches, or on tokens of a language model."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, Tag, model_validator

from sim.scenario.base import Count, Model, Name, Positive, tag, told_by
from sim.scenario.quantities import (
    Data,
    KnownDuration,
    KnownFactor,
    KnownFraction,
    Latency,
    Point,
    RandomDuration,
    Target,
)

MAX_BATCH = 100_000


class SingleReplica(Model):
    """One copy of a model that answers one request, or one batch of requests, at a time."""

    accelerators: Positive
    load: RandomDuration
    """Until it can answer, once its accelerators are there."""


class LlmReplica(SingleReplica):
    """One copy of a language model; at most `max_batch` requests share an iteration."""

    max_batch: Annotated[Positive, Field(le=MAX_BATCH)]
    chunk: Positive | None = None
    """Tokens of an iteration that prompts and decodes share; without it a prompt is read whole and alone."""
    memory: Target = 0.9
    """Share of its accelerators' memory that weights and KV cache may fill."""
    full: Literal["preempt", "queue"] = "preempt"
    """When the KV cache is full, the last to come is thrown out and read again later; or a request waits
    until its whole answer fits in."""

    @model_validator(mode="after")
    def _a_chunk_holds_the_batch(self) -> Self:
        if self.chunk is not None and self.chunk < self.max_batch:
            raise ValueError(f"a 'chunk' holds a token of each request: at least {self.max_batch}")
        return self


class Tokens(Model):
    """Request lengths as representative [input, output] pairs, each equally likely."""

    pairs: Annotated[tuple[tuple[Positive, Positive], ...], Field(min_length=1, max_length=100_000)]


class BatchRule(Model):
    """A free replica takes up to `max` requests at once.

    It starts when so many wait, or when the first of them has waited for `delay`.
    """

    max: Annotated[Positive, Field(le=MAX_BATCH)]
    delay: KnownDuration | None = None
    """Without it, only full batches start."""
    item: KnownFraction | None = None
    """What each further request adds to the time of a batch, relative to the time of one."""
    growth: tuple[tuple[Point, Point], ...] | None = None
    """Or measured: [requests, time of the batch / time of one] points, the first [1, 1]."""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.item is None) == (self.growth is None):
            raise ValueError("exactly one of 'item' and 'growth' is needed")
        points = self.growth or ((1.0, 1.0),)
        if points[0] != (1.0, 1.0) or any(a >= b for (a, _), (b, _) in pairwise(points)):
            raise ValueError("the points of 'growth' begin with [1, 1] and ascend")
        return self


class PriorityClass(Model):
    """Requests that go before those of the classes listed after them, without interrupting anybody."""

    share: KnownFraction
    """Of the requests."""
    latency: Latency | None = None
    """Its own limit; that of the SLO where nothing is said."""


class SingleServing(Model):
    """A model whose replicas answer one request, or one batch, at a time, from one queue for all."""

    kind: Literal["single"]
    time: RandomDuration
    """Of one request, on a `reference` accelerator."""
    reference: Name | None = None
    replica: SingleReplica
    batching: BatchRule | None = None
    queue_limit: Count | None = None
    """Requests for each replica that may wait while all are busy; who comes then is turned away."""
    priorities: Annotated[dict[Name, PriorityClass], Field(min_length=2, max_length=100)] | None = None
    """Class -> its share; the first goes first."""


class LlmServing(Model):
    """A language model with continuous batching."""

    kind: Literal["llm"]
    model: Name
    tokens: Tokens
    replica: LlmReplica
    routing: Literal["random", "round-robin", "least-outstanding"] = "random"
    """Which replica a request goes to."""
    cached: KnownFraction = 0.0
    """Share of each prompt that is in the prefix cache."""


Serving = Annotated[
    Annotated[SingleServing, Tag(tag("single"))] | Annotated[LlmServing, Tag(tag("llm"))],
    told_by("kind", {"single": tag("single"), "llm": tag("llm")}),
]


class LlmPerformance(Model):
    """Measured iteration times of a model on a gang: [batch, ms per token] and [prompt tokens, ms] points."""

    decode_ms: Annotated[tuple[tuple[Point, Point], ...], Field(min_length=1)]
    prefill_ms: Annotated[tuple[tuple[Point, Point], ...], Field(min_length=1)]
    weights: Data
    kv_per_token: Data
    context_ms: KnownFactor = 0.0
    """What 1,000 tokens that decoding requests hold add to an iteration, beyond `decode_ms`."""

    @model_validator(mode="after")
    def _points_rise(self) -> Self:
        for name, points in (("decode_ms", self.decode_ms), ("prefill_ms", self.prefill_ms)):
            if any(a >= b for (a, _), (b, _) in pairwise(points)):
                raise ValueError(f"the points of '{name}' must be in ascending order, each once")
        return self
