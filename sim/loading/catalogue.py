"""The catalogue: figures that a scenario may refer to by name, each with its source.

An entry begins at a line that is not indented. Only the entries that are asked for are parsed, so that a
scenario that names three of them does not wait for the other hundreds.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from sim.errors import CatalogueError, ScenarioError, did_you_mean
from sim.loading.yaml_tree import read_yaml

_ENTRY = re.compile(r"^(?P<quote>[\"']?)(?P<name>[A-Za-z0-9][A-Za-z0-9._/-]*)(?P=quote):", re.MULTILINE)
_FIELDS = {"kind", "value", "range", "source", "date", "grade", "note"}
_GRADES = {"measured", "published", "assumed"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `value` is a tree in the scenario language."""

    name: str
    kind: str
    value: Any
    source: str
    date: str
    grade: str
    """`measured`, `published` or `assumed`."""
    range: str | None = None
    note: str | None = None

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that change with the value."""
        return hashlib.sha256(json.dumps(self.value, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Text:
    """An entry as it stands in its file."""

    file: str
    text: str


class Catalogue:
    """Entries by name, parsed when they are asked for."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """The entries in `texts`, the contents of files by their names."""
        self._texts: dict[str, _Text] = {}
        self._entries: dict[str, Entry] = {}
        for file, text in texts.items():
            for name, entry in _split(text):
                if name in self._texts:
                    raise CatalogueError(
                        f"the entry '{name}' stands twice, in {self._texts[name].file} and {file}"
                    )
                self._texts[name] = _Text(file, entry)

    def names(self, prefix: str = "") -> list[str]:
        """The names that begin with `prefix`, sorted."""
        return sorted(name for name in self._texts if name.startswith(prefix))

    def __contains__(self, name: str) -> bool:
        """Whether there is such an entry."""
        return name in self._texts

    def entry(self, name: str) -> Entry:
        """The entry called `name`; CatalogueError when there is none, or when it is not one."""
        if name not in self._texts:
            hint = did_you_mean(name, self._texts)
            raise CatalogueError(f"the catalogue has no entry '{name}'" + (f"; {hint}" if hint else ""))
        if name not in self._entries:
            self._entries[name] = _parse(name, self._texts[name])
        return self._entries[name]


@cache
def catalogue() -> Catalogue:
    """The catalogue that comes with the program: inside an installed package, beside it in a checkout."""
    inside = files("sim") / "calibration"
    folder: Traversable = inside if inside.is_dir() else Path(__file__).parents[2] / "calibration"
    if not folder.is_dir():
        raise CatalogueError(
            "the folder 'calibration' with the catalogue is missing; install the program anew"
        )
    return read_catalogue(folder)


def read_catalogue(folder: Traversable) -> Catalogue:
    """The catalogue in the YAML files of a folder."""
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name
    )
    return Catalogue({file.name: file.read_text(encoding="utf-8") for file in found})


def _split(text: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the entries in a file."""
    begins = list(_ENTRY.finditer(text))
    ends = [begin.start() for begin in begins[1:]] + [len(text)]
    for begin, end in zip(begins, ends, strict=True):
        yield begin["name"], text[begin.start() : end]


def _parse(name: str, where: _Text) -> Entry:
    try:
        body = read_yaml(where.text, where.file).tree[name]
    except ScenarioError as error:
        raise CatalogueError(
            f"the catalogue entry '{name}' cannot be read: {error.problems[0].message}"
        ) from None
    if not isinstance(body, dict) or not {"kind", "value", "source", "date", "grade"} <= set(body) <= _FIELDS:
        raise CatalogueError(
            f"the catalogue entry '{name}' in {where.file} needs {', '.join(sorted(_FIELDS))}"
        )
    if body["grade"] not in _GRADES:
        raise CatalogueError(f"the catalogue entry '{name}' has the unknown grade {body['grade']!r}")
    told = {field: None if body.get(field) is None else str(body[field]) for field in ("range", "note")}
    named = {field: str(body[field]) for field in ("kind", "source", "date", "grade")}
    return Entry(name=name, value=body["value"], **named, **told)  # type: ignore[arg-type]  # never None: needed above
