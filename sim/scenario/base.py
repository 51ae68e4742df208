"""What every part of the scenario language shares: closed models, names, tagged alternatives, faults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Strict, StringConstraints

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a part of a scenario, at `path`."""

    path: Path
    message: str
    found: str | None = None
    allowed: str | None = None
    hint: str | None = None
    """A way out, as it is printed: `did you mean 'nodes'?`."""
    at_key: bool = False
    """Whether the key itself is wrong, and not its value."""


class Model(BaseModel):
    """A part of the language: unknown keys are errors and nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        defer_build=True,  # the scenario's validator holds those of its parts: no need for one of each
    )


NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=80)]
"""A name the user gives to a site, pool, workload, ...: letters, digits, dots, dashes, underscores."""

PoolPath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=161)
]
"""`site/pool`."""

Count = Annotated[int, Strict(), Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Strict(), Field(ge=1, le=1_000_000)]


def tag(name: str) -> str:
    """The tag of an alternative: no key looks like it, so it can be told apart in the paths of errors."""
    return f"<{name}>"


def told_by(key: str, alternatives: Mapping[str, str]) -> Discriminator:
    """Alternatives told apart by the value of `key`: value -> tag."""

    def choose(value: Any) -> str | None:
        chosen = value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)
        return alternatives.get(chosen) if isinstance(chosen, str) else None

    return _discriminator(choose, key, tuple(alternatives))


def told_by_key(*keys: str) -> Discriminator:
    """Alternatives told apart by which of `keys` is there; a key's tag is `tag(key)`."""

    def choose(value: Any) -> str | None:
        there = value if isinstance(value, Mapping) else getattr(type(value), "model_fields", ())
        return next((tag(key) for key in keys if key in there), None)

    return _discriminator(choose, None, keys)


def _discriminator(
    choose: Callable[[Any], str | None], key: str | None, allowed: tuple[str, ...]
) -> Discriminator:
    # The message is for `sim.loading.pydantic_errors`: a context is a dict, and annotations must be hashable.
    return Discriminator(
        choose,
        custom_error_type="alternative",
        custom_error_message=f"{key or ''}:{' '.join(allowed)}",
    )
