"""A plain tree -> YAML text that people like to read; `yaml_tree` reads it back."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from sim.loading.yaml_scalars import MAX_NUMBER, NUMBER

WIDTH = 100
"""Characters of a line before a list or mapping is spread over several."""

_PLAIN = re.compile(r"[A-Za-z0-9/$(.][A-Za-z0-9 ._/%()+<>=;$-]*(?<! )")
_LOOKS_ELSE = re.compile(r"y|n|yes|no|on|off|true|false|null|[-+]?[0-9._]+", re.IGNORECASE)
_ESCAPED = re.compile('[^ -~\xa1-\u1fff\u2030-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|["\\\\]')

_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def write_yaml(tree: Any) -> str:
    """YAML text that `read_yaml` reads back as an equal tree (within its limits); keys keep their order.

    Raises ValueError for what a tree cannot hold: other types, keys that are no texts, numbers without end.
    """
    return "\n".join(_block(tree, 0)) + "\n"


def _block(tree: Any, indent: int) -> Iterator[str]:
    """The lines of a tree: block style outside, flow style where it fits on a line."""
    margin = " " * indent
    if not isinstance(tree, dict | list) or not tree:
        yield margin + _flow(tree)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _entry(f"{margin}{_key(key)}:", value, indent)
    else:
        for value in tree:
            first, *others = _entry(f"{margin}-", value, indent)
            if first == f"{margin}-":  # a mapping or list that begins beside its dash
                first, *others = f"{first} {others[0].lstrip()}", *others[1:]
            yield first
            yield from others


def _entry(lead: str, value: Any, indent: int) -> Iterator[str]:
    """The lines of one mapping entry or list item, `lead` being what stands before the value."""
    flow = _flow(value)
    if not isinstance(value, dict | list) or len(lead) + 1 + len(flow) <= WIDTH:
        yield f"{lead} {flow}"
    elif isinstance(value, list) and all(
        len(_flow(item)) <= WIDTH // 2 and not isinstance(item, dict) for item in value
    ):
        yield f"{lead} ["
        yield from _filled([_flow(item) for item in value], indent + 2)
        yield f"{' ' * (indent + 2)}]"
    else:
        yield lead
        yield from _block(value, indent + 2)


def _filled(items: Iterable[str], indent: int) -> Iterator[str]:
    """Items with commas, as many on a line as fit."""
    line = " " * indent
    for item in items:
        if line.strip() and len(line) + len(item) + 1 > WIDTH:
            yield line.rstrip()
            line = " " * indent
        line += f"{item}, "
    yield line.rstrip(", ")


def _flow(tree: Any) -> str:
    """A tree on one line."""
    match tree:
        case dict():
            return "{" + ", ".join(f"{_key(key)}: {_flow(value)}" for key, value in tree.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flow, tree)) + "]"
        case str():
            return _text(tree)
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[tree]
        case int() | float() if abs(tree) < MAX_NUMBER:
            return repr(tree)
    raise ValueError(f"not a value of a YAML tree: {tree!r:.60}")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError(f"not a key of a YAML tree: {key!r:.60}")
    return key if key.isdecimal() and key.isascii() else _text(key)


def _text(text: str) -> str:
    """A text as it is where it cannot be taken for anything else, otherwise in double quotes."""
    if _PLAIN.fullmatch(text) and not NUMBER.fullmatch(text) and not _LOOKS_ELSE.fullmatch(text):
        return text
    return '"' + _ESCAPED.sub(lambda found: _escape(found[0]), text) + '"'


def _escape(character: str) -> str:
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"
