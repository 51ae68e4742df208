"""How many replicas a service wants, from what its autoscaler has seen.

What depends on demand alone is worked out for all intervals beforehand (`foresee`); rules that react to a
backlog, or to what they did before, are asked at each interval (`needed`, `settled`), which costs an event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.policies.fluid import arrived_within, first_request_s, last_request_s

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Row = Sequence[int] | Ints
Number = TypeVar("Number", np.int32, np.float64)

MOST = (1 << 31) - 1
"""More replicas than any service has: they are counted in 32 bits, which halves the time it takes."""
WEEK_H = 168
HOUR_S = 3600
MICRO = 1_000_000
LOOK, WAKE = -1, -2
"""In the place of a number of replicas: ask the rule; have one at least."""


class Reaction(NamedTuple):
    """What a rule makes of a backlog and of its own past; 0 where nothing is said."""

    concurrency: int = 0
    """Micro-requests in service and waiting for each replica."""
    queue: int = 0
    """Micro-requests waiting for each replica."""
    calm: int = 0
    """Intervals that are looked back to before the service shrinks, and before it grows."""
    calm_up: int = 0
    up_replicas: int = 0
    up_ppm: int = 0
    up_intervals: int = 0
    """In so many it may grow by the larger of the two."""
    down_replicas: int = 0
    down_ppm: int = 0
    down_intervals: int = 0

    @property
    def is_asked(self) -> bool:
        """Whether the rule has to be asked at each interval."""
        return any((self.concurrency, self.queue, self.calm_up, self.up_intervals, self.down_intervals))


NO_REACTION = Reaction()


@dataclass(frozen=True, slots=True)
class ScaleRule:
    """Target utilisation of what the replicas sustain, bounds, and for how many intervals it stays grown."""

    target: float
    """0 for none."""
    least: int
    most: int
    stabilisation: int
    reaction: Reaction = NO_REACTION
    bounds: tuple[tuple[int, int], ...] = ()
    """The least and the most replicas in each of the 168 hours of a week from the start on."""
    ahead: int = 0
    """Intervals for which replicas are wanted in advance,"""
    season: int = 0
    """by what came so many intervals before,"""
    trend: int = 0
    """and by the change over so many intervals; 0 for neither."""
    idle_s: int = 0
    """Without a request for so long the service sleeps; 0 for never."""
    warm: int = 0
    """Replicas that are loaded and take no traffic."""
    warm_start_s: int = 0
    service_s: float = 0.0
    """How long a request is in service in a full replica."""
    patience_ms: int = 0
    """The longest wait in a backlog that anybody accepts."""


@dataclass(frozen=True, slots=True, eq=False)
class Foresight:
    """What is known at the beginning of each interval without looking at replicas; the future is in none.

    The interval before the start is taken to have been like the first, for what is asked for.
    """

    asked: Ints
    """Replicas that utilisation asks for."""
    low: Ints
    high: Ints
    in_service: Ints
    """Micro-requests that are in service at a time (this and the next two: only for rules that are asked)."""
    arrived: Ints
    """Micro-requests that came in the interval before,"""
    recent: Ints
    """and those of them and of earlier ones who came within the patience before its end."""
    sleeps: NDArray[np.bool_]
    """Whether the service has had no request for `idle_s`."""
    wakes_s: Ints
    """When the next request comes in an interval in which the service sleeps; -1 for none."""

    def most(self, rule: ScaleRule) -> int:
        """The most replicas that may be wanted at a time."""
        highest = int(self.high.max(initial=0))
        if rule.reaction.concurrency or rule.reaction.queue:
            return highest
        return min(max(int(self.asked.max(initial=0)), int(self.low.max(initial=0)), 1), highest)


_NOTHING: tuple[Ints, Ints, Ints] = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))


def foresee(rule: ScaleRule, demand_rps: Floats, capacity_rps: float, interval_s: int) -> Foresight:
    """What the rule may know at the beginning of each interval; `demand_rps` has one value for each."""
    count = len(demand_rps)
    seen_rps = _foretold(rule, demand_rps)
    asked = np.minimum(_asked(rule, seen_rps, capacity_rps), MOST).astype(np.int64)
    low, high = _bounds(rule, count, interval_s)
    sleeps, wakes_s = np.zeros(count, dtype=np.bool_), np.full(count, -1)
    if rule.idle_s > 0:
        begin_s = np.arange(count) * interval_s
        idle = (begin_s - last_request_s(demand_rps, interval_s) >= rule.idle_s) & (low == 0)
        low = np.where(idle, low, np.maximum(low, np.minimum(1, high)))
        sleeps, next_s = idle, first_request_s(demand_rps, interval_s)
        wakes_s = np.where(idle & (high > 0) & (next_s < begin_s + interval_s), next_s, -1)
    backlog = _NOTHING
    if rule.reaction.is_asked:
        recent = arrived_within(demand_rps, interval_s, rule.patience_ms / 1000)
        in_service, came = seen_rps * rule.service_s, demand_rps * interval_s
        backlog = _micro(in_service), _micro(_before(came, 0.0)), _micro(_before(recent, 0.0))
    return Foresight(asked, low, high, *backlog, sleeps, wakes_s)


def scalings(
    rule: ScaleRule, demand_rps: Floats, capacity_rps: float, interval_s: int
) -> tuple[Ints, Ints, Foresight | None]:
    """When a service scales [s], to how many replicas, and what its rule may know if it has to be asked.

    It grows at once and shrinks to the most that it needed within the stabilisation window, as horizontal
    autoscalers do; a rule that reacts is asked (LOOK) at the beginning of each interval, and woken (WAKE).
    """
    if len(demand_rps) == 0 or capacity_rps <= 0.0:
        first_s = np.arange(min(len(demand_rps), 1))
        return first_s, first_s + rule.least, None
    if not (rule.reaction.is_asked or rule.bounds or rule.idle_s > 0):
        asked = _asked(rule, _foretold(rule, demand_rps), capacity_rps)
        bounded = np.clip(asked, rule.least, _most(rule), out=asked).astype(np.int32)
        replicas = _highest_of_last(bounded, rule.stabilisation + 1)
        changes = _changes(replicas)
        return changes * interval_s, replicas[changes].astype(np.int64), None
    begin_s = np.arange(len(demand_rps)) * interval_s
    known = foresee(rule, demand_rps, capacity_rps, interval_s)
    if rule.reaction.is_asked:
        return *_merged(begin_s, np.full(len(begin_s), LOOK), known.wakes_s, WAKE), known
    highest = _highest_of_last(known.asked.astype(np.int32), rule.stabilisation + 1).astype(np.int64)
    wanted = np.clip(highest, known.low, np.where(known.sleeps, 0, known.high))
    times_s, values = _merged(begin_s, wanted, known.wakes_s, 1)
    changes = _changes(values)
    return times_s[changes], values[changes], None


def needed(rule: Reaction, asked: int, in_service: int, backlog: int) -> int:
    """Replicas that the highest target asks for; `in_service` and `backlog` in micro-requests."""
    wish = asked
    if rule.concurrency > 0:
        wish = max(wish, -(-(in_service + backlog) // rule.concurrency))
    if rule.queue > 0:
        wish = max(wish, -(-backlog // rule.queue))
    return wish


def settled(rule: Reaction, needs: Row, wanted: Row, first: int, now: int, low: int, high: int) -> int:
    """Replicas wanted in interval `now`, of `low` to `high`, when `needs` has been asked for until then.

    Both tables begin at `first`; `wanted` holds what came of it in the intervals before. Windows first, then
    steps, then bounds: bounds hold at once, as in Kubernetes.
    """
    wish = needs[first + now]
    if now > 0:
        current = wanted[first + now - 1]
        most = least = wish
        for before in range(first + max(now - rule.calm, 0), first + now):
            most = max(most, needs[before])
        for before in range(first + max(now - rule.calm_up, 0), first + now):
            least = min(least, needs[before])
        wish = min(max(current, least), most)
        if wish > current and rule.up_intervals > 0:
            base = current
            for before in range(first + max(now - rule.up_intervals, 0), first + now):
                base = min(base, wanted[before])
            step = max(rule.up_replicas, -(-base * rule.up_ppm // 1_000_000))
            wish = min(wish, max(base + step, current, 1))
        if wish < current and rule.down_intervals > 0:
            base = current
            for before in range(first + max(now - rule.down_intervals, 0), first + now):
                base = max(base, wanted[before])
            step = max(rule.down_replicas, -(-base * rule.down_ppm // 1_000_000))
            wish = max(wish, min(base - step, current))
    return min(max(wish, low), high)


def awake(sleeps: bool, backlog: int, low: int, high: int) -> tuple[int, int]:
    """The bounds of a service that sleeps unless somebody waits for it."""
    if not sleeps:
        return low, high
    return (0, 0) if backlog == 0 else (min(max(low, 1), high), high)


def first_to_go(waits: bool, option: int, start_s: int, number: int) -> tuple[int, int, int, int]:
    """Replicas go in this order when a service shrinks: those that wait, then those on the last of its pools.

    The youngest of them first, and of equals the one with the highest number.
    """
    return (0, 0, 0, -number) if waits else (1, -option, -start_s, -number)


def first_to_serve(waits: bool, loaded_s: int, number: int) -> tuple[int, int, int]:
    """Warm replicas are put to work in this order: those that are loaded first, then those that wait."""
    return (1, 0, number) if waits else (0, loaded_s, number)


def _asked(rule: ScaleRule, seen_rps: Floats, capacity_rps: float) -> Floats:
    """Replicas that utilisation asks for, a whole number of them."""
    if rule.target <= 0.0:
        return np.zeros(len(seen_rps))
    asked = seen_rps / (rule.target * capacity_rps)
    return np.ceil(asked, out=asked)


def _most(rule: ScaleRule) -> int:
    return min(rule.most, MOST)


def _foretold(rule: ScaleRule, demand_rps: Floats) -> Floats:
    """The demand of the interval before, or the most that is foretold from it and those before it."""
    seen_rps = foretold_rps = _before(demand_rps, demand_rps[0]) if len(demand_rps) else demand_rps
    if rule.season > 0:
        last = np.arange(len(demand_rps)) - rule.season + rule.ahead
        known = last >= 0
        highest = _highest_of_last(demand_rps, rule.ahead + 1)[last[known]]
        foretold_rps = foretold_rps.copy()
        foretold_rps[known] = np.maximum(foretold_rps[known], highest)
    if rule.trend > 0:
        earlier_rps = np.concatenate((seen_rps[: rule.trend], seen_rps[: -rule.trend]))[: len(seen_rps)]
        change_rps = (seen_rps - earlier_rps) * ((rule.ahead + 1) / rule.trend)
        foretold_rps = np.maximum(foretold_rps, seen_rps + change_rps)
    return foretold_rps


def _bounds(rule: ScaleRule, count: int, interval_s: int) -> tuple[Ints, Ints]:
    if not rule.bounds:
        return np.full(count, rule.least), np.full(count, _most(rule))
    hour = np.arange(count) * interval_s // HOUR_S % WEEK_H
    low, high = np.minimum(np.array(rule.bounds, dtype=np.int64), MOST)[hour].T
    return low, high


def _merged(begin_s: Ints, values: Ints, wakes_s: Ints, wake: int) -> tuple[Ints, Ints]:
    """What happens at the beginnings of intervals and in between, in the order of time."""
    wakes_s = wakes_s[wakes_s >= 0]
    times_s = np.concatenate((begin_s, wakes_s))
    order = np.argsort(times_s, kind="stable")
    return times_s[order], np.concatenate((values, np.full(len(wakes_s), wake)))[order]


def _micro(requests: Floats) -> Ints:
    return np.rint(requests * MICRO).astype(np.int64)


def _before(values: Floats, first: float) -> Floats:
    """Each interval's value of the interval before."""
    return np.concatenate(([first], values[:-1]))[: len(values)]


def _highest_of_last(values: NDArray[Number], window: int) -> NDArray[Number]:
    """The highest of each value and the `window - 1` before it (fewer at first), in log2(window) passes."""
    highest = values
    span = 1
    while span < min(window, len(values)):
        step = min(span, window - span)
        wider = np.empty_like(highest)
        wider[:step] = highest[:step]
        np.maximum(highest[step:], highest[:-step], out=wider[step:])
        highest = wider
        span += step
    return highest


def _changes(values: NDArray[np.int32] | Ints) -> Ints:
    """Where a value differs from the one before it; the first always does."""
    is_new = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=is_new[1:])
    return np.flatnonzero(is_new)
