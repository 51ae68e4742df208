"""How the requests of a service are spread over its sites (`spreading` works it out).

Users who take the same way over the sites are a *stream*. Each turns to the site of its first choice, which
takes as much as brings its replicas to `up_to` of what they sustain, of all who ask alike; who is not taken
turns to the next site. What no site takes is shared by all replicas alike, so that without any choice, and
near saturation, all of them have the same load. Within a site they always have.

A *lane* is the way of one stream to one pool: it has a share of the requests, and a latency surface with the
round trip of its users.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sim.serving.surface import Surface


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
