"""A scenario on its way from what was written to what is meant: the tree, what was found, what is wrong."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from sim.errors import CatalogueError, did_you_mean
from sim.loading.catalogue import Catalogue, Entry
from sim.scenario.base import Fault, Path

Tree = dict[str, Any]

_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(slots=True)
class Resolution:
    """The tree of a scenario, in which references and short forms are replaced step by step.

    Nothing has been validated: a part that is missing or of the wrong type is left for the models to refuse.
    """

    tree: Tree
    catalogue: Catalogue
    folder: FilePath
    """What the paths of trace files are relative to."""
    faults: list[Fault] = field(default_factory=list)
    unresolved: list[Path] = field(default_factory=list)
    """Places that still hold what could not be replaced: the models need not complain about them again."""
    used: dict[Path, Entry] = field(default_factory=dict)
    """The catalogue entries that were used, by the place that named them."""

    @property
    def currency(self) -> str:
        """The scenario's currency; USD when what stands there is none."""
        currency = self.tree.get("currency")
        return currency if isinstance(currency, str) and _CURRENCY.fullmatch(currency) else "USD"

    def note(
        self,
        path: Path,
        message: str,
        found: str | None = None,
        allowed: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Remember that something is wrong."""
        self.faults.append(Fault(path, message, found, allowed, hint))

    def give_up(self, path: Path, message: str, allowed: str | None = None, hint: str | None = None) -> None:
        """Remember that what stands at `path` cannot be replaced."""
        self.unresolved.append(path)
        self.note(path, message, None, allowed, hint)

    def fetch(self, name: str, path: Path) -> Entry | None:
        """The catalogue entry `name` for the place `path`; None, with a fault, when there is none."""
        try:
            entry = self.catalogue.entry(name)
        except CatalogueError as error:
            message, _, hint = str(error).partition("; ")
            self.give_up(path, message, None, hint or None)
            return None
        self.used[path] = entry
        return entry

    def section(self, *keys: str) -> Tree:
        """The mapping at these keys; an empty one when there is none."""
        return mapping(self.tree, *keys)

    def pools(self) -> Iterator[tuple[Path, Tree, Tree]]:
        """Path, pool and site of each pool."""
        for site_name, site in self.section("sites").items():
            for name, pool in mapping(site, "pools").items():
                if isinstance(pool, dict):
                    yield ("sites", site_name, "pools", name), pool, site

    def pool(self, path: Any) -> Tree:
        """The pool `site/pool`; an empty mapping when there is none."""
        site, _, name = path.partition("/") if isinstance(path, str) else ("", "", "")
        return self.section("sites", site, "pools", name)

    def workloads(self) -> Iterator[tuple[Path, Tree]]:
        """Path and workload of each workload."""
        for name, workload in self.section("workloads").items():
            if isinstance(workload, dict):
                yield ("workloads", name), workload

    def accelerators_for(self, workload: str) -> list[str]:
        """The accelerators on which any strategy may place a workload; of all pools when none places it."""
        placed = [
            self.pool(option.get("pool") if isinstance(option, dict) else option)
            for strategy in self.section("strategies").values()
            for option in _options(mapping(strategy, "place"), workload)
        ]
        pools = [pool for pool in placed if pool] or [pool for _, pool, _ in self.pools()]
        named = [pool.get("accelerator") for pool in pools]
        return list(dict.fromkeys(name for name in named if isinstance(name, str)))


def mapping(tree: Any, *keys: str) -> Tree:
    """The mapping at these keys of a tree; an empty one when there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def merged(base: Any, over: Any) -> Any:
    """`over`, completed with what only `base` says; mappings are merged through all levels."""
    if isinstance(base, dict) and isinstance(over, dict):
        completed = {key: copy.deepcopy(value) for key, value in base.items() if key not in over}
        return {**completed, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return over


def guess(word: Any, candidates: Any) -> str | None:
    """The hint for a word that is not known."""
    return did_you_mean(word, candidates) if isinstance(word, str) else None


def _options(place: Tree, workload: str) -> list[Any]:
    written = place.get(workload, place.get("all"))
    return written if isinstance(written, list) else []
