"""YAML text -> tree and positions: YAML 1.2 scalars, clear errors, hostile files, and the way back."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.errors import Problem, ScenarioError
from sim.loading import yaml_tree
from sim.loading.yaml_tree import read_yaml, read_yaml_file, write_yaml

FIXED = settings(derandomize=True, deadline=None, max_examples=100)
LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]
HOSTILE_S = 30.0
"""Time allowed for a hostile file; most take milliseconds, a million parts some seconds on a busy machine."""

EXAMPLE = """\
title: Two rooms            # a comment
sites:
  campus: {nodes: 2, "price": 5 USD}
  room:
    - first
    - kind: owned
      tags: [a, b]
"""


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read with the parser in C, and with the one in Python."""
    monkeypatch.setattr(yaml_tree, "_LOADER", request.param)


both_parsers = pytest.mark.usefixtures("_parser")


def tree(text: str) -> Any:
    """The tree of a valid text."""
    return read_yaml(text, "x.yaml").tree


def problems(text: str) -> tuple[Problem, ...]:
    """What is wrong with an invalid text."""
    with pytest.raises(ScenarioError) as caught:
        read_yaml(text, "x.yaml")
    return caught.value.problems


def only(text: str) -> str:
    """The first line of the one problem of an invalid text."""
    (problem,) = problems(text)
    return str(problem)


def same(a: Any, b: Any) -> bool:
    """Equal trees of equal types, in the same order, zeros with the same sign."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))


@both_parsers
def test_a_file_is_read_as_a_plain_tree() -> None:
    """Mappings, lists and scalars, in block and flow style, comments aside."""
    assert tree(EXAMPLE) == {
        "title": "Two rooms",
        "sites": {
            "campus": {"nodes": 2, "price": "5 USD"},
            "room": ["first", {"kind": "owned", "tags": ["a", "b"]}],
        },
    }


@both_parsers
@pytest.mark.parametrize(
    ("path", "position", "key_position"),
    [
        ((), (1, 1), (1, 1)),
        (("title",), (1, 8), (1, 1)),
        (("sites", "campus"), (3, 11), (3, 3)),
        (("sites", "campus", "price"), (3, 31), (3, 22)),
        (("sites", "room", 0), (5, 7), (5, 7)),
        (("sites", "room", 1, "tags"), (7, 13), (7, 7)),
        (("sites", "room", 1, "tags", 1), (7, 17), (7, 17)),
        (("sites", "campus", "max_nodes"), (3, 11), (3, 3)),
        (("sites", "room", 9, "kind"), (5, 5), (4, 3)),
        (("nowhere", "at", "all"), (1, 1), (1, 1)),
        (("title", "deeper"), (1, 8), (1, 1)),
    ],
)
def test_every_part_knows_where_it_stands(
    path: tuple[str | int, ...], position: tuple[int, int], key_position: tuple[int, int]
) -> None:
    """Values and keys have their line and column from 1; what is missing has the nearest part's."""
    document = read_yaml(EXAMPLE, "x.yaml")
    assert document.position(path) == position
    assert document.key_position(path) == key_position


@both_parsers
def test_columns_count_characters() -> None:
    """An accent or an emoji before a value is one character, not its bytes."""
    assert read_yaml("é😀: [ü, x]", "x.yaml").position(("é😀", 1)) == (1, 9)


@both_parsers
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e6", 1e6), ("1.5e-3", 0.0015), ("1.", 1.0), (".5", 0.5), ("-2.0", -2.0), ("1E3", 1000.0),
        ("+.5", 0.5), ("12", 12), ("-7", -7), ("+7", 7), ("010", 10), ("0o17", 15), ("0x1f", 31),
        ("12:30", "12:30"), ("190:20:30", "190:20:30"), ("1_000", "1_000"), ("0b101", "0b101"),
        ("-0x1f", "-0x1f"), ("no", "no"), ("yes", "yes"), ("on", "on"), ("Off", "Off"), ("y", "y"),
        ("true", True), ("True", True), ("FALSE", False), ("null", None), ("Null", None), ("~", None),
        ("", None), ("nul", "nul"), ("tRUE", "tRUE"), ("0xFF", 255), ("2026-01-05", "2026-01-05"),
        ("2026-01-05 10:00:00", "2026-01-05 10:00:00"),
        ("nan", "nan"), ("inf", "inf"), ("e6", "e6"), ("1e", "1e"), (".", "."), ("=", "="), ("<<", "<<"),
        ("٣", "٣"), ("40 TB", "40 TB"), ("35%", "35%"), ("0.11 USD/kWh", "0.11 USD/kWh"),
        ("'1e6'", "1e6"), ('"12"', "12"), ('"true"', "true"), ("'null'", "null"), ("''", ""),
        ("'.nan'", ".nan"),
        ("|\n  12\n", "12\n"), (">-\n  12\n", "12"), ('"\\u00e9\\x41\\n"', "éA\n"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    """The core schema: few words are booleans, exponents make floats, dates are texts, quotes make texts."""
    assert same(tree(f"a: {text}"), {"a": value})


@both_parsers
def test_keys_are_always_texts() -> None:
    """Numbers, booleans and nulls as keys keep the spelling of the user."""
    assert tree("{1: a, 0x10: b, true: c, null: d, ~: e, 1.50: f, '': g, '<<': h}") == {
        "1": "a", "0x10": "b", "true": "c", "null": "d", "~": "e", "1.50": "f", "": "g", "<<": "h",
    }  # fmt: skip


@both_parsers
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3:1: a: the key 'a' stands twice, on lines 1 and 3"),
        ("s:\n  - x\n  - {k: 1, 'k': 2}\n", "x.yaml:3:12: s.1.k: the key 'k' stands twice, on lines 3 and 3"),
        ("a:\n  b: {1: x,\n   '1': y}", "x.yaml:3:4: a.b.1: the key '1' stands twice, on lines 2 and 3"),
        (
            "a: .inf",
            "x.yaml:1:4: a: '.inf' is not a number that can be used: it must be finite and below 1e300",
        ),
        ("a: [1, -.INF]", "x.yaml:1:8: a.1: '-.INF' is not a number that can be used"),
        ("a: .nan", "x.yaml:1:4: a: '.nan' is not a number that can be used"),
        ("a: 1e999", "x.yaml:1:4: a: '1e999' is not a number that can be used"),
        ("a: " + "9" * 5000, "x.yaml:1:4: a: '" + "9" * 40 + "' is not a number that can be used"),
        ("a: 0x" + "f" * 300, "x.yaml:1:4: a: '0x" + "f" * 38 + "' is not a number that can be used"),
        ("a: &x 1", "x.yaml:1:4: a: the anchor '&x' is not read here"),
        ("&k a: 1", "x.yaml:1:1: the anchor '&k' is not read here"),
        (
            "a: !!python/object:os.system 1",
            "x.yaml:1:4: a: the tag 'tag:yaml.org,2002:python/object:os.syste'",
        ),
        ("a: ! 1", "x.yaml:1:4: a: the tag '!' is not read here"),
        ("a: !!map {}", "x.yaml:1:4: a: the tag 'tag:yaml.org,2002:map' is not read here"),
        ("a: *x", "x.yaml:1:4: a: the alias '*x' is not read here; write the part out that it repeats"),
        ("{*x : 1}", "x.yaml:1:2: the alias '*x' is not read here"),
        ("<<: {a: 1}", "x.yaml:1:1: the merge key '<<' is not read here; write the keys out"),
        ("? \n: 1", "x.yaml:1:2: a key is missing before ':'"),
        ("[a, b]: 1", "x.yaml:1:1: a key must be a plain word or number, not a mapping or a list"),
        ("x:\n  ? {a: 1}\n  : 2", "x.yaml:2:5: a key must be a plain word or number"),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: a second document begins here; a file holds one"),
        ("", "x.yaml:1:1: the file is empty"),
        ("# nothing\n\n", "x.yaml:1:1: the file is empty"),
        ("\ufeffa: 1", "x.yaml:1:1: the file begins with a byte order mark; save it as UTF-8 without one"),
        ("a: b\nc: \x07", "x.yaml:2:4: the character U+0007 cannot stand in a text file"),
        ("a: \ud800", "x.yaml:1:4: the character U+D800 cannot stand in a text file"),
    ],
)
def test_what_is_not_read_is_refused_by_name(text: str, line: str) -> None:
    """Each part of YAML that invites mistakes or attacks is refused at its place, with a sentence."""
    assert only(text).startswith(line)


@both_parsers
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a:\n\tb: 1\n", "x.yaml:2:1: a tab stands where only spaces may indent"),
        ("a: 1\n\tb: 2\n", "x.yaml:2:1: a tab stands where only spaces may indent"),
        ("-\ta: 1\n-\tb: 1\n", "x.yaml:1:2: a tab stands where only spaces may indent"),
        ("a: b: c", "x.yaml:1:5: a ':' is not expected here; check the indentation, and quote texts"),
        ("a: 1\n b: 2\n", "x.yaml:2:3: a ':' is not expected here"),
        ("a: [1, 2\nb: 3\n", "x.yaml:2:2: a comma or a closing bracket is missing in what opens on line 1"),
        ("a: {x: 1\n", "x.yaml:2:1: a comma or a closing bracket is missing in what opens on line 1"),
        ("a: 1\nb: 'x\n", "x.yaml:3:1: the text that opens with a quote on line 2 is not closed"),
        ("a: 1\nb: 'x\n---\n", "x.yaml:3:1: the text that opens with a quote on line 2 is not closed"),
        ("a: @x", "x.yaml:1:4: a value cannot begin with this character; put the text in quotes"),
        ("a: %x", "x.yaml:1:4: a value cannot begin with this character; put the text in quotes"),
        ("a: ]", "x.yaml:1:4: a value is needed here, not ']'"),
        ("a: - b", "x.yaml:1:4: a list item '- ...' must begin on its own line"),
        ("a:\n  b: 1\n c: 2\n", "x.yaml:3:2: this line does not fit"),
        ("- a\nb: 1\n", "x.yaml:2:1: this line does not fit"),
        ("a: 'b' c\n", "x.yaml:1:8: this line does not fit"),
        ("a: |\n  b\nc\nd: 1\n", "x.yaml:"),
        ('a: "\\q"', "x.yaml:1:"),
        ('a: "\\UFFFFFFFF"', "x.yaml:1:"),
        ('a: "\\ud800"', "x.yaml:1:"),
        ('"\\ud800": 1', "x.yaml:1:"),
        ("{a: 1}}", "x.yaml:1:7: the document has ended before this"),
        ("a: >x\nb: 1", "x.yaml:1:5: a text that begins with '|' or '>' must be in quotes, or begin on"),
        ("a: >5 s\nb: 1", "x.yaml:1:7: a text that begins with '|' or '>' must be in quotes, or begin on"),
        ("a: * 2", "x.yaml:1:5: a text that begins with '&' or '*' must be in quotes"),
        ("%YAML 2.0\n---\na: 1\n", "x.yaml:1:1: this is not YAML: found incompatible YAML document"),
    ],
)
def test_syntax_errors_say_what_to_do(text: str, line: str) -> None:
    """A place and a plain sentence, whichever parser finds the error."""
    assert only(text).startswith(line)


@both_parsers
def test_all_duplicate_keys_come_at_once() -> None:
    """Duplicates in different mappings, and whatever else does not stop the reading, come together."""
    found = problems("a: {x: 1, x: 2}\nb: {y: .inf, y: &q 1}\na: 3\n")
    assert [(problem.line, problem.path) for problem in found] == [
        (1, ("a", "x")),
        (2, ("b", "y")),
        (2, ("b", "y")),
        (2, ("b", "y")),
        (3, ("a",)),
    ]


@both_parsers
def test_a_syntax_error_comes_after_what_was_found_before_it() -> None:
    """Problems noted before the reading stops are not lost."""
    assert [problem.line for problem in problems("a: 1\na: 2\nb: ]\n")] == [2, 3]


@both_parsers
def test_a_first_document_marker_and_an_end_marker_are_harmless() -> None:
    """`---` before and `...` after the only document are read over, as is a %YAML 1.2 line."""
    assert tree("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


def nested(opening: str, depth: int) -> str:
    """Collections one inside the other, never closed."""
    return opening * depth


HOSTILE: dict[str, Callable[[], str]] = {
    "brackets": lambda: "[" * 100_000,
    "brackets, a line each": lambda: "[\n" * 100_000,
    "braces": lambda: "{" * 100_000,
    "braces with keys": lambda: "{a: " * 100_000,
    "brackets inside a mapping": lambda: "a: " + "[" * 1_000_000,
    "dashes": lambda: "- " * 100_000,
    "question marks": lambda: "? " * 100_000,
    "indentation": lambda: "".join(f"{' ' * n}a:\n" for n in range(2000)),
    "closed brackets, too deep": lambda: "[" * 33 + "]" * 33,
    "closing brackets": lambda: "]" * 100_000,
    "billion laughs": lambda: "a: &a [x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)),
    "a million aliases": lambda: "a: &a 1\nb: [" + "*a," * 1_000_000 + "]",
    "merge bomb": lambda: "a: &a {x: 1}\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{', '.join([f'*{chr(97 + n)}'] * 9)}]}}\n" for n in range(9)),
    "an alias to itself": lambda: "&a [*a]",
    "anchors": lambda: "".join(f"k{n}: &a{n} 1\n" for n in range(100_000)),
    "tags": lambda: "!!binary " * 100_000,
    "a tag of a megabyte": lambda: f"a: !{'t' * 1_000_000} 1",
    "python objects": lambda: "!!python/object/apply:os.system ['true']",
    "duplicate keys": lambda: "a: 1\n" * 100_000,
    "documents": lambda: "---\n" * 100_000,
    "an open quote": lambda: "a: '" + "x\n" * 1_000_000,
    "an open double quote full of escapes": lambda: 'a: "' + "\\n" * 1_000_000,
    "a key of a megabyte": lambda: "k" * 1_000_000 + ": 1",
    "a number of a megabyte": lambda: "a: " + "9" * 1_000_000,
    "a hexadecimal number of a megabyte": lambda: "a: 0x" + "f" * 1_000_000,
    "an exponent without end": lambda: "a: 1e" + "9" * 1_000_000,
    "too large": lambda: "a: " + "x" * 4_000_000,
    "too many parts": lambda: "[" + "1," * 1_500_000 + "]",
    "colons": lambda: ":" * 1_000_000 + " " + ": " * 1_000_000,
    "control characters": lambda: "a: \x00" * 1000,
    "directives": lambda: "%FOO bar\n" * 100_000,
    "tabs": lambda: "\t" * 1_000_000 + "a: 1",
    "commas": lambda: "[" + "," * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused_quickly(make: Callable[[], str]) -> None:
    """No crash, no hang, a bounded number of problems, each of a bounded length."""
    text = make()
    began_s = time.perf_counter()
    found = problems(text)
    assert time.perf_counter() - began_s < HOSTILE_S
    assert 0 < len(found) <= yaml_tree.MAX_PROBLEMS
    assert all(len(str(problem)) < 1000 for problem in found)


HARMLESS: dict[str, Callable[[], str]] = {
    "a long text": lambda: "a: " + "x" * 3_900_000,
    "a long list": lambda: "[" + "1, " * 100_000 + "1]",
    "many empty lines": lambda: "\n" * 3_900_000 + "a: 1",
    "a long comment": lambda: "# " + "[" * 3_900_000 + "\na: 1",
    "a long key in quotes": lambda: '{"' + "k" * 1000 + '": 1}',
    "as deep as allowed": lambda: "[" * 32 + "]" * 32,
    "many keys": lambda: "".join(f"key{n}: {n}\n" for n in range(30_000)),
}


@pytest.mark.parametrize("make", HARMLESS.values(), ids=HARMLESS.keys())
def test_large_but_valid_files_are_read_quickly(make: Callable[[], str]) -> None:
    """The limits leave room for real files, and reading takes time in proportion to their size."""
    text = make()
    began_s = time.perf_counter()
    assert tree(text)
    assert time.perf_counter() - began_s < HOSTILE_S


@both_parsers
@FIXED
@given(st.text("ab:-?[]{},#&*!|>'\"%@`\\ \n\t<~0123.eUx\u2028\x85\ufeff", max_size=40))
@example("? a\n? b\n- c")
@example("{a, b: [c: d]}")
@example('"\\x')
def test_any_text_is_a_tree_or_a_scenario_error(text: str) -> None:
    """Nothing that a file can hold does anything else."""
    try:
        document = read_yaml(text, "x.yaml")
    except ScenarioError:
        return
    assert same(read_yaml(write_yaml(document.tree), "y.yaml").tree, document.tree)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(-1e299, 1e299) | st.text()
    | st.text("yesnofaltru~.0123456789eExo:- #'\"[]{},<>%/&*!|?@`\\\n\t\x07\x85\u2028\ufeff", max_size=12)
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=20), inner, max_size=4)
        | st.lists(st.floats(-1e9, 1e9), min_size=20, max_size=60)
        | st.lists(st.text(max_size=30), min_size=5, max_size=20)
    ),
    max_leaves=25,
)


@both_parsers
@FIXED
@given(TREES)
@example({"a": [{"b": [{"c": "x" * 120, "d": [[{"e": "y" * 120}]]}]}]})
@example([["x" * 60, ["y" * 60, ["z" * 120]]], [], {}, [{}], ""])
@example({"1": 10**299, "": -0.0, "null": "null", "~": "~", "on": "on", "1e6": "1e6", "a b": "2026-01-05"})
@example("x" * 5000)
def test_writing_loses_nothing(written: Any) -> None:
    """Reading a written tree gives it back: values, types, and the order of keys."""
    assert same(read_yaml(write_yaml(written), "x.yaml").tree, written)


@FIXED
@given(TREES)
def test_other_yaml_readers_agree_where_yaml_1_1_does(written: Any) -> None:
    """PyYAML's own loader reads the same tree from what is written where all leaves are texts."""

    def worded(node: Any) -> Any:
        match node:
            case dict():
                return {f"k{key}": worded(value) for key, value in node.items()}
            case list():
                return [worded(item) for item in node]
            case str():
                return node
        return repr(node)

    text = worded(written)
    assert yaml.load(write_yaml(text), Loader=_TextLoader) == text


class _TextLoader(yaml.SafeLoader):
    """Reads YAML 1.1, dates as texts."""


_TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith("timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def test_written_files_read_as_people_write_them() -> None:
    """Short parts in flow style, long ones in blocks, long lists filled; quotes where needed; order kept."""
    numbers = [round(0.1 * n, 1) for n in range(38)]
    written = {
        "title": "Own, rent or split?",
        "start": "2026-01-05",
        "own": {"campus/room": {"nodes": 5}},
        "quoted": ["yes", "1e6", "40 TB", "35%", "wait > 2 h"],
        "network": [{"between": ["chicago", "iowa"], "rtt": "11 ms", "note": "x" * 80}, {"between": []}],
        "profile": numbers,
        "choice": {"1": "45%", "8": "55%"},
    }
    assert write_yaml(written) == (
        'title: "Own, rent or split?"\n'
        "start: 2026-01-05\n"
        "own: {campus/room: {nodes: 5}}\n"
        'quoted: ["yes", "1e6", 40 TB, 35%, wait > 2 h]\n'
        "network:\n"
        "  - between: [chicago, iowa]\n"
        "    rtt: 11 ms\n"
        f"    note: {'x' * 80}\n"
        "  - {between: []}\n"
        "profile: [\n"
        f"  {', '.join(map(str, numbers[:19]))},\n"
        f"  {', '.join(map(str, numbers[19:]))}\n"
        "  ]\n"
        "choice: {1: 45%, 8: 55%}\n"
    )


@pytest.mark.parametrize(
    "wrong", [math.nan, math.inf, 10**300, (1, 2), {1: "a"}, {"a": {None: 1}}, b"x", {1}]
)
def test_only_trees_are_written(wrong: Any) -> None:
    """What could not be read back is refused when it is written."""
    with pytest.raises(ValueError, match="of a YAML tree"):
        write_yaml(wrong)


def test_what_cannot_be_seen_is_written_as_an_escape() -> None:
    """Control characters, line separators, marks of byte order and of direction show in the file."""
    written = {"a": "b\x07\x85\u2028\u202e\ufeff\n"}
    assert write_yaml(written) == 'a: "b\\x07\\x85\\u2028\\u202e\\ufeff\\n"\n'


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    """The path, as text or as Path, is the document's name."""
    path = tmp_path / "scenario.yaml"
    path.write_bytes("title: Zürich\r\nruns: 5\r\n".encode())
    assert read_yaml_file(path) == read_yaml_file(str(path))
    assert read_yaml_file(path).file == str(path)
    assert read_yaml_file(path).tree == {"title": "Zürich", "runs": 5}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: caf\xe9\n", ":2:7: the file is not text in UTF-8; save it as UTF-8"),
        ("a: 1".encode("utf-16"), ":1:1: the file is not text in UTF-8; save it as UTF-8"),
        (b"\xef\xbb\xbfa: 1", ":1:1: the file begins with a byte order mark; save it as UTF-8 without one"),
        (b"", ":1:1: the file is empty"),
        (b"# \xc3\xa9\n" * 800_001, ": the file is larger than 4 MB"),
    ],
)
def test_files_that_are_no_text_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """Encoding, emptiness and size are errors of the user's file, with its name."""
    path = tmp_path / "scenario.yaml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        read_yaml_file(path)
    assert str(caught.value) == f"{path}{message}"


def test_files_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    """A missing file, a folder, a name that no file can have: the system's reason, no traceback."""
    for path in (tmp_path / "missing.yaml", tmp_path, tmp_path / ("x" * 5000), "a\x00b"):
        with pytest.raises(ScenarioError, match=r"the file cannot be read: \w+"):
            read_yaml_file(path)


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="only a common user can be refused a file"
)
def test_files_without_permission_are_refused(tmp_path: Path) -> None:
    """A file that may not be read is an error of the user's file."""
    path = tmp_path / "scenario.yaml"
    path.write_text("a: 1", encoding="utf-8")
    path.chmod(0)
    with pytest.raises(ScenarioError, match="the file cannot be read: Permission denied"):
        read_yaml_file(path)
