"""The one order of simultaneous events.

Attempts and transfers that end by themselves, then what the world does, then decisions on the clock (scaling, orders),
then arrivals, then one dispatch. Inside a rank the lower id comes first. What an event sets in motion at its own
instant (a grant, the end of a lease, the first step of a process) follows it at once, in the order in which it was set
in motion, before any event of the next rank.
"""

from collections.abc import Callable
from typing import Any, Final

from simpy import Environment, Event

_SHIFT: Final = 48
"""Ids stay below 2**48; SimPy's own priorities (0 and 1) lie below every rank."""


class Rank:
    """The ranks of events at one instant, first to last (plain integers: they are added to ids millions of times)."""

    ENDS: Final = 1 << _SHIFT
    WORLD: Final = 2 << _SHIFT
    CLOCK: Final = 3 << _SHIFT
    ARRIVAL: Final = 4 << _SHIFT
    DISPATCH: Final = 5 << _SHIFT


CLOSING: Final = 2
"""Priority of the closing of the books: before every ranked event of the horizon's own instant."""
CLOSED: Final = 3


class At(Event):
    """An event at a stated time with a stated place among the events of that time."""

    def __init__(
        self, env: Environment, time_s: int, rank: int, ident: int, then: Callable[[Event], None] | None = None
    ) -> None:
        """Happen at `time_s` [s]; `then` is called with the event."""
        self.env = env
        self.callbacks: list[Any] | None = [] if then is None else [then]
        self._value = None
        self._ok = True
        env.schedule(self, rank + ident, time_s - env.now)
