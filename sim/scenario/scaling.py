"""Scaling: how many replicas a service gets, from what its autoscaler has seen."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, Strict, model_validator

from sim.scenario.base import Count, Model, Positive
from sim.scenario.quantities import KnownDuration, KnownRatio, Point, Target

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SEASONS_S = {"day": 86_400, "week": 7 * 86_400}
TARGETS = ("target_utilisation", "target_concurrency", "target_queue")

Hour = Annotated[int, Strict(), Field(ge=0, le=24)]


class Hours(Model):
    """Hours of some days in which a service has a number of replicas, whatever else is asked for."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    hours: tuple[Hour, Hour] = (0, 24)
    """From the first to the second."""
    at_least: Count | None = None
    exactly: Count | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.at_least is None) == (self.exactly is None):
            raise ValueError("exactly one of 'at_least' and 'exactly' is needed")
        if self.hours[0] >= self.hours[1]:
            told = f"the first of 'hours' must be before the second, {self.hours[0]} >= {self.hours[1]}"
            raise ValueError(f"{told}; a night is two entries")
        return self


class Forecast(Model):
    """Demand foretold from what was seen: replicas are wanted for the most that comes within `ahead`."""

    ahead: KnownDuration
    """At least what a replica needs to boot and load."""
    season: Literal["day", "week"] | None = None
    """The demand of the same time a day or a week earlier."""
    trend: KnownDuration | None = None
    """The change over this time goes on."""

    @model_validator(mode="after")
    def _something_is_foretold(self) -> Self:
        if self.season is None and self.trend is None:
            raise ValueError("one of 'season' and 'trend' is needed, or both")
        if self.ahead == 0.0:
            raise ValueError("'ahead' must be above 0 s: nothing lies within it")
        if self.season is not None and self.ahead >= SEASONS_S[self.season]:
            raise ValueError(f"'ahead' must be shorter than a {self.season}, the season that it looks into")
        return self


class Step(Model):
    """How far the number of replicas may move within `per`: the larger of the two counts."""

    replicas: Positive | None = None
    share: KnownRatio | None = None
    per: KnownDuration = 0.0
    """An interval at least."""

    @model_validator(mode="after")
    def _something_is_allowed(self) -> Self:
        if self.replicas is None and not self.share:
            raise ValueError("one of 'replicas' and 'share' is needed, or both")
        return self


class Warm(Model):
    """Replicas that are leased and loaded, and take no traffic until they are needed."""

    replicas: Positive
    start: KnownDuration = 0.0
    """From being needed to taking traffic."""


def _warm(written: Any) -> Any:
    """A number alone is that of the replicas."""
    return {"replicas": written} if isinstance(written, int) else written


class Scale(Model):
    """How many replicas a service gets: what the highest of its targets asks for."""

    target_utilisation: Target | None = None
    """Of the replicas' sustainable rate; 70 % where no target is given."""
    target_concurrency: Point | None = None
    """Requests in service and waiting for each replica."""
    target_queue: Point | None = None
    """Requests that wait for each replica."""
    min: Count = 1
    max: Count | None = None
    schedule: tuple[Hours, ...] = ()
    predict: Forecast | None = None
    stabilisation: KnownDuration = 1800.0
    """A service shrinks only to the most that it needed in this time."""
    stabilisation_up: KnownDuration = 0.0
    """A service grows only to the least that it needed in this time."""
    up: Step | None = None
    down: Step | None = None
    idle: KnownDuration | None = None
    """After so long without a request a service has no replicas; the next request wakes it."""
    warm: Annotated[Warm, BeforeValidator(_warm)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _utilisation_unless_told(cls, written: Any) -> Any:
        if isinstance(written, dict) and not any(key in written for key in TARGETS):
            return {"target_utilisation": "70%", **written}
        return written

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.max is not None and self.max < self.min:
            raise ValueError(f"'max' must not be below 'min', {self.max} < {self.min}")
        least = max((entry.at_least or 0 for entry in self.schedule), default=0)
        if self.max is not None and self.max < least:
            raise ValueError(f"'max' must not be below 'at_least' in 'schedule', {self.max} < {least}")
        if self.idle is not None and self.min > 0:
            raise ValueError(f"'idle' needs 'min: 0', {self.min} > 0")
        if self.idle == 0.0:
            raise ValueError("'idle' must be above 0 s")
        backlog = [key for key in TARGETS[1:] if getattr(self, key) is not None]
        if backlog and self.max is None:
            raise ValueError(f"'{backlog[0]}' needs a 'max': a backlog may ask for any number of replicas")
        if self.predict is not None and self.target_utilisation is None and self.target_concurrency is None:
            raise ValueError("'predict' foretells demand: 'target_queue' alone makes nothing of it")
        return self
