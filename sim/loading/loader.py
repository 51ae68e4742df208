"""A scenario file -> a resolved, validated and checked scenario, or everything that is wrong with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from sim.errors import Problem, ScenarioError
from sim.loading.catalogue import Entry, catalogue
from sim.loading.checks import check
from sim.loading.hardware import resolve_hardware
from sim.loading.overrides import apply_overrides
from sim.loading.partial import usable_part
from sim.loading.performance import resolve_performance
from sim.loading.placing import Written
from sim.loading.pydantic_errors import faults_in, shape
from sim.loading.references import resolve_references
from sim.loading.resolution import Resolution
from sim.loading.traces import resolve_traces
from sim.loading.yaml_tree import Document, read_yaml, read_yaml_file
from sim.scenario.base import Fault, Path
from sim.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scenario, and how it came about."""

    scenario: Scenario
    tree: Mapping[str, Any]
    """What was validated: the file's tree with figures in the places of references."""
    written: Written
    """What the user wrote, to say where something stands."""
    used: Mapping[Path, Entry]
    """The catalogue entries that were used, by the place that named them."""


def load(path: str | FilePath, overrides: Iterable[str] = ()) -> Scenario:
    """The scenario in the YAML file at `path`, changed by `overrides` such as `horizon=1 year`.

    Raises ScenarioError with everything that is wrong with it.
    """
    return load_with_source(path, overrides).scenario


def load_with_source(path: str | FilePath, overrides: Iterable[str] = ()) -> Loaded:
    """The same, with where everything came from."""
    return _load(read_yaml_file(path), FilePath(path).parent, overrides)


def load_text(
    text: str, file: str = "scenario.yaml", folder: str | FilePath = ".", overrides: Iterable[str] = ()
) -> Scenario:
    """The scenario written in `text`; `file` is its name in messages, `folder` that of its trace files."""
    return _load(read_yaml(text, file), FilePath(folder), overrides).scenario


def _load(document: Document, folder: FilePath, overrides: Iterable[str]) -> Loaded:
    if not isinstance(document.tree, dict):
        told = f"a scenario is a mapping, not {shape(document.tree)}"
        raise ScenarioError((Problem((), told, file=document.file, line=1, column=1),))
    tree, set_by = apply_overrides(document.tree, overrides)
    resolution = Resolution(tree, catalogue(), folder)
    for step in (resolve_references, resolve_traces, resolve_hardware, resolve_performance):
        step(resolution)
    written = Written(document, tree, set_by, {path: entry.name for path, entry in resolution.used.items()})
    scenario, faults = _validate(resolution)
    if scenario is None or faults:
        raise ScenarioError(written.problems(faults))
    return Loaded(scenario, resolution.tree, written, resolution.used)


def _validate(resolution: Resolution) -> tuple[Scenario | None, list[Fault]]:
    """The scenario in a resolved tree, and all that is wrong by the models and by the checks."""
    faults = list(resolution.faults)
    context = {"currency": resolution.currency}
    try:
        scenario = Scenario.model_validate(resolution.tree, context=context)
    except ValidationError as error:
        faults += (fault for fault in faults_in(error) if not _is_known(resolution, fault))
        part = usable_part(resolution.tree, error, context)
        if part is not None:
            faults += part.check(resolution.tree)
        return None, faults
    return scenario, [*faults, *check(scenario, resolution.tree)]


def _is_known(resolution: Resolution, fault: Fault) -> bool:
    """Whether a fault is only about what could not be replaced, which has been said."""
    return any(fault.path[: len(place)] == place for place in resolution.unresolved)
