"""Compiled loops of serving: queues request by request, reading tables, a backlog interval by interval.

The kernels draw nothing: arrays of arrivals and of work come in. Each is compiled for one signature, without
relaxed arithmetic and without parallel sums, so that the same arrays give the same bits.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KERNEL_VERSION = 1
"""Raised when a simulation below gives other numbers: surfaces built by an older one are not used then."""


@njit("void(f8[::1], f8)", cache=True, nogil=True)
def _replace_least(heap: Floats, value: float) -> None:
    """Put `value` in the place of the least of a binary heap."""
    hole = 0
    child = 1
    while child < len(heap):
        if child + 1 < len(heap) and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[hole] = heap[child]
        hole = child
        child = 2 * hole + 1
    heap[hole] = value


@njit("f8[::1](f8[::1], f8[::1], i8)", cache=True, nogil=True)
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
        _replace_least(free_s, start_s + service_s[n])
    return wait_s


@njit("f8[::1](f8[::1], f8[::1], f8[::1])", cache=True, nogil=True)
def read_table(points: Floats, values: Floats, at: Floats) -> Floats:
    """Piecewise-linear values of a measured table (`points` ascending) at `at`, in its shape.

    Below the first point the first value holds: a short prompt or a small batch costs what reading the
    weights costs. Beyond the last the last segment goes on, unless it falls, which would end below zero.
    """
    last = len(points) - 1
    read = np.empty(len(at))
    for n in range(len(at)):
        right = min(np.searchsorted(points, at[n]), last)
        if right == 0:
            read[n] = values[0]
            continue
        slope = (values[right] - values[right - 1]) / (points[right] - points[right - 1])
        if at[n] > points[last]:
            slope = max(slope, 0.0)
        read[n] = values[right] + slope * (at[n] - points[right])
    return read


@njit("i8(i8[::1], i8[::1], i8, i8)", cache=True, nogil=True)
def _emit(request: Ints, tokens_left: Ints, active: int, iterations: int) -> int:
    """Emit `iterations` tokens for each active request; how many are still active.

    They move to the front, in their order; those that are done stand behind them in `request`.
    """
    stay = 0
    for slot in range(active):
        left = tokens_left[slot] - iterations
        if left > 0:
            request[stay], request[slot] = request[slot], request[stay]
            tokens_left[stay] = left
            stay += 1
    return stay


@njit(
    "Tuple((f8[::1], f8[::1], f8))(f8[::1], i8[::1], i8[::1], f8[::1], f8[::1], f8[::1], f8[::1], i8)",
    cache=True,
    nogil=True,
)
def llm_replica(  # compiled functions have no keyword-only arguments
    arrival_s: Floats,
    in_tokens: Ints,
    out_tokens: Ints,
    prefill_tokens: Floats,
    prefill_s: Floats,
    decode_batch: Floats,
    decode_s: Floats,
    max_batch: int,
) -> tuple[Floats, Floats, float]:
    """One replica of a language model with continuous batching, iteration by iteration.

    Whenever fewer than `max_batch` requests are active and one waits, the next iteration is the prefill of
    the first that waits, which emits its first token; otherwise one decode iteration emits a token for each
    active request. Durations come from the tables (prompt tokens -> [s], batch -> [s]; see `read_table`).
    `arrival_s` ascends, `out_tokens` >= 1. Returns the times from each arrival to the first token [s] and to
    the last token [s], and the busy time [s].

    Until the next request is done, or arrives and finds room, all iterations are alike and are taken at once.
    """
    prompt_s = read_table(prefill_tokens, prefill_s, in_tokens.astype(np.float64))
    iteration_s = read_table(decode_batch, decode_s, np.arange(max_batch + 1).astype(np.float64))
    ttft_s = np.empty(len(arrival_s))
    e2e_s = np.empty(len(arrival_s))
    request = np.empty(max_batch, np.int64)
    tokens_left = np.empty(max_batch, np.int64)
    active = 0
    admitted = 0
    now_s = 0.0
    busy_s = 0.0
    while admitted < len(arrival_s) or active > 0:
        room = admitted < len(arrival_s) and active < max_batch
        if room and arrival_s[admitted] <= now_s:
            now_s += prompt_s[admitted]
            busy_s += prompt_s[admitted]
            ttft_s[admitted] = e2e_s[admitted] = now_s - arrival_s[admitted]
            if out_tokens[admitted] > 1:
                request[active] = admitted
                tokens_left[active] = out_tokens[admitted] - 1
                active += 1
            admitted += 1
        elif active == 0:
            now_s = arrival_s[admitted]
        else:
            iterations = tokens_left[:active].min()
            if room:
                until_arrival = np.ceil((arrival_s[admitted] - now_s) / iteration_s[active])
                iterations = np.int64(max(min(iterations, until_arrival), 1))
            now_s += iterations * iteration_s[active]
            busy_s += iterations * iteration_s[active]
            stay = _emit(request, tokens_left, active, iterations)
            for done in request[stay:active]:
                e2e_s[done] = now_s - arrival_s[done]
            active = stay
    return ttft_s, e2e_s, busy_s


@njit("i8(f8[::1], f8, i8)", cache=True, nogil=True)
def _left_of(axis: Floats, at: float, guess: int) -> int:
    """The left end of the interval of an ascending axis that holds `at` or is nearest, from `guess` on."""
    left = guess
    while left > 0 and axis[left] > at:
        left -= 1
    while left < len(axis) - 2 and axis[left + 1] <= at:
        left += 1
    return left


@njit("f8[::1](f8[::1], f8[::1], f8[:,::1], f8[::1], f8[::1])", cache=True, nogil=True)
def read_surface(
    replicas: Floats, loads: Floats, table: Floats, at_replicas: Floats, at_load: Floats
) -> Floats:
    """Values of a finite table, shape [replicas, loads], linear in load and in log(replicas), clamped.

    Both axes ascend, and there are at least two loads. Neighbours in time are neighbours in the table: each
    search starts where the last one ended.
    """
    read = np.empty(len(at_load))
    row, below, down, column, seen = 0, 0, 0.0, 0, np.nan
    for n in range(len(at_load)):
        if at_replicas[n] != seen:
            seen = at_replicas[n]
            within = min(max(seen, replicas[0]), replicas[-1])
            row = _left_of(replicas, within, row)
            below = min(row + 1, len(replicas) - 1)
            down = 0.0
            if row < below:
                down = np.log(within / replicas[row]) / np.log(replicas[below] / replicas[row])
        column = _left_of(loads, at_load[n], column)
        across = (at_load[n] - loads[column]) / (loads[column + 1] - loads[column])
        across = min(max(across, 0.0), 1.0)
        upper = (1.0 - across) * table[row, column] + across * table[row, column + 1]
        lower = (1.0 - across) * table[below, column] + across * table[below, column + 1]
        read[n] = (1.0 - down) * upper + down * lower
    return read


@njit("f8[:,::1](f8[::1], f8[::1], f8[::1], f8[::1])", cache=True, nogil=True)
def carry_backlog(offered: Floats, capacity: Floats, most: Floats, recent: Floats) -> Floats:
    """A fluid backlog [requests] from interval to interval.

    `most` is the longest backlog that anybody joins, in an interval with capacity: what is longer at its
    beginning is given up by those who waited, what would grow longer is turned away. Without capacity, those
    who came most recently, at most `recent`, still wait at the end.

    Returns five rows: kept at the beginning, served, abandoned (given up or turned away), turned away, left
    at the end.
    """
    flows = np.empty((5, len(offered)))
    backlog = 0.0
    for n in range(len(offered)):
        if capacity[n] > 0.0:
            given_up = max(backlog - most[n], 0.0)
            waiting = backlog - given_up + offered[n]
            served = min(capacity[n], waiting)
            left = min(waiting - served, most[n])
            turned_away = waiting - served - left
        else:
            served = 0.0
            left = min(backlog + offered[n], recent[n])
            leaving = backlog + offered[n] - left
            given_up = min(backlog, leaving)
            turned_away = leaving - given_up
        flows[0, n] = backlog - given_up
        flows[1, n] = served
        flows[2, n] = given_up + turned_away
        flows[3, n] = turned_away
        flows[4, n] = left
        backlog = left
    return flows
