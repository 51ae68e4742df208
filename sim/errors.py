"""The errors of the program: a closed set, each with the exit code it leads to.

0 done, 1 our fault, 2 invalid input or usage, 4 storage, 75 incomplete but resumable, 99 a threshold was
crossed, 130 and 143 interrupted. Every error can be rebuilt from its `args`, so it survives pickling and
`type(e)(*e.args)`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what the user wrote, and where; line and column count from 1."""

    path: tuple[str | int, ...]
    message: str
    found: str | None = None
    allowed: str | None = None
    hint: str | None = None
    """A way out, as it is printed: `did you mean 'nodes'?`."""
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """One block: place, path and message on a line, then what was found, what is allowed, a hint."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        path = _one_line(".".join(map(str, self.path)))
        lines = [": ".join(part for part in (place, path, printable(self.message)) if part)]
        if self.found is not None:
            lines.append(f"    found: {_one_line(self.found)}")
        if self.allowed is not None:
            lines.append(f"    allowed: {printable(self.allowed)}")
        if self.hint is not None:
            lines.append(f"    {printable(self.hint)}")
        return "\n".join(lines)


class SimulateError(Exception):
    """Anything that ends a command; its text is for the user."""

    exit_code: ClassVar[int] = 1


class ScenarioError(SimulateError):
    """A scenario that cannot be used, with everything that is wrong with it."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Hold `problems`, in the order in which they are shown."""
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        """All problems, a block each."""
        return "\n".join(map(str, self.problems))


class CatalogueError(SimulateError):
    """A catalogue entry that does not exist or cannot be read."""

    exit_code = 2


class UsageError(SimulateError):
    """A command that asks for something impossible."""

    exit_code = 2


class StorageError(SimulateError):
    """Results that cannot be written or read."""

    exit_code = 4


class IncompleteStudy(SimulateError):  # noqa: N818  # nothing went wrong: the same command goes on from here
    """A study that stopped before its last run; the same command resumes it."""

    exit_code = 75


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate probably meant by `word`, or None; case is ignored where nothing nearer is found."""
    names = tuple(candidates)
    found = get_close_matches(word, names, n=1)
    if found:
        return found[0]
    folded = {name.casefold(): name for name in names}
    loose = get_close_matches(word.casefold(), tuple(folded), n=1)
    return folded[loose[0]] if loose else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """The hint `did you mean 'nodes'?`, or None where nothing is near."""
    name = closest(word, candidates)
    return None if name is None else f"did you mean '{name}'?"


def printable(text: str) -> str:
    """The text on one line, with characters that a terminal would act upon written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _one_line(text: str) -> str:
    """What the user wrote, printable and not too long."""
    return printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
