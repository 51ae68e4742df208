"""Latency surfaces side by side, in the form in which the intervals of a year read them.

A surface has few points, as far apart as its own error allows, and is straight between their logarithms. Here
the same is tabulated in small equal steps of the load, so that a look needs no search and no exponential.
What that costs is far below the surface's own error: see `test_serving_tables`.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.serving.surface import TINY, Surface

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ShortInts = NDArray[np.int16]

MISSES, ERROR, LOG_P99 = range(3)
"""Probability to miss the SLO, how far it may be off, the logarithm of the 99th percentile [s] plus TINY."""
WAIT, LEVEL = range(2)
"""The mean wait [s] in time that the replicas need to work it off, load x `Surface.wait_s`, or 0 if the
measure has no wait in it, or the queue is always short; how many mean waits it takes to be late for the wait,
if waits are exponential."""

STEPS = 1024
"""Of the load, from 0 to 1; where requests are turned away or give up, to the last load of the surface."""
COLUMNS = 3
ROW = (STEPS + 1) * COLUMNS
"""Values of a row."""
PAIR = 2
"""WAIT and LEVEL."""
OF_WORK, OF_WAIT = range(2)
CELLS = 1024
"""Of a guide from a time to its load: equal steps of time / (time + scale), from 0 to 1. In each are few
steps of the load, as times grow as 1 / (1 - load)."""
GUIDE = 2 * (CELLS + 1)
"""Values of a row's two guides."""
HALFWAY = 7 * STEPS // 8
"""The step of the load whose time is the scale."""
WHOLE = 64
"""Each number of replicas up to it has a row of its own; beyond, each is RATIO of the one before."""
RATIO = 1.02

FAR = 50.0
"""The most mean waits that a limit is away."""
BEYOND = 1e300
"""Stands for an infinite logarithm: unlike infinity it leaves a neighbour with the weight 0 alone."""


class Tables(NamedTuple):
    """The surfaces of several groups of replicas; axes are as long as the longest, the rest is unused."""

    slack_s: Floats
    """`Surface.slack_s`: inf where the wait is no part of the measure."""
    service_s: Floats
    """`Surface.service_s`."""
    tops: Ints
    """The step of the last stable load."""
    rows: Ints
    """How many numbers of replicas each group has."""
    replicas: Floats
    """Shape [groups, rows]."""
    values: Floats
    """[groups, rows, STEPS + 1, COLUMNS], one after the other."""
    lost: Floats
    """[groups, rows, STEPS + 1], one after the other, and a row beyond: probability to have no answer."""
    most_loads: Floats
    """The load of the last step: 1, or more where requests are turned away or give up."""
    queues: Floats
    """[groups, rows, STEPS + 1, PAIR], one after the other, and an empty row beyond the last."""
    scales_s: Floats
    """[groups, rows, OF_WORK and OF_WAIT], and one more row: the scale of each guide."""
    guides: ShortInts
    """[groups, rows, OF_WORK and OF_WAIT, CELLS + 1], and one more row: the last stable step of the load that
    comes to no more work (wait and service) or wait [s] in the long run."""


@lru_cache(maxsize=256)
def tables_of(surfaces: tuple[Surface, ...]) -> Tables:
    """The tables of these surfaces."""
    axes = [_axis(surface) for surface in surfaces]
    rows = np.array([len(axis) for axis in axes], dtype=np.int64)
    replicas = np.ones((len(surfaces), int(rows.max(initial=1))))
    values = np.zeros((*replicas.shape, STEPS + 1, COLUMNS))
    queues = np.zeros((*replicas.shape, STEPS + 1, PAIR))
    lost = np.zeros((len(surfaces), replicas.shape[1], STEPS + 1))
    for n, (surface, axis) in enumerate(zip(surfaces, axes, strict=True)):
        replicas[n, : len(axis)] = axis
        values[n, : len(axis)], queues[n, : len(axis)] = _tabulated(surface, axis)
        if surface.sheds:
            lost[n, : len(axis)] = surface.read_lost(*_grid(surface, axis)).reshape(len(axis), -1)
    slack_s = np.array([surface.slack_s for surface in surfaces], dtype=np.float64)
    service_s = np.array([surface.service_s for surface in surfaces], dtype=np.float64)
    most_loads = np.array([surface.loads[-1] for surface in surfaces], dtype=np.float64)
    stable = np.array([surface.stable_load for surface in surfaces], dtype=np.float64)
    tops = (stable / most_loads * STEPS).astype(np.int64)
    scales_s = np.ones((*replicas.shape, 2))
    guides = np.zeros((*replicas.shape, 2, CELLS + 1), dtype=np.int16)
    for n, top in enumerate(tops):
        waits_s = queues[n, :, : top + 1, WAIT]
        for kind, times_s in enumerate((waits_s + np.arange(top + 1) / STEPS * service_s[n], waits_s)):
            guides[n, :, kind], scales_s[n, :, kind] = _guided(times_s)
    return Tables(
        slack_s, service_s, tops, rows, replicas, values.ravel(),
        lost=np.append(lost, np.zeros(STEPS + 1)),
        most_loads=most_loads,
        queues=np.append(queues, np.zeros((STEPS + 1) * PAIR)),
        scales_s=np.append(scales_s, np.ones(2)),
        guides=np.append(guides, np.zeros(GUIDE, dtype=np.int16)),
    )  # fmt: skip


def _axis(surface: Surface) -> Floats:
    """Numbers of replicas as dense as needed, from the surface's first to its last."""
    first, last = float(surface.replicas[0]), float(surface.replicas[-1])
    axis = np.arange(first, min(last, WHOLE) + 1.0)
    while axis[-1] < last:
        axis = np.append(axis, min(axis[-1] * RATIO, last))
    return axis


def _tabulated(surface: Surface, axis: Floats) -> tuple[Floats, Floats]:
    """Shape [rows, STEPS + 1, COLUMNS] and [.., PAIR]; with a wait in the measure, above the last stable load
    as there.
    """
    load, replicas = _grid(surface, axis)
    bounded = np.isfinite(surface.slack_s) and not surface.sheds
    at = np.minimum(load, surface.stable_load) if bounded else load
    p99_s = surface.read_time("p99_s", at, replicas)
    finite = np.isfinite(p99_s)
    misses = surface.read(at, replicas)
    columns = (
        misses,
        surface.read_error(np.minimum(load, surface.stable_load), replicas),
        np.where(finite, np.log(np.where(finite, p99_s, 1.0) + TINY), BEYOND),
    )
    pair = (
        _waits_s(surface, np.minimum(load, surface.stable_load), replicas),
        _levels(misses, surface.read(np.zeros(load.shape), replicas)),
    )
    shape = (len(axis), STEPS + 1, -1)
    return np.stack(columns, axis=-1).reshape(shape), np.stack(pair, axis=-1).reshape(shape)


def _grid(surface: Surface, axis: Floats) -> tuple[Floats, Floats]:
    """Loads and replicas of all values of a surface's rows."""
    loads = np.arange(STEPS + 1) / STEPS * surface.loads[-1]
    replicas, load = np.meshgrid(axis, loads, indexing="ij")
    return load.ravel(), replicas.ravel()


def _waits_s(surface: Surface, load: Floats, replicas: Floats) -> Floats:
    if np.isinf(surface.slack_s) or surface.sheds:
        return np.zeros(load.shape)
    wait_s = surface.read_time("wait_s", load, replicas)
    return np.where(wait_s > TINY, load * wait_s, 0.0)


def _guided(times_s: Floats) -> tuple[ShortInts, Floats]:
    """Guides [rows, CELLS + 1] and scales [rows], from times of shape [rows, stable steps of the load]."""
    scales_s = times_s[:, min(HALFWAY, times_s.shape[1] - 1)]
    scales_s = np.where(scales_s > 0.0, scales_s, 1.0)
    places = np.arange(CELLS) / CELLS
    guides = np.empty((len(times_s), CELLS + 1), dtype=np.int16)
    for guide, row_s, scale_s in zip(guides, np.maximum.accumulate(times_s, axis=1), scales_s, strict=True):
        guide[:-1] = np.searchsorted(row_s, scale_s * places / (1.0 - places), side="right") - 1
    guides[:, -1] = times_s.shape[1] - 1
    return np.maximum(guides, 0), scales_s


def _levels(misses: Floats, alone: Floats) -> Floats:
    """Mean waits; `alone` misses the SLO without any."""
    more = np.divide(misses - alone, 1.0 - alone, out=np.zeros(len(alone)), where=alone < 1.0)
    levels: Floats = -np.log(np.clip(more, math.exp(-FAR), 1.0))
    return levels


def seconds_of(logarithm: Floats) -> Floats:
    """What a table's logarithm stands for."""
    with np.errstate(over="ignore"):
        return np.maximum(np.exp(logarithm) - TINY, 0.0)
