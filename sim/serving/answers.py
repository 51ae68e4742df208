"""What users were promised, and what they got."""

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Measure(Enum):
    """What a promise speaks of, as the user sees it."""

    LATENCY = "latency"
    """From sending the request to the end of the answer, round trip included."""
    TTFT = "ttft"
    """From sending the request to the first token, round trip included."""
    TPOT = "tpot"
    """Mean time between the tokens after the first; 0 for an answer of one token."""


@dataclass(frozen=True, slots=True)
class Slo:
    """At least `share` of the requests stay within `limit_s`."""

    measure: Measure
    limit_s: float
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a simulation leaves of each request, counted from its arrival at the service."""

    first_s: Floats
    """To the first token; for a single service, to the answer. inf where there was none."""
    last_s: Floats
    """To the end of the answer."""
    tokens: Ints
    """Of the answer."""

    def measured(self, measure: Measure, round_trip_s: Floats) -> Floats:
        """The measure [s] of each request, given the round trip [s] of each."""
        match measure:
            case Measure.LATENCY:
                return round_trip_s + self.last_s
            case Measure.TTFT:
                return round_trip_s + self.first_s
            case Measure.TPOT:
                return (self.last_s - self.first_s) / np.maximum(self.tokens - 1, 1)
            case _:
                assert_never(measure)
