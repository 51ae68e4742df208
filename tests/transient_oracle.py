"""A queue on its way, followed in small steps: what the compiled steps must agree with.

The law of a queue from empty is integrated numerically, tables are searched in plain arrays, and nothing is
taken at once. It shares no line with `sim.serving.transient`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from sim.serving.surface import Surface

Floats = NDArray[np.float64]
POINTS = 4001
"""Of the load, in which a surface is read."""


def tail(x: Floats, age: float) -> Floats:
    """P(W > x) of a Brownian motion reflected at 0 with drift `age` and variance 1, at 1, from empty."""
    found: Floats = ndtr(age - x) + np.exp(2.0 * age * x + log_ndtr(-x - age))
    return found


@cache
def laws() -> tuple[Floats, Floats, Floats, Floats]:
    """By descending width: a, mean, pressure, width."""
    ages = np.concatenate((np.linspace(-4.0, 3.0, 500), np.linspace(3.0, 16.0, 300)[1:]))
    rows = []
    for age in ages:
        x = np.linspace(0.0, max(age + 9.0, 9.0), 6001)
        mean = np.trapezoid(tail(x, age), x)
        width = 2.0 * np.trapezoid(x * tail(x, age), x) / mean**2 - 1.0
        pressure = 2.0 * (np.exp(-0.5 * age**2) / np.sqrt(2.0 * np.pi) - age * ndtr(-age)) * mean
        rows.append((age, mean, pressure, width))
    age, mean, pressure, width = np.array(rows).T
    return age, mean, pressure, width


@dataclass(frozen=True, slots=True)
class Followed:
    """As `sim.serving.transient.follow`."""

    misses: float
    mean_s: float
    wait_s: float
    utilisation: float
    width: float


def follow(
    surface: Surface, replicas: float, load: float, length_s: float, work_s: float, width: float, steps: int
) -> Followed:
    """Follow a queue that begins with so much work in all [s] and with this width."""
    loads = np.linspace(0.0, surface.stable_load, POINTS)
    among = np.full(POINTS, replicas)
    waits = loads * surface.read_time("wait_s", loads, among)
    chances = surface.read(loads, among)
    alone, top = chances[0], 1.0 - surface.stable_load
    age_of, mean_of, pressure_of, width_of = laws()
    step_s = length_s / steps
    variance, late, total = -1.0, 0.0, 0.0
    for _ in range(steps):
        if work_s >= waits[-1] + loads[-1] * surface.service_s:
            wait_s = work_s - loads[-1] * surface.service_s
            idle, level = top * waits[-1] / wait_s, -np.log((chances[-1] - alone) / (1.0 - alone))
            level *= waits[-1] / wait_s
        else:
            used = float(np.interp(work_s, waits + loads * surface.service_s, loads))
            idle, wait_s = 1.0 - used, float(np.interp(used, loads, waits))
            chance = float(np.interp(used, loads, chances))
            level = -np.log(max((chance - alone) / (1.0 - alone), 1e-30))
        variance = width * wait_s**2 if variance < 0.0 else variance
        width = min(variance / wait_s**2, 1.0) if wait_s > 0.0 else 1.0
        if 1.0 - load < idle:
            begun = np.interp((1.0 - load) / idle, (-2.0 * age_of * mean_of)[::-1], width_of[::-1])
            width = min(width, float(begun))
        by_width = [
            float(np.interp(width, width_of[::-1], row[::-1])) for row in (age_of, mean_of, pressure_of)
        ]
        variance = width * wait_s**2 + 2.0 * step_s * idle * wait_s * (1.0 - by_width[2])
        late += float(tail(np.array([level * by_width[1]]), by_width[0])[0]) / steps
        total += wait_s / steps
        work_s = max(work_s + step_s * (load - 1.0 + idle * by_width[2]), 0.0)
    return Followed(float(alone + (1.0 - alone) * late), total, wait_s, 1.0 - idle, width)
