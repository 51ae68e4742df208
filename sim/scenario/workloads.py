"""Workloads: training that arrives in jobs, and inference that arrives in requests."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.scenario.base import Model, Name
from sim.scenario.quantities import (
    Data,
    Duration,
    Factor,
    Fraction,
    Growth,
    RandomCount,
    RandomDuration,
    Rate,
    Ratio,
)
from sim.scenario.sites import Positive

HOURS_PER_WEEK = 168


class Profile(Model):
    """The shape of a week: relative intensity by hour, Monday midnight first; scaled to mean 1 where it is used."""

    hour_of_week: Annotated[tuple[Factor, ...], Field(min_length=HOURS_PER_WEEK, max_length=HOURS_PER_WEEK)]


class PoissonArrivals(Model):
    """Jobs that arrive independently of each other."""

    rate: Rate


class SeasonalArrivals(Model):
    """Independent jobs whose rate follows the week, and the seasons: `monthly` is the intensity by month of the year."""

    rate: Rate
    profile: Profile | None = None
    monthly: Annotated[tuple[Factor, ...], Field(min_length=12, max_length=12)] | None = None


class BurstyArrivals(Model):
    """Jobs that arrive in bursts: bursts are independent, their sizes geometric, their jobs spread over `within`."""

    rate: Rate
    """Of jobs, not of bursts."""
    burst_size: Annotated[Factor, Field(ge=1)]
    within: Duration = 1800.0
    profile: Profile | None = None


class TraceJob(Model):
    """One recorded job."""

    submit: Duration
    duration: Duration
    accelerators: Positive = 1


class Poisson(Model):
    """`poisson:`."""

    poisson: PoissonArrivals


class Seasonal(Model):
    """`seasonal:`."""

    seasonal: SeasonalArrivals


class Bursty(Model):
    """`bursty:`."""

    bursty: BurstyArrivals


class Trace(Model):
    """`trace:`: recorded jobs with their own sizes and durations (or the path of a CSV file with these columns)."""

    trace: tuple[TraceJob, ...]


Arrivals = Poisson | Seasonal | Bursty | Trace


class Checkpoint(Model):
    """A job saves its state after every `every` of work, which takes `cost`; a restart takes `restart`."""

    every: Duration
    cost: Duration = 0.0
    restart: Duration = 0.0


class Training(Model):
    """Jobs that run on a gang of accelerators until their work is done."""

    kind: Literal["training", "batch"]
    data: Name | None = None
    tags: tuple[Name, ...] = ()
    arrivals: Arrivals
    accelerators: RandomCount | None = None
    duration: RandomDuration | None = None
    """On its gang of `reference` accelerators."""
    reference: Name | None = None
    checkpoint: Checkpoint | None = None
    deadline: Duration | None = None
    """After its arrival."""
    growth: Growth = 0.0
    """Of the arrival rate, a year."""

    @model_validator(mode="after")
    def _sizes_come_from_one_place(self) -> "Training":
        traced = isinstance(self.arrivals, Trace)
        given = [name for name in ("accelerators", "duration") if getattr(self, name) is not None]
        if traced and given:
            raise ValueError(f"a trace brings its own sizes and durations: leave out {' and '.join(given)}")
        if not traced and len(given) < 2:
            raise ValueError("'accelerators' and 'duration' are needed unless the arrivals are a trace")
        return self


class GammaBursts(Model):
    """Multiplicative noise on the demand: gamma with mean 1, correlated over `lasts`."""

    cv: Ratio
    lasts: Duration = 3600.0


class Bursts(Model):
    """`gamma:`."""

    gamma: GammaBursts


class Demand(Model):
    """Requests over time."""

    mean: Rate
    profile: Profile | None = None
    bursts: Bursts | None = None
    growth: Growth = 0.0


class SingleReplica(Model):
    """One copy of a model that answers one request at a time."""

    accelerators: Positive
    load: RandomDuration


class LlmReplica(SingleReplica):
    """One copy of a language model; at most `max_batch` requests share an iteration."""

    max_batch: Positive


class Tokens(Model):
    """Request lengths as representative (input, output) pairs, each equally likely."""

    pairs: Annotated[tuple[tuple[Positive, Positive], ...], Field(min_length=1)]


class SingleServing(Model):
    """A model whose replicas answer one request at a time."""

    kind: Literal["single"]
    time: RandomDuration
    """Of one request, on a `reference` accelerator."""
    reference: Name | None = None
    replica: SingleReplica


class LlmServing(Model):
    """A language model with continuous batching."""

    kind: Literal["llm"]
    model: Name
    tokens: Tokens
    replica: LlmReplica


class LatencySlo(Model):
    """What share of the requests must be answered (or begin to be answered: `ttft`) within which time."""

    latency: Duration | None = None
    ttft: Duration | None = None
    share: Fraction

    @model_validator(mode="after")
    def _one_of(self) -> "LatencySlo":
        if (self.latency is None) == (self.ttft is None):
            raise ValueError("exactly one of 'latency' and 'ttft' is needed")
        return self


class Inference(Model):
    """Requests that users send around the clock."""

    kind: Literal["inference"]
    data: Name | None = None
    tags: tuple[Name, ...] = ()
    users: dict[Name, Fraction]
    demand: Demand
    service: Annotated[SingleServing | LlmServing, Field(discriminator="kind")]
    response: Data = 0.0
    slo: LatencySlo
    timeout: Duration = 60.0
    """A request that would wait longer than this for its turn is given up."""

    @model_validator(mode="after")
    def _ttft_needs_tokens(self) -> "Inference":
        if self.slo.ttft is not None and self.service.kind == "single":
            raise ValueError("'ttft' is for llm services; a single service has a 'latency'")
        return self


Workload = Annotated[Training | Inference, Field(discriminator="kind")]


class LlmPerformance(Model):
    """Measured iteration times of a model on a gang: [batch, ms per token] and [prompt tokens, ms] points."""

    decode_ms: Annotated[tuple[tuple[Factor, Factor], ...], Field(min_length=1)]
    prefill_ms: Annotated[tuple[tuple[Factor, Factor], ...], Field(min_length=1)]
    weights: Data
    kv_per_token: Data
