"""`sim.benchmark` compares what it says it compares."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.benchmark import Comparison, Growth, Report, comparisons, document
from sim.benchmark.comparisons import Side, census, compare, waits
from sim.benchmark.figure import draw_growth
from sim.benchmark.machine import this_machine
from sim.benchmark.report import rate
from sim.benchmark.rivals import bare_heap, heapq_waits, simpy_waits
from sim.benchmark.worlds import FIFO_ACCELERATORS, fifo_world, has_philly, philly_jobs, training_world
from sim.world.world import Jobs
from tests.cli_miniature import Shell, environment
from tests.engines import run
from tests.miniature import jobs, option, owned, plan, training, world


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell for commands that measure nothing."""
    return Shell(monkeypatch, capsys)


REPORT = Report(
    this_machine(),
    (Comparison("events", "9 jobs", "events", "SimPy", 2e3, "timeouts", 1e4, 0.2, 0.1, 0.3, "0.25"),),
    tuple(Growth(grows, True, 0.8, (10, 1000), (1.0, 1.5), 1.5) for grows in ("jobs", "nodes")),
)


def test_waits_before_one_pool_are_those_worked_out_by_hand() -> None:
    """On two accelerators the third job begins at 5, when the second ends, the fourth at 8 behind it."""
    facts = jobs((0, 1, 10), (0, 1, 5), (1, 1, 3), (2, 1, 1))
    expected = [0, 0, 4, 6]
    assert simpy_waits(facts, 2).tolist() == expected
    assert heapq_waits(facts, 2).tolist() == expected
    future, made = world(facts), plan([owned(1, size=2)], [training(option(0))], backfill=False)
    assert waits(future, run(future, made)).tolist() == expected


def test_ways_before_one_pool_agree_in_a_crowd() -> None:
    """Twice as many jobs at once as there are accelerators, drawn from the law of the trace."""
    drawn = philly_jobs(None, 2 * FIFO_ACCELERATORS)
    at_once = Jobs(drawn.workload, drawn.number, drawn.submit_s * 0, drawn.accelerators, drawn.work_s)
    future, made = fifo_world(at_once)
    expected = heapq_waits(at_once, FIFO_ACCELERATORS)
    assert (expected > 0).sum() == FIFO_ACCELERATORS
    assert np.array_equal(waits(future, run(future, made)), expected)
    assert np.array_equal(simpy_waits(at_once, FIFO_ACCELERATORS), expected)


def test_engines_agree_on_the_world_that_times_them() -> None:
    """Gangs that backfill and burst: the same records."""
    run(*training_world(300, load=1.2))


def test_the_load_of_a_world_is_what_is_asked_of_its_nodes() -> None:
    """Accelerator-seconds of 20,000 jobs over those of the nodes until the last arrives, to 5 %."""
    future, _ = training_world(20_000, 20, load=0.9)
    asked_s = (future.jobs.accelerators * future.jobs.work_s).sum()
    assert asked_s / (20 * 8 * future.jobs.submit_s[-1]) == pytest.approx(0.9, rel=0.05)


def test_bare_heap_pops_in_order() -> None:
    """Of 0, 1, 2, 3 all are popped before any that was pushed: these are greater than 12,344."""
    assert bare_heap(4, 4) == 0 + 1 + 2 + 3
    assert bare_heap(2, 1) == 0 + 12345


def test_census_counts_dispatches() -> None:
    """One for the job that comes first, one for the one that has to wait, one when the first ends."""
    made = plan([owned(1)], [training(option(0))])
    assert census(world(jobs((0, 8, 10))), made)[1] == 1
    assert census(world(jobs((0, 8, 10), (5, 8, 10))), made)[1] == 3


DISPATCHES = """
import sim.engine.compiled.loop as loop
from sim.benchmark.worlds import training_world
from sim.engine import Engine, run

times, dispatch = 0, loop.dispatch

def counted(memory):
    global times
    times += 1
    dispatch(memory)

loop.dispatch = counted
run(*training_world(200, load=1.2), Engine.COMPILED)
print(times)
"""


def test_both_engines_dispatch_equally_often() -> None:
    """So that what a profiler counts in the SimPy engine holds for the compiled one, here uncompiled."""
    ended = subprocess.run(
        [sys.executable, "-c", DISPATCHES], env=environment(NUMBA_DISABLE_JIT="1"), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert int(ended.stdout) == census(*training_world(200, load=1.2))[1]


def test_comparisons_are_medians_of_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours does 10 units in 1 s, the other 20 in 4, 16 and 8 s: 10/5, 10/1.25 and 10/2.5."""
    times_s = np.array([[1.0, 4.0], [1.0, 16.0], [1.0, 8.0]])
    monkeypatch.setattr(comparisons, "in_turns", lambda works, rounds: times_s)
    sides = Side("ours", 10, lambda: None), Side("other", 20, lambda: None)
    [found] = compare("n", "about", "jobs", sides[0], sides[1:], 3, "4")
    assert (found.ratio, found.lowest, found.highest) == (4.0, 2.0, 8.0)
    assert (found.per_s, found.beside_per_s, found.key) == (10.0, 2.5, "n, ours / other")


def test_rates_have_three_digits() -> None:
    """With k and M, and without a unit where that stands elsewhere."""
    assert rate(14_321, "events") == "14.3 k events/s"
    assert rate(3.2e6) == "3.20 M/s"
    assert rate(0.1234, "futures") == "0.123 futures/s"


def test_figure_is_the_same_each_time(tmp_path: Path) -> None:
    """The same bytes for the same figures, and few of them."""
    for name in ("a.svg", "b.svg"):
        draw_growth(tmp_path / name, REPORT.growth, "about")
    first = (tmp_path / "a.svg").read_bytes()
    assert first == (tmp_path / "b.svg").read_bytes()
    assert len(first) < 60_000
    assert b"jobs, EASY, load 80%" in first


def test_json_is_one_document(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its schema, the machine, the comparisons and the growth."""
    monkeypatch.setattr("sim.benchmark.measure", lambda *_: REPORT)
    told = json.loads(shell("benchmark", "--json").out)
    assert told == json.loads(json.dumps(document(REPORT)))
    assert told["schema"] == "simulate.benchmark"
    assert told["comparisons"][0]["ratio"] == 0.2


def test_table_says_what_was_compared(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates with their units, the ratio, the goal, and the growth of both kinds."""
    monkeypatch.setattr("sim.benchmark.measure", lambda *_: REPORT)
    told = shell("benchmark").out
    for said in ("2.00 k events/s", "10.0 k/s", "0.200", "0.25", "jobs, EASY, load 80%", "nodes, EASY"):
        assert said in told


def test_a_folder_without_the_trace_is_an_error(shell: Shell, tmp_path: Path) -> None:
    """Exit code 2, and what is missing."""
    assert not has_philly(tmp_path)
    ended = shell("benchmark", "--data", str(tmp_path))
    assert ended.code == 2
    assert "philly_2017/jobs.csv.gz" in ended.err


def test_a_trace_is_read_as_whole_seconds(tmp_path: Path) -> None:
    """Each job on one accelerator, whatever it had; durations rounded up."""
    (tmp_path / "philly_2017").mkdir()
    lines = "submit_s,duration_s,num_gpus\n0,1.5,8\n7,2.0,1\n"
    import gzip

    (tmp_path / "philly_2017/jobs.csv.gz").write_bytes(gzip.compress(lines.encode()))
    found = philly_jobs(tmp_path, 2)
    assert found.submit_s.tolist() == [0, 7]
    assert found.work_s.tolist() == [2, 2]
    assert found.accelerators.tolist() == [1, 1]
