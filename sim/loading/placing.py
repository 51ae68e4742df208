"""Faults at paths of a resolved tree -> problems at places in what the user wrote."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import Problem
from sim.loading.yaml_tree import Document
from sim.scenario.base import Fault, Path


@dataclass(frozen=True, slots=True)
class Written:
    """What the user wrote: the file, and values given on the command line instead of some of its parts."""

    document: Document
    tree: Any
    """The file's tree with those values in place."""
    overrides: Mapping[Path, str]
    """Path -> the option that set it, as `--set path=value`."""
    references: Mapping[Path, str]
    """Path -> the name of the catalogue entry that stands there."""

    def problems(self, faults: Iterable[Fault]) -> tuple[Problem, ...]:
        """The problems, each once, in the order of the file."""
        unique: dict[Any, Problem] = {}
        for fault in faults:
            path = self._written_part(fault.path)
            entry = self._entry_at(fault.path) if len(path) < len(fault.path) else None
            problem = self._problem(fault, path, entry)
            unique.setdefault((path, entry) if entry else problem, problem)
        return tuple(sorted(unique.values(), key=lambda p: (p.line or 0, p.column or 0, p.path)))

    def _problem(self, fault: Fault, path: Path, entry: str | None) -> Problem:
        """A fault at its place; an entry that does not fit somewhere has one problem, however many faults."""
        misfit = f"the catalogue entry '{entry}' does not fit here: " if entry else ""
        message = f"{misfit}{fault.message}"
        file, (line, column) = self._place(path, at_key=fault.at_key)
        known = (fault.found, fault.allowed, fault.hint)
        return Problem(tuple(map(str, path)), message, *known, file=file, line=line, column=column)

    def _written_part(self, path: Path) -> Path:
        """The longest part of a path that stands in what was written."""
        here: Any = self.tree
        found: list[str | int] = []
        for step in path:
            inside = isinstance(here, list) and isinstance(step, int) and step < len(here)
            if inside or (isinstance(here, dict) and step in here):
                here = here[step]
                found.append(step)
            elif not (step == 0 and isinstance(here, dict)):
                break
        return tuple(found)

    def _entry_at(self, path: Path) -> str | None:
        """The catalogue entry that fills this place."""
        return next((name for place, name in self.references.items() if path[: len(place)] == place), None)

    def _place(self, path: Path, *, at_key: bool) -> tuple[str, tuple[int | None, int | None]]:
        """File, line and column of a path; an option has no lines."""
        for place, option in self.overrides.items():
            if path[: len(place)] == place:
                return option, (None, None)
        if at_key or isinstance(self._value(path), dict | list):
            return self.document.file, self.document.key_position(path)
        return self.document.file, self.document.position(path)

    def _value(self, path: Path) -> Any:
        here = self.tree
        for step in path:
            here = here[step]
        return here
