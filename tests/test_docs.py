"""The documents tell the truth: their examples load and run, their tables are those of the code.

What can be made from the code is made from it: `python -m tests.test_docs` writes the tables and the printed
outputs of `docs/*.md` anew. The tests fail where a document differs from what would be written.

Fenced blocks: `yaml` whose first line is `# complete` is a scenario, `# wrong` one that is refused, any other
a fragment for the base scenario (the first complete one of the same document). A word behind the language is
a file name. `console` holds one command and what it prints, `python` is run, and a `text` block right behind
it holds what that prints. Nothing else is run.
"""

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, get_args, get_origin

import pytest

from sim import units
from sim.errors import ScenarioError
from sim.loading import json_schema, load_text
from sim.loading.yaml_tree import read_yaml, write_yaml
from sim.metrics import DEFINITIONS
from sim.scenario import (
    model,
    random_quantities,
    requests,
    routing,
    scaling,
    serving,
    sites,
    strategies,
    workloads,
)
from sim.scenario.base import Model
from sim.units import Dimension

ROOT = Path(__file__).parent.parent
DOCS = {name: ROOT / "docs" / name for name in ("model.md", "language.md", "outputs.md")}

Rows = Iterable[tuple[str, ...]]

BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<file>\S+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(?P<begin><!-- table: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
KEYS = re.compile(r"<!-- keys: (?P<models>.+?) -->\n(?P<rows>(?:\|.*\n)+)")
PATH = re.compile(r"`((?:sim|docs|tests|scenarios|calibration)/[\w/.-]*)`")
DOTTED = re.compile(r"`(sim(?:\.\w+)+)`")

CONSTANTS = (
    ("sim.calendar.YEAR_S", "days", "year of yearly rates: growth, interest, salaries, support"),
    ("sim.ledger.rules.MONTH_S", "h", "month of a price that is quoted by the month"),
    ("sim.world.markets.WARM_UP_S", "days", "how long a market of regimes has run at the start"),
    ("sim.serving.cells.MOST_REQUESTS", "", "most requests simulated for one load and number of replicas"),
    ("sim.serving.cells.BATCHES", "", "batches of them, for the error"),
    ("sim.serving.cells.WARM_UP", "", "batches at the start that are not counted"),
    ("sim.serving.tabulate.LOADS", "", "loads with which a surface begins"),
    ("sim.serving.single.REPLICAS", "", "numbers of replicas with which it begins"),
    ("sim.study.described.IMPATIENT", "", "mean times of a request within which a timeout is simulated"),
    ("sim.study.described.BRIEF", "", "and the share of an interval which it may not exceed for that"),
    ("sim.serving.tables.STEPS", "", "equal steps of the load in which the intervals read a surface"),
    ("sim.serving.tables.WHOLE", "", "replicas up to which each number has a row of its own in them"),
    ("sim.serving.tables.RATIO", "", "from there on, the replicas of a row to those of the one before"),
    ("sim.serving.transient.RESTLESS", "", "share of an interval's work above which a queue is followed"),
    ("sim.serving.transient.STRIDE", "", "relative change of 1 - u in a step of a queue that is followed"),
    ("sim.serving.flow.UNANSWERED_SHARE", "", "share without an answer from which on p99 is unbounded"),
    ("sim.serving.intervals.OVERLOAD_WINDOW_S", "days", "window in which a service is OVERLOADED or not"),
    (
        "sim.serving.intervals.BACKLOGGED_SHARE", "",
        "share of requests that meet a backlog, above which a service is BACKLOGGED: that alone would break "
        "a promise of 95 %",
    ),
    ("sim.study.statistics.LEVEL", "", "confidence of every interval"),
    ("sim.study.samples.RESAMPLES", "", "resamples of the bootstrap"),
    ("sim.study.samples.SKEWED", "", "skewness / sqrt(runs) above which the bootstrap is used for means"),
    ("sim.study.executor.ATTEMPTS", "", "times that a run may end its worker before it has failed"),
    ("sim.loading.checks.workloads.MAX_JOBS", "", "most jobs that may be expected of a workload"),
    ("sim.loading.checks.sites.MAX_INTERVALS", "", "most intervals of the demand grid"),
    ("sim.loading.checks.sites.MAX_FAILURES", "", "most failures that may be expected of a pool's nodes"),
    ("sim.scenario.workloads.MAX_TRACE", "", "most rows of a trace"),
    ("sim.loading.yaml_tree.MAX_SIZE", "", "most bytes of a scenario file"),
    ("sim.loading.yaml_tree.MAX_DEPTH", "", "deepest nesting in it"),
)  # fmt: skip
"""Numbers of the program that `model.md` lists: where each stands, the unit of time to show, what it is."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a document."""

    language: str
    file: str | None
    body: str

    @property
    def mark(self) -> str:
        """The first line of an example: `# complete`, `# wrong`, or the first line of a fragment."""
        return self.body.partition("\n")[0]


def blocks(text: str, language: str) -> list[Block]:
    """The fenced blocks of one language."""
    found = (Block(**match.groupdict()) for match in BLOCK.finditer(text))
    return [block for block in found if block.language == language]


def refreshed(text: str, folder: Path) -> str:
    """The document as it should be: tables made from the code, outputs as the commands in it print them.

    The files of the document are written to `folder`, and commands are run there.
    """
    for match in BLOCK.finditer(text):
        if match["file"] is not None:
            (folder / match["file"]).write_text(match["body"], encoding="utf-8")
    text = TABLE.sub(lambda m: f"{m['begin']}{markdown(*TABLES[m['name']]())}{m['end']}", text)
    namespace: dict[str, Any] = {}
    printed: str | None = None

    def renew(match: re.Match[str]) -> str:
        nonlocal printed
        last, printed = printed, None
        match match["language"]:
            case "console":
                command = match["body"].partition("\n")[0]
                return f"```console\n{command}\n{output_of(command, folder)}```"
            case "python":
                printed = output_of_python(match["body"], namespace, folder)
            case "text" if last is not None:
                return f"```text\n{last}```"
        return match[0]

    return BLOCK.sub(renew, text)


def output_of(command: str, folder: Path) -> str:
    """What `$ simulate ...` prints, messages included, lines without blanks at their ends."""
    prompt, program, *arguments = shlex.split(command)
    assert (prompt, program) == ("$", "simulate"), command
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "sim", *arguments], cwd=folder, env=environment, check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode != 1, done.stdout  # our fault, and nothing to write into a document
    return trimmed(done.stdout)


def output_of_python(code: str, namespace: dict[str, Any], folder: Path) -> str:
    """What a block of Python prints, given what the blocks before it have left in `namespace`."""
    stream = io.StringIO()
    with redirect_stdout(stream), chdir(folder):
        exec(compile(code, "<example>", "exec"), namespace)
    return trimmed(stream.getvalue())


def trimmed(text: str) -> str:
    """The lines without blanks at their ends, and without empty lines around them."""
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"


def markdown(header: tuple[str, ...], rows: Rows) -> str:
    """A table."""
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    """The text as code in a cell of a table."""
    return f"`{text}`"


def metrics_table() -> tuple[tuple[str, ...], Rows]:
    """All metrics, in the order of their definitions."""
    rows = (
        (", ".join(map(code, metric.templates)), metric.unit, metric.better.value, metric.meaning)
        for metric in DEFINITIONS.values()
    )
    return ("metric", "unit", "better", "meaning"), rows


def units_table() -> tuple[tuple[str, ...], Rows]:
    """All dimensions, and what may be written for them."""
    rows = (
        (d.name, d.accepted or "none", d.example, d.canonical.replace("¤", "USD") or "1")
        for d in units.DIMENSIONS
    )
    return ("quantity", "units", "examples", "held as"), rows


def families_table() -> tuple[tuple[str, ...], Rows]:
    """All families of random quantities."""
    return ("family", "takes"), ((code(name), code(takes)) for name, takes in random_quantities.TAKES.items())


def constants_table() -> tuple[tuple[str, ...], Rows]:
    """The numbers that are fixed in the program."""
    rows = ((code(name), shown(resolve_name(name), unit), meaning) for name, unit, meaning in CONSTANTS)
    return ("constant", "value", "meaning"), rows


def shown(value: Any, unit: str) -> str:
    """A constant as people write it."""
    if unit:
        return f"{value / units.DURATION.factors[unit]} {unit}"
    if isinstance(value, tuple):
        return f"{value[0]:g} .. {value[-1]:g} ({len(value)} values)"
    return f"{value:,}"


TABLES: dict[str, Callable[[], tuple[tuple[str, ...], Rows]]] = {
    "metrics": metrics_table,
    "units": units_table,
    "families": families_table,
    "constants": constants_table,
}


def with_fragment(base: Any, over: Any, levels: int = 3) -> Any:
    """The base scenario with a fragment in it.

    Sections, their entries and the pools of a site are joined by name; a key of an entry is replaced whole.
    """
    if levels == 0 or not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    joined = {
        key: with_fragment(base.get(key), value, 2 if key == "pools" else levels - 1)
        for key, value in over.items()
    }
    return {**base, **joined}


def language_models() -> dict[str, type[Model]]:
    """The parts of the language by name."""
    found = (
        part
        for module in (model, sites, workloads, requests, serving, strategies, scaling, routing)
        for part in vars(module).values()
        if isinstance(part, type) and issubclass(part, Model) and part is not Model
    )  # fmt: skip
    return {part.__name__: part for part in found}


def keys_of(told: str) -> list[tuple[str, type[Model], str]]:
    """The rows that a table of keys should have: as written, and the part and key that it stands for.

    `Site, power=PowerSupply` means: the keys of Site, and in the place of `power` those of PowerSupply.
    """
    known, (name, *nested) = language_models(), told.split(", ")
    inside = dict(part.split("=") for part in nested)
    rows: list[tuple[str, type[Model], str]] = []
    for key in known[name].model_fields:
        part = known[inside[key]] if key in inside else None
        if part is None:
            rows.append((key, known[name], key))
        else:
            rows += [(f"{key}.{own}", part, own) for own in part.model_fields]
    return rows


def default_of(part: type[Model], key: str) -> str:
    """What holds when a key is left out: `needed`, `filled in` from elsewhere, `–` or the value."""
    field = part.model_fields[key]
    if field.is_required():
        schema = json_schema()
        return "needed" if key in needed_in(schema["definitions"].get(part.__name__, schema)) else "filled in"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}, ""):
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    reader = next((data for data in field.metadata if hasattr(data, "dimension")), None)
    return str(reader.write(value, "USD") if reader else value)


def needed_in(schema: Any) -> set[str]:
    """The keys that must be written in any of the forms that a part of the language has."""
    return set(schema.get("required", ())).union(*map(needed_in, schema.get("anyOf", ())))


def readers(annotation: Any, metadata: Iterable[Any] = ()) -> Iterator[Any]:
    """What reads the quantities in the type of a key."""
    yield from (data for data in metadata if isinstance(getattr(data, "dimension", None), Dimension))
    if get_origin(annotation) is Annotated:
        yield from readers(annotation.__origin__, annotation.__metadata__)
    else:
        for inner in get_args(annotation):
            yield from readers(inner)


def words_of(part: type[Model], key: str) -> list[str]:
    """The words that must stand in the column `written as` of a key."""
    field = part.model_fields[key]
    words: list[str] = []
    for reader in readers(field.annotation, field.metadata):
        if reader.prefix.startswith("threshold"):
            words.append("threshold")
        else:
            words += [f"{reader.prefix}{reader.dimension.name}", *(["known"] if reader.certain else [])]
    return words


@pytest.mark.parametrize("name", DOCS)
def test_document_is_fresh(name: str, tmp_path: Path) -> None:
    """Tables are those of the code, outputs those of the commands: `python -m tests.test_docs`."""
    text = DOCS[name].read_text(encoding="utf-8")
    assert refreshed(text, tmp_path) == text


@pytest.mark.parametrize("name", DOCS)
def test_examples_load(name: str, tmp_path: Path) -> None:
    """Complete examples load alone, wrong ones are refused, all others load as parts of the base."""
    text = DOCS[name].read_text(encoding="utf-8")
    for block in blocks(text, "csv"):
        assert block.file is not None
        (tmp_path / block.file).write_text(block.body, encoding="utf-8")
    examples = blocks(text, "yaml")
    complete = [block.body for block in examples if block.mark == "# complete"]
    for example in examples:
        match example.mark:
            case "# complete":
                load_text(example.body, folder=tmp_path)
            case "# wrong":
                with pytest.raises(ScenarioError):
                    load_text(example.body, folder=tmp_path)
            case _:
                tree = with_fragment(read_yaml(complete[0], name).tree, read_yaml(example.body, name).tree)
                load_text(write_yaml(tree), file=example.mark, folder=tmp_path)


def test_tables_of_keys_are_those_of_the_language() -> None:
    """Each table lists all keys of its parts in their order, with the units and defaults of the models."""
    text = DOCS["language.md"].read_text(encoding="utf-8")
    for table in KEYS.finditer(text):
        _, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in table["rows"].splitlines()
        )
        expected = keys_of(table["models"])
        assert [row[0] for row in rows] == [code(written) for written, _, _ in expected], table["models"]
        for (key, kind, default, meaning), (_, part, own) in zip(rows, expected, strict=True):
            assert default == default_of(part, own), f"{table['models']}: {key}"
            assert [word for word in words_of(part, own) if word not in kind] == [], f"{key}: {kind}"
            assert meaning, f"{table['models']}: {key} has no meaning"


def test_every_part_of_the_language_is_told_of() -> None:
    """Each part has a table of keys, is the base of one that has, or has one key, which the text names."""
    text = DOCS["language.md"].read_text(encoding="utf-8")
    known = language_models()
    told = {name.rpartition("=")[2] for table in KEYS.finditer(text) for name in table["models"].split(", ")}
    for name, part in known.items():
        keys = list(part.model_fields)
        has_table = any(issubclass(known[other], part) for other in told)
        assert has_table or (len(keys) == 1 and keys[0] in text), f"language.md has no table of {name}"


@pytest.mark.parametrize("name", DOCS)
def test_names_in_the_text_exist(name: str) -> None:
    """Paths such as `sim/units.py` and dotted names such as `sim.units.parse` lead somewhere."""
    text = DOCS[name].read_text(encoding="utf-8")
    assert [path for path in PATH.findall(text) if not (ROOT / path).exists()] == []
    for dotted in DOTTED.findall(text):
        resolve_name(dotted)  # raises for a name that leads nowhere


def test_a_stale_document_is_noticed(tmp_path: Path) -> None:
    """A changed table, a changed output of Python and of a command would all be written anew."""
    stale = (
        "<!-- table: families -->\n| old |\n<!-- end -->\n"
        "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
        "```console\n$ simulate --version\nold\n```\n"
    )
    fresh = refreshed(stale, tmp_path)
    assert "| `uniform` | `{low, high}` |\n" in fresh
    assert "```text\n2\n```" in fresh
    assert "$ simulate --version\nsimulate, version" in fresh
    assert "old" not in fresh


def test_a_fragment_replaces_keys_of_entries() -> None:
    """Entries and pools are joined by name; the arrivals of a workload are replaced, not joined."""
    base = {
        "horizon": 1,
        "workloads": {"a": {"arrivals": {"poisson": 1}, "tags": 1}},
        "sites": {"s": {"pools": {"p": {"x": 1}}}},
    }
    over = {
        "workloads": {"a": {"arrivals": {"trace": 2}}},
        "sites": {"s": {"pools": {"p": {"y": 2}, "q": {}}}},
    }
    assert with_fragment(base, over) == {
        "horizon": 1,
        "workloads": {"a": {"arrivals": {"trace": 2}, "tags": 1}},
        "sites": {"s": {"pools": {"p": {"x": 1, "y": 2}, "q": {}}}},
    }


def write_documents() -> None:
    """Write the generated parts of all documents anew."""
    for path in DOCS.values():
        with tempfile.TemporaryDirectory() as folder:
            path.write_text(refreshed(path.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    write_documents()
