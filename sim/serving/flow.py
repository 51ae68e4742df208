"""Compiled: what becomes of a service's demand, interval by interval, and what that adds up to.

`intervals` says what the numbers mean. Capacity changes in few of the intervals: what follows from it alone
is worked out there. Most others are calm, without a backlog, and cost one look at a table.
"""

import math

import numpy as np

from sim.jit import inner, kernel
from sim.memory import Record, length
from sim.serving.capacity import end_of_stretch, find_capacity
from sim.serving.layout import (
    ABANDONED,
    CAPACITY,
    DEMAND,
    KNOWN,
    LANES,
    LEFT,
    MONTHS,
    OFFERED,
    POOLS,
    SERVED,
    UNSURE,
    VIOLATED,
    ServiceMemory,
)
from sim.serving.reading import find_rows, look, lost_of, straight
from sim.serving.spreading import spread_requests
from sim.serving.surface import TINY
from sim.serving.tables import COLUMNS, ERROR, LOG_P99, MISSES, ROW, STEPS
from sim.serving.transient import RESTLESS, find_calm_loads, follow, load_of, wait_of

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
def _recent(m: ServiceMemory, n: int) -> float:
    """Requests that came within the timeout before the end of interval n."""
    state, asked = m.state[0], m.asked
    interval_s, end_s = state.interval_s, min((n + 1) * state.interval_s, state.horizon_s)
    since_s = max(end_s - state.timeout_s, 0.0)
    first = min(int(since_s // interval_s), n)
    into = (since_s - first * interval_s) / min(interval_s, end_s - first * interval_s)
    recent: float = asked[n + 1] - (asked[first] + into * (asked[first + 1] - asked[first]))
    return recent


@inner
def _know_asked(m: ServiceMemory) -> None:
    """Add up what was asked for before each interval, and before the end."""
    state = m.state[0]
    m.asked[0] = 0.0
    for n in range(length(m, DEMAND)):
        length_s = min(state.interval_s, state.horizon_s - n * state.interval_s)
        m.asked[n + 1] = m.asked[n] + m.demand_rps[n] * length_s
    state.knows_asked = 1


@inner
def _calm_load(m: ServiceMemory) -> float:
    """The load up to which no queue has to be followed."""
    calm = 1.0
    for lane in range(length(m, LANES)):
        mine = m.lanes[lane]
        if mine.share > 0.0:
            calm = min(calm, m.calm_loads[mine.row])
            if mine.down > 0.0:
                calm = min(calm, m.calm_loads[mine.row + 1])
    return calm


@inner
def _settle(m: ServiceMemory, demand_rps: float, rate: float) -> None:
    """Leave the queue that a demand comes to in the long run."""
    state = m.state[0]
    state.queue, state.throughput, state.width = 0.0, demand_rps, 1.0
    for lane in range(length(m, LANES)):
        mine = m.lanes[lane]
        if mine.share > 0.0 and mine.has_queue == 1:
            state.queue += mine.share * rate * wait_of(m, mine, demand_rps / rate)


@inner
def _keep_calm(
    m: ServiceMemory, month: Record, first: int, last: int, length_s: float, capacity: float, calm: float
) -> tuple[int, float]:
    """Close intervals up to `last` while at most `calm` is offered: the next one, the sum of their fullness.

    All replicas have the same load.
    """
    offered_all, violated_all, unsure_all, fullness_all, broken = 0.0, 0.0, 0.0, 0.0, 0
    per_request = 1.0 / capacity if capacity > 0.0 else 0.0
    promised, lanes, keeps = m.state[0].promised, length(m, LANES), m.state[0].keeps
    n = first
    while n < last:
        offered = m.demand_rps[n] * length_s
        if offered > calm:
            break
        fullness = min(offered * per_request, 1.0)
        step = min(int(fullness * STEPS), STEPS - 1)
        across = fullness * STEPS - step
        late, unsure, slow = 0.0, 0.0, NOTHING
        for lane in range(lanes):
            mine = m.lanes[lane]
            share = mine.share
            if share > 0.0:
                # Nearly always a row is met; calling `look` for that costs a fifth of the time of all.
                place = mine.row * ROW + step * COLUMNS
                misses = straight(m, place + MISSES, across)
                error = straight(m, place + ERROR, across)
                log_s = straight(m, place + LOG_P99, across)
                if mine.down > 0.0:
                    misses, error, log_s = look(m, mine, fullness)
                late += share * misses
                unsure += share * error
                slow = max(slow, log_s)
        violated = min(late, 1.0) * offered
        m.log_p99[n] = slow if offered > 0.0 else np.nan
        offered_all += offered
        violated_all += violated
        unsure_all += unsure * offered
        fullness_all += fullness
        broken += violated > offered - promised * offered
        if keeps == 1:
            _write_down(m, n, (offered, violated, 0.0, unsure * offered, slow), offered, capacity)
        n += 1
    month.offered += offered_all
    month.served += offered_all
    month.violated += violated_all
    month.unsure += unsure_all
    month.broken_s += broken * length_s
    return n, fullness_all


@inner
def _without_capacity(m: ServiceMemory, n: int, offered: float) -> tuple[float, float, float, float, float]:
    """Nobody is there: those who came within the last timeout still wait."""
    state = m.state[0]
    if state.knows_asked == 0:
        _know_asked(m)
    before = state.backlog
    state.backlog = min(before + offered, _recent(m, n))
    state.left_late = 1.0
    state.queue, state.throughput, state.width = state.backlog, 0.0, 1.0
    return 0.0, 0.0, before + offered - state.backlog, 0.0, INFINITE


@inner
def _is_uneven(m: ServiceMemory, offered: float, capacity: float) -> bool:
    """Whether sites have loads of their own: below the threshold of all, and no queue is worked off."""
    state = m.state[0]
    if state.choices == 0 or state.backlog > 0.0 or offered >= state.up_to * capacity:
        return False
    settled: bool = state.queue <= RESTLESS * (capacity - offered)
    return settled


@inner
def _close_uneven(
    m: ServiceMemory, rate: float, length_s: float, offered: float
) -> tuple[float, float, float, float, float]:
    """As `_close`, where each lane has a load of its own and nobody waits in a backlog."""
    spread_requests(m, offered, rate * length_s)
    state = m.state[0]
    late, unsure, slow, queue = 0.0, 0.0, NOTHING, 0.0
    for lane in range(length(m, LANES)):
        mine = m.lanes[lane]
        if mine.share > 0.0:
            misses, error, log_s = look(m, mine, mine.load)
            late += mine.share * misses
            unsure += mine.share * error
            slow = max(slow, log_s)
            if mine.has_queue == 1:
                queue += mine.share * rate * wait_of(m, mine, mine.load)
    state.queue, state.throughput, state.width = queue, offered / length_s, 1.0
    return offered, min(late, 1.0) * offered, 0.0, unsure * offered, slow


@inner
def _close(
    m: ServiceMemory, rate: float, length_s: float, offered: float
) -> tuple[float, float, float, float, float]:
    """Served, violated, abandoned, unsure, the logarithm of the p99; `rate` is the capacity per second.

    All replicas have the same load.
    """
    state = m.state[0]
    timeout_s = state.timeout_s
    capacity, most = rate * length_s, rate * timeout_s
    kept = min(state.backlog, most)
    served = min(capacity, kept + offered)
    left = min(kept + offered - served, most)
    turned_away = kept + offered - served - left
    abandoned = state.backlog - kept + turned_away
    wait_s = max(kept, left) / rate
    if state.choices > 0:
        spread_requests(m, served, capacity)
    late, late_away, late_left, unsure, slow = 0.0, 0.0, 0.0, 0.0, NOTHING
    queue, throughput, width = 0.0, 0.0, 0.0
    for lane in range(length(m, LANES)):
        mine = m.lanes[lane]
        share, slack_s = mine.share, mine.slack_s
        if share > 0.0:
            load, seen = min((offered if slack_s < INFINITE else served) / capacity, 1.0), 0.0
            if mine.has_queue == 1:
                work_s = (state.queue + mine.service_s * state.throughput) / rate
                seen, mean_s, queue_s, busy, wide = follow(
                    m, mine, offered / capacity, length_s, work_s, state.width
                )
                queue += share * queue_s * rate
                throughput += share * busy * rate
                width += share * wide
                beside_s = max(mean_s - 0.5 * (kept + left) / rate, 0.0)
                load = load_of(m, mine, beside_s)
            misses, error, log_s = look(m, mine, load)
            if mine.has_queue == 1:
                misses = seen
            if offered < capacity:
                unsure += share * error
            if slack_s < INFINITE and wait_s > 0.0:
                log_s = math.log(max(math.exp(log_s) - TINY, 0.0) + wait_s + TINY)
            slow = max(slow, log_s)
            reachable = slack_s < timeout_s
            level = rate * slack_s if reachable else INFINITE
            behind = 0.0 if mine.has_queue == 1 else _behind(kept, offered - capacity, level)
            late += share * (behind + (1.0 - behind) * misses)
            late_away += share * (1.0 if reachable else misses)
            late_left += share * (1.0 if left > level else misses)
    violated = late * offered - late_away * turned_away - late_left * left + state.left_late * kept
    if abandoned > UNANSWERED_SHARE * (served + abandoned):
        slow = INFINITE
    state.backlog, state.left_late = left, late_left
    state.queue, state.throughput, state.width = queue, throughput, width
    return served, min(max(violated, 0.0), served), abandoned, unsure * served, slow


@inner
def _close_shedding(
    m: ServiceMemory, rate: float, length_s: float, offered: float
) -> tuple[float, float, float, float, float]:
    """As `_close`, where requests are turned away or give up long before an interval is over.

    Their queue is short, and soon what the load makes of it in the long run, whatever the load.
    """
    state, capacity = m.state[0], rate * length_s
    if state.choices > 0:
        spread_requests(m, min(offered, capacity), capacity)
    late, lost, unsure, slow = 0.0, 0.0, 0.0, NOTHING
    for lane in range(length(m, LANES)):
        mine = m.lanes[lane]
        share = mine.share
        if share > 0.0:
            load = mine.load if state.choices > 0 and offered < capacity else offered / capacity
            # Beyond the last load tabulated as many are answered as there.
            answered = min(mine.most_load / load, 1.0) if load > 0.0 else 1.0
            at = min(load / mine.most_load, 1.0)
            misses, error, log_s = look(m, mine, at)
            away = lost_of(m, mine, at)
            late += share * max(misses - away, 0.0) * answered
            lost += share * (1.0 - (1.0 - away) * answered)
            unsure += share * error
            slow = max(slow, log_s)
    served = offered - lost * offered
    if lost > UNANSWERED_SHARE:
        slow = INFINITE
    return served, min(late * offered, served), offered - served, unsure * offered, slow


@inner
def _write_down(
    m: ServiceMemory, n: int, found: tuple[float, float, float, float, float], offered: float, capacity: float
) -> None:
    """What became of interval n."""
    closed = m.closed[n]
    closed[OFFERED], closed[CAPACITY], closed[LEFT] = offered, capacity, m.state[0].backlog
    closed[SERVED], closed[VIOLATED], closed[ABANDONED], closed[UNSURE] = found[:4]
    for lane in range(length(m, LANES)):
        mine = m.lanes[lane]
        closed[KNOWN + lane] = mine.share * found[0] / mine.capacity_rps


@inner
def _add(
    m: ServiceMemory,
    month: Record,
    found: tuple[float, float, float, float, float],
    offered: float,
    capacity: float,
    length_s: float,
    before: float,
) -> None:
    """Add an interval that began with a backlog of `before` requests."""
    served, violated, abandoned, unsure, _ = found
    month.offered += offered
    month.served += served
    month.violated += violated
    month.abandoned += abandoned
    month.unsure += unsure
    if violated + abandoned > offered - m.state[0].promised * offered:
        month.broken_s += length_s
    surplus = capacity - offered
    if surplus < 0.0:
        month.saturated_s += length_s
        month.waited += offered
    elif before > 0.0:
        month.waited += offered * (min(before / surplus, 1.0) if surplus > 0.0 else 1.0)


@inner
def _close_next(m: ServiceMemory, number: int, n: int, length_s: float, capacity: float) -> float:
    """Close interval n, of month `number`, which is not calm; its fullness."""
    state, month = m.state[0], m.months[number]
    offered, before = m.demand_rps[n] * length_s, state.backlog
    fullness = 0.0
    if capacity > 0.0:
        if state.sheds == 1:
            found = _close_shedding(m, capacity / length_s, length_s, offered)
        elif _is_uneven(m, offered, capacity):
            found = _close_uneven(m, capacity / length_s, length_s, offered)
        else:
            found = _close(m, capacity / length_s, length_s, offered)
        fullness = min(found[0] / capacity, 1.0)
        if state.choices > 0:
            for lane in range(length(m, LANES)):
                mine = m.lanes[lane]
                m.busy_s[number, lane] += mine.share * found[0] / mine.capacity_rps
    elif state.sheds == 1:
        found = (0.0, 0.0, offered, 0.0, INFINITE)
    else:
        found = _without_capacity(m, n, offered)
    _add(m, month, found, offered, capacity, length_s, before)
    m.log_p99[n] = found[4] if offered > 0.0 else np.nan
    if state.keeps == 1:
        _write_down(m, n, found, offered, capacity)
    return fullness


@inner
def _close_stretch(m: ServiceMemory, number: int, first: int, last: int) -> None:
    """Close intervals of month `number` in which the same replicas are ready."""
    state, month = m.state[0], m.months[number]
    length_s = min(state.interval_s, state.horizon_s - first * state.interval_s)
    find_rows(m, first, length_s)
    capacity = find_capacity(m, first)
    calm = _calm_load(m) * capacity
    fullness_all = 0.0
    n = first
    while n < last:
        room = RESTLESS * (capacity - m.demand_rps[n] * length_s)
        settled = state.backlog == 0.0 and state.queue <= max(room, 0.0)
        if settled and state.choices == 0 and state.sheds == 0:
            begin = n
            n, fullness = _keep_calm(m, month, n, last, length_s, capacity, calm)
            fullness_all += fullness
            if n > begin:
                _settle(m, m.demand_rps[n - 1], capacity / length_s)
            if n == last:
                break
        fullness_all += _close_next(m, number, n, length_s, capacity)
        n += 1
    if state.choices == 0:
        for pool in range(length(m, POOLS)):
            m.busy_s[number, pool] += m.ready_s[pool, first] * fullness_all
    month.capacity += capacity * (last - first)


@kernel
def run_through(m: ServiceMemory) -> None:
    """Close all intervals and add them up by month."""
    count, months = length(m, DEMAND), length(m, MONTHS)
    find_calm_loads(m)
    for number in range(months):
        n, after = m.months[number].first, m.months[number + 1].first if number + 1 < months else count
        while n < after:
            last = count
            if n < count - 1:
                last = end_of_stretch(m, n, min(after, count - 1))
            _close_stretch(m, number, n, last)
            n = last
