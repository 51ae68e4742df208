"""Arrival laws: how requests are spread within a demand interval, whose rate is constant."""

from typing import Annotated, Literal, Self

from pydantic import Field, Tag, model_validator

from sim.scenario.base import Model, tag, told_by_key
from sim.scenario.quantities import KnownDuration, KnownFactor, KnownFraction, Stay

MAX_GAPS = 50_000
"""Recorded gaps: more would not fit into a resolved scenario."""


class Gaps(Model):
    """Independent gaps between requests."""

    cv: KnownFactor
    """Standard deviation / mean of the gaps; Poisson arrivals have 1."""


class GammaGaps(Model):
    """`gamma:`."""

    gamma: Gaps


class WeibullGaps(Model):
    """`weibull:`."""

    weibull: Gaps


class BurstState(Model):
    """A state of a Poisson process whose rate jumps."""

    rate: KnownFactor
    """Relative to the other states."""
    stay: Stay
    """Mean of its exponential length."""


class BurstStates(Model):
    """`mmpp:`: states that give way to any other with equal probability."""

    mmpp: Annotated[tuple[BurstState, ...], Field(min_length=2, max_length=100)]

    @model_validator(mode="after")
    def _requests_come(self) -> Self:
        if not any(state.rate for state in self.mmpp):
            raise ValueError("the rates are zero throughout: there would be nothing to scale")
        return self


class ClientGaps(Model):
    """A client, or many that are alike: each sends with gaps of its own."""

    share: KnownFraction
    """Of the requests, of all that are alike together."""
    clients: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many are alike."""
    cv: KnownFactor
    law: Literal["gamma", "weibull"] = "gamma"


class Clients(Model):
    """`clients:`: the requests of several, one over the other."""

    clients: Annotated[tuple[ClientGaps, ...], Field(min_length=1, max_length=1000)]


class Replay(Model):
    """`replay:`: recorded gaps, over and over, or the path of a CSV file of arrivals."""

    replay: Annotated[tuple[KnownDuration, ...], Field(min_length=1, max_length=MAX_GAPS)]

    @model_validator(mode="after")
    def _time_passes(self) -> Self:
        if not any(self.replay):
            raise ValueError("the gaps are zero throughout: there would be nothing to scale")
        return self


Spread = Annotated[
    Annotated[GammaGaps, Tag(tag("gamma"))]
    | Annotated[WeibullGaps, Tag(tag("weibull"))]
    | Annotated[BurstStates, Tag(tag("mmpp"))]
    | Annotated[Clients, Tag(tag("clients"))]
    | Annotated[Replay, Tag(tag("replay"))],
    told_by_key("gamma", "weibull", "mmpp", "clients", "replay"),
]
