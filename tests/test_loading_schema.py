"""The JSON Schema accepts what loads and refuses slips; jsonschema is the oracle."""

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from sim.loading import json_schema, load, load_text, resolved
from sim.loading.yaml_tree import read_yaml, read_yaml_file, write_yaml
from tests.generators import scenario_trees

ROOT = Path(__file__).parent.parent
VALIDATOR = jsonschema.Draft7Validator(json_schema())
BASE = read_yaml_file(ROOT / "tests/invalid/base.yaml").tree

SEEN_BY_A_SCHEMA = (
    "missing-title",
    "unknown-top-key",
    "unknown-pool-key",
    "unknown-key-in-alternative",
    "bad-name",
    "bad-pool-path",
    "unknown-kind",
    "unknown-purchase",
    "missing-purchase",
    "unknown-arrivals",
    "service-is-a-text",
    "list-for-mapping",
    "text-for-number",
    "fraction-for-count",
    "bare-number",
    "wrong-dimension",
    "too-many-nodes",
    "unknown-family",
    "unknown-parameter",
    "mixture-part",
)
"""Invalid scenarios whose fault lies in the form, and not in what names and numbers mean."""


def faults(tree: Any) -> list[str]:
    """What the schema says of a tree."""
    return [
        f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in VALIDATOR.iter_errors(tree)
    ]


def test_the_schema_is_one() -> None:
    """It is valid draft 7 itself."""
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_scenarios_and_their_resolved_forms_are_accepted(path: Path) -> None:
    """Short forms, references, units, and all that `resolve` writes."""
    assert faults(read_yaml_file(path).tree) == []
    assert faults(read_yaml(resolved(load(path)), "resolved").tree) == []


@settings(max_examples=40, deadline=None)
@given(scenario_trees())
def test_generated_scenarios_are_accepted(tree: dict[str, Any]) -> None:
    """Every feature of the language, as written and resolved."""
    assert faults(tree) == []
    assert faults(read_yaml(resolved(load_text(write_yaml(tree))), "resolved").tree) == []


@pytest.mark.parametrize("name", SEEN_BY_A_SCHEMA)
def test_faults_of_form_are_seen_by_the_schema(name: str) -> None:
    """An editor marks them before anything runs."""
    assert faults(read_yaml_file(ROOT / f"tests/invalid/{name}.yaml").tree)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("250 ms", True), ("1.5h", True), ("14 weeks", True), ("1,000 s", True),
        ("90", False), ("4 GB", False), ("3 fortnights", False), ("", False),
    ],
)  # fmt: skip
def test_durations_in_the_schema_are_those_that_load(text: str, accepted: bool) -> None:
    """The pattern of a duration follows the units that the parser knows."""
    tree = copy.deepcopy(BASE)
    tree["workloads"]["study"]["duration"] = text
    assert (faults(tree) == []) is accepted


def test_fields_are_described() -> None:
    """The sentences under the fields of the models reach the editor."""
    described = json_schema()["definitions"]["OwnedPool"]["properties"]["lead_time"]
    assert described["description"] == "From an order to its delivery."
