"""Workloads: training that arrives in jobs, and inference that arrives in requests."""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, Tag, model_validator

from sim.scenario.base import Model, Name, Positive, tag, told_by, told_by_key
from sim.scenario.quantities import (
    BurstSize,
    Data,
    Duration,
    Factor,
    Growth,
    KnownDuration,
    KnownFraction,
    Latency,
    PositiveDuration,
    RandomCount,
    RandomDuration,
    Rate,
    Ratio,
)
from sim.scenario.requests import Spread
from sim.scenario.serving import Serving

M = TypeVar("M", bound=Model)

HOURS_PER_WEEK = 168
MAX_TRACE = 50_000
"""Rows of a trace: more would not fit into a resolved scenario."""


class Profile(Model):
    """The shape of a week: relative intensity by hour, Monday midnight first; it is scaled to mean 1."""

    hour_of_week: Annotated[tuple[Factor, ...], Field(min_length=HOURS_PER_WEEK, max_length=HOURS_PER_WEEK)]

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        return _something(self, "hour_of_week", self.hour_of_week)


class PoissonArrivals(Model):
    """Jobs that arrive independently of each other."""

    rate: Rate


class SeasonalArrivals(Model):
    """Independent jobs whose rate follows the hours of the week and the months of the year."""

    rate: Rate
    profile: Profile | None = None
    monthly: Annotated[tuple[Factor, ...], Field(min_length=12, max_length=12)] | None = None
    """Relative intensity by month, January first; scaled to mean 1."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        return self if self.monthly is None else _something(self, "monthly", self.monthly)


class BurstyArrivals(Model):
    """Jobs in bursts that come independently: their sizes are geometric, their jobs spread over `within`."""

    rate: Rate
    """Of jobs, not of bursts."""
    burst_size: BurstSize
    """Mean number of jobs in a burst."""
    within: Duration = 1800.0
    profile: Profile | None = None


class TraceJob(Model):
    """One recorded job."""

    submit: Duration
    """After the scenario's start."""
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
    """`trace:`: recorded jobs with their own sizes and durations, or the path of a CSV file of them."""

    trace: Annotated[tuple[TraceJob, ...], Field(min_length=1, max_length=MAX_TRACE)]


Arrivals = Annotated[
    Annotated[Poisson, Tag(tag("poisson"))]
    | Annotated[Seasonal, Tag(tag("seasonal"))]
    | Annotated[Bursty, Tag(tag("bursty"))]
    | Annotated[Trace, Tag(tag("trace"))],
    told_by_key("poisson", "seasonal", "bursty", "trace"),
]


class Checkpoint(Model):
    """A job saves its state after every `every` of work, which takes `cost`; a restart takes `restart`."""

    every: PositiveDuration
    cost: Duration = 0.0
    restart: Duration = 0.0


class Training(Model):
    """Jobs that run on a gang of accelerators until their work is done."""

    kind: Literal["training", "batch"]
    data: Name | None = None
    tags: tuple[Name, ...] = ()
    arrivals: Arrivals
    accelerators: RandomCount | None = None
    """The gang of a job."""
    duration: RandomDuration | None = None
    """On its gang of `reference` accelerators."""
    reference: Name | None = None
    checkpoint: Checkpoint | None = None
    deadline: KnownDuration | None = None
    """After its arrival."""
    growth: Growth = 0.0
    """Of the arrival rate, a year."""

    @model_validator(mode="after")
    def _sizes_come_from_one_place(self) -> Self:
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
    """The time in which its autocorrelation falls to 1/e."""


class Bursts(Model):
    """`gamma:`."""

    gamma: GammaBursts


class Demand(Model):
    """Requests over time."""

    mean: Rate
    profile: Profile | None = None
    bursts: Bursts | None = None
    growth: Growth = 0.0
    """A year."""
    arrivals: Spread | None = None
    """How requests are spread within an interval; Poisson where nothing is said."""


class LatencySlo(Model):
    """What share of the requests must be answered (begin to be answered: `ttft`; go on: `tpot`) how soon."""

    latency: Latency | None = None
    ttft: Latency | None = None
    tpot: Latency | None = None
    share: KnownFraction

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if sum(limit is not None for limit in (self.latency, self.ttft, self.tpot)) != 1:
            raise ValueError("exactly one of 'latency', 'ttft' and 'tpot' is needed")
        return self

    @property
    def measure(self) -> Literal["latency", "ttft", "tpot"]:
        """The key of what the promise speaks of."""
        return "latency" if self.latency is not None else "ttft" if self.ttft is not None else "tpot"

    @property
    def limit_s(self) -> float:
        """Within which the requests must stay."""
        limit_s: float = getattr(self, self.measure)
        return limit_s


class Inference(Model):
    """Requests that users send around the clock."""

    kind: Literal["inference"]
    data: Name | None = None
    tags: tuple[Name, ...] = ()
    users: Annotated[dict[Name, KnownFraction], Field(min_length=1)]
    """Location -> its share of the requests."""
    demand: Demand
    service: Serving
    response: Data = 0.0
    """Data sent to the user by each answer."""
    slo: LatencySlo
    timeout: Latency = 60.0
    """A request that would wait longer than this for its turn is given up."""

    @model_validator(mode="after")
    def _tokens_are_of_llm_services(self) -> Self:
        if self.slo.measure != "latency" and self.service.kind == "single":
            raise ValueError(f"'{self.slo.measure}' is for llm services; a single service has a 'latency'")
        return self


Workload = Annotated[
    Annotated[Training, Tag(tag("training"))] | Annotated[Inference, Tag(tag("inference"))],
    told_by("kind", {"training": tag("training"), "batch": tag("training"), "inference": tag("inference")}),
]


def _something(part: M, name: str, shape: tuple[float, ...]) -> M:
    """The part, when its shape is not all zeros."""
    if not any(shape):
        raise ValueError(f"'{name}' is zero throughout: there would be nothing to scale")
    return part
