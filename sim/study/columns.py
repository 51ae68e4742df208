"""Columns as Arrow arrays, and as compact bytes and back: Arrow's stream format, compressed as a whole.

Arrays are put together from their buffers and taken apart into them: `pyarrow.array` and `to_numpy` would
import pandas, which takes longer than a short study.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from sim.columns import Column, Columns, Gaps, Words

if TYPE_CHECKING:
    import pyarrow as pa

LENGTH_BYTES = 8
"""In front: how long the stream is, which who decompresses it has to know."""


def encode(columns: Columns) -> bytes:
    """The columns as bytes; int, float, str, bool and None are kept, NaN too.

    Raises TypeError for a column that mixes kinds (int and float together are float).
    """
    import pyarrow as pa

    made = {id(values): array_of_column(values) for values in _distinct(columns)}
    batch = pa.RecordBatch.from_arrays([made[id(v)] for v in columns.values()], names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    plain = sink.getvalue()
    compressed: bytes = pa.compress(plain, codec="zstd", asbytes=True)
    return len(plain).to_bytes(LENGTH_BYTES, "little") + compressed


def decode(encoded: bytes) -> pa.Table:
    """The columns as an Arrow table."""
    import pyarrow as pa

    length = int.from_bytes(encoded[:LENGTH_BYTES], "little")
    plain = pa.decompress(memoryview(encoded)[LENGTH_BYTES:], length, codec="zstd")
    return pa.ipc.open_stream(plain).read_all()


def array_of_column(column: Column) -> pa.Array:
    """A column as an Arrow array, of nulls where it holds nothing else."""
    import pyarrow as pa

    present: NDArray[np.bool_] | None = None
    match column:
        case list():
            return array_of(column)
        case Words():
            kind, buffers, present = pa.string(), *_spelt(column)
        case Gaps(values=values, present=present):
            # Where nothing stands there is always the same, so that equal columns are equal bytes.
            kind, buffers = pa.float64(), [pa.py_buffer(np.where(present, values, 0.0))]
        case _:
            kind = pa.float64() if column.dtype == np.float64 else pa.int64()
            buffers = [pa.py_buffer(np.ascontiguousarray(column))]
    if not len(column) or (present is not None and not present.any()):
        return pa.nulls(len(column))
    valid = None if present is None or present.all() else _bits(present)
    return pa.Array.from_buffers(kind, len(column), [valid, *buffers])


def array_of(values: Sequence[Any]) -> pa.Array:
    """The values as an Arrow array of int64, double, string, bool, or null where all are None.

    Raises TypeError when they are of different kinds (int and float together are double).
    """
    import pyarrow as pa

    if values and isinstance(next((v for v in values if v is not None), None), str):
        if values.count(values[0]) == len(values):
            return repeated(values[0], len(values))
        with suppress(TypeError):  # something else is among them: see below
            return pa.Array.from_buffers(pa.string(), len(values), _texts(values))
    kind, absent = _kind(values)
    valid = None
    if absent and kind is not None:
        present = [value is not None for value in values]
        valid = _bits(np.array(present))
        values = [value if here else kind() for value, here in zip(values, present, strict=True)]
    match kind:
        case None:
            return pa.nulls(len(values))
        case _ if kind is bool:
            bits = _bits(np.array(values, dtype=np.bool_))
            return pa.Array.from_buffers(pa.bool_(), len(values), [valid, bits])
        case _:
            of, dtype = (pa.int64(), np.int64) if kind is int else (pa.float64(), np.float64)
            return pa.Array.from_buffers(of, len(values), [valid, pa.py_buffer(np.array(values, dtype))])


def repeated(value: str | int, times: int) -> pa.Array:
    """An Arrow array of the same value over and over."""
    import pyarrow as pa

    if isinstance(value, int):
        return array_of_integers(np.full(times, value))
    data = value.encode()
    offsets = np.arange(times + 1, dtype=np.int32) * np.int32(len(data))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data * times)]
    return pa.Array.from_buffers(pa.string(), times, buffers)


def array_of_integers(values: NDArray[np.int64]) -> pa.Array:
    """The values as an Arrow array."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])


def array_of_floats(values: NDArray[np.float64]) -> pa.Array:
    """The values as an Arrow array of doubles, null where they are NaN."""
    import pyarrow as pa

    undefined = np.isnan(values)
    valid = _bits(~undefined) if undefined.any() else None
    return pa.Array.from_buffers(pa.float64(), len(values), [valid, pa.py_buffer(values)])


def floats_of(column: pa.Array) -> NDArray[np.float64]:
    """The values of an Arrow array of doubles; NaN where they are null."""
    if not len(column):
        return np.empty(0)
    values = np.frombuffer(column.buffers()[1], dtype=np.float64)[column.offset :][: len(column)]
    if not column.null_count:
        return values
    valid = np.unpackbits(np.frombuffer(column.buffers()[0], dtype=np.uint8), bitorder="little")
    return np.where(valid[column.offset :][: len(column)], values, np.nan)


def codes_of(column: pa.Array) -> tuple[NDArray[np.int32], list[Any]]:
    """The values of an Arrow array with a dictionary, as places in a list."""
    return integers_of(column.indices), column.dictionary.to_pylist()


def integers_of(column: pa.Array) -> NDArray[Any]:
    """The values of an Arrow array of integers, none of them null."""
    dtype = np.dtype(str(column.type))
    if not len(column):
        return np.empty(0, dtype)
    return np.frombuffer(column.buffers()[1], dtype=dtype)[column.offset :][: len(column)]


def _distinct(columns: Columns) -> Iterable[Column]:
    """The columns, each once: several names may share one."""
    return {id(values): values for values in columns.values()}.values()


def _kind(values: Sequence[Any]) -> tuple[type[int | float | str | bool] | None, bool]:
    """What kind of values these are (None: none at all), and whether some are absent."""
    types = set(map(type, values))
    absent = type(None) in types
    kinds = {_kind_of(of) for of in types - {type(None)}}
    if kinds == {int, float}:
        return float, absent
    if len(kinds) > 1:
        raise TypeError(f"a column mixes {' and '.join(sorted(kind.__name__ for kind in kinds))}")
    return next(iter(kinds), None), absent


def _kind_of(of: type) -> type[int | float | str | bool]:
    for kind, those in ((bool, (bool, np.bool_)), (int, (int, np.integer)), (float, (float, np.floating))):
        if issubclass(of, those):
            return kind
    if issubclass(of, str):
        return str
    raise TypeError(f"a column holds {of.__name__}; int, float, str, bool and None can be kept")


def _texts(values: Sequence[str | None]) -> list[pa.Buffer | None]:
    """Which are there, offsets, and bytes of texts. Raises TypeError where something else is among them."""
    import pyarrow as pa

    present = None
    if None in values:
        present = np.fromiter((value is not None for value in values), dtype=np.bool_, count=len(values))
        values = ["" if value is None else value for value in values]
    there = cast(Sequence[str], values)
    text = "".join(there)
    data = text.encode()
    # Nearly always all is ASCII, which takes a byte a character.
    parts: Sequence[Sized] = there if len(text) == len(data) else [value.encode() for value in there]
    lengths = np.fromiter(map(len, parts), dtype=np.int32, count=len(parts))
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    lengths.cumsum(out=offsets[1:])
    valid = None if present is None else _bits(present)
    return [valid, pa.py_buffer(offsets), pa.py_buffer(data)]


def _spelt(column: Words) -> tuple[list[pa.Buffer], NDArray[np.bool_] | None]:
    """Offsets and bytes of texts, and which are there; None where all are."""
    import pyarrow as pa

    data, lengths, there = _spellings(column.words)
    offsets = np.zeros(len(column) + 1, dtype=np.int32)
    lengths[column.places].cumsum(out=offsets[1:])
    cells = b"".join(data[column.places].tolist())
    present = None if None not in column.words else there[column.places]
    return [pa.py_buffer(offsets), pa.py_buffer(cells)], present


@lru_cache(maxsize=256)
def _spellings(words: tuple[str | None, ...]) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[np.bool_]]:
    """The bytes of words, how many these are, and whether there is a word at all."""
    data = np.array([b"" if word is None else word.encode() for word in words], dtype=object)
    lengths = np.array([len(word) for word in data], dtype=np.int32)
    return data, lengths, np.array([word is not None for word in words])


def _bits(holds: NDArray[np.bool_]) -> pa.Buffer:
    """One bit for each, as Arrow packs them."""
    import pyarrow as pa

    return pa.py_buffer(np.packbits(holds, bitorder="little"))
