"""The journal of a study: one SQLite file that alone says which runs are done.

It has one writer and one transaction per batch of runs, synced before it counts as done, so that a kill or a
full disk loses at most the runs in flight. Every row has a checksum; a row that fails it counts as not done.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self, assert_never

from sim.errors import StorageError
from sim.study.rows import Failed, Finished, Outcome, Row, intact, values_of

FILE_NAME = "study.sqlite"
FORMAT = 2
"""Stored in the file as SQLite's user_version."""
PATIENCE_S = 30.0
"""How long to wait for another process that writes."""
TOOL = "simulate"
"""The entry of `Manifest.versions` that must agree for runs to be joined."""

SCHEMA = (
    """create table manifest (
        scenario text not null, title text not null, digest text not null, seed text not null,
        strategies text not null, versions text not null, command text not null, created text not null
    )""",
    """create table results (
        run integer not null, strategy text not null, metrics text not null, costs blob not null,
        series blob not null, checksum blob not null, primary key (run, strategy)
    )""",
    "create table failures (run integer primary key, seed text not null, message text not null)",
)

NETWORK_FILE_SYSTEMS = frozenset(
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "fuse.sshfs"]
)
"""Where SQLite's write-ahead log is unsafe, because its shared memory is not shared between machines."""

WAY_OUT = "name another folder with --out, or delete this one to begin anew"
PLAIN_WORDS = {
    "SQLITE_FULL": "the disk is full; finished runs are kept, make room and run the same command again",
    "SQLITE_READONLY": "the file or its folder may not be written to",
    "SQLITE_CANTOPEN": "the file cannot be opened; does its folder exist, and may it be written to?",
    "SQLITE_BUSY": "another process is writing to this study; wait for it to end",
    "SQLITE_CORRUPT": f"the file is damaged; {WAY_OUT}",
    "SQLITE_NOTADB": f"the file is not a journal; {WAY_OUT}",
    "SQLITE_IOERR": "the disk reports an error",
}
"""What SQLite's errors mean to the person who runs the study."""

COLUMNS = tuple(field.name for field in fields(Row))
KEYS = COLUMNS[:2]
Values = tuple[Any, ...]
"""What stands in a row of the file, intact or not."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which study a journal belongs to and where it comes from."""

    scenario: str
    """The resolved scenario, as text."""
    title: str
    digest: str
    seed: int
    strategies: tuple[str, ...]
    """All strategies of the scenario, in its order."""
    versions: dict[str, str]
    """Of the tool (`simulate`) and of what it rests on."""
    command: str
    created: str
    """When the study was begun, `YYYY-MM-DDTHH:MM:SSZ`."""


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run without a result: what to replay, and why it ended."""

    run: int
    seed: int
    message: str


class Journal:
    """An open journal; close it, or use it as a context manager."""

    def __init__(self, path: Path, connection: sqlite3.Connection, manifest: Manifest) -> None:
        """Use `create_or_resume` or `open`."""
        self.path = path
        self.manifest = manifest
        self._connection = connection

    @classmethod
    def create_or_resume(cls, folder: Path, manifest: Manifest) -> Self:
        """The journal in `folder`, new or with what an earlier call has left there.

        Raises StorageError when it holds another study or cannot be written.
        """
        path = folder / FILE_NAME
        with _plain_errors(path):
            connection = _connect(path, writable=True)
            try:
                _choose_log(connection, path)
                with _transaction(connection):
                    if not _has_tables(connection):
                        _create(connection, manifest)
                stored = _read_manifest(connection, path)
                _demand_same_study(stored, manifest, path)
            except BaseException:
                connection.close()
                raise
        return cls(path, connection, stored)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """An existing journal, for reading only. Raises StorageError when there is none that can be read."""
        path = folder / FILE_NAME
        if not path.is_file():
            raise StorageError(f"there is no study in {folder}: {FILE_NAME} is missing")
        with _plain_errors(path):
            connection = _connect(path, writable=False)
            try:
                stored = _read_manifest(connection, path)
            except BaseException:
                connection.close()
                raise
        return cls(path, connection, stored)

    def close(self) -> None:
        """Leave one plain file that a read-only folder or a network share can serve too."""
        with suppress(sqlite3.Error):  # somebody still reads, or we only read: the log stays, nothing is lost
            self._connection.execute("pragma busy_timeout = 0")
            self._connection.execute("pragma journal_mode = delete")
        self._connection.close()

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what has come out, in one transaction that is on the disk when this returns."""
        finished = [outcome for outcome in outcomes if isinstance(outcome, Finished)]
        rows = [values_of(row) for outcome in finished for row in outcome.rows]
        with _plain_errors(self.path), _transaction(self._connection):
            self._connection.executemany("insert or replace into results values (?, ?, ?, ?, ?, ?)", rows)
            for outcome in outcomes:
                match outcome:
                    case Finished(run=run):
                        self._connection.execute("delete from failures where run = ?", (run,))
                    case Failed(run=run, reason=reason):
                        row = (run, str(self.manifest.seed), reason)
                        self._connection.execute("insert or replace into failures values (?, ?, ?)", row)
                    case _:
                        assert_never(outcome)

    def results(self, runs: range | None = None, strategies: Sequence[str] | None = None) -> Iterator[Row]:
        """The intact rows, by run and then in the scenario's order of strategies; all unless told which."""
        return filter(None, map(intact, self._rows(runs, strategies)))

    def corrupt(
        self, runs: range | None = None, strategies: Sequence[str] | None = None
    ) -> list[tuple[int, str]]:
        """Run and strategy of the rows that fail their checksum: they count as not done."""
        return [(row[0], row[1]) for row in self._rows(runs, strategies) if intact(row) is None]

    def keys(
        self, runs: range | None = None, strategies: Sequence[str] | None = None
    ) -> list[tuple[int, str]]:
        """Run and strategy of all rows, intact or not."""
        return [(row[0], row[1]) for row in self._rows(runs, strategies, KEYS)]

    def done_runs(self, strategies: Sequence[str]) -> set[int]:
        """The runs that have an intact result for each of these strategies."""
        found = Counter(row.run for row in self.results(strategies=strategies))
        return {run for run, count in found.items() if count == len(set(strategies))}

    def failures(self, runs: range | None = None) -> list[FailedRun]:
        """The runs that ended without a result, in run order."""
        with _plain_errors(self.path):
            rows = self._connection.execute("select run, seed, message from failures order by run").fetchall()
        failed = (FailedRun(run, int(seed), message) for run, seed, message in rows)
        return [row for row in failed if runs is None or row.run in runs]

    def _rows(
        self, runs: range | None, strategies: Sequence[str] | None, columns: Sequence[str] = COLUMNS
    ) -> Iterator[Values]:
        query = f"select {', '.join(columns)} from results"
        bounds: tuple[int, ...] = ()
        if runs is not None:
            query, bounds = f"{query} where run between ? and ?", (runs[0], runs[-1]) if runs else (0, -1)
        chosen = self.manifest.strategies if strategies is None else strategies
        order = {strategy: position for position, strategy in enumerate(chosen)}
        with _plain_errors(self.path):
            rows = self._connection.execute(f"{query} order by run", bounds)
            for run, group in groupby(rows, key=itemgetter(0)):
                if runs is None or run in runs:
                    wanted = (row for row in group if row[1] in order)
                    yield from sorted(wanted, key=lambda row: order[row[1]])


def _connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={'rwc' if writable else 'ro'}"
    connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE_S, isolation_level=None)
    # A damaged text must reach the checksum instead of raising here.
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    return connection


def _choose_log(connection: sqlite3.Connection, path: Path) -> None:
    mode = "delete" if file_system_of(path) in NETWORK_FILE_SYSTEMS else "wal"
    connection.execute(f"pragma journal_mode = {mode}")  # a file system that refuses keeps the rollback log
    connection.execute("pragma synchronous = full")


def file_system_of(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """The kind of file system that holds a path, `unknown` where the system does not list its mounts."""
    if not mounts.is_file():
        return "unknown"
    resolved, best, kind = path.resolve(), Path(), "unknown"
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, mounted, found, *_ = line.split(" ")
        point = Path(mounted.replace("\\040", " "))
        if resolved.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, found
    return kind


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("select 1 from sqlite_master limit 1").fetchone() is not None


def _create(connection: sqlite3.Connection, manifest: Manifest) -> None:
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute(f"pragma user_version = {FORMAT}")
    facts = asdict(manifest) | {
        "seed": str(manifest.seed),  # may exceed SQLite's 64 bits
        "strategies": json.dumps(manifest.strategies),
        "versions": json.dumps(manifest.versions, sort_keys=True),
    }
    names = ", ".join(facts)
    places = ", ".join(f":{name}" for name in facts)
    connection.execute(f"insert into manifest ({names}) values ({places})", facts)


def _read_manifest(connection: sqlite3.Connection, path: Path) -> Manifest:
    found = connection.execute("pragma user_version").fetchone()[0]
    if found != FORMAT:
        raise StorageError(f"{path} has format {found} where {FORMAT} is expected; {WAY_OUT}")
    names = [field.name for field in fields(Manifest)]
    row = connection.execute(f"select {', '.join(names)} from manifest").fetchone()
    if row is None:
        raise StorageError(f"{path} has lost its manifest; {WAY_OUT}")
    facts = dict(zip(names, row, strict=True))
    facts |= {
        "seed": int(facts["seed"]),
        "strategies": tuple(json.loads(facts["strategies"])),
        "versions": json.loads(facts["versions"]),
    }
    return Manifest(**facts)


def _demand_same_study(stored: Manifest, asked: Manifest, path: Path) -> None:
    pairs = {
        "scenario digest": (stored.digest, asked.digest),
        "seed": (stored.seed, asked.seed),
        f"version of {TOOL}": (stored.versions.get(TOOL), asked.versions.get(TOOL)),
    }
    differences = [f"{name} {old}, asked for {new}" for name, (old, new) in pairs.items() if old != new]
    if differences:
        raise StorageError(f"{path} holds another study ({'; '.join(differences)}); {WAY_OUT}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"{path}: {_in_plain_words(error)}") from error


def _in_plain_words(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    for prefix, words in PLAIN_WORDS.items():
        if name.startswith(prefix):
            return words
    return str(error)
