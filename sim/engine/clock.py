"""The one order of simultaneous events.

Attempts and transfers that end by themselves, then what the world does, then decisions on the clock (scaling,
orders), then arrivals, then one dispatch: a rank for each kind of event. Inside a rank the lower id comes
first, and no two events whose order matters share both. What an event sets in motion at its own instant (a
grant, the end of a lease, the first step of a process) follows it at once, before any event of the next rank.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from simpy import Environment, Event

_SHIFT: Final = 48
"""Ids stay below 2**48; SimPy's own priorities (0 and 1) lie below every rank."""


class Rank:
    """The ranks of events at one instant, first to last; plain integers, as they are often added to ids."""

    FINISH: Final = 1 << _SHIFT
    """A job is done (id: its place in the queue)."""
    TRANSFER: Final = 2 << _SHIFT
    """A dataset has been copied."""
    DELIVERY: Final = 3 << _SHIFT
    """A shipment of nodes arrives (id: its order, and its number in it)."""
    REPAIR: Final = 4 << _SHIFT
    """A node comes back (id: the node)."""
    FAILURE: Final = 5 << _SHIFT
    """A node goes down (id: the node)."""
    MARKET: Final = 6 << _SHIFT
    """A spot market serves other gangs."""
    LIFETIME: Final = 7 << _SHIFT
    """The provider takes a lease back (id: its holder's place in the queue)."""
    SCALING: Final = 8 << _SHIFT
    """A service wants other numbers of replicas (id: the service)."""
    ORDER: Final = 9 << _SHIFT
    """A dated order (id: the pool, and the number of the rule)."""
    REVIEW: Final = 10 << _SHIFT
    """Conditional orders are looked at (id: the pool)."""
    ARRIVAL: Final = 11 << _SHIFT
    """A job arrives (id: the job)."""
    OPENING: Final = 12 << _SHIFT
    """A pool opens for one that waits (id: its place in the queue)."""
    DISPATCH: Final = 13 << _SHIFT


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

    else:
        now = property(attrgetter("_now"))
        """What SimPy's own property does, without a call of Python's: each job asks nine times."""


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
        value: object = None,
    ) -> None:
        """Happen at `time_s` [s]; `then` is called with the event, which carries the value."""
        self.env = env
        self.callbacks = [] if then is None else [then]
        self._value = value
        self._ok = True
        env.schedule(self, rank + ident, time_s - env.now)
