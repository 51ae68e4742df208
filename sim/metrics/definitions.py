"""What a metric is: a name with its unit, one sentence, and which way is better."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sim.metrics.integrals import Floats

WHOLE = ""
BY_TRAINING = ":{training}"
BY_SERVICE = ":{service}"
BY_WORKLOAD = ":{workload}"
BY_POOL = ":{pool}"
BY_OWNED_POOL = ":{owned pool}"
BY_REASON = ":{reason}"


class Better(Enum):
    """Which way a metric should go."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"
    """It describes, and says nothing of good or bad."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric or a family of them; in `forms` stands what follows the name, such as `:{pool}`.

    A pool is `site/pool`; the form "" is the metric of the whole run. Metrics are NaN where they are
    undefined.
    """

    name: str
    unit: str
    better: Better
    meaning: str
    forms: tuple[str, ...] = (WHOLE,)

    @property
    def templates(self) -> tuple[str, ...]:
        """The names with their placeholders, as in `wait_s_p95:{training}`."""
        return tuple(self.name + form for form in self.forms)

    def names(self, members: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """All names, given what each placeholder stands for."""
        return tuple(name for template in self.templates for name in _filled(template, members))


def each(name: str, members: Sequence[str], values: Sequence[float] | Floats) -> dict[str, float]:
    """The metrics `name:member`, one for each member."""
    return {f"{name}:{member}": float(value) for member, value in zip(members, values, strict=True)}


def _filled(template: str, members: Mapping[str, Sequence[str]]) -> Sequence[str]:
    placeholders = [field for _, field, _, _ in string.Formatter().parse(template) if field]
    if not placeholders:
        return (template,)
    (placeholder,) = placeholders
    return [template.format_map({placeholder: member}) for member in members[placeholder]]
