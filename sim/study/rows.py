"""What came of a run: a row of the journal for each strategy, or the reason why there is none.

Rows are made where the run was carried out, so that the workers share that work.
"""

import hashlib
import json
import math
from dataclasses import astuple, dataclass
from typing import Any

from sim.study import columns
from sim.study.results import RunResult


@dataclass(frozen=True, slots=True)
class Row:
    """What the journal keeps of one strategy in one run."""

    run: int
    strategy: str
    metrics: str
    """JSON: name -> number, null where undefined."""
    costs: bytes
    """Read with `sim.study.columns.decode`."""
    series: bytes
    checksum: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that came to its end, with one row per strategy."""

    run: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A run that has no result, and why."""

    run: int
    reason: str


Outcome = Finished | Failed


def encode(result: RunResult) -> Row:
    """The row of a result. Raises pyarrow.ArrowInvalid for a column that mixes kinds."""
    defined = {name: None if math.isnan(value) else float(value) for name, value in result.metrics.items()}
    metrics = json.dumps(defined, allow_nan=False, separators=(",", ":"))
    costs, series = columns.encode(result.costs), columns.encode(result.series)
    facts = (result.run, result.strategy, metrics, costs, series)
    return Row(*facts, _checksum(*facts))


def intact(values: tuple[Any, ...]) -> Row | None:
    """The row with these values in the order of its fields; None when they are not what was written."""
    match values:  # a damaged page can change the kind of a value as well
        case (int(run), str(strategy), str(metrics), bytes(costs), bytes(series), bytes(checksum)):
            sound = checksum == _checksum(run, strategy, metrics, costs, series)
            return Row(run, strategy, metrics, costs, series, checksum) if sound else None
        case _:
            return None


def values_of(row: Row) -> tuple[Any, ...]:
    """The values of a row in the order of its fields."""
    return astuple(row)


def metrics_of(row: Row) -> dict[str, float]:
    """The metrics of a row; NaN where undefined."""
    return {name: math.nan if value is None else value for name, value in json.loads(row.metrics).items()}


def _checksum(run: int, strategy: str, metrics: str, costs: bytes, series: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in (str(run).encode(), strategy.encode(), metrics.encode(), costs, series):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()
