"""What stands beside the engines: the least that an event can cost, and other ways to do the same work."""

import heapq
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from sim.jit import kernel
from sim.world.world import Ints, Jobs


def bare_timeouts(events: int) -> None:
    """One SimPy process that waits again and again: the least that an event can cost in SimPy."""
    env = simpy.Environment()

    def ticks() -> Generator[simpy.Event, Any, None]:
        for _ in range(events):
            yield env.timeout(1)

    env.process(ticks())
    env.run()


@kernel
def bare_heap(events: int, size: int) -> int:
    """Pop the least of `size` numbers from a binary heap and push a greater one, `events` times.

    That is all that a calendar has to do: no event has a meaning. Returns the sum of what was popped.
    """
    heap = np.arange(size + 1)
    draw = popped = 0
    for _ in range(events):
        least, last = heap[0], heap[size - 1]
        popped += least
        hole, below = 0, 1
        while below < size - 1:
            if below + 1 < size - 1 and heap[below + 1] < heap[below]:
                below += 1
            if heap[below] >= last:
                break
            heap[hole] = heap[below]
            hole, below = below, 2 * below + 1
        heap[hole] = last
        draw = (draw * 1103515245 + 12345) & 0x7FFFFFFF
        value = least + draw
        hole = size - 1
        while hole > 0 and heap[(hole - 1) >> 1] > value:
            heap[hole] = heap[(hole - 1) >> 1]
            hole = (hole - 1) >> 1
        heap[hole] = value
    return int(popped)


def simpy_waits(jobs: Jobs, accelerators: int) -> Ints:
    """How long each one-accelerator job waits [s] before one pool, as a SimPy model is usually written."""
    env = simpy.Environment()
    pool = simpy.Resource(env, accelerators)
    waits_s = np.zeros(len(jobs), dtype=np.int64)

    def job(number: int, work_s: int) -> Generator[simpy.Event, Any, None]:
        arrived_s = env.now
        with pool.request() as turn:
            yield turn
            waits_s[number] = env.now - arrived_s
            yield env.timeout(work_s)

    def arrivals() -> Generator[simpy.Event, Any, None]:
        facts = zip(jobs.submit_s.tolist(), jobs.work_s.tolist(), strict=True)
        for number, (submit_s, work_s) in enumerate(facts):
            yield env.timeout(submit_s - env.now)
            env.process(job(number, work_s))

    env.process(arrivals())
    env.run()
    return waits_s


def heapq_waits(jobs: Jobs, accelerators: int) -> Ints:
    """The same from a heap of the times at which accelerators become free: the least that Python can do."""
    free_s = [0] * accelerators
    waits_s = []
    for submit_s, work_s in zip(jobs.submit_s.tolist(), jobs.work_s.tolist(), strict=True):
        start_s = max(free_s[0], submit_s)
        heapq.heapreplace(free_s, start_s + work_s)
        waits_s.append(start_s - submit_s)
    return np.array(waits_s, dtype=np.int64)
