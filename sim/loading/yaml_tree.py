"""YAML text -> a plain tree, and where each part of it stands in the text.

PyYAML's own constructors can be crashed or stalled by hostile files, and read scalars by YAML 1.1 (`no` is
False, `12:30` is 750, `1e6` a text). So only its stream of events is used, under limits, and the tree is
built here, without recursion and by YAML 1.2's core schema: https://yaml.org/spec/1.2.2/#103-core-schema.
Anchors, aliases, tags, merge keys, several documents, duplicate keys and keys that are no words are refused.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, NoReturn

import yaml

from sim.errors import Problem, ScenarioError
from sim.loading.yaml_scalars import BOOL, NULL, NUMBER, number_in
from sim.loading.yaml_text import write_yaml

__all__ = ["Document", "Path", "Position", "read_yaml", "read_yaml_file", "write_yaml"]

Path = tuple[str | int, ...]
Position = tuple[int, int]
"""Line and column, from 1."""

MAX_SIZE = 4_000_000
"""Bytes of a file, characters of a text."""
MAX_DEPTH = 32
MAX_EVENTS = 1_000_000
MAX_PROBLEMS = 100

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class _Place:
    """Where a value stands, where its key stands, and the places of what it contains."""

    position: Position
    key_position: Position
    parts: dict[str | int, "_Place"]


_NO_PARTS: dict[str | int, _Place] = {}
"""Shared by all scalars; nothing is ever put into it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as a tree of dict, list, str, int, float, bool and None, and the positions of its parts."""

    file: str
    tree: Any
    _root: _Place = field(repr=False, compare=False)

    def position(self, path: Path) -> Position:
        """Line and column of the value at `path`; of the nearest part around it where there is none."""
        return self._place(path).position

    def key_position(self, path: Path) -> Position:
        """Line and column of the key (or list item) at `path`; of the nearest part around it if none."""
        return self._place(path).key_position

    def _place(self, path: Path) -> _Place:
        place = self._root
        for part in path:
            if part not in place.parts:
                break
            place = place.parts[part]
        return place


def read_yaml_file(path: str | FilePath) -> Document:
    """The YAML file at `path`.

    Raises ScenarioError when it cannot be read, is no text in UTF-8, or is not the YAML that is read here.
    """
    file = str(path)
    try:
        with FilePath(path).open("rb") as stream:
            content = stream.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        _refuse(file, f"the file cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(content) > MAX_SIZE:
        _refuse(file, _too_large())
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = (
            content.count(b"\n", 0, error.start) + 1,
            error.start - content.rfind(b"\n", 0, error.start),
        )
        _refuse(file, "the file is not text in UTF-8; save it as UTF-8", (line, column))
    return read_yaml(text, file)


def read_yaml(text: str, file: str) -> Document:
    """The tree written in `text`; `file` is its name in messages.

    Raises ScenarioError: for a syntax error, a limit or a second document at once, for the rest all together.
    """
    _check_characters(text, file)
    builder = _Builder(file)
    try:
        for number, event in enumerate(yaml.parse(text, Loader=_LOADER)):
            if number >= MAX_EVENTS:
                builder.stop(f"the file has more than {MAX_EVENTS:,} parts", _at(event.start_mark))
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        builder.stop(*_syntax_error(error, text))
    except (ValueError, OverflowError):
        # The parser in Python, used where the one in C is missing, trusts the numbers of escaped characters.
        builder.stop("an escape such as \\U0001F600 names a character that does not exist", (1, 1))
    return builder.document()


@dataclass(slots=True)
class _Open:
    """A mapping or list that is not closed yet, and the key that waits for its value."""

    tree: dict[str, Any] | list[Any]
    place: _Place
    path: Path
    key: str | None = None
    key_position: Position = (1, 1)


class _Builder:
    """Puts the tree together from the parser's events, and collects what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.open: list[_Open] = []
        self.documents = 0
        self.tree: Any = None
        self.root = _Place((1, 1), (1, 1), {})

    def document(self) -> Document:
        """The finished document; raises ScenarioError when anything was wrong."""
        if not self.documents:
            self.stop("the file is empty", (1, 1))
        if self.problems:
            raise ScenarioError(tuple(self.problems))
        return Document(self.file, self.tree, self.root)

    def take(self, event: yaml.Event) -> None:
        """Add what one event says."""
        at = _at(event.start_mark)
        match event:
            case yaml.ScalarEvent():
                self._check_marks(event.anchor, event.tag, at)
                if self._expects_key():
                    self._take_key(event.value, event.implicit[0], at)
                else:
                    self._add(self._scalar(event.value, event.implicit[0], at), at, _NO_PARTS)
            case yaml.CollectionStartEvent():
                self._check_marks(event.anchor, event.tag, at)
                self._enter({} if isinstance(event, yaml.MappingStartEvent) else [], at)
            case yaml.CollectionEndEvent():
                self.open.pop()
            case yaml.AliasEvent():
                self._take_alias(event, at)
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self.stop("a second document begins here; a file holds one", at)

    def stop(self, message: str, at: Position) -> NoReturn:
        """Raise ScenarioError with this problem after those already noted."""
        raise ScenarioError((*self.problems, Problem((), message, file=self.file, line=at[0], column=at[1])))

    def _note(self, message: str, at: Position, key: Path = ()) -> None:
        """Remember a problem and go on, within reason."""
        path = (*self._path(), *key)
        self.problems.append(Problem(path, message, file=self.file, line=at[0], column=at[1]))
        if len(self.problems) >= MAX_PROBLEMS:
            raise ScenarioError(tuple(self.problems))

    def _path(self) -> Path:
        """The path of the value that comes next, or of the mapping whose key comes next."""
        if not self.open:
            return ()
        level = self.open[-1]
        step = len(level.tree) if isinstance(level.tree, list) else level.key
        return level.path if step is None else (*level.path, step)

    def _expects_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].tree, dict) and self.open[-1].key is None

    def _take_key(self, key: str, plain: bool, at: Position) -> None:
        """The key of the next value: always a text, and only once in its mapping."""
        level = self.open[-1]
        if plain and not key:
            self._note("a key is missing before ':'", at)
        if plain and key == "<<":
            self._note("the merge key '<<' is not read here; write the keys out", at)
        if _SURROGATE.search(key):
            self._note("an escape names half a character; write the character itself", at)
        if key in level.place.parts:
            first = level.place.parts[key].key_position
            self._note(f"the key {key[:40]!r} stands twice, on lines {first[0]} and {at[0]}", at, (key,))
        level.key, level.key_position = key, at

    def _take_alias(self, event: yaml.AliasEvent, at: Position) -> None:
        """Note an alias, and let a key or a value stand in for it."""
        alias = f"*{event.anchor:.40}"
        self._note(f"the alias '{alias}' is not read here; write the part out that it repeats", at)
        if self._expects_key():
            self.open[-1].key, self.open[-1].key_position = alias, at
        else:
            self._add(None, at, _NO_PARTS)

    def _enter(self, tree: dict[str, Any] | list[Any], at: Position) -> None:
        """Open a mapping or list; what follows goes into it."""
        if self._expects_key():
            self.stop("a key must be a plain word or number, not a mapping or a list", at)
        if len(self.open) >= MAX_DEPTH:
            self.stop(f"mappings and lists are nested more than {MAX_DEPTH} deep", at)
        path = self._path()
        self.open.append(_Open(tree, self._add(tree, at, {}), path))

    def _add(self, value: Any, at: Position, parts: dict[str | int, _Place]) -> _Place:
        """Put a value where it belongs, and return its place."""
        if not self.open:
            self.tree, self.root = value, _Place(at, at, parts)
            return self.root
        level = self.open[-1]
        if isinstance(level.tree, list):
            place = level.place.parts[len(level.tree)] = _Place(at, at, parts)
            level.tree.append(value)
            return place
        key, level.key = level.key, None
        assert key is not None, at
        place = level.place.parts[key] = _Place(at, level.key_position, parts)
        level.tree[key] = value
        return place

    def _check_marks(self, anchor: str | None, tag: str | None, at: Position) -> None:
        """Note an anchor and a tag."""
        if anchor is not None:
            self._note(f"the anchor '&{anchor:.40}' is not read here; write repeated parts out", at)
        if tag is not None:
            self._note(f"the tag '{tag:.40}' is not read here; leave it out", at)

    def _scalar(self, text: str, plain: bool, at: Position) -> Any:
        """The value of a scalar; a quoted one is a text whatever it looks like."""
        if not plain:
            if _SURROGATE.search(text):  # only the parser in Python lets it through
                self._note("an escape names half a character; write the character itself", at)
            return text
        if text in NULL:
            return None
        if text in BOOL:
            return BOOL[text]
        found = NUMBER.fullmatch(text)
        if found is None:
            return text
        number = number_in(found)
        if number is None:
            self._note(
                f"{text[:40]!r} is not a number that can be used: it must be finite and below 1e300", at
            )
        return number


def _at(mark: Any) -> Position:
    """The position of one of PyYAML's marks, which count from 0."""
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _check_characters(text: str, file: str) -> None:
    """Raise ScenarioError for a text that is too long, marked, or holds control characters."""
    if len(text) > MAX_SIZE:
        _refuse(file, _too_large())
    if text.startswith("\ufeff"):
        _refuse(file, "the file begins with a byte order mark; save it as UTF-8 without one", (1, 1))
    if bad := _UNPRINTABLE.search(text):
        line, column = text.count("\n", 0, bad.start()) + 1, bad.start() - text.rfind("\n", 0, bad.start())
        _refuse(file, f"the character U+{ord(bad[0]):04X} cannot stand in a text file", (line, column))


def _refuse(file: str, message: str, at: tuple[int, int] | tuple[None, None] = (None, None)) -> NoReturn:
    raise ScenarioError((Problem((), message, file=file, line=at[0], column=at[1]),))


def _too_large() -> str:
    return f"the file is larger than {MAX_SIZE // 10**6} MB"


_BRACKETS = "a comma or a closing bracket is missing in what opens on line {opened}"
_SYNTAX = (
    ("',' or ']'", _BRACKETS),
    ("',' or '}'", _BRACKETS),
    (
        "mapping values are not allowed",
        "a ':' is not expected here; check the indentation, and quote texts that contain ': '",
    ),
    ("could not find expected ':'", "a ':' is missing after the key on line {opened}"),
    ("unexpected end of stream", "the text that opens with a quote on line {opened} is not closed"),
    ("unexpected document", "the text that opens with a quote on line {opened} is not closed"),
    ("cannot start any token", "a value cannot begin with this character; put the text in quotes"),
    ("node content", "a value is needed here, not {character}"),
    ("sequence entries are not allowed", "a list item '- ...' must begin on its own line"),
    (
        "expected key",
        "this line does not fit the mapping that begins on line {opened}; check its indentation",
    ),
    ("'-' indicator", "this line does not fit the list that begins on line {opened}; check its indentation"),
    ("<block end>", "this line does not fit what begins on line {opened}; check its indentation"),
    ("omment or", "a text that begins with '|' or '>' must be in quotes, or begin on the next line"),
    ("chomping", "a text that begins with '|' or '>' must be in quotes, or begin on the next line"),
    ("alphabetic or numeric", "a text that begins with '&' or '*' must be in quotes"),
    ("escape c", "this escape is not known; write a single backslash as '\\\\', or use single quotes"),
    ("<document start>", "the document has ended before this"),
)
"""What the parsers say, in C and in Python -> what we say."""


def _syntax_error(error: yaml.MarkedYAMLError, text: str) -> tuple[str, Position]:
    """A sentence for what the parser found, and where."""
    at = _at(error.problem_mark)
    opened = _at(error.context_mark or error.problem_mark)[0]
    line = "".join(text.splitlines()[at[0] - 1 : at[0]])
    before = line[: at[1]]
    if "\t" in before and not before.strip(" \t-"):
        return "a tab stands where only spaces may indent", at
    for fragment, sentence in _SYNTAX:
        if fragment in str(error.problem):
            character = repr(line[at[1] - 1]) if at[1] <= len(line) else "the end of the line"
            return sentence.format(opened=opened, character=character), at
    return f"this is not YAML: {error.problem}", at
