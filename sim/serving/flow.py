"""Compiled: what becomes of a service's demand, interval by interval, and what that adds up to.

`intervals` says what the numbers mean. Capacity changes in few of the intervals: what follows from it alone
is worked out there. Most others are calm, without a backlog, and cost one look at a table.
"""

import math

import numpy as np
from numpy.typing import NDArray

from sim.borrowing import borrowed
from sim.jit import inner, kernel
from sim.serving.capacity import end_of_stretch, find_capacity
from sim.serving.reading import find_rows, look, straight
from sim.serving.spread import Lanes, is_spread, spread_requests
from sim.serving.surface import TINY
from sim.serving.tables import COLUMNS, ERROR, LOG_P99, MISSES, ROW, STEPS, Tables
from sim.serving.transient import RESTLESS, calm_loads, follow, has_queue, load_of, wait_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OFFERED, SERVED, VIOLATED, ABANDONED, CAPACITY, LEFT, UNSURE = range(7)
KNOWN = 7
"""What is known of a closed interval, in requests; the busy replica-seconds of each lane follow."""

MONTHLY = 5
"""OFFERED to CAPACITY are added up by month."""
WAITED, BROKEN_S, SATURATED_S, ERRED = range(MONTHLY, MONTHLY + 4)
SUMS = 9
"""Sums over the intervals of a month: requests and seconds."""

BACKLOG, LEFT_LATE, QUEUE, THROUGHPUT, WIDTH = range(5)
STATE = 5
"""What one interval hands on to the next: the backlog [requests], the probability that it misses the SLO; and
of the queue, which is there without a backlog, too, the mean [requests], what is served [requests/s] and the
width (`transient`)."""

UNANSWERED_SHARE = 0.01
INFINITE = math.inf
NOTHING = math.log(TINY)
"""The logarithm that stands for no time at all."""


@inner
def _behind(kept: float, drift: float, level: float) -> float:
    """The share of an interval in which a backlog, on its way from `kept`, exceeds a level."""
    if drift == 0.0:
        return 1.0 if kept > level else 0.0
    reached = (level - kept) / drift
    return min(max(1.0 - reached if drift > 0.0 else reached, 0.0), 1.0)


@inner
def _recent(asked: Floats, n: int, interval_s: float, end_s: float, timeout_s: float) -> float:
    """Requests that came within `timeout_s` before the end of interval n; `asked` adds up all before each."""
    since_s = max(end_s - timeout_s, 0.0)
    first = min(int(since_s // interval_s), n)
    into = (since_s - first * interval_s) / min(interval_s, end_s - first * interval_s)
    recent: float = asked[n + 1] - (asked[first] + into * (asked[first + 1] - asked[first]))
    return recent


@inner
def _asked(demand_rps: Floats, ready_s: Floats, times_s: Floats) -> Floats:
    """Requests that came before each interval and before the end; empty where there is always capacity."""
    for n in range(len(demand_rps)):
        ready = 0.0
        for group in range(len(ready_s)):
            ready += ready_s[group, n]
        if ready <= 0.0:
            asked = np.zeros(len(demand_rps) + 1)
            for k in range(len(demand_rps)):
                asked[k + 1] = asked[k] + demand_rps[k] * min(times_s[0], times_s[2] - k * times_s[0])
            return asked
    return np.zeros(0)


@inner
def _find_calm(calm_loads: Floats, rows: Ints, downs: Floats, shares: Floats) -> float:
    """The load up to which no queue has to be followed."""
    calm = 1.0
    for lane in range(len(rows)):
        if shares[lane] > 0.0:
            row = rows[lane] // ROW
            calm = min(calm, calm_loads[row])
            if downs[lane] > 0.0:
                calm = min(calm, calm_loads[row + 1])
    return calm


@inner
def _settle(tables: Tables, lanes: Lanes, demand_rps: float, rate: float, state: Floats) -> None:
    """Leave the queue that a demand comes to in the long run."""
    state[QUEUE], state[THROUGHPUT], state[WIDTH] = 0.0, demand_rps, 1.0
    for lane in range(len(lanes.share)):
        if lanes.share[lane] > 0.0 and has_queue(tables, lane, lanes.row[lane]):
            wait_s = wait_of(tables, lane, lanes.row[lane], lanes.down[lane], demand_rps / rate)
            state[QUEUE] += lanes.share[lane] * rate * wait_s


@inner
def _keep_calm(
    values: Floats,
    capacity_rps: Floats,
    rows: Ints,
    downs: Floats,
    shares: Floats,
    demand_rps: Floats,
    length_s: float,
    capacity: float,
    promised: float,
    first: int,
    last: int,
    calm: float,
    sums: Floats,
    closed: Floats,
    log_p99: Floats,
) -> tuple[int, float]:
    """Close intervals up to `last` while at most `calm` is offered: the next one, the sum of their fullness.

    All replicas have the same load.
    """
    offered_all, violated_all, erred, fullness_all, broken = 0.0, 0.0, 0.0, 0.0, 0
    per_request = 1.0 / capacity if capacity > 0.0 else 0.0
    n = first
    while n < last:
        offered = demand_rps[n] * length_s
        if offered > calm:
            break
        fullness = min(offered * per_request, 1.0)
        step = min(int(fullness * STEPS), STEPS - 1)
        across = fullness * STEPS - step
        late, unsure, slow = 0.0, 0.0, NOTHING
        for lane in range(len(shares)):
            share = shares[lane]
            if share > 0.0:
                # Nearly always a row is met; calling `look` for that costs a fifth of the time of all.
                place = rows[lane] + step * COLUMNS
                misses = straight(values, place + MISSES, across)
                error = straight(values, place + ERROR, across)
                log_s = straight(values, place + LOG_P99, across)
                if downs[lane] > 0.0:
                    misses, error, log_s = look(values, rows[lane], downs[lane], fullness)
                late += share * misses
                unsure += share * error
                slow = max(slow, log_s)
        violated = min(late, 1.0) * offered
        log_p99[n] = slow if offered > 0.0 else np.nan
        offered_all += offered
        violated_all += violated
        erred += unsure * offered
        fullness_all += fullness
        broken += violated > offered - promised * offered
        if closed.shape[0] > 0:
            found = offered, violated, 0.0, unsure * offered, slow
            _write_down(capacity_rps, shares, closed[n], found, offered, capacity, 0.0)
        n += 1
    sums[OFFERED] += offered_all
    sums[SERVED] += offered_all
    sums[VIOLATED] += violated_all
    sums[ERRED] += erred
    sums[BROKEN_S] += broken * length_s
    return n, fullness_all


@inner
def _without_capacity(
    asked: Floats, n: int, times_s: Floats, offered: float, state: Floats
) -> tuple[float, float, float, float, float]:
    """Nobody is there: those who came within the last timeout still wait."""
    before = state[BACKLOG]
    end_s = min((n + 1) * times_s[0], times_s[2])
    state[BACKLOG] = min(before + offered, _recent(asked, n, times_s[0], end_s, times_s[1]))
    state[LEFT_LATE] = 1.0
    state[QUEUE], state[THROUGHPUT], state[WIDTH] = state[BACKLOG], 0.0, 1.0
    return 0.0, 0.0, before + offered - state[BACKLOG], 0.0, INFINITE


@inner
def _is_uneven(lanes: Lanes, offered: float, capacity: float, state: Floats) -> bool:
    """Whether sites have loads of their own: below the threshold of all, and no queue is worked off."""
    if not is_spread(lanes) or state[BACKLOG] > 0.0 or offered >= lanes.up_to[0] * capacity:
        return False
    settled: bool = state[QUEUE] <= RESTLESS * (capacity - offered)
    return settled


@inner
def _close_uneven(
    tables: Tables, lanes: Lanes, rate: float, length_s: float, offered: float, state: Floats
) -> tuple[float, float, float, float, float]:
    """As `_close`, where each lane has a load of its own and nobody waits in a backlog."""
    spread_requests(lanes, offered, rate * length_s)
    rows, downs, shares, loads = lanes.row, lanes.down, lanes.share, lanes.load
    late, unsure, slow, queue = 0.0, 0.0, NOTHING, 0.0
    for lane in range(len(shares)):
        share = shares[lane]
        if share > 0.0:
            misses, error, log_s = look(tables.values, rows[lane], downs[lane], loads[lane])
            late += share * misses
            unsure += share * error
            slow = max(slow, log_s)
            if has_queue(tables, lane, rows[lane]):
                queue += share * rate * wait_of(tables, lane, rows[lane], downs[lane], loads[lane])
    state[QUEUE], state[THROUGHPUT], state[WIDTH] = queue, offered / length_s, 1.0
    return offered, min(late, 1.0) * offered, 0.0, unsure * offered, slow


@inner
def _close(
    tables: Tables,
    lanes: Lanes,
    timeout_s: float,
    rate: float,
    length_s: float,
    offered: float,
    state: Floats,
) -> tuple[float, float, float, float, float]:
    """Served, violated, abandoned, unsure, the logarithm of the p99; `rate` is the capacity per second.

    All replicas have the same load.
    """
    capacity, most = rate * length_s, rate * timeout_s
    kept = min(state[BACKLOG], most)
    served = min(capacity, kept + offered)
    left = min(kept + offered - served, most)
    turned_away = kept + offered - served - left
    abandoned = state[BACKLOG] - kept + turned_away
    wait_s = max(kept, left) / rate
    if is_spread(lanes):
        spread_requests(lanes, served, capacity)
    late, late_away, late_left, unsure, slow = 0.0, 0.0, 0.0, 0.0, NOTHING
    queue, throughput, width = 0.0, 0.0, 0.0
    rows, downs, shares = lanes.row, lanes.down, lanes.share
    values, slacks_s = tables.values, tables.slack_s
    for lane in range(len(shares)):
        share, slack_s = shares[lane], slacks_s[lane]
        if share > 0.0:
            load = min((offered if slack_s < INFINITE else served) / capacity, 1.0)
            followed = has_queue(tables, lane, rows[lane])
            if followed:
                seen, mean_s, queue_s, busy, wide = follow(
                    tables, lane, rows[lane], downs[lane], offered / capacity, length_s, timeout_s,
                    (state[QUEUE] + tables.service_s[lane] * state[THROUGHPUT]) / rate, state[WIDTH],
                )  # fmt: skip
                queue += share * queue_s * rate
                throughput += share * busy * rate
                width += share * wide
                beside_s = max(mean_s - 0.5 * (kept + left) / rate, 0.0)
                load = load_of(tables, lane, rows[lane], downs[lane], beside_s)
            misses, error, log_s = look(values, rows[lane], downs[lane], load)
            if followed:
                misses = seen
            if offered < capacity:
                unsure += share * error
            if slack_s < INFINITE and wait_s > 0.0:
                log_s = math.log(max(math.exp(log_s) - TINY, 0.0) + wait_s + TINY)
            slow = max(slow, log_s)
            reachable = slack_s < timeout_s
            level = rate * slack_s if reachable else INFINITE
            behind = 0.0 if followed else _behind(kept, offered - capacity, level)
            late += share * (behind + (1.0 - behind) * misses)
            late_away += share * (1.0 if reachable else misses)
            late_left += share * (1.0 if left > level else misses)
    violated = late * offered - late_away * turned_away - late_left * left + state[LEFT_LATE] * kept
    if abandoned > UNANSWERED_SHARE * (served + abandoned):
        slow = INFINITE
    state[BACKLOG], state[LEFT_LATE] = left, late_left
    state[QUEUE], state[THROUGHPUT], state[WIDTH] = queue, throughput, width
    return served, min(max(violated, 0.0), served), abandoned, unsure * served, slow


@inner
def _add_busy(capacity_rps: Floats, shares: Floats, served: float, busy_s: Floats) -> None:
    """Add the replica-seconds of useful work of each lane, whose share of the requests is worked out."""
    for lane in range(len(shares)):
        busy_s[lane] += shares[lane] * served / capacity_rps[lane]


@inner
def _write_down(
    capacity_rps: Floats,
    shares: Floats,
    closed: Floats,
    found: tuple[float, float, float, float, float],
    offered: float,
    capacity: float,
    left: float,
) -> None:
    """What became of one interval."""
    closed[OFFERED], closed[CAPACITY], closed[LEFT] = offered, capacity, left
    closed[SERVED], closed[VIOLATED], closed[ABANDONED], closed[UNSURE] = found[:4]
    closed[KNOWN:] = 0.0
    _add_busy(capacity_rps, shares, found[0], closed[KNOWN:])


@inner
def _add(
    sums: Floats,
    found: tuple[float, float, float, float, float],
    offered: float,
    capacity: float,
    length_s: float,
    promised: float,
    before: float,
) -> None:
    """Add an interval that began with a backlog of `before` requests."""
    served, violated, abandoned, unsure, _ = found
    sums[OFFERED] += offered
    sums[SERVED] += served
    sums[VIOLATED] += violated
    sums[ABANDONED] += abandoned
    sums[ERRED] += unsure
    if violated + abandoned > offered - promised * offered:
        sums[BROKEN_S] += length_s
    surplus = capacity - offered
    if surplus < 0.0:
        sums[SATURATED_S] += length_s
        sums[WAITED] += offered
    elif before > 0.0:
        sums[WAITED] += offered * (min(before / surplus, 1.0) if surplus > 0.0 else 1.0)


@kernel
def run_through(
    tables: Tables,
    lanes: Lanes,
    demand_rps: Floats,
    ready_s: Floats,
    times_s: Floats,
    promised: float,
    month_first: Ints,
    closed: Floats,
    sums: Floats,
    busy_s: Floats,
    state: Floats,
    log_p99: Floats,
) -> None:
    """Close all intervals and add them up.

    `ready_s`: [pools, intervals]; `times_s`: the length of an interval, the timeout and the horizon. Filled
    are `closed` [intervals or none, KNOWN + lanes], `sums` [months, SUMS], `busy_s` [months, lanes], `state`
    [STATE], and for each interval the logarithm of its p99 [s] plus TINY: NaN where nobody asked.
    """
    tables, lanes = borrowed(tables), borrowed(lanes)
    count, pools, uneven = len(demand_rps), len(ready_s), is_spread(lanes)
    values, capacity_rps, rows, downs, shares = (
        tables.values, tables.capacity_rps, lanes.row, lanes.down, lanes.share,
    )  # fmt: skip
    asked = _asked(demand_rps, ready_s, times_s)
    calms = calm_loads(tables, times_s[0])
    for month in range(len(month_first)):
        n, after = month_first[month], month_first[month + 1] if month + 1 < len(month_first) else count
        while n < after:
            length_s = min(times_s[0], times_s[2] - n * times_s[0])
            begin, end = n, count
            if n < count - 1:
                end = end_of_stretch(ready_s, n, min(after, count - 1))
            find_rows(tables.replicas, tables.rows, ready_s, n, length_s, rows, downs)
            capacity = find_capacity(
                capacity_rps, lanes.stream_share, ready_s, n, lanes.pool_capacity, shares
            )
            calm = _find_calm(calms, rows, downs, shares) * capacity
            fullness_all = 0.0
            while n < end:
                room = RESTLESS * (capacity - demand_rps[n] * length_s)
                if state[BACKLOG] == 0.0 and state[QUEUE] <= max(room, 0.0) and not uneven:
                    first = n
                    n, fullness = _keep_calm(
                        values, capacity_rps, rows, downs, shares, demand_rps, length_s, capacity, promised,
                        n, end, calm, sums[month], closed, log_p99,
                    )  # fmt: skip
                    fullness_all += fullness
                    if n > first:
                        _settle(tables, lanes, demand_rps[n - 1], capacity / length_s, state)
                    if n == end:
                        break
                offered, before = demand_rps[n] * length_s, state[BACKLOG]
                if capacity > 0.0:
                    if _is_uneven(lanes, offered, capacity, state):
                        found = _close_uneven(tables, lanes, capacity / length_s, length_s, offered, state)
                    else:
                        found = _close(
                            tables, lanes, times_s[1], capacity / length_s, length_s, offered, state
                        )
                    fullness_all += min(found[0] / capacity, 1.0)
                    if uneven:
                        _add_busy(capacity_rps, shares, found[0], busy_s[month])
                else:
                    found = _without_capacity(asked, n, times_s, offered, state)
                _add(sums[month], found, offered, capacity, length_s, promised, before)
                log_p99[n] = found[4] if offered > 0.0 else np.nan
                if closed.shape[0] > 0:
                    _write_down(capacity_rps, shares, closed[n], found, offered, capacity, state[BACKLOG])
                n += 1
            if not uneven:
                for pool in range(pools):
                    busy_s[month, pool] += ready_s[pool, begin] * fullness_all
            sums[month, CAPACITY] += capacity * (end - begin)
