"""Conditions: what is read, what is written, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario import conditions
from sim.scenario.conditions import Condition, parse_condition

Comparison = conditions.Test
"""pytest takes everything whose name begins with Test for a test."""


@pytest.mark.parametrize(
    ("text", "tests"),
    [
        ("wait > 2 h", (Comparison("wait", above=True, threshold=7200.0),)),
        ("slack<12h", (Comparison("slack", above=False, threshold=43_200.0),)),
        ("utilisation > 80%", (Comparison("utilisation", above=True, threshold=0.8),)),
        ("utilisation > 80% over 30 days", (Comparison("utilisation", True, 0.8, 2_592_000.0),)),
        ("utilisation < 0.5 of campus/room", (Comparison("utilisation", False, 0.5, 0.0, "campus/room"),)),
        ("utilisation > 90% over 7 days of a/b", (Comparison("utilisation", True, 0.9, 604_800.0, "a/b"),)),
        (
            "wait > 5 min and slack < 1 day",
            (Comparison("wait", True, 300.0), Comparison("slack", False, 86_400.0)),
        ),
    ],
)
def test_a_condition_is_read(text: str, tests: tuple[Comparison, ...]) -> None:
    """Durations in seconds, utilisations as fractions."""
    assert parse_condition(text) == Condition(tests)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a condition"),
        ("wait 2 h", "is not a condition"),
        ("queue > 2 h", "is not a condition"),
        ("wait < 2 h", "wrong way round"),
        ("slack > 2 h", "wrong way round"),
        ("wait > 2", "has no unit"),
        ("utilisation > 2 h", "is a duration"),
        ("wait > 2 h over 3 days", "only utilisation"),
        ("wait > 2 h and", "is not a condition|cannot be read|is a|unknown unit"),
        ("wait > 1 h and " * 40 + "wait > 1 h", "at most 300 characters"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, told: str) -> None:
    """The message says why."""
    with pytest.raises(ValueError, match=told):
        parse_condition(text)


durations = st.integers(1, 10**7).map(float)
tests = st.one_of(
    st.builds(Comparison, st.just("wait"), st.just(True), durations),
    st.builds(Comparison, st.just("slack"), st.just(False), durations),
    st.builds(
        Comparison,
        st.just("utilisation"),
        st.booleans(),
        st.integers(0, 100).map(lambda percent: percent / 100),
        st.sampled_from([0.0, 86_400.0, 604_800.0]),
        st.sampled_from([None, "campus/room", "a-b.c/d_e"]),
    ),
)


@given(st.lists(tests, min_size=1, max_size=3).map(lambda several: Condition(tuple(several))))
def test_a_written_condition_is_read_as_an_equal_one(condition: Condition) -> None:
    """`str` and `parse_condition` are inverses."""
    assert parse_condition(str(condition)) == condition
