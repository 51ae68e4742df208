"""Arrival laws: how requests are spread within a demand interval, whose rate is constant."""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, Tag, model_validator

from sim.scenario.base import Model, tag, told_by_key
from sim.scenario.quantities import GapVariation, KnownDuration, KnownFactor, KnownFraction, Stay

M = TypeVar("M", bound=Model)

LEAST_CV = 0.001
"""Of gaps that vary: Weibull shapes are looked for down to it."""
MAX_GAPS = 50_000
"""Recorded gaps: more would not fit into a resolved scenario."""


class Gaps(Model):
    """Independent gaps between requests."""

    cv: GapVariation
    """Standard deviation / mean of the gaps; Poisson arrivals have 1."""

    @model_validator(mode="after")
    def _vary(self) -> Self:
        return _varying(self, self.cv)


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
    cv: GapVariation
    law: Literal["gamma", "weibull"] = "gamma"

    @model_validator(mode="after")
    def _vary(self) -> Self:
        return _varying(self, self.cv)


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


def _varying(part: M, cv: float) -> M:
    """The part, when its gaps vary as much as a law can be found for, or not at all."""
    if 0.0 < cv < LEAST_CV:
        raise ValueError(
            f"gaps with a 'cv' below {LEAST_CV:g} hardly vary: write 0 for gaps that are all alike"
        )
    return part
