"""Runs carried out here or in several worker processes.

The coordinator alone knows which runs are done. Workers come from a process that has imported what they need
and does nothing else, so that a new one starts at once; they get several runs at a time and tell several
outcomes at a time, which keeps them busy while the coordinator writes. Each says by a shared number which run
it is at, so that a worker that dies points to the run that killed it.
"""

import multiprocessing
import signal
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from sim.study.results import MakeSimulator, Simulator, Timed
from sim.study.rows import Failed, Finished, Outcome, encode
from sim.study.stopwatch import Stopwatch, Unheeded
from sim.study.workers import METHOD, for_workers, prepare_workers

ATTEMPTS = 3
"""How often a run may take its worker with it before it counts as failed."""
PERIOD_S = 0.2
"""How long a worker works before it tells what is done, and for how long it is given runs at a time."""
FAREWELL_S = 2.0
"""How long a worker that has closed its connection may take to end by itself and so tell its exit code."""
NO_RUN = -1


def execute(
    make_simulator: MakeSimulator,
    runs: Sequence[int],
    workers: int,
    on_outcomes: Callable[[list[Outcome]], None],
) -> Mapping[str, float]:
    """Carry out the runs and hand over what comes out, as it comes, in batches that are in run order.

    Returns the processor seconds that it took by part: those that the simulator tells apart, and the workers'
    `start-up`.

    A run that raises, or whose worker dies `ATTEMPTS` times, is handed over as failed; the others go on. When
    interrupted (KeyboardInterrupt) or told to end (SIGTERM, as SystemExit), the workers are ended at once.
    Raises RuntimeError when the workers cannot start. Outcomes depend neither on the number of workers nor on
    which of them ends first.
    """
    with _terminable():
        if workers > 1 and runs:
            return _Crew(make_simulator, runs, min(workers, len(runs))).work(on_outcomes)
        spent = Stopwatch()
        for answer in carried_out(make_simulator(), runs):
            spent.add(answer.spent_s)
            on_outcomes(answer.outcomes)
        return spent.spent_s


@dataclass(frozen=True, slots=True)
class Answer:
    """Outcomes of some runs, in the order of the runs."""

    outcomes: list[Outcome]
    took_s: float
    """By the clock on the wall."""
    spent_s: Mapping[str, float]
    """Processor time by part."""


def carried_out(
    simulate: Simulator, runs: Sequence[int], begin: Callable[[int], None] = lambda run: None
) -> Iterator[Answer]:
    """Carry out runs, and tell of them whenever `PERIOD_S` have passed, at the end, and when interrupted.

    `begin` is told each run before it starts.
    """
    outcomes: list[Outcome] = []
    stopwatch = simulate.stopwatch if isinstance(simulate, Timed) else Unheeded()
    since = time.monotonic()
    for place, run in enumerate(runs, start=1):
        begin(run)
        try:
            outcomes.append(attempt(simulate, run))
        except BaseException:
            if outcomes:
                yield Answer(outcomes, time.monotonic() - since, stopwatch.take())
            raise
        stopwatch("writing")
        took_s = time.monotonic() - since
        if took_s >= PERIOD_S or place == len(runs):
            yield Answer(outcomes, took_s, stopwatch.take())
            outcomes, since = [], time.monotonic()


def attempt(simulate: Simulator, run: int) -> Outcome:
    """The run's results as rows of the journal, or why it has none."""
    try:
        results = simulate(run)
        if any(result.run != run for result in results):
            return Failed(run, "the simulator answered for another run")
        return Finished(run, tuple(map(encode, results)))
    except Exception as error:  # noqa: BLE001  whatever breaks one run must not end the study
        return Failed(run, _reason(error))


@dataclass(frozen=True, slots=True)
class _Ready:
    """A worker's first message."""

    own_s: float
    """Processor time that it has spent."""
    before_s: float
    """What the process had spent that it came from."""


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    at: Any
    """A shared number: the run that it works on, or `NO_RUN`."""
    ready: bool = False
    runs: deque[int] = field(default_factory=deque)
    """What it was given and has not answered for."""


class _Crew:
    """The worker processes of one call, and which run is where."""

    def __init__(self, make_simulator: MakeSimulator, runs: Sequence[int], size: int) -> None:
        self._make_simulator = make_simulator
        self._waiting = deque(runs)
        self._deaths: Counter[int] = Counter()
        self._size = size
        self._workers: list[_Worker] = []
        self._answered, self._took_s = 0, 0.0
        self._spent, self._before_s = Stopwatch(), 0.0

    def work(self, on_outcomes: Callable[[list[Outcome]], None]) -> Mapping[str, float]:
        try:
            for _ in range(self._size):
                self._workers.append(_hire(self._make_simulator))
            for outcomes in self._batches():
                on_outcomes(sorted(outcomes, key=lambda outcome: outcome.run))
            self._spent.add({"start-up": self._before_s})
            return self._spent.spent_s
        finally:
            for worker in self._workers:
                _dismiss(worker)

    def _batches(self) -> Iterator[list[Outcome]]:
        """What comes out, that of a period together: each batch is written to the disk."""
        told: list[Outcome] = []
        since = time.monotonic()
        while self._waiting or any(worker.runs for worker in self._workers):
            left_s = max(since + PERIOD_S - time.monotonic(), 0.0)
            told += self._receive(left_s if told else None)
            self._hand_out()
            if told and time.monotonic() >= since + PERIOD_S:
                yield told
                told, since = [], time.monotonic()
        if told:
            yield told

    def _receive(self, wait_s: float | None) -> list[Outcome]:
        """What the workers say next; nothing when they say nothing for so long."""
        answering = wait([worker.connection for worker in self._workers], wait_s)
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
                    self._spent.add({"start-up": message.own_s})
                    self._before_s = max(self._before_s, message.before_s)
                case Answer():
                    for outcome in message.outcomes:
                        worker.runs.remove(outcome.run)
                    outcomes.extend(message.outcomes)
                    self._answered += len(message.outcomes)
                    self._took_s += message.took_s
                    self._spent.add(message.spent_s)
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
        suspect = worker.at.value if worker.at.value in worker.runs else worker.runs[0]
        self._deaths[suspect] += 1
        if self._deaths[suspect] < ATTEMPTS:
            return []
        self._waiting.remove(suspect)
        return [Failed(suspect, f"its worker process died {ATTEMPTS} times ({_how(exit_code)})")]

    def _hand_out(self) -> None:
        """Give each what it works on in a period and as much in advance, so that nobody waits for more."""
        for _ in range(2):
            for worker in self._workers:
                share = self._share()
                if worker.ready and self._waiting and len(worker.runs) < 2 * share:
                    some = [self._waiting.popleft() for _ in range(share)]
                    worker.runs.extend(some)
                    with suppress(OSError):  # it has just died; the next wait tells
                        worker.connection.send(some)

    def _share(self) -> int:
        """Runs to give at a time: what a period holds, and towards the end a fair part of what is left."""
        in_a_period = PERIOD_S * self._answered / self._took_s if self._took_s else 1.0
        fair = len(self._waiting) / (2 * len(self._workers))
        return max(1, int(min(in_a_period, fair)))


def _hire(make_simulator: MakeSimulator) -> _Worker:
    context: Any = multiprocessing.get_context(METHOD)
    ours, theirs = context.Pipe()
    at = context.RawValue("q", NO_RUN)
    process = context.Process(target=_serve, args=(theirs, at, make_simulator), daemon=True)
    prepare_workers()
    with for_workers():
        process.start()
    theirs.close()  # so that the worker's death is seen here as the end of the stream
    return _Worker(process, ours, at)


def _dismiss(worker: _Worker) -> int | None:
    worker.process.kill()
    worker.process.join()
    worker.connection.close()
    return worker.process.exitcode


def _serve(connection: Connection, at: Any, make_simulator: MakeSimulator) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the coordinator decides

    def begin(run: int) -> None:
        at.value = run

    with suppress(EOFError, ConnectionError):  # the coordinator is gone
        try:
            simulate = make_simulator()
        except Exception as error:  # noqa: BLE001  told to the coordinator, which raises
            connection.send(_reason(error))
            return
        preloaded = sys.modules.get("sim.study.preloaded")
        connection.send(_Ready(time.process_time(), preloaded.TOOK_S if preloaded else 0.0))
        while True:
            for answer in carried_out(simulate, connection.recv(), begin):
                connection.send(answer)


def _reason(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"signal {-exit_code}, {signal.strsignal(-exit_code)}"
    return f"exit code {exit_code}"


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
