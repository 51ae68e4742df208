"""What a command answers, on stdout; all else goes to stderr."""

import os
import sys
from typing import TYPE_CHECKING

from sim.errors import StorageError

if TYPE_CHECKING:
    from rich.console import RenderableType

LEAST_WIDTH = 100
"""Characters on a line where no terminal says how many there are."""


def answer(text: str | bytes) -> None:
    """Write to stdout. A reader who has gone (`| head`) wants no more; StorageError where a disk is full."""
    if isinstance(text, str):
        text = text.encode(sys.stdout.encoding if sys.stdout else "utf-8", "replace")
    try:
        _write(text)
    except BrokenPipeError:
        _drop_the_rest()
    except OSError as error:
        _drop_the_rest()
        raise StorageError(f"stdout cannot be written: {error.strerror}") from error


def show(report: "RenderableType") -> None:
    """Print a report as wide as the terminal, or `LEAST_WIDTH` where there is none. Nothing is cut."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, LEAST_WIDTH)
    with console.capture() as captured:
        console.print(report, crop=False)
    answer(captured.get())


def _write(text: bytes) -> None:
    """All of it: an unbuffered stdout (PYTHONUNBUFFERED) may take less than it is given."""
    if sys.stdout is None:  # closed before we began (`>&-`)
        return
    stream = sys.stdout.buffer
    left = memoryview(text)
    while left:
        left = left[stream.write(left) :]
    stream.flush()


def _drop_the_rest() -> None:
    """Lead stdout nowhere, as Python would otherwise write what is left when it ends, and fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
