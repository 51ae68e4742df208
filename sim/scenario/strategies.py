"""Strategies: overlays that say only what they decide."""

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.base import Model, Name, PoolPath
from sim.scenario.conditions import When
from sim.scenario.quantities import Duration, Fraction
from sim.scenario.sites import Count, Positive


class Option(Model):
    """A pool where a workload may run, and when it may."""

    pool: PoolPath
    when: When | None = None


class Own(Model):
    """How many nodes we own: what does not stand at the start is ordered then; what is too much is sold then."""

    nodes: Count


class Order(Model):
    """An order of nodes: once, at a time after the start, or whenever a condition holds and no order is on its way."""

    nodes: Positive
    at: Duration | None = None
    when: When | None = None
    deliveries: Positive = 1
    """In how many shipments the nodes arrive, each with a lead time of its own."""


class Scale(Model):
    """How many replicas a service gets."""

    target_utilisation: Annotated[Fraction, Field(gt=0)] = 0.7
    """Of the replicas' sustainable rate."""
    min: Count = 1
    max: Count | None = None
    stabilisation: Duration = 1800.0
    """A service shrinks only to the most that it needed in this time."""


class Strategy(Model):
    """What we would do: where each workload may run, what we own, order, and scale."""

    place: dict[Name, tuple[PoolPath | Option, ...]]
    own: dict[PoolPath, Own] = {}
    order: dict[PoolPath, Order | tuple[Order, ...]] = {}
    scale: dict[Name, Scale] = {}


Statistic = Literal["mean", "p5", "p50", "p95", "cvar95"]


class Expect(Model):
    """A threshold that a plan must meet, judged on the interval and not on the point."""

    metric: str
    strategy: Name
    mean_below: float | str | None = None
    mean_above: float | str | None = None
    p5_above: float | str | None = None
    p50_below: float | str | None = None
    p50_above: float | str | None = None
    p95_below: float | str | None = None
    cvar95_below: float | str | None = None
