"""The queue: who waits for which pools, and the one dispatch of an instant.

Requests are served in the order of their keys: replicas before jobs, jobs in the order of arrival. Each takes
the first of its open options where it fits. The first that has to wait at a pool has nodes kept for it
(`Pool.keep_for`); others may use them as well if they are done before it could start, and the rest as they
like (EASY backfilling). Requests for equally many accelerators by the same option, and of about equal length
where length matters, wait in one line, so that a dispatch looks at heads of lines and not at all who wait.
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final

from simpy import Event

from sim.engine.clock import At, Clock, Rank
from sim.engine.log import Log
from sim.engine.pools import Lease, OwnedPool, RentedPool
from sim.engine.staging import Staging
from sim.policies.checkpoints import NEVER, Checkpoints, full_length_s
from sim.policies.placement import Busy, holds, length_class, local_s, opens_s
from sim.policies.plan import OptionPlan
from sim.records import Kind, Outcome, Reason

AnyPool = OwnedPool | RentedPool
JOBS_AFTER_REPLICAS = 1 << 40
NOT_OPEN: Final = -1
_FINISHED: Final = Outcome.FINISHED

Entry = tuple[int, int, "Request"]
"""In a line: the key of a request, a number that no other entry has, and the request."""


class Desk:
    """Where requests wait for one pool."""

    __slots__ = ("index", "known", "lines", "pool", "watchers")

    def __init__(self, index: int, pool: AnyPool) -> None:
        """A desk before which nobody waits."""
        self.index = index
        self.pool = pool
        self.known: dict[tuple[int, tuple[Busy, ...], int], Line] = {}
        """All lines that there have been, by size, tests of utilisation, and class of length."""
        self.lines: dict[Line, None] = {}
        """Those that are not empty."""
        self.watchers: set[int] = set()
        """The desks where the use of this pool decides whether somebody is served."""

    def heads(self) -> "list[tuple[Entry, Line]]":
        """The heads of the lines as a dispatch begins; none where all are too large for what is free."""
        self.pool.open()
        room = self.pool.room
        for line in self.lines:
            if line.leased <= room:
                return [(line.entries[0], line) for line in self.lines]
        return []


class Line:
    """Requests that would take equally much of one pool on the same terms, the first in order at the head."""

    __slots__ = ("desk", "entries", "leased", "pool")

    def __init__(self, desk: Desk, leased: int) -> None:
        """An empty line."""
        self.desk = desk
        self.pool = desk.pool
        self.leased = leased
        self.entries: list[Entry] = []

    def enter(self, request: "Request", number: int) -> None:
        """Wait in this line."""
        heappush(self.entries, (request.key, number, request))
        self.desk.lines[self] = None

    def head(self) -> Entry | None:
        """The first that still waits; those who left are forgotten here."""
        entries = self.entries
        while entries:
            entry = entries[0]
            if entry[2].waiting:
                return entry
            heappop(entries)
            if not entries:
                del self.desk.lines[self]
        return None


class Way:
    """An option as gangs of one size of one workload see it."""

    def __init__(
        self, number: int, option: OptionPlan, desk: Desk, leased: int, checkpoints: Checkpoints | None
    ) -> None:
        """`number` is its place among the ways of the gang; services have no `checkpoints`."""
        self.number = number
        self.option = option
        self.desk = desk
        self.leased = leased
        self.each = min(leased, desk.pool.plan.node_accelerators)
        """On one node."""
        self.checkpoints = checkpoints
        self.busy = option.opening.busy
        self.is_at_once = option.at_once
        self.is_by_slack = not option.at_once and option.opening.wait_s == 0
        """Whether it may be open at once, too, as slack alone decides."""
        self.is_rented = isinstance(desk.pool, RentedPool)
        self.is_timed = isinstance(desk.pool, OwnedPool) and desk.pool.backfill
        """Whether it matters how long a lease lasts."""
        self.lines: dict[int, Line] = {}
        """By class of length."""

    def length_s(self, remaining_s: int, restart_s: int) -> int:
        """How long a lease lasts that nothing interrupts, without the boot; of a replica nobody knows it."""
        if self.checkpoints is None:
            return NEVER
        return full_length_s(self.checkpoints, local_s(remaining_s, self.option.speed_ppm), 0, restart_s)

    def line(self, length_s: int) -> Line:
        """Where one waits who would lease for so long."""
        sort = length_class(length_s) if self.is_timed else 0
        line = self.lines.get(sort)
        if line is None:
            new = Line(self.desk, self.leased)
            line = self.lines[sort] = self.desk.known.setdefault((self.leased, self.busy, sort), new)
        return line


class Request(Event):
    """A wish for accelerators in one of several pools: an event that happens with the lease.

    It happens with None when it is withdrawn. Who has lost a lease makes another request.
    """

    def __init__(
        self,
        env: Clock,
        key: int,
        kind: Kind,
        entity: int,
        ways: Sequence[Way],
        remaining_s: int = 0,
        restart_s: int = 0,
        deadline_s: int = 0,
    ) -> None:
        """`entity` is the job or the service, for the refusals; `remaining_s` the work still to do."""
        self.env = env
        self.callbacks = []  # as SimPy's own events do instead of calling the one below them: there are many
        self.key = key
        self.kind = kind
        self.entity = entity
        self.ways = ways
        self.remaining_s = remaining_s
        self.restart_s = restart_s
        self.deadline_s = deadline_s
        self.lengths_s = [NOT_OPEN] * len(ways)
        """How long a lease would last by each of the ways that are open."""
        self.waiting = True


class Queue:
    """All desks, and the dispatch."""

    def __init__(self, env: Clock, pools: Sequence[AnyPool], staging: Staging, log: Log) -> None:
        """An empty queue before `pools`."""
        self.env = env
        self.desks = [Desk(n, pool) for n, pool in enumerate(pools)]
        self.staging = staging
        self.log = log
        self.dirty: set[int] = set()
        self.fresh: list[Request] = []
        self.called = False
        self.entries = count()

    def join(self, request: Request) -> Request:
        """Let a request wait at all options that are open already; a dispatch of this instant will look."""
        for way in request.ways:
            if way.is_at_once or (way.is_by_slack and self._opens_s(request, way.option) <= self.env.now):
                self._open(request, way)
        self.fresh.append(request)
        if not self.called:
            self._call_dispatch()
        return request

    def withdraw(self, request: Request) -> None:
        """Leave the queue without a lease."""
        assert request.waiting, f"{request.kind.name} {request.entity} does not wait"
        request.waiting = False
        request.succeed(None)

    def finish(self, event: Event) -> None:
        """End the lease that an event carries, as its work is done."""
        self.end(event._value, _FINISHED)

    def reclaim(self, event: Event) -> None:
        """End the lease that an event carries, as its provider wants it back."""
        self.end(event._value, Outcome.RECLAIMED)

    def end(self, lease: Lease, outcome: Outcome) -> None:
        """End a lease now; nothing when it has ended already."""
        if lease.outcome is not None:
            return
        lease.outcome = outcome
        lease.end_s = now = self.env.now
        self.desks[lease.pool].pool.give_back(lease, now)
        self.changed(lease.pool)
        lease.succeed(outcome)

    def changed(self, pool: int) -> None:
        """Something became free at a pool, or its use changed: dispatch at this instant if anybody waits."""
        desk = self.desks[pool]
        if desk.lines:
            self._look_at(desk)
        for watcher in desk.watchers:
            if self.desks[watcher].lines:
                self._look_at(self.desks[watcher])

    def ways(
        self, options: Sequence[OptionPlan], gang: int, checkpoints: Checkpoints | None
    ) -> tuple[Way, ...]:
        """Options as gangs of this size of one workload see them."""
        ways: list[Way] = []
        for number, option in enumerate(options):
            desk = self.desks[option.pool]
            for test in option.opening.busy:
                self.desks[test.pool].watchers.add(desk.index)
            ways.append(Way(number, option, desk, desk.pool.plan.leased(gang), checkpoints))
        return tuple(ways)

    def _look_at(self, desk: Desk) -> None:
        """Let a dispatch of this instant see who can be served at a desk."""
        self.dirty.add(desk.index)
        if not self.called:
            self._call_dispatch()

    def _call_dispatch(self) -> None:
        self.called = True
        At(self.env, self.env.now, Rank.DISPATCH, 0, self._dispatch)

    def _open(self, request: Request, way: Way) -> bool:
        """Let a request use an option; False where its data is not at the site."""
        desk, dataset = way.desk, way.option.staged
        if dataset >= 0 and not self.staging.is_ready(dataset, desk.index):
            return False
        request.lengths_s[way.number] = length_s = way.length_s(request.remaining_s, request.restart_s)
        way.line(length_s).enter(request, next(self.entries))
        self.dirty.add(desk.index)
        return True

    def _open_or_send(self, request: Request, way: Way) -> None:
        """Let a request that still waits use an option, once its data is at the site.

        Data is sent only for those who have to wait: not before the first dispatch after they joined.
        """
        if request.waiting:
            if not self._open(request, way):
                self.staging.ask(way.option.staged, way.desk.index, lambda: self._open_or_send(request, way))
            if not self.called:
                self._call_dispatch()

    def _dispatch(self, _: Event) -> None:
        while self.dirty:
            dirty, self.dirty = self.dirty, set()
            self._serve(dirty)
        self.called = False
        fresh, self.fresh = self.fresh, []
        for request in fresh:
            if request.waiting:
                self._note_waiting(request)
        if self.staging.asked:
            self.staging.send()

    def _serve(self, dirty: set[int]) -> None:
        """Give out what is free at the dirty desks, in the order of the keys."""
        heads: list[tuple[Entry, Line]] = []
        for index in dirty:
            heads += self.desks[index].heads()
        heapify(heads)
        while heads:
            (_, _, request), line = heappop(heads)
            if line.pool.is_over(line.leased) or (request.waiting and not self._grant(request, dirty)):
                continue
            following = line.head()
            if following is not None:
                heappush(heads, (following, line))

    def _grant(self, request: Request, dirty: set[int]) -> bool:
        """Give a request the first of its open options where it fits; without one, room is kept for it."""
        now = self.env.now
        missed: list[Way] = []
        for way in request.ways:
            length_s, desk = request.lengths_s[way.number], way.desk
            if length_s == NOT_OPEN or desk.index not in dirty:
                continue
            if way.busy and not self._busy_enough(way.busy):
                continue
            until_s = now + length_s
            nodes = desk.pool.place(way.leased, until_s)
            if nodes is None:
                missed.append(way)
                continue
            lease = Lease(self.env, desk.index, way.number, way.leased, way.each, nodes, now, until_s)
            desk.pool.take(lease)
            if desk.watchers:
                self.dirty |= desk.watchers
            request.waiting = False
            request.succeed(lease)
            return True
        for way in missed:
            way.desk.pool.keep_for(way.leased, request.key)
        return False

    def _busy_enough(self, tests: tuple[Busy, ...]) -> bool:
        for test in tests:
            pool = self.desks[test.pool].pool
            if not holds(test.above, test.ppm, pool.leased, pool.up):
                return False
        return True

    def _note_waiting(self, request: Request) -> None:
        """Say why a request waits at each of its pools, and set a clock for the options that open later."""
        now = self.env.now
        for way in request.ways:
            reason = Reason.CONDITION
            if request.lengths_s[way.number] != NOT_OPEN:
                if self._busy_enough(way.busy):
                    reason = way.desk.pool.why_not(way.leased)
            elif (opens_s := self._opens_s(request, way.option)) > now:
                self._open_later(request, way, opens_s)
            else:
                reason = Reason.DATA_IN_TRANSIT
                self._open_or_send(request, way)
            self.log.refusals.append((now, request.kind, request.entity, way.desk.index, reason, 1))

    def _opens_s(self, request: Request, option: OptionPlan) -> int:
        """When waiting time and slack allow an option to a request that joins the queue now."""
        opening = option.opening
        return opens_s(opening.wait_s, opening.slack_s, self.env.now, request.deadline_s, request.remaining_s)

    def _open_later(self, request: Request, way: Way, opens_s: int) -> None:
        At(self.env, opens_s, Rank.OPENING, request.key, lambda _: self._open_or_send(request, way))
