"""`--set path=value`: one value of a scenario changed on the command line."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sim.errors import Problem, ScenarioError, did_you_mean
from sim.loading.pydantic_errors import keys_at
from sim.loading.resolution import mapping
from sim.loading.yaml_tree import read_yaml
from sim.scenario.base import Path


def apply_overrides(tree: Any, overrides: Iterable[str]) -> tuple[Any, Mapping[Path, str]]:
    """A copy of the tree with values set as in `strategies.a.own.campus/room.nodes=4`, and what set them.

    Dots separate the steps of a path; a key that has dots itself is recognised when it is there. Positions in
    lists are numbers from 0. The value is YAML. A step may be a key that the scenario leaves out, if the
    language knows it there. Raises ScenarioError with all options that cannot be applied.
    """
    changed = copy.deepcopy(tree)
    set_by: dict[Path, str] = {}
    problems: list[Problem] = []
    for text in overrides:
        option = f"--set {text}"
        try:
            path, value = _split(changed, text, option)
            _put(changed, path, value)
            set_by[path] = option
        except ScenarioError as error:
            problems.extend(error.problems)
    if problems:
        raise ScenarioError(tuple(problems))
    return changed, set_by


def _split(tree: Any, text: str, option: str) -> tuple[Path, Any]:
    """Path and value of an option."""
    written, equals, value = text.partition("=")
    if not equals or not written.strip():
        raise _wrong(option, (), "a path and a value are needed", "path=value, as in horizon=1 year")
    path = _find(tree, written.strip(), option)
    try:
        return path, read_yaml(value, option).tree if value.strip() else None
    except ScenarioError as error:
        # An option is one line: where in it something is wrong is plain to see.
        problems = (replace(problem, path=path, line=None, column=None) for problem in error.problems)
        raise ScenarioError(tuple(problems)) from None


def _find(tree: Any, written: str, option: str) -> Path:
    """The path that `written` means, given the keys that are there."""
    here, rest = tree, written
    path: Path = ()
    while rest:
        step: str | int
        step, rest = _next_step(tree, here, path, rest)
        if isinstance(here, list):
            here, step = _item(here, path, step, option)
        else:
            known = sorted(_known(tree, here, path))
            if step not in known:
                told = f"there is no '{step}' here"
                raise _wrong(option, path, told, ", ".join(known) or None, did_you_mean(step, known))
            here = here.get(step) if isinstance(here, dict) else None
        path = (*path, step)
    return path


def _item(here: list[Any], path: Path, step: str, option: str) -> tuple[Any, int]:
    """The item of a list at a position, and the position."""
    if not (step.isascii() and step.isdecimal() and len(step) < 10) or int(step) >= len(here):
        raise _wrong(option, path, f"'{step}' is not a position in this list", f"0 to {len(here) - 1}")
    return here[int(step)], int(step)


def _next_step(tree: Any, here: Any, path: Path, rest: str) -> tuple[str, str]:
    """The longest known key that `rest` begins with (or what is before the first dot), and what follows."""
    fitting = [key for key in _known(tree, here, path) if rest == key or rest.startswith(f"{key}.")]
    step = max(fitting, key=len, default=rest.partition(".")[0])
    return step, rest[len(step) + 1 :]


def _known(tree: Any, here: Any, path: Path) -> set[str]:
    """The keys that may follow: those that are there, those of the language, and names from elsewhere."""
    keys = {*keys_at(path), *(here if isinstance(here, dict) else ())}
    if path[-1:] in {("own",), ("order",)}:
        sites = mapping(tree, "sites")
        keys |= {f"{site}/{pool}" for site in sites for pool in mapping(sites, site, "pools")}
    if path[-1:] in {("place",), ("scale",)}:
        keys |= {*mapping(tree, "workloads"), "all"}
    if path[-1:] in {("access",), ("users",)}:
        locations = tree.get("locations") if isinstance(tree, dict) else None
        keys |= (
            {name for name in locations if isinstance(name, str)} if isinstance(locations, list) else set()
        )
    return keys


def _put(tree: Any, path: Path, value: Any) -> None:
    """Set one value, making the mappings on the way that are not there yet."""
    here = tree
    for step in path[:-1]:
        if isinstance(here, dict) and not isinstance(here.get(step), dict | list):
            here[step] = {}
        here = here[step]
    here[path[-1]] = value


def _wrong(
    option: str, path: Path, message: str, allowed: str | None = None, hint: str | None = None
) -> ScenarioError:
    return ScenarioError((Problem(path, message, allowed=allowed, hint=hint, file=option),))
