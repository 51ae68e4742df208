"""The scenario as a whole: what the user wrote, resolved and checked."""

from typing import Annotated

from pydantic import Field, StringConstraints

from sim.scenario.base import Model, Name
from sim.scenario.quantities import Date, Grid, Growth, Horizon
from sim.scenario.serving import LlmPerformance
from sim.scenario.sites import Accelerator, Dataset, Link, OnDemandPool, OwnedPool, Rule, Site, SpotPool
from sim.scenario.strategies import Expect, Strategy
from sim.scenario.workloads import Workload

Gang = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}$")]
"""A number of accelerators, as a key."""


class Scenario(Model):
    """Sites, workloads, rules, strategies and a horizon.

    Every reference to the catalogue has been replaced by its figures; where the user stated beliefs, the
    fields hold them until `sim.scenario.beliefs.realise` has put drawn numbers in their places.
    """

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    description: str = ""
    question: str = ""
    start: Date
    horizon: Horizon
    """What is simulated: whole seconds from the start, at most 20 years."""
    interval: Grid = 300.0
    """Step of the demand grid of inference: whole seconds, a divisor of a day."""
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    discount_rate: Growth = 0.0
    """A year."""
    locations: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Where people, data and sites are."""
    network: tuple[Link, ...] = ()
    accelerators: dict[Name, Accelerator] = Field(default_factory=dict)
    models: dict[Name, dict[Name, dict[Gang, LlmPerformance]]] = Field(default_factory=dict)
    """Iteration times of language models: model -> accelerator -> gang size -> measured points."""
    sites: Annotated[dict[Name, Site], Field(min_length=1)]
    datasets: dict[Name, Dataset] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    workloads: Annotated[dict[Name, Workload], Field(min_length=1)]
    strategies: Annotated[dict[Name, Strategy], Field(min_length=1)]
    expect: tuple[Expect, ...] = ()

    @property
    def horizon_s(self) -> int:
        """End of the simulated time, [s] since the start; the time is [0, horizon)."""
        return int(self.horizon)

    def pools(self) -> dict[str, OwnedPool | OnDemandPool | SpotPool]:
        """All pools by `site/pool`, in the order in which they are written."""
        return {
            f"{name}/{pool}": facts for name, site in self.sites.items() for pool, facts in site.pools.items()
        }

    def node_slots(self, path: str) -> int:
        """How many nodes an owned pool can come to hold under any of the strategies."""
        pool = self.pools()[path]
        assert isinstance(pool, OwnedPool), f"{path} is not owned"
        if pool.max_nodes is not None:
            return pool.max_nodes
        most, months = pool.nodes, -(-self.horizon_s // (30 * 86_400))
        for strategy in self.strategies.values():
            orders = strategy.order.get(path, ())
            ordered = sum(order.nodes * (1 if order.at is not None else months) for order in orders)
            most = max(most, strategy.nodes_wanted(path, pool.nodes) + ordered)
        return most
