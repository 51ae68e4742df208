"""Which site users turn to first, and which next."""

from collections.abc import Mapping
from dataclasses import dataclass

from sim.scenario.model import Scenario
from sim.scenario.routing import Routing
from sim.scenario.workloads import Inference

UP_TO = 0.8
"""Of what a site sustains, before requests go on to the next: ours, with room for a burst."""


@dataclass(frozen=True, slots=True)
class Source:
    """Users whose requests take the same way."""

    users: Mapping[str, float]
    """Location -> share of the service's requests."""
    order: tuple[int, ...]
    """Sites (positions in the plan), the first choice first; none where all sites have the same load."""

    @property
    def share(self) -> float:
        """Of the service's requests."""
        return sum(self.users.values())


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """How a service's requests are spread over sites."""

    sources: tuple[Source, ...]
    up_to: float
    """Of what a site's ready replicas sustain: beyond it requests go on to the next site."""
    by_location: bool = False
    """Whether each source is one location, or one stands for all users."""


def routing_plan(
    scenario: Scenario, workload: Inference, routing: Routing, sites: Mapping[str, int]
) -> RoutingPlan:
    """How requests find the `sites` of a service (name -> position), which stand in the order of `place`.

    The nearest is the one with the shortest median round trip, and of equals the first.
    """
    up_to = UP_TO if routing.up_to is None else routing.up_to
    whole = sum(workload.users.values())
    users = {location: share / whole for location, share in workload.users.items() if share > 0}
    if routing.by_location:
        trips_s = {
            location: {
                position: scenario.sites[name].access[location].distribution().quantile_at(0.5)
                for name, position in sites.items()
            }
            for location in users
        }
        return RoutingPlan(
            tuple(
                Source({location: share}, tuple(sorted(sites.values(), key=trips_s[location].__getitem__)))
                for location, share in users.items()
            ),
            up_to,
            by_location=True,
        )
    return RoutingPlan((Source(users, tuple(sites.values()) if routing.rule == "in-order" else ()),), up_to)


def homes(plan: RoutingPlan) -> dict[int, float]:
    """The share of the requests whose first choice a site is, for the sites that are anybody's."""
    found: dict[int, float] = {}
    for source in plan.sources:
        for site in source.order[:1]:
            found[site] = found.get(site, 0.0) + source.share
    return found
