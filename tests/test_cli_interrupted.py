"""A command that is interrupted, or whose reader goes away, ends in order and can go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.errors import StorageError
from sim.study import Journal
from tests.cli_miniature import ROOT, TINY, Shell, environment, program

RUNS = 150


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Gives commands that draw no figures, to be quick."""
    monkeypatch.setattr("sim.report.figures.draw_figures", lambda *_: None)
    return Shell(monkeypatch, capsys)


def runs_in(folder: Path) -> int:
    """How many runs the journal has; 0 before there is one."""
    try:
        with Journal.open(folder) as journal:
            return len(journal.done_runs(["home", "burst"]))
    except StorageError:
        return 0


def all_gone(group: int) -> bool:
    """Whether all processes of a group have ended, or do so within seconds."""
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(
    ("number", "workers", "code"),
    [(signal.SIGINT, 1, 130), (signal.SIGTERM, 2, 143)],
    ids=["SIGINT", "SIGTERM"],
)
def test_an_interrupted_study_goes_on(
    shell: Shell, tmp_path: Path, number: signal.Signals, workers: int, code: int
) -> None:
    """The same command ends with the summary of an uninterrupted one; no traceback, no stray worker."""
    scenario, folder = tmp_path / "tiny.yaml", tmp_path / "study"
    scenario.write_text(TINY, encoding="utf-8")
    with program(
        scenario, "--runs", str(RUNS), "--workers", str(workers), "--out", folder, folder=tmp_path
    ) as process:
        limit = time.monotonic() + 60
        while not runs_in(folder):
            assert process.poll() is None, "it ended before it could be interrupted"
            assert time.monotonic() < limit, "it does not begin"
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert out == ""
    assert err.rstrip().endswith("stopped; finished runs are kept, and the same command goes on from here")
    assert "Traceback" not in err
    assert all_gone(process.pid)
    kept = runs_in(folder)
    assert 0 < kept < RUNS, "the interruption came too late to say anything"
    command = ("--runs", RUNS, "--workers", 1, "--json")
    resumed = shell(scenario, *command, "--out", folder)
    assert (resumed.code, resumed.out) == (0, shell(scenario, *command, "--out", tmp_path / "other").out)


def test_termination_is_heeded_at_any_time(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM ends the program in order before and after the futures too, with 143."""

    def terminated(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    scenario = tmp_path / "tiny.yaml"
    scenario.write_text(TINY, encoding="utf-8")
    monkeypatch.setattr("sim.study.prepare.carry_out", terminated)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        said = shell(scenario)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert said.code == 143
    assert "the same command goes on from here" in said.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_fault(unbuffered: str) -> None:
    """`simulate schema | head -1`: the reader has what it wanted, and nobody complains."""
    with subprocess.Popen(
        [sys.executable, "-m", "sim", "schema"],
        cwd=ROOT, env=environment(PYTHONUNBUFFERED=unbuffered), pipesize=4096,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"{\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_behind_stdout_exits_with_4() -> None:
    """An answer that could not be written is not taken for one that was."""
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "sim", "schema"],
            cwd=ROOT, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False, text=True,
        )  # fmt: skip
    assert ended.returncode == 4
    assert ended.stderr == "stdout cannot be written: No space left on device\n"
