"""The compiled engine's calendar: events that were set in motion, as a binary heap in the one order.

A key is time, rank and id in one number, so that comparing two events is comparing two numbers.
"""

from sim.engine.compiled.layout import Memory
from sim.jit import constant, inner

TIME_BITS, RANK_BITS, ID_BITS = 33, 4, 26
MOST_ID = (1 << ID_BITS) - 1
LATEST_S = (1 << TIME_BITS) - 1

(
    FINISH,
    TRANSFER,
    DELIVERY,
    REPAIR,
    FAILURE,
    MARKET,
    LIFETIME,
    SCALING,
    ORDER,
    REVIEW,
    ARRIVAL,
    OPENING,
    DISPATCH,
) = map(constant, range(1, 14))
"""The ranks of `sim.engine.clock`, in their order."""

NEVER_KEY = (1 << 63) - 1


@inner
def key_of(time_s: int, rank: int, ident: int) -> int:
    """Where an event stands among all others."""
    return (((time_s << RANK_BITS) | rank) << ID_BITS) | ident


@inner
def push(m: Memory, time_s: int, rank: int, ident: int, what: int) -> None:
    """Let something happen; what lies beyond the horizon never does."""
    state = m.state[0]
    if time_s >= state.horizon_s:
        return
    events = m.events
    key = key_of(time_s, rank, ident)
    hole = state.events
    state.events += 1
    while hole > 0:
        above = (hole - 1) >> 1
        if events[above].key <= key:
            break
        events[hole].key = events[above].key
        events[hole].what = events[above].what
        hole = above
    events[hole].key = key
    events[hole].what = what


@inner
def pop(m: Memory) -> None:
    """Forget the first event."""
    state, events = m.state[0], m.events
    state.events -= 1
    last = state.events
    key, what = events[last].key, events[last].what
    hole = 0
    below = 1
    while below < last:
        if below + 1 < last:
            below += events[below + 1].key < events[below].key  # one of the two, without a branch
        if events[below].key >= key:
            break
        events[hole].key = events[below].key
        events[hole].what = events[below].what
        hole = below
        below = 2 * hole + 1
    events[hole].key = key
    events[hole].what = what
