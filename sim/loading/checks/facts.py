"""What the checks look at, and the words they share."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from sim.errors import did_you_mean
from sim.loading.resolution import mapping
from sim.scenario.base import Fault, Path
from sim.scenario.model import Scenario
from sim.scenario.random_quantities import Belief, RandomQuantity
from sim.scenario.sites import OnDemandPool, OwnedPool, SpotPool
from sim.scenario.strategies import Option
from sim.scenario.workloads import Inference, Training

AnyPool = OwnedPool | OnDemandPool | SpotPool
AnyWorkload = Training | Inference


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one strategy lets one workload run."""

    strategy: str
    workload: str
    options: tuple[Option, ...]
    path: Path
    """Of the list of options."""
    by_name: bool
    """Whether the strategy names the workload, rather than `all`."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A scenario, and the names that are in its file (entries that are wrong in themselves included)."""

    scenario: Scenario
    pools: dict[str, AnyPool]
    pool_names: tuple[str, ...]
    locations: tuple[str, ...]
    sites: tuple[str, ...]
    zones: tuple[str, ...]
    datasets: tuple[str, ...]
    workloads: tuple[str, ...]
    strategies: tuple[str, ...]
    tags: tuple[str, ...]
    all_links: bool
    """Whether the network is known as it is meant."""
    all_zones: bool
    """Whether the zone of every site is known."""
    law_is_clear: bool
    """Whether the rules are known as they are meant: one with an unknown zone would forbid too much."""

    @classmethod
    def of(cls, scenario: Scenario, tree: Any) -> Self:
        """The facts about a scenario that was read from `tree`."""
        sites = mapping(tree, "sites")
        tagged = (*mapping(tree, "datasets").values(), *mapping(tree, "workloads").values())
        zones = [site.get("zone") for site in sites.values() if isinstance(site, dict)]
        named = {zone for rule in scenario.rules for zone in rule.stay_in}
        links = scenario.network
        return cls(
            scenario=scenario,
            pools=scenario.pools(),
            pool_names=tuple(f"{site}/{pool}" for site in sites for pool in mapping(sites, site, "pools")),
            locations=_texts(tree.get("locations")),
            sites=tuple(sites),
            zones=_texts(zones),
            datasets=tuple(mapping(tree, "datasets")),
            workloads=tuple(mapping(tree, "workloads")),
            strategies=tuple(mapping(tree, "strategies")),
            tags=_texts([tag for part in tagged for tag in _list(part, "tags")]),
            all_links=len(links) == len(_list(tree, "network"))
            and all(len(set(link.between)) == 2 for link in links),
            all_zones=all(map(_is_text, zones)),
            law_is_clear=all(map(_is_text, zones)) and named <= set(_texts(zones)),
        )

    def placements(self) -> Iterator[Placement]:
        """Every workload under every strategy that places it."""
        for strategy, chosen in self.scenario.strategies.items():
            for workload in self.workloads:
                key = workload if workload in chosen.place else "all"
                if key in chosen.place:
                    path = ("strategies", strategy, "place", key)
                    yield Placement(strategy, workload, chosen.place[key], path, by_name=key == workload)


def site_of(pool: str) -> str:
    """The site of a pool that is named `site/pool`."""
    return pool.partition("/")[0]


def unknown(
    name: str, known: Iterable[str], path: Path, what: str, *, at_key: bool = False
) -> Iterator[Fault]:
    """A fault when `name` is not among the known ones."""
    names = tuple(known)
    if name not in names:
        allowed = ", ".join(names) or f"none: there is no {what} in this scenario"
        yield Fault(
            path, f"there is no {what} '{name}'", None, allowed, did_you_mean(name, names), at_key=at_key
        )


def duplicates(names: Iterable[str], path: Path) -> Iterator[Fault]:
    """A fault for each name that stands more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            yield Fault(path, f"'{name}' stands here {count} times")


def number(value: Any) -> float | None:
    """A number, or None for a belief, of which nothing certain can be said."""
    return None if isinstance(value, Belief) else float(value)


def median(quantity: RandomQuantity) -> float | None:
    """The median of a random quantity, or None when beliefs are in it."""
    return None if quantity.beliefs() else quantity.distribution().roughly(0.5)


def largest(quantity: RandomQuantity) -> float | None:
    """The greatest possible value, or None when there is none, or when beliefs are in it."""
    if quantity.beliefs():
        return None
    greatest = quantity.distribution().support()[1]
    return greatest if greatest < float("inf") else None


def _texts(values: Any) -> tuple[str, ...]:
    """The texts in a list, each once."""
    return tuple(dict.fromkeys(filter(_is_text, values))) if isinstance(values, list) else ()


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _list(tree: Any, key: str) -> list[Any]:
    value = tree.get(key) if isinstance(tree, dict) else None
    return value if isinstance(value, list) else []
