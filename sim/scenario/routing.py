"""Routing: which site answers a service's requests, where its replicas stand on several."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from sim.scenario.base import Count, Model
from sim.scenario.quantities import KnownFraction

Rule = Literal["least-loaded", "nearest", "in-order"]


class Routing(Model):
    """How requests are spread over the sites of a service; within a site all replicas have the same load."""

    rule: Rule = "least-loaded"
    """`least-loaded`: all sites have the same load. `nearest`: users go to the site with their shortest round
    trip, and each site scales for the users that are nearest to it. `in-order`: to the site that `place`
    names first."""
    up_to: KnownFraction | None = None
    """Of what the ready replicas of a site sustain, 80 % where nothing is said: beyond it requests go on to
    the next site, and once all are so full, what is left is shared by all alike."""
    standby: Count = 0
    """Replicas that are kept at each site but the first, beside those that scaling asks for (`in-order`)."""

    @property
    def by_location(self) -> bool:
        """Whether users of different locations may go different ways."""
        return self.rule == "nearest"

    @model_validator(mode="after")
    def _fits_the_rule(self) -> Self:
        if self.rule == "least-loaded" and self.up_to is not None:
            raise ValueError("'up_to' means nothing under 'least-loaded', where all sites have the same load")
        if self.rule != "in-order" and self.standby > 0:
            raise ValueError(f"'standby' means nothing under '{self.rule}', only under 'in-order'")
        return self


def _rule(written: Any) -> Any:
    """The name of a rule alone is the rule with its defaults."""
    return {"rule": written} if isinstance(written, str) else written


ShortRouting = Annotated[Routing, BeforeValidator(_rule)]
