"""Progress on stderr: a bar with runs/s and the time left on a terminal, nothing elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """Receives what a study says of itself while it runs."""

    def __init__(self, *, quiet: bool) -> None:
        """Nothing is shown when `quiet`, or when stderr is not a terminal."""
        console = Console(stderr=True)
        self.bar = Bar(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(), console=console, transient=True, disable=quiet or not console.is_terminal,
        )  # fmt: skip
        self.task: TaskID | None = None
        self.begun_s = 0.0
        self.before = 0

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
        if self.task is None:
            self.task = self.bar.add_task(message, total=None, rate="")
        self.bar.update(self.task, description=message)

    def count(self, done: int, total: int) -> None:
        """`done` of `total` runs are on the disk."""
        if self.task is None or not self.begun_s:
            self.say("futures")
            self.begun_s, self.before = time.monotonic(), done
        assert self.task is not None
        elapsed_s = time.monotonic() - self.begun_s
        rate = f"{(done - self.before) / elapsed_s:.1f} runs/s" if done > self.before else ""
        self.bar.update(self.task, description="futures", completed=done, total=total, rate=rate)
