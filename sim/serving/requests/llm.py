"""Replicas of a language model with continuous batching, iteration by iteration.

Iterations that are alike are taken at once, as a *run*: it lasts until the next request of the batch is done,
or the memory is full, or somebody arrives who finds room, who cuts it short at the end of an iteration.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.jit import inner, kernel
from sim.serving.requests.heaps import push, remove

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Records = Any
"""Structured arrays."""

NOBODY = -1
LEAST_OUTSTANDING = -1
"""Instead of a replica: the one with the fewest requests, waiting or active; of several the first."""

IDLE, DECODE, WHOLE, MIXED = 0, 1, 2, 3
"""What a replica does: nothing, tokens for its batch, one prompt alone, or tokens and parts of prompts."""

FINISH, MEMBER, READER = 0, 1, 2
"""Rows of a replica's slots: a heap of decoding requests by the iteration in which each is done, and who they
are; those whose prompts are being read, in the order of their admission."""

REQUEST = np.dtype(
    [
        ("arrival_s", np.float64),
        ("first_s", np.float64),  # from arrival to the first token
        ("last_s", np.float64),
        ("prompt", np.int64),
        ("cached", np.int64),  # tokens of the prompt that need not be read
        ("answer", np.int64),
        ("emitted", np.int64),  # up to the last admission or the end of the prompt
        ("read", np.int64),  # since the last admission, cached ones included
        ("part", np.int64),  # what the present iteration reads
        ("order", np.int64),  # of the last admission
        ("behind", np.int64),  # the next in line
    ]
)
REPLICA = np.dtype(
    [
        ("begin_s", np.float64),  # of the present run
        ("end_s", np.float64),  # inf while idle
        ("busy_s", np.float64),
        ("doing", np.int64),
        ("iterations", np.int64),  # in the present run
        ("clock", np.int64),  # decode iterations so far
        ("active", np.int64),  # requests that decode
        ("readers", np.int64),  # requests whose prompts are being read
        ("context", np.int64),  # tokens that the decoding requests hold
        ("used", np.int64),  # tokens that are taken, or reserved
        ("first", np.int64),  # of the line of those who wait
        ("last", np.int64),
        ("outstanding", np.int64),
        ("admitted", np.int64),  # admissions so far
        ("thrown_out", np.int64),
    ]
)


class Fleet(NamedTuple):
    """Replicas, how they work, and the requests that come to them."""

    prefill_s: Floats
    """Of a prompt by its tokens, from 0 on [s]."""
    decode_s: Floats
    """Of an iteration by the requests in it, from 0 to the largest batch [s]."""
    context_s: float
    """What each token that a decoding request holds adds to an iteration [s]."""
    chunk: int
    """Tokens of an iteration that prompts and decodes share; 0: a prompt is read whole and alone."""
    memory: int
    """Tokens of all active requests that a replica can hold."""
    reserve: bool
    """Whether a request waits until its answer fits in as well; else the last to come is thrown out."""
    requests: Records
    replicas: Records
    slots: Ints
    """Shape [replicas, 3, largest batch]."""


@inner
def part_s(fleet: Fleet, begin: int, end: int) -> float:
    """Time to read the tokens from `begin` to `end` of a prompt [s].

    At least that of a prompt of as many tokens, and at least what the later tokens of a long prompt cost, as
    they attend to all that came before.
    """
    time_s: float = max(fleet.prefill_s[end - begin], fleet.prefill_s[end] - fleet.prefill_s[begin])
    return time_s


@inner
def _decodes_s(fleet: Fleet, r: int, count: int) -> float:
    """Time of `count` decode iterations of the present batch [s]; each makes all contexts a token longer."""
    batch = fleet.replicas[r]["active"]
    context = fleet.replicas[r]["context"]
    held = count * context + batch * (count * (count - 1) // 2)
    time_s: float = count * fleet.decode_s[batch] + fleet.context_s * held
    return time_s


@inner
def _needs(fleet: Fleet, who: int) -> int:
    """Tokens that a request takes when it is admitted."""
    request = fleet.requests[who]
    needs: int = request["prompt"] + (request["answer"] if fleet.reserve else request["emitted"])
    return needs


@inner
def _throw_out(fleet: Fleet, r: int) -> None:
    """The request that was admitted last goes back to the head of the line, and must be read again."""
    replica, slots = fleet.replicas[r], fleet.slots[r]
    place, latest, decodes = 0, NOBODY, False
    for row in (MEMBER, READER):
        for slot in range(replica["active"] if row == MEMBER else replica["readers"]):
            who = slots[row, slot]
            if latest == NOBODY or fleet.requests[who]["order"] > fleet.requests[latest]["order"]:
                latest, place, decodes = who, slot, row == MEMBER
    request = fleet.requests[latest]
    if decodes:
        request["emitted"] = request["answer"] - (slots[FINISH, place] - replica["clock"])
        replica["context"] -= request["prompt"] + request["emitted"]
        remove(slots[FINISH], slots[MEMBER], replica["active"], place)
        replica["active"] -= 1
    else:
        for slot in range(place, replica["readers"] - 1):
            slots[READER, slot] = slots[READER, slot + 1]
        replica["readers"] -= 1
    replica["used"] -= request["prompt"] + request["emitted"]
    replica["thrown_out"] += 1
    request["behind"] = replica["first"]
    if replica["first"] == NOBODY:
        replica["last"] = latest
    replica["first"] = latest


@inner
def _admit(fleet: Fleet, r: int) -> bool:
    """Let the first who waits in, if there is anybody, and room in the batch and in the memory."""
    replica = fleet.replicas[r]
    who = replica["first"]
    if who == NOBODY or replica["active"] + replica["readers"] == len(fleet.decode_s) - 1:
        return False
    needs = _needs(fleet, who)
    if replica["used"] + needs > fleet.memory:
        return False
    request = fleet.requests[who]
    request["read"] = request["cached"]
    request["order"] = replica["admitted"]
    replica["first"] = request["behind"]
    replica["used"] += needs
    replica["admitted"] += 1
    fleet.slots[r, READER, replica["readers"]] = who
    replica["readers"] += 1
    return True


@inner
def _read_parts(fleet: Fleet, r: int, closed: bool) -> float:
    """Give what the decodes leave of an iteration's tokens to prompts, in order: the time of all [s].

    Nobody new is admitted if `closed`. 0 where there is no prompt to read. A prompt's tokens cost as in
    `part_s`; decodes beside them cost what they cost more than one of them alone, as the weights are read
    only once.
    """
    replica = fleet.replicas[r]
    left = fleet.chunk - replica["active"]
    tokens, beyond_s, slot = 0, 0.0, 0
    while left > 0 and (slot < replica["readers"] or (not closed and _admit(fleet, r))):
        request = fleet.requests[fleet.slots[r, READER, slot]]
        begin = request["read"]
        part = min(left, request["prompt"] + request["emitted"] - begin)
        request["part"] = part
        beyond_s += part_s(fleet, begin, begin + part) - fleet.prefill_s[part]
        tokens += part
        left -= part
        slot += 1
    for later in range(slot, replica["readers"]):
        fleet.requests[fleet.slots[r, READER, later]]["part"] = 0
    if tokens == 0:
        return 0.0
    time_s: float = fleet.prefill_s[tokens] + beyond_s
    if replica["active"] > 0:
        time_s += _decodes_s(fleet, r, 1) - fleet.decode_s[1]
    return time_s


@inner
def _begin(fleet: Fleet, r: int) -> None:
    """Begin the next run at the end of the last."""
    replica = fleet.replicas[r]
    replica["begin_s"] = replica["end_s"]
    replica["iterations"] = 1
    full = False
    while not fleet.reserve and replica["active"] > 0 and replica["used"] + replica["active"] > fleet.memory:
        _throw_out(fleet, r)
        full = True
    time_s = 0.0
    if fleet.chunk > 0:
        time_s = _read_parts(fleet, r, full)
        replica["doing"] = MIXED
    elif not full and _admit(fleet, r):
        request = fleet.requests[fleet.slots[r, READER, 0]]
        end = request["prompt"] + request["emitted"]
        request["part"] = end - request["read"]
        time_s = part_s(fleet, request["read"], end)
        replica["doing"] = WHOLE
    if time_s == 0.0 and replica["active"] > 0:
        run = fleet.slots[r, FINISH, 0] - replica["clock"]
        if not fleet.reserve:
            run = min(run, (fleet.memory - replica["used"]) // replica["active"])
        if full:
            run = 1  # there may be room again for the one who was thrown out, if only just
        time_s = _decodes_s(fleet, r, run)
        replica["iterations"] = run
        replica["doing"] = DECODE
    if time_s > 0.0:
        replica["end_s"] = replica["begin_s"] + time_s
    else:
        replica["end_s"] = np.inf
        replica["doing"] = IDLE


@inner
def _leave(fleet: Fleet, r: int, who: int) -> None:
    request, replica = fleet.requests[who], fleet.replicas[r]
    request["last_s"] = replica["end_s"] - request["arrival_s"]
    replica["used"] -= request["prompt"] + request["answer"]
    replica["outstanding"] -= 1


@inner
def _decoded(fleet: Fleet, r: int) -> None:
    """The batch has its tokens; those who are done leave."""
    replica, slots = fleet.replicas[r], fleet.slots[r]
    grown = replica["iterations"] * replica["active"]
    replica["clock"] += replica["iterations"]
    replica["context"] += grown
    if not fleet.reserve:
        replica["used"] += grown
    while replica["active"] > 0 and slots[FINISH, 0] == replica["clock"]:
        who = slots[MEMBER, 0]
        remove(slots[FINISH], slots[MEMBER], replica["active"], 0)
        replica["active"] -= 1
        replica["context"] -= fleet.requests[who]["prompt"] + fleet.requests[who]["answer"]
        _leave(fleet, r, who)


@inner
def _prompts_read(fleet: Fleet, r: int) -> None:
    """Prompts that have been read to their ends give a token, and decode from now on."""
    replica, slots = fleet.replicas[r], fleet.slots[r]
    stay = 0
    for slot in range(replica["readers"]):
        who = slots[READER, slot]
        request = fleet.requests[who]
        request["read"] += request["part"]
        if request["read"] < request["prompt"] + request["emitted"]:
            slots[READER, stay] = who
            stay += 1
            continue
        if request["emitted"] == 0:
            request["first_s"] = replica["end_s"] - request["arrival_s"]
        request["emitted"] += 1
        if not fleet.reserve:
            replica["used"] += 1
        left = request["answer"] - request["emitted"]
        if left == 0:
            _leave(fleet, r, who)
        else:
            push(slots[FINISH], slots[MEMBER], replica["active"], replica["clock"] + left, who)
            replica["active"] += 1
            replica["context"] += request["prompt"] + request["emitted"]
    replica["readers"] = stay


@inner
def _advance(fleet: Fleet, r: int, until_s: float) -> None:
    """Work through all runs that end before `until_s`."""
    replica = fleet.replicas[r]
    while replica["end_s"] < until_s:
        replica["busy_s"] += replica["end_s"] - replica["begin_s"]
        if replica["doing"] in (DECODE, MIXED):
            _decoded(fleet, r)
        if replica["doing"] in (WHOLE, MIXED):
            _prompts_read(fleet, r)
        _begin(fleet, r)


@inner
def _cut(fleet: Fleet, r: int, at_s: float) -> None:
    """End the present run with the first of its iterations that ends at `at_s` or later."""
    replica = fleet.replicas[r]
    gap_s = at_s - replica["begin_s"]
    most = replica["iterations"]
    count = min(max(int(gap_s / (_decodes_s(fleet, r, most) / most)), 1), most)
    while count < most and _decodes_s(fleet, r, count) < gap_s:
        count += 1
    while count > 1 and _decodes_s(fleet, r, count - 1) >= gap_s:
        count -= 1
    replica["iterations"] = count
    replica["end_s"] = replica["begin_s"] + _decodes_s(fleet, r, count)


@inner
def _arrive(fleet: Fleet, r: int, who: int) -> None:
    """Stand at the end of the line; an idle replica begins at once, and a run is cut where there is room."""
    replica = fleet.replicas[r]
    at_s = fleet.requests[who]["arrival_s"]
    alone = replica["first"] == NOBODY
    if alone:
        replica["first"] = who
    else:
        fleet.requests[replica["last"]]["behind"] = who
    replica["last"] = who
    replica["outstanding"] += 1
    if replica["doing"] == IDLE:
        replica["begin_s"] = at_s
        replica["end_s"] = at_s
    elif (
        alone
        and replica["doing"] == DECODE
        and replica["active"] + replica["readers"] < len(fleet.decode_s) - 1
        and replica["used"] + _needs(fleet, who) <= fleet.memory
    ):
        _cut(fleet, r, at_s)


@kernel
def serve_llm(fleet: Fleet, route: Ints) -> None:
    """Answer all requests of a fleet of fresh requests and replicas, in place.

    Request n goes to replica route[n], or to the one with the fewest if that is LEAST_OUTSTANDING. Each
    replica admits in the order of arrival while the batch and the memory have room. With `chunk` 0 an
    iteration is the prompt of the next who is admitted, or else a token for all of the batch; with a `chunk`
    each iteration is both. The end of a prompt gives a token, the first of the answer.
    """
    replicas = fleet.replicas
    for who in range(len(route)):
        at_s = fleet.requests[who]["arrival_s"]
        r = route[who]
        if r == LEAST_OUTSTANDING:
            r = 0
            for other in range(len(replicas)):
                if replicas[other]["end_s"] < at_s:
                    _advance(fleet, other, at_s)
                if replicas[other]["outstanding"] < replicas[r]["outstanding"]:
                    r = other
        else:
            _advance(fleet, r, at_s)
        _arrive(fleet, r, who)
    for r in range(len(replicas)):
        _advance(fleet, r, np.inf)


def fresh_requests(arrival_s: Floats, prompt: Ints, cached: Ints, answer: Ints) -> Records:
    """Requests that nobody has answered yet.

    `arrival_s` [s] ascends; of the tokens, `cached` < `prompt` and `answer` >= 1.
    """
    requests = np.zeros(len(arrival_s), REQUEST)
    requests["arrival_s"], requests["behind"] = arrival_s, NOBODY
    requests["prompt"], requests["cached"], requests["answer"] = prompt, cached, answer
    return requests


def fresh_replicas(count: int, max_batch: int) -> tuple[Records, Ints]:
    """Idle replicas and their slots."""
    replicas = np.zeros(count, REPLICA)
    replicas["end_s"], replicas["first"], replicas["last"] = np.inf, NOBODY, NOBODY
    return replicas, np.zeros((count, 3, max_batch), np.int64)
