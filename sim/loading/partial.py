"""The part of a scenario that can be used although others are wrong, so that all problems come at once."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from sim.loading.checks import check
from sim.scenario.base import Fault, Path
from sim.scenario.model import Scenario

_STAND_INS = {"title": "-", "start": "2026-01-05", "horizon": "1 day"}
"""What takes the place of a part that is needed and wrong, and that little else depends on."""

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """What remains of a scenario without the entries that the models refuse."""

    scenario: Scenario
    dropped: frozenset[Path]
    """The entries that were left out, and parts that something stands in for."""
    positions: Mapping[str, list[int]]
    """Of the lists: where in the user's list the items stand that remain."""

    def check(self, tree: Any) -> list[Fault]:
        """What the checks say of what remains; `tree` is the whole scenario, for the names that are in it."""
        found = check(self.scenario, tree)
        faults = [replace(fault, path=_in_file(fault.path, self.positions)) for fault in found]
        return [
            fault for fault in faults if not any(fault.path[: len(path)] == path for path in self.dropped)
        ]


def usable_part(tree: Mapping[str, Any], error: ValidationError, context: dict[str, str]) -> Part | None:
    """The part of the tree that is not in `error`; None when nothing remains that could be checked."""
    rest: dict[str, Any] = copy.deepcopy(dict(tree))
    positions = {key: list(range(len(value))) for key, value in rest.items() if isinstance(value, list)}
    dropped: set[Path] = set()
    for _ in range(ROUNDS):
        entries = {_entry(details["loc"]) for details in error.errors(include_url=False, include_input=False)}
        dropped |= {_in_file(path, positions) for path in entries}
        for path in sorted(entries, key=_position, reverse=True):
            _drop(rest, path, positions)
        try:
            return Part(Scenario.model_validate(rest, context=context), frozenset(dropped), positions)
        except ValidationError as left:
            error = left
    return None


def _entry(loc: Path) -> Path:
    """The pool, or else the entry of a section, or else the section, that holds the place of an error."""
    if loc[0] == "sites" and loc[2:3] == ("pools",) and len(loc) > 3:
        return loc[:4]
    return loc[:2]


def _position(path: Path) -> int:
    """Items of lists are dropped from behind, so that the others keep their positions meanwhile."""
    return path[1] if len(path) > 1 and isinstance(path[1], int) else -1


def _in_file(path: Path, positions: Mapping[str, list[int]]) -> Path:
    """The path in the user's lists of a path in the lists that lost items."""
    if len(path) > 1 and path[0] in positions and isinstance(path[1], int):
        return (path[0], positions[str(path[0])][path[1]], *path[2:])
    return path


def _drop(rest: dict[str, Any], path: Path, positions: Mapping[str, list[int]]) -> None:
    """Leave out what stands at a path; some parts are replaced instead."""
    *above, last = path
    here: Any = rest
    for step in above:
        here = here.get(step) if isinstance(here, dict) else None
    if isinstance(here, dict):
        here.pop(last, None)
    elif isinstance(here, list) and isinstance(last, int):
        del here[last]
        del positions[str(above[-1])][last]
    elif above:
        _drop(rest, tuple(above), positions)
    if here is rest and last in _STAND_INS:
        rest[str(last)] = _STAND_INS[str(last)]
