"""Monthly series of a study as arrays, for figures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sim.study.tables import read_batches

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KEYS = ("strategy", "name", "quantity", "month")


@dataclass(frozen=True, slots=True)
class Series:
    """The monthly series of one kind of subject: values by (strategy, name, quantity), shape [runs, months].

    NaN where a run has no value.
    """

    months: list[str]
    names: list[str]
    """Subjects in the order in which they are met."""
    runs: int
    values: dict[tuple[str, str, str], Floats]

    @classmethod
    def read(cls, path: Path, kind: str, months: list[str], runs: int) -> Self:
        """Read batch by batch, so that memory holds the arrays and not the table."""
        import pyarrow.compute as pc

        values: dict[tuple[str, str, str], Floats] = {}
        place = {month: n for n, month in enumerate(months)}
        for batch in read_batches(path, ["run", "kind", *KEYS, "value"]):
            rows = batch.filter(pc.equal(batch["kind"], kind))
            run, value = rows["run"].to_numpy(), rows["value"].to_numpy(zero_copy_only=False)
            (strategy, strategies), (name, names), (quantity, quantities), (month, found) = (
                _encoded(rows[key]) for key in KEYS
            )
            at = np.array([place[label] for label in found], dtype=np.int64)[month]
            subject = (strategy * len(names) + name) * len(quantities) + quantity
            for code in np.unique(subject).tolist():
                here = subject == code
                rest, q = divmod(code, len(quantities))
                s, n = divmod(rest, len(names))
                key = (strategies[s], names[n], quantities[q])
                table = values.setdefault(key, np.full((runs, len(months)), np.nan))
                table[run[here], at[here]] = value[here]
        return cls(months, list(dict.fromkeys(name for _, name, _ in values)), runs, values)

    def sums(self, strategy: str, quantity: str, name: str | None = None) -> Floats:
        """Values by run and month, summed over the subjects (or of one of them); NaN where there are none."""
        found = [
            v for (s, n, q), v in self.values.items() if s == strategy and q == quantity and name in {None, n}
        ]
        return np.sum(found, axis=0) if found else np.full((self.runs, len(self.months)), np.nan)


def _encoded(column: Any) -> tuple[Ints, list[str]]:
    """A column of texts as positions in a list of those that occur."""
    encoded = column.dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()
