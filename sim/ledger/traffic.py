"""What services sent to their users, as the serving layer tells the ledger."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Responses that left a pool, as equally long columns."""

    service: Ints
    """Position among the plan's services."""
    pool: Ints
    month: Ints
    """Calendar months since the one in which the scenario starts."""
    location: Ints
    """Where the users are, as a position in the scenario's locations; egress costs the same to all."""
    size_bytes: Floats

    @classmethod
    def none(cls) -> Self:
        """No responses at all."""
        empty = np.empty(0, dtype=np.int64)
        return cls(empty, empty, empty, empty, np.empty(0))
