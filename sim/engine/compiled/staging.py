"""Staging: copies of datasets that are asked for and sent (see `sim.engine.staging`)."""

import math

from sim.engine.compiled.calendar import TRANSFER, push
from sim.engine.compiled.layout import AT_SITE, NONE, ROUTE_LINK, Memory, request_of
from sim.engine.compiled.rules import copying_s
from sim.jit import inner
from sim.memory import length

PRESENT, TO_SEND = 1, 2
"""Of a dataset at a site; 0 stands for neither."""


@inner
def ask(m: Memory, dataset: int, site: int, entry: int) -> None:
    """Wait for a copy of a dataset, which is sent at the end of this instant if it is not under way."""
    state, mine = m.state[0], m.entries[entry]
    mine.asked_spell = m.requests[request_of(m, entry)].spell
    if mine.is_asked == 1:
        return
    mine.is_asked = 1
    mine.next_asked = m.asking[dataset, site]
    m.asking[dataset, site] = entry
    if mine.next_asked == NONE:
        m.at_site[dataset, site] = TO_SEND
        state.asked += 1
        state.is_called = 1


@inner
def send(m: Memory) -> None:
    """Begin the transfers that this instant has asked for, on links that serve one at a time."""
    state = m.state[0]
    for dataset in range(length(m, AT_SITE)):
        for site in range(length(m, ROUTE_LINK)):
            if m.at_site[dataset, site] == TO_SEND:
                m.at_site[dataset, site] = 0
                _begin_transfer(m, dataset, site)
    state.asked = 0


@inner
def _begin_transfer(m: Memory, dataset: int, site: int) -> None:
    state = m.state[0]
    now_s = state.now_s
    home = m.dataset_home[dataset]
    link = m.route_link[home, site]
    size = m.dataset_bytes[dataset] + m.dataset_growth[dataset] * now_s
    start_s, end_s = now_s, now_s
    if link != NONE:
        start_s = max(now_s, m.link_free_s[link])
        end_s = start_s + copying_s(size, m.route_bps[home, site])
        m.link_free_s[link] = end_s
    row = m.transfers[state.transfers]
    row.dataset, row.source, row.target, row.link = dataset, home, site, link
    row.size_bytes, row.asked_s, row.start_s, row.end_s = math.ceil(size), now_s, start_s, NONE
    push(m, end_s, TRANSFER, dataset, state.transfers)
    state.transfers += 1
