"""Figures drawn by a process of their own, while this one works out the statistics."""

import multiprocessing
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sim.scenario.model import Scenario
from sim.study.workers import METHOD, for_workers, prepare_workers

Facts = Mapping[str, Any]
"""What figures say of a study beside its tables: a summary, or as much of it as they need."""


class Artist:
    """Draws the figures of a study: in a process of its own where there is a core for it, else here."""

    def __init__(self, scenario: Scenario, *, apart: bool) -> None:
        """`apart`: in a process of its own."""
        self._scenario = scenario
        self._apart = apart
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._work: tuple[Path, Facts] | None = None

    def __enter__(self) -> Self:
        """Start the process, which imports what it needs."""
        if self._apart:
            context: Any = multiprocessing.get_context(METHOD)
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._scenario), daemon=True)
            prepare_workers()
            with for_workers():
                self._process.start()
            theirs.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        if self._process is not None and self._connection is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()

    def draw(self, folder: Path, facts: Facts) -> None:
        """Begin to draw the figures of the study whose tables lie in the folder."""
        self._work = folder, facts
        if self._connection is not None:
            with suppress(OSError):  # it has died: they are drawn here then
                self._connection.send(self._work)

    def finish(self) -> float:
        """Wait until they are drawn, and return the processor time that another process has spent on it [s].

        Raises StorageError when they cannot be written.
        """
        if self._work is None:
            return 0.0
        spent_s: float | None = None
        if self._connection is not None:
            with suppress(EOFError, OSError):
                spent_s = self._connection.recv()
        if spent_s is None:
            # Whatever went wrong over there shows itself here.
            from sim.report.figures import draw_figures

            draw_figures(*self._work, self._scenario)
        return spent_s or 0.0


def _serve(connection: Connection, scenario: Scenario) -> None:
    from sim.report.figures import draw_figures

    with suppress(EOFError, OSError):  # the other end has gone
        folder, facts = connection.recv()
        try:
            draw_figures(folder, facts, scenario)
        except Exception:  # noqa: BLE001  it is drawn again where the error can be seen
            connection.send(None)
        else:
            connection.send(time.process_time())
