"""Compiled: what the replicas of a service could do, interval by interval, and whether it was enough."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner, kernel

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
def find_capacity(
    capacity_rps: Floats, stream_share: Floats, ready_s: Floats, n: int, pool_capacity: Floats, shares: Floats
) -> float:
    """The capacity [requests] of interval n; of each lane its share where all have the same load."""
    capacity, pools = 0.0, len(ready_s)
    for pool in range(pools):
        pool_capacity[pool] = ready_s[pool, n] * capacity_rps[pool]
        capacity += pool_capacity[pool]
    for stream in range(len(stream_share)):
        for pool in range(pools):
            mine = pool_capacity[pool] * stream_share[stream]
            shares[stream * pools + pool] = mine / capacity if capacity > 0.0 else 0.0
    return capacity


@inner
def end_of_stretch(ready_s: Floats, n: int, last: int) -> int:
    """The first interval after n in which other replicas are ready, or `last`."""
    end = n + 1
    while end < last:
        for group in range(len(ready_s)):
            if ready_s[group, end] != ready_s[group, n]:
                return end
        end += 1
    return end


@kernel
def is_overloaded(
    capacity_rps: Floats, demand_rps: Floats, ready_s: Floats, times_s: Floats, window: int
) -> bool:
    """Whether in some `window` intervals in a row more was asked for than could be answered."""
    excess = np.zeros(len(demand_rps) + 1)
    for n in range(len(demand_rps)):
        asked = demand_rps[n] * min(times_s[0], times_s[2] - n * times_s[0])
        for group in range(len(ready_s)):
            asked -= ready_s[group, n] * capacity_rps[group]
        excess[n + 1] = excess[n] + asked
        if n + 1 >= window and excess[n + 1] > excess[n + 1 - window]:
            return True
    return False
