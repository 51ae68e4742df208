"""The errors of the program: exit codes, rebuilding, and how problems read."""

import copy
import pickle

import pytest

from sim.errors import (
    CatalogueError,
    IncompleteStudy,
    Problem,
    ScenarioError,
    SimulateError,
    StorageError,
    UsageError,
    closest,
    did_you_mean,
)

UNKNOWN_KEY = Problem(
    ("strategies", "hybrid", "own", "campus/room", "nodez"),
    "unknown key",
    found="nodez",
    allowed="nodes",
    hint="did you mean 'nodes'?",
    file="scenarios/x.yaml",
    line=12,
    column=9,
)

ERRORS = [
    SimulateError("our fault"),
    ScenarioError((UNKNOWN_KEY, Problem((), "the file is empty"))),
    CatalogueError("no entry 'x'"),
    UsageError("--runs must be positive"),
    StorageError("the disk is full"),
    IncompleteStudy("7 of 9 runs are done"),
]


def test_a_problem_prints_as_one_block() -> None:
    """Place, path and message stand on the first line; found, allowed and the hint below it, indented."""
    assert str(UNKNOWN_KEY) == (
        "scenarios/x.yaml:12:9: strategies.hybrid.own.campus/room.nodez: unknown key\n"
        "    found: nodez\n"
        "    allowed: nodes\n"
        "    did you mean 'nodes'?"
    )


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem((), "the file is empty"), "the file is empty"),
        (Problem((), "the file is empty", file="a.yaml"), "a.yaml: the file is empty"),
        (Problem(("network", 0, "rtt"), "needed"), "network.0.rtt: needed"),
        (Problem(("a",), "needed", file="a.yaml", line=3), "a.yaml:3: a: needed"),
    ],
)
def test_what_is_not_known_is_not_printed(problem: Problem, text: str) -> None:
    """Only the parts of the place that are known are printed; list positions are numbers in the path."""
    assert str(problem) == text


def test_what_the_user_wrote_cannot_steer_the_terminal_or_flood_it() -> None:
    """Control characters are printed as escapes, line breaks too, and long findings are cut."""
    text = str(Problem(("a\x1b[31m",), "unknown key", found="b\nc\u202e" + "d" * 1000))
    assert text.startswith("a\\x1b[31m: unknown key\n    found: b\\nc\\u202eddd")
    assert text.endswith("d...")
    assert len(text) < 300


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_can_be_rebuilt(error: SimulateError) -> None:
    """An error survives pickling, copying, and being made again from its args, text and exit code too."""
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error), type(error)(*error.args)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin.args == error.args
        assert twin.exit_code == error.exit_code


def test_a_scenario_error_holds_and_shows_all_problems() -> None:
    """Its problems stay available as they were given, and its text has a block for each."""
    error = ScenarioError((UNKNOWN_KEY, Problem(("b",), "needed")))
    assert error.problems == (UNKNOWN_KEY, Problem(("b",), "needed"))
    assert str(error) == f"{UNKNOWN_KEY}\nb: needed"


def test_exit_codes_are_the_documented_ones() -> None:
    """1 our fault, 2 invalid input or usage, 4 storage, 75 incomplete but resumable."""
    assert [error.exit_code for error in ERRORS] == [1, 2, 2, 2, 4, 75]


@pytest.mark.parametrize(
    ("word", "meant"),
    [("nodez", "nodes"), ("maxnodes", "max_nodes"), ("NODES", "nodes"), ("zebra", None), ("", None)],
)
def test_closest_names_what_was_probably_meant(word: str, meant: str | None) -> None:
    """A slip of the key or of the case finds the right name; something else finds nothing."""
    assert closest(word, ["nodes", "max_nodes", "life"]) == meant


def test_did_you_mean_is_a_hint_ready_to_print() -> None:
    """The hint is a question with the name in quotes, and absent where nothing is near."""
    assert did_you_mean("nodez", iter(["nodes"])) == "did you mean 'nodes'?"
    assert did_you_mean("nodez", []) is None
