"""Monthly series of a study as arrays, for figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sim.study.columns import codes_of, floats_of, integers_of
from sim.study.tables import read_batches

Floats = NDArray[np.float64]

KEYS = ("strategy", "name", "quantity", "month")


@dataclass(frozen=True, slots=True)
class Series:
    """The monthly series of one kind of subject: values by (strategy, name, quantity), shape [runs, months].

    NaN where a run has no value.
    """

    months: Sequence[str]
    names: list[str]
    """Subjects in the order in which they are met."""
    runs: int
    values: dict[tuple[str, str, str], Floats]

    @classmethod
    def read(cls, path: Path, kind: str, months: Sequence[str], runs: int) -> Self:
        """Read batch by batch, so that memory holds the arrays and not the table."""
        values: dict[tuple[str, str, str], Floats] = {}
        place = {month: n for n, month in enumerate(months)}
        for batch in read_batches(path, ["run", "kind", *KEYS, "value"], coded=("kind", *KEYS)):
            run, value = integers_of(batch["run"]), floats_of(batch["value"])
            kinds, told = codes_of(batch["kind"])
            (strategy, strategies), (name, names), (quantity, quantities), (month, found) = (
                codes_of(batch[key]) for key in KEYS
            )
            at = np.array([place[label] for label in found], dtype=np.int64)[month]
            subject = (strategy.astype(np.int64) * len(names) + name) * len(quantities) + quantity
            wanted = np.isin(kinds, [code for code, label in enumerate(told) if label == kind])
            for code in np.unique(subject[wanted]).tolist():
                here = wanted & (subject == code)
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
