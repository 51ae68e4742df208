"""Whatever a user writes, loading answers with a scenario or with a ScenarioError."""

import copy
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import Problem, ScenarioError
from sim.loading import load_text, resolved
from sim.loading.yaml_tree import read_yaml_file, write_yaml
from sim.scenario.model import Scenario
from tests.generators import scenario_trees

ROOT = Path(__file__).parent.parent
FILES = ("scenarios/hospital.yaml", "scenarios/quickstart.yaml", "tests/invalid/base.yaml")
BASES = [read_yaml_file(ROOT / file).tree for file in FILES]

ODD_TEXTS = (
    "1e9 years", "0 s", "5 parsecs", "-3 h", "10 USD", "3 EUR/hour", "catalogue", "all", "campus/room",
    "wait > 2 h", "utilisation > 5% over 2 days of a/b", "99999999999%", "2026-13-01", "gcp.us-east1",
)  # fmt: skip
ODD_PARTS = (
    {}, [], {"catalogue": "profile.office-hours"}, {"catalogue": 3}, {"belief": "5%"}, {"trace": []},
    {"belief": {"belief": 1}},
    {"lognormal": {"median": "1 h"}}, {"lognormal": {"median": "1 s", "p95": "9 d"}}, {"choice": {}},
    {"pareto": {"shape": 0.01, "scale": "1 h"}}, {"normal": {"mean": 1, "sd": 5}}, {"trace": "none.csv"},
    {"kind": "training"}, [[1, 2, 3]], {"regimes": {}}, {"mixture": []},
)  # fmt: skip
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([10**18, 10**200, -1, 0, 1e-300, 1e299, 0.5]),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12),
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(ODD_PARTS),
)


def paths_in(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All paths in a tree, the root's aside."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, value in items for found in ((*path, key), *paths_in(value, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A valid scenario with one to three parts removed, renamed, replaced, doubled or moved."""
    tree = copy.deepcopy(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths_in(tree)))
        here: Any = tree
        for step in path[:-1]:
            here = here[step]
        match draw(st.sampled_from(["remove", "rename", "replace", "move"])):
            case "remove":
                del here[path[-1]]
            case "rename" if isinstance(here, dict):
                here[draw(st.text("abz-._/ 5", min_size=1, max_size=6))] = here.pop(path[-1])
            case "move":
                other = draw(st.sampled_from(paths_in(tree)))
                taken: Any = tree
                for step in other:
                    taken = taken[step]
                here[path[-1]] = copy.deepcopy(taken)
            case _:
                here[path[-1]] = copy.deepcopy(draw(ODD))
    return tree


def load_or_problems(text: str) -> Scenario | tuple[Problem, ...]:
    """What loading answers."""
    try:
        return load_text(text)
    except ScenarioError as error:
        return error.problems


@settings(max_examples=120, deadline=None)
@given(mutated())
def test_a_mutated_scenario_loads_or_is_refused(tree: dict[str, Any]) -> None:
    """A mistake ends in problems with a place and a sentence each, never in another exception."""
    outcome = load_or_problems(write_yaml(tree))
    if not isinstance(outcome, Scenario):
        assert outcome
        assert all(problem.message and problem.line for problem in outcome), "\n".join(map(str, outcome))


@settings(max_examples=60, deadline=None)
@given(scenario_trees())
def test_a_resolved_scenario_loads_as_the_same_scenario(tree: dict[str, Any]) -> None:
    """What `resolved` writes is read as an equal scenario, which resolves to the same text."""
    scenario = load_text(write_yaml(tree))
    again = load_text(resolved(scenario))
    assert again == scenario
    assert resolved(again) == resolved(scenario)
