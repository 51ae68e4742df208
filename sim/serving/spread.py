"""How the requests of an interval are spread over the sites of a service.

Users who take the same way over the sites are a *stream*. Each turns to the site of its first choice, which
takes as much as brings its replicas to `up_to` of what they sustain, of all who ask alike; who is not taken
turns to the next site. What no site takes is shared by all replicas alike, so that without any choice, and
near saturation, all of them have the same load. Within a site they always have.

A *lane* is the way of one stream to one pool: it has a share of the requests, and a latency surface with the
round trip of its users.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner
from sim.serving.surface import Surface

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Users whose requests take the same way over the sites."""

    share: float
    """Of all requests."""
    order: tuple[int, ...]
    """Sites, the first choice first; none where it is all the same to them."""
    surfaces: tuple[Surface, ...]
    """Of each pool, with the round trips of these users."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The streams of a service, and the sites (numbered from 0) on which its pools are."""

    streams: tuple[Stream, ...]
    sites: tuple[int, ...]
    """Of each pool."""
    up_to: float
    """Of what the ready replicas of a site sustain."""

    @property
    def surfaces(self) -> tuple[Surface, ...]:
        """Of each lane: those of the first stream to all pools, then those of the second, and so on."""
        return tuple(surface for stream in self.streams for surface in stream.surfaces)


def one_stream(surfaces: Sequence[Surface]) -> Spread:
    """All users, to whom it is all the same where they are answered."""
    return Spread((Stream(1.0, (), tuple(surfaces)),), (0,) * len(surfaces), 0.0)


class Lanes(NamedTuple):
    """A spread for compiled code, and what it works out anew for each stretch and interval."""

    site: Ints
    """Of each pool."""
    order: Ints
    """Shape [streams, sites]; without sites where it is all the same to all."""
    stream_share: Floats
    up_to: Floats
    """One number."""
    pool_capacity: Floats
    """Requests of an interval, and so below."""
    site_capacity: Floats
    site_taken: Floats
    taken: Floats
    """Shape [streams, sites]."""
    left: Floats
    """Of each stream: what no site has taken."""
    share: Floats
    """Of each lane, and so below."""
    load: Floats
    row: Ints
    """Where the row of its table begins, for the replicas that are ready,"""
    down: Floats
    """and how far they lie on the way to the next row."""


def lanes_of(spread: Spread) -> Lanes:
    """Lanes with nothing worked out yet."""
    streams, pools = len(spread.streams), len(spread.sites)
    choices = {len(stream.order) for stream in spread.streams}
    assert len(choices) == 1, f"some streams have a choice of {min(choices)} sites, some of {max(choices)}"
    order = np.array([stream.order for stream in spread.streams], dtype=np.int64).reshape(streams, -1)
    sites = order.shape[1]
    return Lanes(
        np.array(spread.sites, dtype=np.int64),
        order,
        np.array([stream.share for stream in spread.streams], dtype=np.float64),
        np.array([spread.up_to]),
        np.zeros(pools),
        np.zeros(sites),
        np.zeros(sites),
        np.zeros((streams, sites)),
        np.zeros(streams),
        np.zeros(streams * pools),
        np.zeros(streams * pools),
        np.zeros(streams * pools, dtype=np.int64),
        np.zeros(streams * pools),
    )


@inner
def is_spread(lanes: Lanes) -> bool:
    """Whether users have a choice, so that sites may have different loads."""
    found: bool = lanes.order.shape[1] > 0
    return found


@inner
def spread_requests(lanes: Lanes, requests: float, capacity: float) -> None:
    """Shares and loads of the lanes for so many requests, at most the capacity, which is above 0."""
    # Each array is taken out of the tuple once: it is counted each time, which adds up.
    order, left, taken = lanes.order, lanes.left, lanes.taken
    pool_capacity, site_of, shares, loads = lanes.pool_capacity, lanes.site, lanes.share, lanes.load
    site_capacity, site_taken, stream_share = lanes.site_capacity, lanes.site_taken, lanes.stream_share
    streams, sites, pools = len(left), len(site_capacity), len(pool_capacity)
    for site in range(sites):
        site_capacity[site] = site_taken[site] = 0.0
        for stream in range(streams):
            taken[stream, site] = 0.0
    for pool in range(pools):
        site_capacity[site_of[pool]] += pool_capacity[pool]
    for stream in range(streams):
        left[stream] = requests * stream_share[stream]
    _ask_in_turn(order, left, taken, site_capacity, site_taken, lanes.up_to[0])
    left_over = 0.0
    for stream in range(streams):
        left_over += left[stream]
    for stream in range(streams):
        for pool in range(pools):
            lane, site = stream * pools + pool, site_of[pool]
            amount = load = 0.0
            if pool_capacity[pool] > 0.0:
                amount = taken[stream, site] * pool_capacity[pool] / site_capacity[site]
                amount += left[stream] * pool_capacity[pool] / capacity
                load = min(site_taken[site] / site_capacity[site] + left_over / capacity, 1.0)
            shares[lane] = amount / requests if requests > 0.0 else 0.0
            loads[lane] = load


@inner
def _ask_in_turn(
    order: Ints, left: Floats, taken: Floats, site_capacity: Floats, site_taken: Floats, up_to: float
) -> None:
    """Let each site take what it can of those whose next choice it is, of all the same part."""
    for choice in range(order.shape[1]):
        for site in range(len(site_taken)):
            asked = 0.0
            for stream in range(len(left)):
                if order[stream, choice] == site:
                    asked += left[stream]
            room = up_to * site_capacity[site] - site_taken[site]
            if asked > 0.0 and room > 0.0:
                part = min(room / asked, 1.0)
                for stream in range(len(left)):
                    if order[stream, choice] == site:
                        moved = part * left[stream]
                        taken[stream, site] += moved
                        site_taken[site] += moved
                        left[stream] -= moved
