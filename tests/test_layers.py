"""The package shows the flow: imports point downward only, and each outside library has one home."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sim"

LAYERS = (
    {"__main__"},
    {"cli"},
    {"benchmark"},
    {"report"},
    {"planning", "validation"},
    {"study"},
    {"metrics"},
    {"engine"},
    {"ledger"},
    {"policies", "serving"},
    {"records"},
    {"world"},
    {"calibrate"},
    {"loading"},
    {"scenario"},
    {"distributions", "streams", "units", "errors", "calendar", "columns"},
    {"memory"},
    {"jit"},
    {"folders", "linking"},
)
HEIGHT = {name: -level for level, names in enumerate(LAYERS) for name in names}


HOMES = {
    "simpy": {"engine", "benchmark"},
    "yaml": {"loading"},
    "matplotlib": {"report", "benchmark"},
    "numpy.random": {"world", "streams", "distributions"},
    "sqlite3": {"study"},
    "click": {"cli"},
    "pydantic": {"scenario", "loading"},
    "numba": {"jit", "linking", "memory", "serving"},
}


def modules() -> list[Path]:
    """All modules of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def imported(module: Path) -> set[str]:
    """Dotted names that a module imports anywhere in its text, attributes of numpy.random included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in {
            "np.random.default_rng",
            "np.random.Philox",
        }:
            names.add("numpy.random")
    return names


def part_of(module: Path) -> str:
    """The part of the package that a module belongs to."""
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_point_downward(module: Path) -> None:
    """A module imports only from its own part or from parts below it."""
    part = part_of(module)
    if part == "__init__":
        return
    wrong = {
        name
        for name in imported(module)
        if name.startswith("sim.")
        and (other := name.split(".")[1]) in HEIGHT
        and other != part
        and HEIGHT[other] >= HEIGHT[part]
    }
    assert not wrong, f"{part} stands below what it imports: {sorted(wrong)}"


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(PACKAGE)))
def test_outside_libraries_have_one_home(module: Path) -> None:
    """simpy is the engine's, matplotlib the report's, random numbers the world's, and so on."""
    wrong = {
        name
        for name in imported(module)
        for library, homes in HOMES.items()
        if (name == library or name.startswith(library + ".")) and part_of(module) not in homes
    }
    assert not wrong, f"{part_of(module)} is not the home of {sorted(wrong)}"


def test_every_part_has_a_place_in_the_order() -> None:
    """A new part of the package must be given its height here."""
    assert {part_of(module) for module in modules()} - {"__init__"} <= set(HEIGHT)
