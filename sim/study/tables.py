"""The tables of a study: Parquet files derived from the journal, regenerable at any time, replaced whole.

`costs.parquet` and `series.parquet` grow by row groups as runs finish; what has been written takes the place
of the old files when the study ends well. `runs.parquet` is made of the metrics, which the statistics hold.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from sim.columns import Words
from sim.errors import StorageError
from sim.study import columns
from sim.study.files import replacing
from sim.study.journal import Journal
from sim.study.rows import Row
from sim.study.values import MetricColumns, MetricValues

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

RUNS, COSTS, SERIES = "runs.parquet", "costs.parquet", "series.parquet"
ROW_GROUP = 32_768
"""Rows that are held in memory and written together."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a table that grows is made of."""

    of: Callable[[Row], bytes]
    """Its part of a result."""
    keys: tuple[str, str]
    """What run and strategy are called."""
    keys_first: bool


CONTENTS = {
    # FOCUS asks that custom columns come last.
    COSTS: Content(attrgetter("costs"), ("x_Run", "x_Strategy"), keys_first=False),
    SERIES: Content(attrgetter("series"), ("run", "strategy"), keys_first=True),
}


def write_tables(
    journal: Journal, folder: Path, runs: range | None = None, strategies: Sequence[str] | None = None
) -> None:
    """Write `runs.parquet`, `costs.parquet` and `series.parquet`, in run order and in bounded memory.

    Raises StorageError when the disk is full or the folder cannot be written to.
    """
    with Tables(journal, folder, runs, strategies) as tables:
        tables.finish()


class Tables:
    """The tables of a study in the making: they follow the journal, run by run.

    As a context manager it puts them in their places at the end, or drops them where something was raised.
    """

    def __init__(
        self, journal: Journal, folder: Path, runs: range | None, strategies: Sequence[str] | None
    ) -> None:
        """For these runs and strategies; None means all that the journal has."""
        self._journal, self._folder = journal, folder
        self._runs = range(sys.maxsize) if runs is None else runs
        self._strategies = journal.manifest.strategies if strategies is None else strategies
        self._next = self._runs.start
        self._metrics = MetricColumns(self._strategies)
        self._files = ExitStack()
        self._growing: list[_Growing] = []

    def __enter__(self) -> Self:
        """Begin the files."""
        for name, content in CONTENTS.items():
            growing = _Growing(self._files.enter_context(replacing(self._folder / name)), content)
            self._files.callback(growing.close)
            self._growing.append(growing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the files in their places, or drop them."""
        self._files.__exit__(kind, error, trace)

    def follow(self, upto: int, at_most: int | None = None) -> None:
        """Take in the runs below `upto`, of which nothing will change any more, or the next of them."""
        end = upto if at_most is None else min(upto, self._next + at_most)
        settled = range(self._next, min(end, self._runs.stop))
        if not settled:
            return
        for row in self._journal.results(settled, self._strategies):
            self._metrics.add(row)
            for growing in self._growing:
                growing.add(row)
        self._next = settled.stop
        for growing in self._growing:
            while growing.outgrown:
                growing.restart()
                for row in self._journal.results(range(self._runs.start, self._next), self._strategies):
                    growing.add(row)

    def finish(self) -> dict[str, MetricValues]:
        """Take in what is left, write `runs.parquet`, and give the metrics of each strategy with results."""
        self.follow(self._runs.stop)
        for growing in self._growing:
            growing.flush()
        metrics = self._metrics.values()
        _write_metrics(self._folder / RUNS, metrics)
        return metrics


def read_table(path: Path, names: Sequence[str] | None = None) -> pa.Table:
    """A table, or some of its columns, every page's checksum verified.

    Raises StorageError when it is damaged or missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(names)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"{path} cannot be read ({error}); run the same command again") from error


def read_batches(
    path: Path, names: Sequence[str] | None = None, coded: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """A table, or some of its columns, batch by batch, every page's checksum verified.

    Columns of text that are to be `coded` come as places in a dictionary.
    Raises StorageError when it is damaged or missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=list(coded)) as file:
            yield from file.iter_batches(ROW_GROUP, columns=names)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"{path} cannot be read ({error}); run the same command again") from error


class _Growing:
    """A Parquet file that gets a row group whenever enough rows have come.

    Its columns are those of all results: one that is int in some and float in others is float. Where a result
    needs other columns than are written already, the file is `outgrown` and has to be written anew.
    """

    def __init__(self, path: Path, content: Content) -> None:
        import pyarrow as pa

        self._path, self._content = path, content
        self._schema: pa.Schema = pa.schema([])
        """Of what results hold."""
        self._fitting: set[pa.Schema] = set()
        """What results may have without widening it."""
        self._latest: pa.Schema | None = None
        self._writer: pq.ParquetWriter | None = None
        self.restart()

    def restart(self) -> None:
        """Begin the file anew, with the columns that are known by now."""
        self.close()
        self._pending: list[tuple[Row, pa.Table]] = []
        self._rows = 0
        self.outgrown = False

    def add(self, row: Row) -> None:
        """Append what a result holds; nothing once the file is outgrown."""
        table = columns.decode(self._content.of(row))
        if self._latest is None or not table.schema.equals(self._latest):
            self._admit(table.schema)
        if self.outgrown:
            return
        if self._rows + len(table) > ROW_GROUP:
            self.flush()
        self._pending.append((row, table))
        self._rows += len(table)

    def flush(self) -> None:
        """Write what is pending as one row group."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        empty = pa.Table.from_batches([], self._schema)
        joined = pa.concat_tables(
            [empty, *(table for _, table in self._pending)], promote_options="permissive"
        )
        held = dict(zip(joined.column_names, joined.columns, strict=True))
        keys = dict(zip(self._content.keys, self._key_columns(), strict=True))
        whole = {**keys, **held} if self._content.keys_first else {**held, **keys}
        table = pa.Table.from_arrays(list(whole.values()), names=list(whole))
        if self._writer is None:
            texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
            self._writer = pq.ParquetWriter(
                self._path, table.schema, compression="zstd", write_page_checksum=True, use_dictionary=texts
            )
        self._writer.write_table(table, row_group_size=ROW_GROUP)
        self._pending, self._rows = [], 0

    def close(self) -> None:
        """End the file where it is."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _key_columns(self) -> tuple[pa.Array, pa.Array]:
        """Run and strategy of each of the pending rows."""
        if not self._rows:
            return columns.repeated(0, 0), columns.repeated("", 0)
        lengths = [len(table) for _, table in self._pending]
        strategies = {row.strategy: None for row, _ in self._pending}
        places = {strategy: place for place, strategy in enumerate(strategies)}
        runs = np.array([row.run for row, _ in self._pending], dtype=np.int64)
        of = np.array([places[row.strategy] for row, _ in self._pending], dtype=np.int64)
        return (
            columns.array_of_integers(np.repeat(runs, lengths)),
            columns.array_of_column(Words(np.repeat(of, lengths), tuple(strategies))),
        )

    def _admit(self, schema: pa.Schema) -> None:
        """Take a schema for one that results may have, and widen that of the file where it must be."""
        import pyarrow as pa

        if schema not in self._fitting:
            wider = pa.unify_schemas([self._schema, schema], promote_options="permissive")
            self.outgrown = self.outgrown or (self._writer is not None and wider != self._schema)
            self._schema = wider
            self._fitting.add(schema)
        self._latest = schema


def _write_metrics(path: Path, metrics: Mapping[str, MetricValues]) -> None:
    """A row for each run and strategy, in run order and then in that of the strategies."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    runs = [run for found in metrics.values() for run in found.runs.tolist()]
    strategies = [strategy for strategy, found in metrics.items() for _ in found.runs]
    order = np.argsort(np.array(runs, dtype=np.int64), kind="stable")
    table = {
        "run": columns.array_of([runs[place] for place in order]),
        "strategy": columns.array_of([strategies[place] for place in order]),
    }
    for name in dict.fromkeys(name for found in metrics.values() for name in found.values):
        values = [found.values.get(name, np.full(len(found.runs), np.nan)) for found in metrics.values()]
        table[name] = columns.array_of_floats(np.concatenate(values)[order])
    with replacing(path) as partial:
        pq.write_table(
            pa.Table.from_arrays(list(table.values()), names=list(table)),
            partial,
            row_group_size=ROW_GROUP,
            compression="zstd",
            write_page_checksum=True,
        )
