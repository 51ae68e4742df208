"""The catalogue is found, and says what is wrong with itself and with who asks for what it has not."""

import pytest

from sim.errors import CatalogueError
from sim.loading.catalogue import Catalogue, catalogue

TWO = """# Two entries.

first.one:
  kind: network
  value: {lognormal: {median: 5 ms, p95: 9 ms}}
  range: null
  source: "a page: with a colon"
  date: 2025
  grade: measured
  note: >-
    A note
    of two lines.

"second":
  kind: pue
  value: 1.5
  source: here
  date: 2026-01-05
  grade: assumed
"""


def test_the_catalogue_comes_with_the_program() -> None:
    """It holds the entries that the scenarios of the program name."""
    assert "accelerator.A100-80GB" in catalogue()
    assert catalogue().entry("gcp.us-east1").kind == "egress"


def test_an_entry_is_parsed_when_it_is_asked_for() -> None:
    """Names, values, and where they come from; dates are texts, however they look."""
    both = Catalogue({"two.yaml": TWO})
    assert both.names() == ["first.one", "second"]
    first, second = both.entry("first.one"), both.entry("second")
    assert (first.value, first.source) == (
        {"lognormal": {"median": "5 ms", "p95": "9 ms"}},
        "a page: with a colon",
    )
    assert (first.date, first.range, first.note) == ("2025", None, "A note of two lines.")
    assert (second.value, second.date, second.grade, second.note) == (1.5, "2026-01-05", "assumed", None)


def test_the_digest_is_that_of_the_value() -> None:
    """Another note leaves it, another number changes it."""
    one = Catalogue({"a": TWO}).entry("second").digest
    assert Catalogue({"a": TWO.replace("source: here", "source: there")}).entry("second").digest == one
    assert Catalogue({"a": TWO.replace("value: 1.5", "value: 1.6")}).entry("second").digest != one


def test_an_unknown_entry_is_an_error_with_a_guess() -> None:
    """The nearest name is told."""
    with pytest.raises(CatalogueError, match=r"has no entry 'frist\.one'; did you mean 'first\.one'"):
        Catalogue({"two.yaml": TWO}).entry("frist.one")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TWO.replace("  kind: pue\n", ""), "'second' in a.yaml needs"),
        (TWO.replace("grade: assumed", "grade: guessed"), "unknown grade 'guessed'"),
        (TWO.replace("value: 1.5", "value: [1.5"), "'second' cannot be read"),
        (TWO.replace("source: here", "sauce: here"), "'second' in a.yaml needs"),
    ],
)
def test_a_damaged_entry_is_named(text: str, message: str) -> None:
    """Its neighbours can still be used."""
    damaged = Catalogue({"a.yaml": text})
    assert damaged.entry("first.one").kind == "network"
    with pytest.raises(CatalogueError, match=message):
        damaged.entry("second")


def test_a_name_stands_once_in_all_files() -> None:
    """Which of two would be meant?"""
    with pytest.raises(CatalogueError, match=r"'first\.one' stands twice, in a\.yaml and b\.yaml"):
        Catalogue({"a.yaml": TWO, "b.yaml": TWO})
