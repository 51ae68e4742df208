"""A scenario written out in full: every default and every figure of the catalogue in its place."""

import hashlib
from dataclasses import dataclass
from typing import Any

from sim.loading.loader import Loaded
from sim.loading.yaml_tree import write_yaml
from sim.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Source:
    """A catalogue entry that a scenario uses, and where."""

    path: str
    """The place that named it."""
    entry: str
    source: str
    date: str
    grade: str
    digest: str


def dump(scenario: Scenario) -> dict[str, Any]:
    """The tree of a scenario, in which nothing is left to look up; limits that there are not are left out."""
    context = {"currency": scenario.currency}
    tree: dict[str, Any] = scenario.model_dump(mode="json", exclude_none=True, context=context)
    return tree


def resolved(scenario: Scenario) -> str:
    """The scenario as YAML text; loading it gives an equal scenario."""
    return write_yaml(dump(scenario))


def digest(scenario: Scenario) -> str:
    """64 hexadecimal digits that change with anything in the scenario, however it was written."""
    return hashlib.sha256(resolved(scenario).encode()).hexdigest()


def sources(loaded: Loaded) -> list[Source]:
    """The catalogue entries that a scenario uses, in the order in which they were looked up."""
    return [
        Source(".".join(map(str, path)), entry.name, entry.source, entry.date, entry.grade, entry.digest)
        for path, entry in loaded.used.items()
    ]
