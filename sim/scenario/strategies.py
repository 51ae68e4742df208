"""Strategies: overlays that say only what they decide, and what is expected of them."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from sim.scenario.base import Count, Model, Name, PoolPath, Positive
from sim.scenario.conditions import When
from sim.scenario.quantities import KnownDuration, Limit, Threshold
from sim.scenario.routing import ShortRouting
from sim.scenario.scaling import Scale


class Option(Model):
    """A pool where a workload may run, and when it may."""

    pool: PoolPath
    when: When | None = None

    @model_serializer(mode="wrap")
    def _short(self, full: SerializerFunctionWrapHandler) -> Any:
        return self.pool if self.when is None else full(self)


class Own(Model):
    """How many nodes we own: at the start, what does not stand is ordered, and what is too much is sold."""

    nodes: Count


class Order(Model):
    """An order of nodes: once, at a time after the start, or whenever a condition holds.

    A condition is not looked at while an order is on its way.
    """

    nodes: Positive
    at: KnownDuration | None = None
    when: When | None = None
    deliveries: Positive = 1
    """In how many shipments the nodes arrive, each with a lead time of its own."""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.at is None) == (self.when is None):
            raise ValueError("exactly one of 'at' and 'when' is needed")
        if self.deliveries > self.nodes:
            raise ValueError(f"'deliveries' must not exceed 'nodes', {self.deliveries} > {self.nodes}")
        return self


def _option(written: Any) -> Any:
    """`site/pool` alone is an option without a condition."""
    return {"pool": written} if isinstance(written, str) else written


def _list(written: Any) -> Any:
    """A single order may be written without a list."""
    return [written] if isinstance(written, dict) else written


Options = Annotated[tuple[Annotated[Option, BeforeValidator(_option)], ...], Field(min_length=1)]
Orders = Annotated[tuple[Order, ...], Field(min_length=1), BeforeValidator(_list)]


class Strategy(Model):
    """What we would do: where each workload may run, what we own, order, and scale."""

    place: dict[Name, Options]
    """Workload, or `all` for those not named -> pools in order of preference."""
    own: dict[PoolPath, Own] = Field(default_factory=dict)
    order: dict[PoolPath, Orders] = Field(default_factory=dict)
    scale: dict[Name, Scale] = Field(default_factory=dict)
    route: dict[Name, ShortRouting] = Field(default_factory=dict)
    """Service -> how its requests are spread over sites; least-loaded where nothing is said."""
    backfill: bool = True
    """Whether gangs that are done in time may overtake the first that waits at an owned pool (EASY)."""

    def nodes_wanted(self, pool: str, standing: int) -> int:
        """Nodes that we want of a pool at the start, of which `standing` stand already."""
        return self.own[pool].nodes if pool in self.own else standing


STATISTICS = (
    "mean_below",
    "mean_above",
    "p5_above",
    "p50_below",
    "p50_above",
    "p95_below",
    "cvar95_below",
)


class Expect(Model):
    """A threshold that a plan must meet, judged on the interval and not on the point."""

    metric: Annotated[str, Field(min_length=1, max_length=200)]
    strategy: Name
    mean_below: Threshold | None = None
    mean_above: Threshold | None = None
    p5_above: Threshold | None = None
    p50_below: Threshold | None = None
    p50_above: Threshold | None = None
    p95_below: Threshold | None = None
    cvar95_below: Threshold | None = None

    @model_validator(mode="after")
    def _one_statistic(self) -> Self:
        given = [name for name, _ in self.limits()]
        if len(given) != 1:
            told = f"not {' and '.join(given)}" if given else "none is given"
            raise ValueError(f"exactly one of {', '.join(STATISTICS)} is needed, {told}")
        return self

    def limits(self) -> list[tuple[str, Limit]]:
        """The thresholds that are given, by the names of their statistics: one, once it is validated."""
        found = [(name, getattr(self, name)) for name in STATISTICS]
        return [(name, limit) for name, limit in found if limit is not None]
