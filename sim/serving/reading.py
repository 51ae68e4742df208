"""Compiled: how the tables of surfaces are read."""

import math

from sim.jit import inner
from sim.memory import Record, length
from sim.serving.layout import LANES, ServiceMemory
from sim.serving.surface import TINY
from sim.serving.tables import COLUMNS, ERROR, LOG_P99, MISSES, PAIR, ROW, STEPS, WAIT


@inner
def straight(m: ServiceMemory, place: int, across: float) -> float:
    """A value on the line from one step of the load to the next."""
    read: float = m.values[place]
    read += across * (m.values[place + COLUMNS] - read)
    return read


@inner
def look(m: ServiceMemory, lane: Record, load: float) -> tuple[float, float, float]:
    """MISSES, ERROR and LOG_P99 of a lane at a load of at most 1.

    Between rows a line is drawn, as in a surface, for the logarithm of the probability.
    """
    step = min(int(load * STEPS), STEPS - 1)
    across = load * STEPS - step
    place = lane.row * ROW + step * COLUMNS
    misses = straight(m, place + MISSES, across)
    error = straight(m, place + ERROR, across)
    log_s = straight(m, place + LOG_P99, across)
    if lane.down > 0.0:
        place += ROW
        lower = math.log(straight(m, place + MISSES, across) + TINY)
        logarithm = (1.0 - lane.down) * math.log(misses + TINY) + lane.down * lower
        misses = max(math.exp(logarithm) - TINY, 0.0)
        error += lane.down * (straight(m, place + ERROR, across) - error)
        log_s += lane.down * (straight(m, place + LOG_P99, across) - log_s)
    return misses, error, log_s


@inner
def lost_of(m: ServiceMemory, lane: Record, load: float) -> float:
    """The probability that a request of a lane has no answer, at a load of at most 1."""
    step = min(int(load * STEPS), STEPS - 1)
    across = load * STEPS - step
    place = lane.row * (STEPS + 1) + step
    lost: float = m.lost[place]
    lost += across * (m.lost[place + 1] - lost)
    lower = m.lost[place + STEPS + 1]
    lower += across * (m.lost[place + STEPS + 2] - lower)
    return lost + lane.down * (lower - lost)


@inner
def find_rows(m: ServiceMemory, n: int, length_s: float) -> None:
    """Of each lane its row in interval n, and how far its replicas lie towards the next."""
    for lane in range(length(m, LANES)):
        mine = m.lanes[lane]
        _find_row(m, mine, lane * m.state[0].rows, m.ready_s[mine.pool, n] / length_s)
        top = m.queues[(mine.row * (STEPS + 1) + mine.top) * PAIR + WAIT]
        mine.has_queue = 1 if top > 0.0 else 0


@inner
def _find_row(m: ServiceMemory, mine: Record, first: int, there: float) -> None:
    """The row for so many replicas among those that begin at `first`."""
    low, high = first, first + mine.rows - 1
    within = min(max(there, m.replicas[low]), m.replicas[high])
    while low < high:
        middle = (low + high + 1) // 2
        if m.replicas[middle] <= within:
            low = middle
        else:
            high = middle - 1
    mine.row, mine.down = low, 0.0
    above = m.replicas[low]
    if above != within:
        mine.down = math.log(within / above) / math.log(m.replicas[low + 1] / above)
