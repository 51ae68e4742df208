"""Progress on stderr: a bar with runs/s and the time left on a terminal, a line for each stage elsewhere."""

import math
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from sim.errors import printable

EVERY_S = 30.0
"""Where there is no bar, how often the count is said."""


class Progress:
    """Receives what a study says of itself while it runs."""

    def __init__(self, *, quiet: bool) -> None:
        """Nothing is shown when `quiet`."""
        console = Console(stderr=True)
        self.shows_bar = console.is_terminal and not quiet
        self.says_lines = not (quiet or self.shows_bar)
        self.bar = Bar(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
            console=console, transient=True, disable=not self.shows_bar,
        )  # fmt: skip
        self.task = self.bar.add_task("", total=None, rate="")
        self.begun: tuple[float, int] | None = None
        """When the first count came [s], and what was done then."""
        self.said_s = 0.0
        """When a count was last said [s]."""

    def __enter__(self) -> Self:
        """Show the bar."""
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self.bar.stop()

    def say(self, message: str) -> None:
        """What is done at the moment."""
        self._say_line(message)
        self.bar.update(self.task, description=printable(message))

    def count(self, done: int, total: int) -> None:
        """`done` of `total` runs are on the disk."""
        now_s = time.monotonic()
        if self.begun is None:
            self.begun, self.said_s = (now_s, done), now_s
            if done:
                self._say_line(f"{done:,} of {total:,} were done before")
        begun_s, before = self.begun
        a_second = (done - before) / (now_s - begun_s) if now_s > begun_s else 0.0
        rate = f"{a_second:.1f} runs/s" if a_second >= 0.1 else f"{60 * a_second:.1f} runs/min"
        self.bar.update(self.task, completed=done, total=total, rate=rate if a_second else "")
        if a_second and done < total and now_s - self.said_s >= EVERY_S:
            left_s = math.ceil((total - done) / a_second)
            left = f"{left_s} s" if left_s < 120 else f"{round(left_s / 60):,} min"
            self._say_line(f"{done:,} of {total:,} are done, {rate}, {left} left")
            self.said_s = now_s

    def _say_line(self, message: str) -> None:
        if self.says_lines:
            with suppress(BrokenPipeError):  # nobody reads stderr any more: no reason to end a study
                click.echo(printable(message), err=True)
