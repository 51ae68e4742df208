"""Replicas that answer one request, or one batch of requests, at a time, from one queue for all of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner, kernel
from sim.serving.requests.heaps import push, remove, replace_least

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Records = Any
"""Structured arrays."""

SERVED, SHED, GAVE_UP = 0, 1, 2
"""What became of a request: answered, turned away at a full queue, or gone because its turn did not come."""
WAITING = 3
NOBODY = -1

FIRST, LAST = 0, 1
"""Rows of the ends of the lines."""

REQUEST = np.dtype(
    [
        ("arrival_s", np.float64),
        ("service_s", np.float64),
        ("patience_s", np.float64),  # from arrival to giving up
        ("start_s", np.float64),
        ("end_s", np.float64),
        ("priority", np.int64),
        ("outcome", np.int64),
        ("behind", np.int64),  # the next in line
    ]
)


@kernel
def waits_ggc(arrival_s: Floats, service_s: Floats, servers: int) -> Floats:
    """Waits [s] of requests served first come first served by `servers` equal servers with one queue.

    Shape as `arrival_s` [s, ascending]; `service_s` [s]. The servers are idle at the start. (The recursion of
    Kiefer and Wolfowitz, with the times at which servers become free in a heap instead of a sorted vector.)
    """
    free_s = np.zeros(servers)
    wait_s = np.empty(len(arrival_s))
    for n in range(len(arrival_s)):
        start_s = max(free_s[0], arrival_s[n])
        wait_s[n] = start_s - arrival_s[n]
        replace_least(free_s, start_s + service_s[n])
    return wait_s


@kernel
def waits_scaled(arrival_s: Floats, service_s: Floats, servers: Ints, window_s: float) -> Floats:
    """As `waits_ggc`, while the number of servers changes: servers[k] are there in [k, k + 1) x `window_s`.

    New ones are idle. Idle ones leave first; a busy one answers its request and leaves then, those who are
    ready earliest first. After the last window its servers stay; there is at least one in it.
    """
    most = servers.max()
    free_s = np.empty(most)
    nothing = np.zeros(most, np.int64)
    wait_s = np.empty(len(arrival_s))
    there, window = 0, 0
    for n in range(len(arrival_s)):
        start_s = max(free_s[0], arrival_s[n]) if there > 0 else np.inf
        while window < len(servers) and window * window_s <= start_s:
            while there < servers[window]:
                push(free_s, nothing, there, window * window_s, 0)
                there += 1
            while there > servers[window]:
                remove(free_s, nothing, there, 0)
                there -= 1
            start_s = max(free_s[0], arrival_s[n]) if there > 0 else np.inf
            window += 1
        wait_s[n] = start_s - arrival_s[n]
        remove(free_s, nothing, there, 0)
        push(free_s, nothing, there - 1, start_s + service_s[n], 0)
    return wait_s


@inner
def _join(requests: Records, lines: Ints, who: int) -> None:
    """Stand behind the last of the line of one's priority."""
    line = requests[who]["priority"]
    requests[who]["outcome"] = WAITING
    if lines[FIRST, line] == NOBODY:
        lines[FIRST, line] = who
    else:
        requests[lines[LAST, line]]["behind"] = who
    lines[LAST, line] = who


@inner
def _oldest_s(requests: Records, lines: Ints) -> float:
    """When the first of all who wait arrived; inf where nobody does. Those who gave up leave the heads."""
    oldest_s = np.inf
    for line in range(lines.shape[1]):
        while lines[FIRST, line] != NOBODY and requests[lines[FIRST, line]]["outcome"] != WAITING:
            lines[FIRST, line] = requests[lines[FIRST, line]]["behind"]
        if lines[FIRST, line] != NOBODY:
            oldest_s = min(oldest_s, requests[lines[FIRST, line]]["arrival_s"])
    return oldest_s


@inner
def _start(requests: Records, lines: Ints, now_s: float, growth: Floats, batch: Ints) -> tuple[float, int]:
    """Start a batch of those who are next: its end [s], and how many are in it."""
    size = 0
    work_s = 0.0
    for line in range(lines.shape[1]):
        while lines[FIRST, line] != NOBODY and size < len(batch):
            who = lines[FIRST, line]
            lines[FIRST, line] = requests[who]["behind"]
            if requests[who]["outcome"] == WAITING:
                batch[size] = who
                work_s += requests[who]["service_s"]
                size += 1
    end_s = now_s + growth[size] * work_s / size
    for place in range(size):
        request = requests[batch[place]]
        request["outcome"] = SERVED
        request["start_s"] = now_s
        request["end_s"] = end_s
    return end_s, size


@kernel
def serve(requests: Records, lines: Ints, growth: Floats, servers: int, limit: int, delay_s: float) -> None:
    """Answer fresh requests (`fresh_requests`) by equal servers with one queue, in place.

    The lower priority goes first, without interrupting anybody; within one the earlier arrival. A free server
    takes up to len(growth) - 1 requests at once: when so many wait, or when the first of those who wait has
    done so for `delay_s`, or when nobody else will come. A batch of k takes growth[k] x the mean of its
    requests' `service_s`. Whoever finds no server free and `limit` others waiting is shed; whoever has not
    been started `patience_s` after arrival gives up then. At one instant servers become free first, then
    requests arrive, one after the other, and are started, and only then does anybody give up.
    """
    count = len(requests)
    most = len(growth) - 1
    free_s = np.empty(servers)
    nothing = np.zeros(servers, np.int64)
    leave_s = np.empty(count)
    leaver = np.empty(count, np.int64)
    batch = np.empty(most, np.int64)
    busy, leaving, waiting, came = 0, 0, 0, 0
    while came < count or waiting > 0:
        next_s = requests[came]["arrival_s"] if came < count else np.inf
        if busy > 0:
            next_s = min(next_s, free_s[0])
        if waiting > 0 and busy < servers:
            next_s = min(next_s, _oldest_s(requests, lines) + delay_s)
        if leaving > 0 and leave_s[0] < next_s:
            if requests[leaver[0]]["outcome"] == WAITING:
                requests[leaver[0]]["outcome"] = GAVE_UP
                waiting -= 1
            remove(leave_s, leaver, leaving, 0)
            leaving -= 1
            continue
        while busy > 0 and free_s[0] <= next_s:
            remove(free_s, nothing, busy, 0)
            busy -= 1
        if came < count and requests[came]["arrival_s"] <= next_s:
            if busy < servers or waiting < limit:
                _join(requests, lines, came)
                waiting += 1
                if requests[came]["patience_s"] < np.inf:
                    leave_at_s = requests[came]["arrival_s"] + requests[came]["patience_s"]
                    push(leave_s, leaver, leaving, leave_at_s, came)
                    leaving += 1
            came += 1
        while busy < servers and waiting > 0:
            if waiting < most and came < count and _oldest_s(requests, lines) + delay_s > next_s:
                break
            end_s, size = _start(requests, lines, next_s, growth, batch)
            push(free_s, nothing, busy, end_s, 0)
            busy += 1
            waiting -= size


def fresh_requests(
    arrival_s: Floats, service_s: Floats, patience_s: Floats | float, priority: Ints | int
) -> Records:
    """Requests that nobody has answered yet; `arrival_s` [s] ascends.

    `start_s` and `end_s` stay nan for those who will not be served.
    """
    requests = np.zeros(len(arrival_s), REQUEST)
    requests["arrival_s"], requests["service_s"] = arrival_s, service_s
    requests["patience_s"], requests["priority"] = patience_s, priority
    requests["start_s"], requests["end_s"] = np.nan, np.nan
    requests["outcome"], requests["behind"] = SHED, NOBODY
    return requests


def fresh_lines(priorities: int) -> Ints:
    """The ends of as many empty lines."""
    return np.full((2, priorities), NOBODY, np.int64)
