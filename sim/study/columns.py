"""Columns as compact bytes (Arrow's stream format, zstd) and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.study.results import Columns

if TYPE_CHECKING:
    import pyarrow as pa


def encode(columns: Columns) -> bytes:
    """The columns as bytes; int, float, str, bool and None are kept, NaN too.

    Raises pyarrow.ArrowInvalid for a column that mixes kinds (int and float together are float).
    """
    import pyarrow as pa

    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def decode(encoded: bytes) -> pa.Table:
    """The columns as an Arrow table."""
    import pyarrow as pa

    return pa.ipc.open_stream(encoded).read_all()


def schema_of(encoded: bytes) -> pa.Schema:
    """Names and types, without decoding the values."""
    import pyarrow as pa

    return pa.ipc.open_stream(encoded).schema
