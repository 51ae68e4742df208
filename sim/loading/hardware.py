"""Accelerators and their nodes, filled in from the catalogue; the accelerators that workloads refer to."""

import copy
from typing import Any

from sim.loading.resolution import Resolution, Tree, guess, mapping, merged
from sim.scenario.base import Path

_OWNED = ("price", "idle", "busy")
"""What must be known of a node that we own."""


def resolve_hardware(resolution: Resolution) -> None:
    """Fill in the accelerators that are used, the nodes of pools, and reference accelerators."""
    for path, workload in resolution.workloads():
        _resolve_reference(resolution, path, workload)
    _resolve_accelerators(resolution)
    for path, pool, _ in resolution.pools():
        _resolve_node(resolution, path, pool)


def _resolve_accelerators(resolution: Resolution) -> None:
    """Complete what the user says of accelerators, and add those that are named elsewhere."""
    section = resolution.tree.setdefault("accelerators", {})
    if not isinstance(section, dict):
        return
    for name, path in _named(resolution).items():
        if name in section and not isinstance(section[name], dict):
            continue
        if f"accelerator.{name}" in resolution.catalogue:
            known = _from_catalogue(resolution, name, path)
            section[name] = merged(known, section[name]) if name in section else known
        elif name not in section:
            names = [n.removeprefix("accelerator.") for n in resolution.catalogue.names("accelerator.")]
            names = sorted({*names, *section})
            allowed = f"{', '.join(names)}, or one that is described under 'accelerators'"
            resolution.note(path, f"the accelerator '{name}' is not known", None, allowed, guess(name, names))


def _named(resolution: Resolution) -> dict[str, Path]:
    """Accelerators that are named, and where first."""
    places: list[tuple[Any, Path]] = [
        (name, ("accelerators", name)) for name in resolution.section("accelerators")
    ]
    places += [(pool.get("accelerator"), (*path, "accelerator")) for path, pool, _ in resolution.pools()]
    for path, workload in resolution.workloads():
        places.append((workload.get("reference"), (*path, "reference")))
        places.append((mapping(workload, "service").get("reference"), (*path, "service", "reference")))
    named: dict[str, Path] = {}
    for name, path in places:
        if isinstance(name, str):
            named.setdefault(name, path)
    return named


def _from_catalogue(resolution: Resolution, name: str, path: Path) -> Tree:
    """What the catalogue says of an accelerator; prices only when they are in the scenario's currency."""
    entry = resolution.fetch(f"accelerator.{name}", path)
    assert entry is not None, f"accelerator.{name} was there a moment ago"
    value: Tree = copy.deepcopy(entry.value)
    if resolution.currency != "USD":
        value["node"].pop("price", None)
    return value


def _resolve_node(resolution: Resolution, path: Path, pool: Tree) -> None:
    """The node of a pool: what the user says of it, completed with the accelerator's usual one."""
    usual = resolution.section("accelerators", str(pool.get("accelerator")), "node")
    written = pool.setdefault("node", {})
    if not isinstance(written, dict):
        return
    if not usual:
        # The accelerator is not known, which has been said: its node is no second mistake.
        for key, value in (
            ("accelerators", 1),
            ("price", f"0 {resolution.currency}"),
            ("idle", "0 W"),
            ("busy", "0 W"),
        ):
            written.setdefault(key, value)
        return
    if pool.get("purchase") != "owned":
        written.setdefault("accelerators", usual.get("accelerators"))
        return
    same_size = written.get("accelerators", usual.get("accelerators")) == usual.get("accelerators")
    node = pool["node"] = merged(usual, written) if same_size else written
    missing = " and ".join(f"'{key}'" for key in _OWNED if key not in node)
    if missing:
        known = (
            f"holds {usual.get('accelerators')} accelerators"
            if not same_size
            else "has none in this currency"
        )
        told = f"{missing} of an owned node must be said here: the usual one of the catalogue {known}"
        resolution.note((*path, "node"), told)


def _resolve_reference(resolution: Resolution, path: Path, workload: Tree) -> None:
    """The accelerator on which durations are meant: where the workload may run, if that is only one."""
    service = workload.get("service")
    if workload.get("kind") in ("training", "batch"):
        part, inside = workload, path
    elif isinstance(service, dict) and service.get("kind") == "single":
        part, inside = service, (*path, "service")
    else:
        return
    if part.get("reference") is not None:
        return
    found = resolution.accelerators_for(str(path[-1]))
    known = {*resolution.section("accelerators"), *resolution.catalogue.names("accelerator.")}
    if len(found) == 1:
        part["reference"] = found[0]
    elif found and all(name in known or f"accelerator.{name}" in known for name in found):
        choices = ", ".join(found)
        told = "'reference' is needed: the accelerator on which the times are meant"
        resolution.note(inside, told, None, choices)
