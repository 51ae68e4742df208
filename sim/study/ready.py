"""Compiled code made ready before a study: compiled once for a machine, loaded once for all workers.

The smallest study goes through all of it: its demand is long enough to be read from a table, and it has a
market that nobody uses.
"""

from collections.abc import Callable

import numpy as np

from sim.engine import Engine
from sim.jit import cache_folder, is_compiling
from sim.loading import load_text
from sim.serving.surface import Surface
from sim.study.services import EVERYBODY, Serving
from sim.study.simulation import Simulation

READY = "ready"
"""A file beside the compiled code that says that nothing is missing."""

SMALLEST = """
title: The smallest study
start: 2026-01-05
horizon: 1 day
interval: 5 s
locations: [here]
sites:
  room:
    kind: on-prem
    location: here
    zone: home
    access: {here: 1 ms}
    pools:
      nodes: {purchase: owned, accelerator: A100-80GB, nodes: 1, life: 5 years, resale: 20%}
  cloud:
    kind: cloud
    location: here
    zone: away
    access: {here: 1 ms}
    pools:
      spot:
        purchase: spot
        accelerator: A100-80GB
        price: 1 USD/hour
        market: {regimes: {open: {spell: 1 h}, shut: {spell: 1 h, largest_gang: 0}}}
workloads:
  train: {kind: training, arrivals: {poisson: {rate: 4 per day}}, accelerators: 1, duration: 1 h}
  serve:
    kind: inference
    users: {here: 100%}
    demand: {mean: 1 per second, bursts: {gamma: {cv: 0.3}}}
    service: {kind: single, time: 60 ms, replica: {accelerators: 1, load: 60 s}}
    slo: {latency: 300 ms, share: 99%}
strategies:
  home: {place: {all: [room/nodes]}}
"""


def make_ready(say: Callable[[str], None]) -> None:
    """Compile what is not on the disk already, and say so; other processes then find it."""
    folder = cache_folder()
    done = None if folder is None else folder / READY
    if not is_compiling() or (done is not None and done.exists()):
        return
    say("compiling" + (", once" if done is not None else ": no cache folder can be written"))
    run_smallest()
    if done is not None:
        done.touch()


def preload() -> None:
    """Load what is on the disk: processes that come from this one then have it."""
    folder = cache_folder()
    if is_compiling() and folder is not None and (folder / READY).exists():
        run_smallest()


def run_smallest() -> None:
    """Carry out one future of a scenario with a job and a request, whose surface says nothing."""
    scenario = load_text(SMALLEST)
    table = np.zeros((1, 2))
    surface = Surface(
        np.array([0.5, 1.0]), np.ones(1), table, table, table, table, table, table,
        slack_s=0.1, service_s=0.1, capacity_rps=10.0,
    )  # fmt: skip
    servings = {("serve", "room/nodes", EVERYBODY): Serving(surface.capacity_rps, surface)}
    Simulation(scenario, 0, ("home",), servings, Engine.COMPILED)(0)
