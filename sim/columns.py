"""Columns of tables: lists, arrays, and arrays with something beside them, which need no loop."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Texts, or nothing, as places among a few words; a place may be negative, as in a list."""

    places: Ints
    words: tuple[str | None, ...]

    def __len__(self) -> int:
        """The number of cells."""
        return len(self.places)

    def __iter__(self) -> Iterator[str | None]:
        """The cells."""
        return (self.words[place] for place in self.places.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """Numbers with nothing in the place of some."""

    values: Floats
    present: Flags

    def __len__(self) -> int:
        """The number of cells."""
        return len(self.values)

    def __iter__(self) -> Iterator[float | None]:
        """The cells."""
        cells = zip(self.values.tolist(), self.present.tolist(), strict=True)
        return (value if here else None for value, here in cells)


Column = list[Any] | Ints | Floats | Words | Gaps
Columns = dict[str, Column]
"""A table: column name -> values, all columns equally long."""
