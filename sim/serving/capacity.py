"""Compiled: what the replicas of a service could do, interval by interval, and whether it was enough."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner, kernel
from sim.memory import length
from sim.serving.layout import DEMAND, LANES, POOLS, ServiceMemory

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@kernel
def ready_time(ready_s: Ints, end_s: Ints, interval_s: int, horizon_s: int) -> Floats:
    """Replica-seconds that were ready in each interval; exact, as sums of whole seconds below 2**53 are."""
    count = -(-horizon_s // interval_s)
    standing = np.zeros(count + 1, np.int64)
    outside_s = np.zeros(count + 1, np.int64)
    for n in range(len(ready_s)):
        into = ready_s[n] // interval_s
        standing[into] += 1
        outside_s[into] -= ready_s[n] - into * interval_s
        into = end_s[n] // interval_s
        standing[into] -= 1
        outside_s[into] += end_s[n] - into * interval_s
    found = np.empty(count)
    replicas = np.int64(0)
    for n in range(count):
        replicas += standing[n]
        found[n] = replicas * min(interval_s, horizon_s - n * interval_s) + outside_s[n]
    return found


@inner
def find_capacity(m: ServiceMemory, n: int) -> float:
    """The capacity [requests] of interval n; of each lane its share where all have the same load."""
    capacity, pools = 0.0, length(m, POOLS)
    for pool in range(pools):
        mine = m.pools[pool]
        mine.capacity = m.ready_s[pool, n] * mine.capacity_rps
        capacity += mine.capacity
    for lane in range(length(m, LANES)):
        one = m.lanes[lane]
        requests = m.pools[one.pool].capacity * m.streams[lane // pools].share
        one.share = requests / capacity if capacity > 0.0 else 0.0
    return capacity


@inner
def end_of_stretch(m: ServiceMemory, n: int, last: int) -> int:
    """The first interval after n in which other replicas are ready, or `last`."""
    end, pools = n + 1, length(m, POOLS)
    while end < last:
        for pool in range(pools):
            if m.ready_s[pool, end] != m.ready_s[pool, n]:
                return end
        end += 1
    return end


@kernel
def is_overloaded(m: ServiceMemory, window: int) -> bool:
    """Whether in some `window` intervals in a row more was asked for than could be answered."""
    count, pools, state = length(m, DEMAND), length(m, POOLS), m.state[0]
    excess = np.empty(count + 1)
    excess[0] = 0.0
    for n in range(count):
        asked = m.demand_rps[n] * min(state.interval_s, state.horizon_s - n * state.interval_s)
        for pool in range(pools):
            asked -= m.ready_s[pool, n] * m.pools[pool].capacity_rps
        excess[n + 1] = excess[n] + asked
        if n + 1 >= window and excess[n + 1] > excess[n + 1 - window]:
            return True
    return False
