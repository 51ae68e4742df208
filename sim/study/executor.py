"""Runs carried out here or in several worker processes.

The coordinator alone knows which runs are done. A worker gets one run number at a time (and the next one in
advance), so that a worker that dies points to the run that killed it, and memory does not grow with the runs.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType

from sim.study.results import Failed, Finished, MakeSimulator, Outcome, Simulator

ATTEMPTS = 3
"""How often a run may take its worker with it before it counts as failed."""
AHEAD = 2
"""Runs that a worker holds: the one it works on, and the next so that it need not wait for an answer."""
FAREWELL_S = 2.0
"""How long a worker that has closed its connection may take to end by itself and so tell its exit code."""
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Set to 1 for workers: a process per core leaves no core for their threads."""


def execute(
    make_simulator: MakeSimulator,
    runs: Sequence[int],
    workers: int,
    on_outcomes: Callable[[list[Outcome]], None],
) -> None:
    """Carry out the runs and hand over what comes out, as it comes, in batches that are in run order.

    A run that raises, or whose worker dies `ATTEMPTS` times, is handed over as failed; the others go on. When
    interrupted (KeyboardInterrupt) or told to end (SIGTERM, as SystemExit), the workers are ended at once.
    Raises RuntimeError when the workers cannot start. Outcomes depend neither on the number of workers nor on
    which of them ends first.
    """
    with _terminable():
        if workers <= 1:
            simulate = make_simulator()
            for run in runs:
                on_outcomes([attempt(simulate, run)])
        elif runs:
            _Crew(make_simulator, runs, min(workers, len(runs))).work(on_outcomes)


def attempt(simulate: Simulator, run: int) -> Outcome:
    """The run's results, or why it has none."""
    try:
        results = tuple(simulate(run))
    except Exception as error:  # noqa: BLE001  whatever breaks one run must not end the study
        return Failed(run, _reason(error))
    if any(result.run != run for result in results):
        return Failed(run, "the simulator answered for another run")
    return Finished(run, results)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A worker's first message."""


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: Connection
    ready: bool = False
    runs: deque[int] = field(default_factory=deque)
    """What it holds; the first is the one it works on."""


class _Crew:
    """The worker processes of one call, and which run is where."""

    def __init__(self, make_simulator: MakeSimulator, runs: Sequence[int], size: int) -> None:
        self._make_simulator = make_simulator
        self._waiting = deque(runs)
        self._deaths: Counter[int] = Counter()
        self._size = size
        self._workers: list[_Worker] = []

    def work(self, on_outcomes: Callable[[list[Outcome]], None]) -> None:
        try:
            for _ in range(self._size):
                self._workers.append(_hire(self._make_simulator))
            while self._waiting or any(worker.runs for worker in self._workers):
                outcomes = self._receive()
                self._hand_out()
                if outcomes:
                    on_outcomes(sorted(outcomes, key=lambda outcome: outcome.run))
        finally:
            for worker in self._workers:
                _dismiss(worker)

    def _receive(self) -> list[Outcome]:
        answering = wait([worker.connection for worker in self._workers])
        outcomes: list[Outcome] = []
        for worker in [worker for worker in self._workers if worker.connection in answering]:
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                outcomes.extend(self._replace(worker))
                continue
            match message:
                case _Ready():
                    worker.ready = True
                case Finished() | Failed():
                    worker.runs.popleft()
                    outcomes.append(message)
                case _:
                    raise RuntimeError(f"a worker could not start: {message}")
        return outcomes

    def _replace(self, worker: _Worker) -> list[Outcome]:
        worker.process.join(FAREWELL_S)
        exit_code = _dismiss(worker)
        self._workers.remove(worker)
        if not worker.ready:
            raise RuntimeError(f"a worker ended before it could start ({_how(exit_code)})")
        self._workers.append(_hire(self._make_simulator))
        self._waiting.extendleft(reversed(worker.runs))
        if not worker.runs:
            return []
        suspect = worker.runs[0]
        self._deaths[suspect] += 1
        if self._deaths[suspect] < ATTEMPTS:
            return []
        self._waiting.remove(suspect)
        return [Failed(suspect, f"its worker process died {ATTEMPTS} times ({_how(exit_code)})")]

    def _hand_out(self) -> None:
        for _ in range(AHEAD):
            for worker in self._workers:
                if worker.ready and self._waiting and len(worker.runs) < AHEAD:
                    run = self._waiting.popleft()
                    worker.runs.append(run)
                    with suppress(OSError):  # it has just died; the next wait tells
                        worker.connection.send(run)


def _hire(make_simulator: MakeSimulator) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, make_simulator), daemon=True)
    with _one_thread_each():
        process.start()
    theirs.close()  # so that the worker's death is seen here as the end of the stream
    return _Worker(process, ours)


def _dismiss(worker: _Worker) -> int | None:
    worker.process.kill()
    worker.process.join()
    worker.connection.close()
    return worker.process.exitcode


def _serve(connection: Connection, make_simulator: MakeSimulator) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the coordinator decides
    with suppress(EOFError, ConnectionError):  # the coordinator is gone
        try:
            simulate = make_simulator()
        except Exception as error:  # noqa: BLE001  told to the coordinator, which raises
            connection.send(_reason(error))
            return
        connection.send(_Ready())
        while True:
            connection.send(attempt(simulate, connection.recv()))


def _reason(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"signal {-exit_code}, {signal.strsignal(-exit_code)}"
    return f"exit code {exit_code}"


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in THREAD_LIMITS}
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM raise, so that workers are ended and files closed on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
