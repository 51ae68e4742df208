"""Columns as Arrow arrays and bytes: what pyarrow itself would make of them, without pandas."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.columns import Column, Gaps, Words
from sim.study.columns import (
    array_of,
    array_of_floats,
    codes_of,
    decode,
    encode,
    floats_of,
    integers_of,
    repeated,
)
from tests.cli_miniature import environment

texts = st.text(max_size=5)
kinds = (st.integers(-(2**63), 2**63 - 1), st.floats(), texts, st.booleans(), st.sampled_from(["a", "ä"]))


def with_gaps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Lists of one kind of value, some of them absent."""
    return st.one_of(st.lists(values, max_size=40), st.lists(st.none() | values, max_size=40))


@settings(deadline=None)  # pyarrow imports pandas in the first one
@given(st.one_of(*map(with_gaps, kinds)))
def test_arrays_are_those_of_pyarrow(values: list[Any]) -> None:
    """Type and values are what `pyarrow.array` finds, with nothing, absent values and long texts too."""
    found, expected = array_of(values), pa.array(values)
    assert found.type == expected.type
    assert repr(found.to_pylist()) == repr(expected.to_pylist())
    assert found.null_count == expected.null_count
    found.validate(full=True)


@st.composite
def not_lists(draw: st.DrawFn) -> Column:
    """Columns of the other kinds: words, numbers with gaps, arrays."""
    words = tuple(draw(st.lists(st.none() | texts, min_size=1, max_size=4)))
    places = draw(st.lists(st.integers(-1, len(words) - 1), max_size=20))
    numbers = np.array(draw(st.lists(st.floats(), max_size=20)))
    present = np.array(draw(st.lists(st.booleans(), min_size=len(numbers), max_size=len(numbers))), np.bool_)
    return draw(
        st.sampled_from(
            [Words(np.array(places, dtype=np.int64), words), Gaps(numbers, present), numbers, numbers[::2]]
        )
    )


@given(not_lists())
def test_a_column_is_written_as_the_list_of_its_cells(column: Column) -> None:
    """The same bytes, so that nobody can tell from a file how a column was held."""
    cells = column.tolist() if isinstance(column, np.ndarray) else list(column)
    assert len(cells) == len(column)
    assert encode({"column": column}) == encode({"column": cells})


def test_whole_numbers_stay_whole() -> None:
    """An array of integers gives what the list of them gives, every other one too."""
    numbers = np.arange(10) * 2**55
    for some in (numbers, numbers[::2]):
        assert encode({"column": some}) == encode({"column": some.tolist()})


def test_numbers_of_both_kinds_are_doubles() -> None:
    """Whole numbers among others are doubles; numpy's numbers are numbers."""
    assert array_of([1, 0.5, None]).to_pylist() == [1.0, 0.5, None]
    assert array_of([np.int64(1), np.float64(0.5)]).type == pa.float64()
    assert array_of([np.bool_(True), False]).type == pa.bool_()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, "a"], "mixes int and str"),
        (["a", 1], "mixes int and str"),
        ([True, 1], "mixes bool and int"),
        ([[1]], "a column holds list; int, float, str, bool and None can be kept"),
    ],
)
def test_kinds_that_do_not_go_together(values: list[Any], said: str) -> None:
    """A column of several kinds is refused, with what they are."""
    with pytest.raises(TypeError, match=said):
        array_of(values)


def test_a_whole_number_that_does_not_fit() -> None:
    """64 bits are all there is."""
    with pytest.raises(OverflowError):
        array_of([2**63])


@given(st.dictionaries(texts, st.lists(st.none() | st.floats(), min_size=3, max_size=3), max_size=4))
def test_bytes_are_read_back(columns: dict[str, list[float | None]]) -> None:
    """Names, order and values come back from the bytes, NaN and null told apart."""
    assert repr(decode(encode(columns)).to_pydict()) == repr(columns)


@pytest.mark.parametrize("value", ["ä", "", -5])
@pytest.mark.parametrize("times", [0, 1, 300])
def test_a_value_over_and_over(value: str | int, times: int) -> None:
    """The array that a list of it would give."""
    found = repeated(value, times)
    found.validate(full=True)
    assert found.to_pylist() == [value] * times


def test_arrays_are_taken_apart() -> None:
    """Doubles with null as NaN, whole numbers, and codes; of a part of an array as well."""
    doubles = pa.array([1.0, None, 3.0, 4.0] * 5)
    assert repr(floats_of(doubles).tolist()) == repr([1.0, math.nan, 3.0, 4.0] * 5)
    assert repr(floats_of(doubles[9:11]).tolist()) == repr([math.nan, 3.0])
    assert integers_of(pa.array([5, 6, 7])[1:]).tolist() == [6, 7]
    codes, told = codes_of(pa.array(["b", "a", "b"]).dictionary_encode())
    assert [told[code] for code in codes] == ["b", "a", "b"]
    for empty in (floats_of(pa.array([], pa.float64())), integers_of(pa.array([], pa.int64()))):
        assert len(empty) == 0


def test_undefined_is_null() -> None:
    """NaN becomes null, and nothing else."""
    assert array_of_floats(np.array([1.0, math.nan, math.inf])).to_pylist() == [1.0, None, math.inf]
    assert array_of_floats(np.array([1.0, 2.0])).null_count == 0


ALONE = """
import sys
from sim.study.columns import decode, encode, floats_of
assert floats_of(decode(encode({"a": [1.0, None], "b": ["x", None]}))["a"].chunk(0))[0] == 1.0
print("pandas" in sys.modules)
"""


def test_pandas_is_not_loaded() -> None:
    """Neither there nor back: pyarrow's own way would import it."""
    command = [sys.executable, "-c", ALONE]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
