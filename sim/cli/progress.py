"""Progress on stderr: a bar with runs/s and the time left on a terminal, a line for each stage elsewhere."""

import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from sim.errors import printable


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
        if self.says_lines:
            with suppress(BrokenPipeError):  # nobody reads stderr any more: no reason to end a study
                click.echo(printable(message), err=True)
        self.bar.update(self.task, description=printable(message))

    def count(self, done: int, total: int) -> None:
        """`done` of `total` runs are on the disk."""
        if self.begun is None:
            self.begun = time.monotonic(), done
        begun_s, before = self.begun
        elapsed_s = time.monotonic() - begun_s
        rate = f"{(done - before) / elapsed_s:.1f} runs/s" if done > before and elapsed_s > 0 else ""
        self.bar.update(self.task, completed=done, total=total, rate=rate)
