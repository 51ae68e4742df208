"""Demand as a fluid that an autoscaler watches: what has come, when single requests come, what waits.

Requests are whole where a single one matters: the n-th comes when the demand since the start has summed up
to n.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def backlog_after(
    backlog: int, arrived: int, capacity: int, recent: int, interval_s: int, patience_ms: int
) -> int:
    """The backlog after an interval in which `arrived` came and `capacity` could be served [micro-requests].

    Who would wait longer than `patience_ms` stays away, and who has waited in vain gives up; without capacity
    only those are still there who came within that time, at most `recent` (as in `sim.serving.intervals`).
    """
    if capacity == 0:
        return min(backlog + arrived, recent)
    most = capacity // interval_s * patience_ms // 1000
    return min(max(min(backlog, most) + arrived - capacity, 0), most)


def arrived_within(demand_rps: Floats, interval_s: int, span_s: float) -> Floats:
    """Requests that came within the last `span_s` before the end of each interval."""
    edges_s = np.arange(len(demand_rps) + 1) * float(interval_s)
    total = _total(demand_rps, interval_s)
    within: Floats = total[1:] - np.interp(edges_s[1:] - span_s, edges_s, total)
    return within


def last_request_s(demand_rps: Floats, interval_s: int) -> Floats:
    """When the last request came before each interval [s]; 0, as if one had come at the start, for none."""
    total = _total(demand_rps, interval_s)
    whole = np.floor(total[1:])
    came = whole > np.floor(total[:-1])
    begin_s = np.arange(len(demand_rps)) * float(interval_s)
    at_s = begin_s + np.divide(whole - total[:-1], demand_rps, out=np.zeros(len(demand_rps)), where=came)
    latest_s = np.maximum.accumulate(np.where(came, at_s, 0.0)) if len(at_s) else at_s
    return np.concatenate(([0.0], latest_s[:-1]))[: len(at_s)]


def first_request_s(demand_rps: Floats, interval_s: int) -> Ints:
    """When the first request of each interval comes [s, rounded up]; the interval's end where none does."""
    total = _total(demand_rps, interval_s)
    following = np.floor(total[:-1]) + 1.0
    came = np.floor(total[1:]) >= following
    after_s = np.divide(
        following - total[:-1], demand_rps, out=np.full(len(demand_rps), float(interval_s)), where=came
    )
    begin_s = np.arange(len(demand_rps)) * interval_s
    next_s: Ints = begin_s + np.clip(np.ceil(after_s), 1, interval_s).astype(np.int64)
    return next_s


def _total(demand_rps: Floats, interval_s: int) -> Floats:
    """Requests since the start, at the edges of all intervals."""
    return np.concatenate(([0.0], np.cumsum(demand_rps * interval_s)))
