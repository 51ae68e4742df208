"""Beliefs in a scenario: where they stand, and the scenario with a number in each place."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from sim.scenario.base import Model, Path
from sim.scenario.random_quantities import Belief, RandomQuantity

M = TypeVar("M", bound=Model)


def find_beliefs(part: Any, path: Path = ()) -> Iterator[tuple[Path, Belief]]:
    """All beliefs in a part of a scenario, with their paths, in the order of the file."""
    match part:
        case Belief():
            yield path, part
        case RandomQuantity():
            for name, value in part.parameters:
                yield from find_beliefs(value, (*path, name))
        case Model():
            for name in type(part).model_fields:
                yield from find_beliefs(getattr(part, name), (*path, name))
        case Mapping():
            for name, value in part.items():
                yield from find_beliefs(value, (*path, name))
        case tuple() | list():
            for n, value in enumerate(part):
                yield from find_beliefs(value, (*path, n))


def realise(part: M, values: Mapping[Path, float]) -> M:
    """The part with each belief named in `values` replaced by its number (canonical units)."""
    for path, value in values.items():
        part = _with(part, path, value)
    return part


def _with(part: Any, path: Path, value: float) -> Any:
    """A copy of `part` in which `path` holds `value`; everything off the path is shared."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    match part:
        case Model():
            return part.model_copy(update={str(step): _with(getattr(part, str(step)), rest, value)})
        case RandomQuantity():
            changed = tuple(
                (name, _with(old, rest, value) if name == step else old) for name, old in part.parameters
            )
            return replace(part, parameters=changed)
        case Mapping():
            return {**part, step: _with(part[step], rest, value)}
        case tuple():
            return tuple(_with(old, rest, value) if n == step else old for n, old in enumerate(part))
    raise AssertionError(f"no belief can stand at {path} in {type(part).__name__}")
