"""The tables of a study: Parquet files derived from the journal, regenerable at any time, replaced whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import StorageError
from sim.study import columns
from sim.study.files import replacing
from sim.study.journal import Journal, StoredResult

if TYPE_CHECKING:
    import pyarrow as pa

RUNS, COSTS, SERIES = "runs.parquet", "costs.parquet", "series.parquet"
ROW_GROUP = 32_768
"""Rows that are held in memory and written together."""
RESULTS_AT_ONCE = 256
"""Results whose metrics are turned into columns together."""

Rows = Callable[[], Iterator[StoredResult]]
"""Reads the journal from the start: once for the types, once for the values."""


def write_tables(
    journal: Journal, folder: Path, runs: range | None = None, strategies: Sequence[str] | None = None
) -> None:
    """Write `runs.parquet`, `costs.parquet` and `series.parquet`, in run order and in bounded memory.

    Raises StorageError when the disk is full or the folder cannot be written to.
    """

    def rows() -> Iterator[StoredResult]:
        return journal.results(runs, strategies)

    _write_metrics(folder / RUNS, rows)
    _write_costs(folder / COSTS, rows)
    _write_series(folder / SERIES, rows)


def read_table(path: Path, names: Sequence[str] | None = None) -> pa.Table:
    """A table, or some of its columns, every page's checksum verified.

    Raises StorageError when it is damaged or missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, columns=names, page_checksum_verification=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"{path} cannot be read ({error}); run the same command again") from error


def read_batches(path: Path, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """A table, or some of its columns, batch by batch, every page's checksum verified.

    Raises StorageError when it is damaged or missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from file.iter_batches(ROW_GROUP, columns=names)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"{path} cannot be read ({error}); run the same command again") from error


def _write_metrics(path: Path, rows: Rows) -> None:
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows() for name in row.metrics))
    keys = [("run", pa.int64()), ("strategy", pa.string())]
    schema = pa.schema([*keys, *((name, pa.float64()) for name in names)])
    with _appending(path, schema) as append:
        slim = ((row.run, row.strategy, row.metrics) for row in rows())
        while some := list(islice(slim, RESULTS_AT_ONCE)):
            run, strategy, metrics = zip(*some, strict=True)
            values = ([row.get(name) for row in metrics] for name in names)
            undefined_as_null = (pa.array(column, pa.float64(), from_pandas=True) for column in values)
            append(pa.table([pa.array(run), pa.array(strategy), *undefined_as_null], schema=schema))


def _write_costs(path: Path, rows: Rows) -> None:
    import pyarrow as pa

    # FOCUS asks that custom columns come last.
    ledger = _unified(columns.schema_of(row.costs) for row in rows())
    schema = ledger.append(pa.field("x_Run", pa.int64())).append(pa.field("x_Strategy", pa.string()))
    with _appending(path, schema) as append:
        for row in rows():
            table = columns.decode(row.costs)
            table = table.append_column("x_Run", pa.repeat(row.run, len(table)))
            append(table.append_column("x_Strategy", pa.repeat(row.strategy, len(table))))


def _write_series(path: Path, rows: Rows) -> None:
    import pyarrow as pa

    found = _unified(columns.schema_of(row.series) for row in rows())
    schema = found.insert(0, pa.field("strategy", pa.string())).insert(0, pa.field("run", pa.int64()))
    with _appending(path, schema) as append:
        for row in rows():
            table = columns.decode(row.series)
            table = table.add_column(0, "strategy", pa.repeat(row.strategy, len(table)))
            append(table.add_column(0, "run", pa.repeat(row.run, len(table))))


def _unified(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """One schema for all: a column that is int in some results and float in others is float."""
    import pyarrow as pa

    return pa.unify_schemas([pa.schema([]), *dict.fromkeys(schemas)], promote_options="permissive")


@contextmanager
def _appending(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """A function that appends to a Parquet file, which takes its place when the block ends well."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pending: list[pa.Table] = []

    def flush() -> None:
        joined = pa.concat_tables([schema.empty_table(), *pending], promote_options="permissive")
        writer.write_table(joined, row_group_size=ROW_GROUP)
        pending.clear()

    def append(table: pa.Table) -> None:
        pending.append(table)
        if sum(map(len, pending)) >= ROW_GROUP:
            flush()

    with (
        replacing(path) as partial,
        pq.ParquetWriter(partial, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        yield append
        flush()
