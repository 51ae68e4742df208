"""Compiled: how the requests of an interval are spread over the sites of a service (see `spread`)."""

from sim.jit import inner
from sim.memory import length
from sim.serving.layout import POOLS, SITES, STREAMS, ServiceMemory


@inner
def spread_requests(m: ServiceMemory, requests: float, capacity: float) -> None:
    """Shares and loads of the lanes for so many requests, at most the capacity, which is above 0."""
    for site in range(length(m, SITES)):
        m.sites[site].capacity = m.sites[site].taken = 0.0
        for stream in range(length(m, STREAMS)):
            m.taken[stream, site] = 0.0
    for pool in range(length(m, POOLS)):
        m.sites[m.pools[pool].site].capacity += m.pools[pool].capacity
    for stream in range(length(m, STREAMS)):
        m.streams[stream].left = requests * m.streams[stream].share
    for choice in range(m.state[0].choices):
        _ask(m, choice)
    left_over = 0.0
    for stream in range(length(m, STREAMS)):
        left_over += m.streams[stream].left
    lane = 0
    for stream in range(length(m, STREAMS)):
        for pool in range(length(m, POOLS)):
            mine, site, one = m.pools[pool], m.sites[m.pools[pool].site], m.lanes[lane]
            amount = load = 0.0
            if mine.capacity > 0.0:
                amount = m.taken[stream, mine.site] * mine.capacity / site.capacity
                amount += m.streams[stream].left * mine.capacity / capacity
                load = min(site.taken / site.capacity + left_over / capacity, 1.0)
            one.share = amount / requests if requests > 0.0 else 0.0
            one.load = load
            lane += 1


@inner
def _ask(m: ServiceMemory, choice: int) -> None:
    """Let each site take what it can of those whose next choice it is, of all the same part."""
    for site in range(length(m, SITES)):
        here, asked = m.sites[site], 0.0
        for stream in range(length(m, STREAMS)):
            if m.order[stream, choice] == site:
                asked += m.streams[stream].left
        room = m.state[0].up_to * here.capacity - here.taken
        if asked > 0.0 and room > 0.0:
            part = min(room / asked, 1.0)
            for stream in range(length(m, STREAMS)):
                if m.order[stream, choice] == site:
                    moved = part * m.streams[stream].left
                    m.taken[stream, site] += moved
                    here.taken += moved
                    m.streams[stream].left -= moved
