"""Iteration times of language models, filled in from the catalogue for where they may run."""

import copy
import re

from sim.loading.resolution import Resolution, Tree, guess, mapping
from sim.scenario.base import Path

_NAME = re.compile(r"llm\.(?P<model>.+)\.(?P<accelerator>[^.]+)\.tp(?P<gang>[0-9]+)")


def resolve_performance(resolution: Resolution) -> None:
    """Fill in the section `models` for each language model that is served."""
    models = resolution.tree.setdefault("models", {})
    if not isinstance(models, dict):
        return
    for path, workload in resolution.workloads():
        service = mapping(workload, "service")
        model, gang = service.get("model"), mapping(service, "replica").get("accelerators")
        if service.get("kind") == "llm" and isinstance(model, str) and isinstance(gang, int):
            for accelerator in resolution.accelerators_for(str(path[-1])):
                _fill(resolution, models, (*path, "service", "model"), (model, accelerator, gang))


def _fill(resolution: Resolution, models: Tree, path: Path, wanted: tuple[str, str, int]) -> None:
    model, accelerator, gang = wanted
    if str(gang) in mapping(models, model, accelerator):
        return
    name = f"llm.{model}.{accelerator}.tp{gang}"
    if name in resolution.catalogue:
        entry = resolution.fetch(name, path)
        assert entry is not None, f"{name} was there a moment ago"
        by_accelerator = models.setdefault(model, {})
        if isinstance(by_accelerator, dict) and isinstance(by_accelerator.setdefault(accelerator, {}), dict):
            by_accelerator[accelerator][str(gang)] = copy.deepcopy(entry.value)
        return
    measured = _measured(resolution, models)
    if model in measured:
        told = f"'{model}' has not been measured on {gang} x {accelerator}"
        resolution.note(path, told, None, ", ".join(measured[model]) + ", or times under 'models'")
    else:
        allowed = ", ".join(measured) + ", or one that is described under 'models'"
        resolution.note(path, f"the model '{model}' is not known", None, allowed, guess(model, measured))


def _measured(resolution: Resolution, models: Tree) -> dict[str, list[str]]:
    """The models that are known, and the gangs on which they were measured."""
    known: dict[str, list[str]] = {}
    for name in resolution.catalogue.names("llm."):
        if found := _NAME.fullmatch(name):
            known.setdefault(found["model"], []).append(f"{found['gang']} x {found['accelerator']}")
    for model in models:
        for accelerator in mapping(models, model):
            for gang in mapping(models, model, accelerator):
                known.setdefault(model, []).append(f"{gang} x {accelerator}")
    return known
