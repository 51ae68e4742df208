"""A small scenario for the command line, and ways to give commands: here, or to a program of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.cli import main
from sim.study.ready import make_ready

ROOT = Path(__file__).parent.parent

TINY = """
title: "Tiny [red] $x_1$ and [/] :smile:"
start: 2026-01-05
horizon: 2 days
locations: [office, region]
sites:
  room:
    kind: on-prem
    location: office
    zone: home
    power: {price: 0.10 USD/kWh, pue: 1.5}
    pools:
      nodes:
        purchase: owned
        accelerator: A100-80GB
        node: {accelerators: 8, price: 157680 USD, idle: 1.6 kW, busy: 5.6 kW}
        nodes: 1
        life: 5 years
        lead_time: 6 h
  cloud:
    kind: cloud
    location: region
    zone: outside
    pools:
      rent:
        purchase: on-demand
        accelerator: A100-80GB
        price: 5 USD/hour
        boot: {uniform: {low: 5 min, high: 15 min}}
workloads:
  train:
    kind: training
    arrivals: {poisson: {rate: 12 per day}}
    accelerators: {choice: {4: 50%, 8: 50%}}
    duration: {uniform: {low: 1 h, high: 3 h}}
    deadline: 8 h
strategies:
  home: {place: {train: [room/nodes]}}
  burst: {place: {train: [room/nodes, {pool: cloud/rent, when: wait > 1 h}]}}
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Shell:
    """Gives commands in this process."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __post_init__(self) -> None:
        """Have everything compiled, which the first command would speak of."""
        make_ready(lambda _: None)

    def __call__(self, *words: object) -> Said:
        """Exit code and output of `simulate WORDS`."""
        self.monkeypatch.setattr(sys, "argv", ["simulate", *map(str, words)])
        before = signal.getsignal(signal.SIGTERM)
        self.capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            signal.signal(signal.SIGTERM, before)
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, *self.capsys.readouterr())


def environment(**changes: str) -> dict[str, str]:
    """That of this process, in which the package is found, with changes."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changes}


HEEDING_SIGINT = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("sim", run_name="__main__")
"""
"""A shell that starts the tests in the background has them ignore SIGINT, which programs inherit."""


@contextmanager
def program(*words: str | Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m sim WORDS`, ended at the latest with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDING_SIGINT, *map(str, words)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
