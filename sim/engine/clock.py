"""The one order of simultaneous events.

Attempts and transfers that end by themselves, then what the world does, then decisions on the clock (scaling,
orders), then arrivals, then one dispatch. Inside a rank the lower id comes first. What an event sets in
motion at its own instant (a grant, the end of a lease, the first step of a process) follows it at once, in
the order in which it was set in motion, before any event of the next rank.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from simpy import Environment, Event

_SHIFT: Final = 48
"""Ids stay below 2**48; SimPy's own priorities (0 and 1) lie below every rank."""


class Rank:
    """The ranks of events at one instant, first to last; plain integers, as they are often added to ids."""

    ENDS: Final = 1 << _SHIFT
    WORLD: Final = 2 << _SHIFT
    CLOCK: Final = 3 << _SHIFT
    ARRIVAL: Final = 4 << _SHIFT
    DISPATCH: Final = 5 << _SHIFT


CLOSING: Final = 2
"""Priority of the closing of the books: before every ranked event of the horizon's own instant."""
CLOSED: Final = 3


class Clock(Environment):
    """SimPy's environment in whole seconds: only its types are narrower, as it keeps integer time integer."""

    if TYPE_CHECKING:  # SimPy says that time is int | float, and knows no priorities but its own two

        @property
        def now(self) -> int:
            """Whole seconds since the start."""

        def schedule(self, event: Event, priority: int = 1, delay: float = 0) -> None:
            """Let `event` happen after `delay` [s]; at one instant the lowest priority comes first."""


class At(Event):
    """An event at a stated time with a stated place among the events of that time.

    SimPy's own `Timeout` has no say in the order of simultaneous events. Like it, this event has its outcome
    from the start: `_value` and `_ok` are what SimPy gives its own subclasses to state that.
    """

    def __init__(
        self,
        env: Clock,
        time_s: int,
        rank: int,
        ident: int,
        then: Callable[[Event], None] | None = None,
    ) -> None:
        """Happen at `time_s` [s]; `then` is called with the event."""
        self.env = env
        self.callbacks = [] if then is None else [then]
        self._value = None
        self._ok = True
        env.schedule(self, rank + ident, time_s - env.now)
