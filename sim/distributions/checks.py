"""What parameters must keep to. Each check raises ValueError with a sentence for the planner."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

Part = TypeVar("Part")


def require(holds: bool, sentence: str) -> None:
    """Raise ValueError with this sentence unless it holds."""
    if not holds:
        raise ValueError(sentence)


def finite(**numbers: float) -> None:
    """Every number is finite; the keywords are the names in the message."""
    for name, number in numbers.items():
        require(math.isfinite(number), f"{name} must be a finite number, not {number:g}")


def not_negative(**numbers: float) -> None:
    """Every number is finite and at least 0; the keywords are the names in the message."""
    for name, number in numbers.items():
        require(0 <= number < math.inf, f"{name} must be a finite number of at least 0, not {number:g}")


def positive(**numbers: float) -> None:
    """Every number is finite and above 0; the keywords are the names in the message."""
    for name, number in numbers.items():
        require(0 < number < math.inf, f"{name} must be a finite number above 0, not {number:g}")


def checked(factor: float) -> float:
    """The factor of a scaling, which must be finite and above 0."""
    positive(factor=factor)
    return factor


def weighted(parts: Sequence[Part], weights: Sequence[float]) -> list[tuple[Part, float]]:
    """The possible parts with their weights, which sum to 1."""
    require(len(parts) == len(weights) > 0, "one probability for each, and at least one, are needed")
    require(all(weight >= 0 for weight in weights), "probabilities must not be negative")
    total = math.fsum(weights)
    require(abs(total - 1) <= 1e-6, f"the probabilities must sum to 100%, not {100 * total:.6g}%")
    return [(part, weight / total) for part, weight in zip(parts, weights, strict=True) if weight > 0]


def rising(quantiles: Mapping[float, float], count: int, positive: bool = False) -> list[tuple[float, float]]:
    """The (probability, value) pairs in order; ValueError when they cannot be quantiles."""
    pairs = sorted(quantiles.items())
    require(len(pairs) == count, f"{count} quantiles are needed, not {len(pairs)}")
    require(
        all(0 < p < 1 for p, _ in pairs), f"probabilities must lie between 0 and 1, not {list(quantiles)}"
    )
    for p, x in pairs:
        finite(**{f"the {p:.4g} quantile": x})
        require(x > 0 or not positive, f"quantiles must be above 0, not {x:g}")
    for (p, x), (q, y) in pairwise(pairs):
        require(x < y, f"the {q:.4g} quantile must exceed the {p:.4g} quantile, but {y:g} <= {x:g}")
    return pairs
