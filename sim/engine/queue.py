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

from simpy import Event

from sim.engine.clock import At, Clock, Rank
from sim.engine.log import Log
from sim.engine.pools import Lease, OwnedPool, RentedPool
from sim.engine.staging import Staging
from sim.policies.placement import Busy, holds, length_class, opens_s
from sim.policies.plan import OptionPlan
from sim.records import Kind, Outcome, Reason

AnyPool = OwnedPool | RentedPool
JOBS_AFTER_REPLICAS = 1 << 40


class Line:
    """Requests that would take equally much of one pool on the same terms, the first in order at the head."""

    __slots__ = ("busy", "entries", "leased", "number", "pool", "waiting")

    def __init__(self, number: int, pool: int, leased: int, busy: tuple[Busy, ...]) -> None:
        """An empty line."""
        self.number = number
        self.pool = pool
        self.leased = leased
        self.busy = busy
        self.waiting: list[tuple[int, int, int, Request]] = []
        self.entries = count()

    def head(self) -> "Request | None":
        """The first that still waits; those who left are forgotten here."""
        waiting = self.waiting
        while waiting:
            _, _, spell, request = waiting[0]
            if request.waiting and request.spell == spell:
                return request
            heappop(waiting)
        return None


class Way:
    """An option as gangs of one size see it: what they would lease, and where they wait for it."""

    __slots__ = ("leased", "lines", "option", "timed")

    def __init__(self, option: OptionPlan, leased: int, *, timed: bool) -> None:
        """`timed` says whether it matters how long a lease lasts."""
        self.option = option
        self.leased = leased
        self.timed = timed
        self.lines: dict[int, Line] = {}
        """By class of length."""


class Request:
    """A wish for accelerators in one of several pools."""

    __slots__ = (
        "deadline_s", "entity", "granted", "key", "kind", "lengths_s", "lines", "opened", "remaining_s",
        "spell", "waiting", "ways",
    )  # fmt: skip

    def __init__(
        self, key: int, kind: Kind, entity: int, ways: Sequence[Way], *, deadline_s: int = 0
    ) -> None:
        """`entity` is the job or the service, for the refusals."""
        self.key = key
        self.kind = kind
        self.entity = entity
        self.ways = ways
        self.deadline_s = deadline_s
        self.remaining_s = 0
        self.lengths_s: Sequence[int] = ()
        self.lines: Sequence[Line] = ()
        self.spell = 0
        self.waiting = False
        self.opened = [False] * len(ways)
        self.granted: Event


class Queue:
    """All lines, and the dispatch."""

    def __init__(self, env: Clock, pools: Sequence[AnyPool], staging: Staging, log: Log) -> None:
        """An empty queue before `pools`."""
        self.env = env
        self.pools = pools
        self.staging = staging
        self.log = log
        self.lines: dict[tuple[int, int, tuple[Busy, ...], int], Line] = {}
        self.lines_at: list[list[Line]] = [[] for _ in pools]
        self.watchers: list[set[int]] = [set() for _ in pools]
        self.dirty: set[int] = set()
        self.fresh: list[Request] = []
        self.called = False
        self.numbers = count()

    def join(self, request: Request, lengths_s: Sequence[int], remaining_s: int = 0) -> Event:
        """Wait with `remaining_s` of work to do; the event happens with the lease (None when withdrawn).

        `lengths_s[n]` is how long a lease by way n would last, as far as its owner knows.
        """
        request.remaining_s = remaining_s
        request.lengths_s = lengths_s
        request.lines = [
            self._line(way, length_s) for way, length_s in zip(request.ways, lengths_s, strict=True)
        ]
        request.spell = spell = request.spell + 1
        request.waiting = True
        request.granted = granted = Event(self.env)
        for n, way in enumerate(request.ways):
            request.opened[n] = False
            if way.option.at_once or self._opens_s(request, way.option) <= self.env.now:
                self._open(request, spell, n, may_send=False)
        self.fresh.append(request)
        if not self.called:
            self._call_dispatch()
        return granted

    def withdraw(self, request: Request) -> None:
        """Leave the queue without a lease."""
        assert request.waiting, f"{request.kind.name} {request.entity} does not wait"
        request.waiting = False
        request.granted.succeed(None)

    def end(self, lease: Lease, outcome: Outcome) -> None:
        """End a lease now; nothing when it has ended already."""
        if lease.outcome is not None:
            return
        lease.outcome = outcome
        self.pools[lease.pool].give_back(lease, self.env.now)
        self.changed(lease.pool)
        lease.ended.succeed(outcome)

    def changed(self, pool: int) -> None:
        """Something became free at a pool, or its use changed: dispatch at this instant if anybody waits."""
        self._look_at(pool)
        for watcher in self.watchers[pool]:
            self._look_at(watcher)

    def way(self, option: OptionPlan, gang: int) -> Way:
        """An option as gangs of this size see it."""
        pool = self.pools[option.pool]
        return Way(option, pool.plan.leased(gang), timed=isinstance(pool, OwnedPool) and pool.backfill)

    def _line(self, way: Way, length_s: int) -> Line:
        """Where one waits who would take a way for this long."""
        sort = length_class(length_s) if way.timed else 0
        line = way.lines.get(sort)
        if line is None:
            option = way.option
            key = (option.pool, way.leased, option.opening.busy)
            line = way.lines[sort] = self.lines.setdefault((*key, sort), Line(len(self.lines), *key))
            if line not in self.lines_at[option.pool]:
                self.lines_at[option.pool].append(line)
                for test in option.opening.busy:
                    self.watchers[test.pool].add(option.pool)
        return line

    def _look_at(self, pool: int) -> None:
        for line in self.lines_at[pool]:
            if line.waiting:
                self.dirty.add(pool)
                if not self.called:
                    self._call_dispatch()
                return

    def _call_dispatch(self) -> None:
        self.called = True
        At(self.env, self.env.now, Rank.DISPATCH, 0, self._dispatch)

    def _open(self, request: Request, spell: int, n: int, *, may_send: bool = True) -> None:
        """Let a request that still waits in the same spell use option `n`, once its data is at the site.

        Data is sent only for those who have to wait: not before the first dispatch after they joined.
        """
        if not request.waiting or request.spell != spell:
            return
        option = request.ways[n].option
        if option.staged >= 0 and not self.staging.is_ready(option.staged, option.pool):
            if may_send:
                self.staging.ask(option.staged, option.pool, lambda: self._open(request, spell, n))
                if not self.called:
                    self._call_dispatch()
            return
        request.opened[n] = True
        line = request.lines[n]
        heappush(line.waiting, (request.key, next(line.entries), spell, request))
        self.dirty.add(option.pool)
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
        self.staging.send()

    def _serve(self, dirty: set[int]) -> None:
        """Give out what is free at the dirty pools, in the order of the keys."""
        pools = self.pools
        heads: list[tuple[int, int, Line]] = []
        for index in dirty:
            pool = pools[index]
            pool.open()
            found = [
                (head.key, line.number, line)
                for line in self.lines_at[index]
                if line.waiting and (head := line.head()) is not None
            ]
            room = pool.room
            for _, _, line in found:
                if line.leased <= room:
                    heads += found
                    break
        heapify(heads)
        while heads:
            key, number, line = heappop(heads)
            if pools[line.pool].is_over(line.leased):
                continue
            request = line.head()
            if request is not None and (request.key != key or self._grant(request, dirty)):
                following = line.head()
                if following is not None:
                    heappush(heads, (following.key, number, line))

    def _grant(self, request: Request, dirty: set[int]) -> bool:
        """Give a request the first of its open options where it fits; without one, room is kept for it."""
        env = self.env
        opened = request.opened
        missed: list[tuple[AnyPool, int]] = []
        for n, line in enumerate(request.lines):
            index = line.pool
            if not opened[n] or index not in dirty or (line.busy and not self._busy_enough(line.busy)):
                continue
            pool = self.pools[index]
            leased = line.leased
            until_s = env.now + request.lengths_s[n]
            nodes = pool.place(leased, until_s)
            if nodes is None:
                missed.append((pool, leased))
                continue
            lease = Lease(next(self.numbers), index, n, leased, nodes, env.now, until_s, Event(env))
            pool.take(lease)
            if watchers := self.watchers[index]:
                self.dirty |= watchers
            request.waiting = False
            request.granted.succeed(lease)
            return True
        for pool, leased in missed:
            pool.keep_for(leased, request.key)
        return False

    def _busy_enough(self, tests: tuple[Busy, ...]) -> bool:
        return all(
            holds(test.above, test.ppm, self.pools[test.pool].leased, self.pools[test.pool].up)
            for test in tests
        )

    def _note_waiting(self, request: Request) -> None:
        """Say why a request waits at each of its pools, and set a clock for the options that open later."""
        now = self.env.now
        for n, (way, line) in enumerate(zip(request.ways, request.lines, strict=True)):
            if request.opened[n]:
                reason = Reason.CONDITION
                if self._busy_enough(line.busy):
                    reason = self.pools[line.pool].why_not(line.leased)
            else:
                opens_s = self._opens_s(request, way.option)
                reason = Reason.CONDITION if opens_s > now else Reason.DATA_IN_TRANSIT
                if opens_s > now:
                    self._open_later(request, n, opens_s)
                else:
                    self._open(request, request.spell, n)
            self.log.refusals.append((now, request.kind, request.entity, line.pool, reason, 1))

    def _opens_s(self, request: Request, option: OptionPlan) -> int:
        """When waiting time and slack allow an option to a request that joins the queue now."""
        opening = option.opening
        return opens_s(opening.wait_s, opening.slack_s, self.env.now, request.deadline_s, request.remaining_s)

    def _open_later(self, request: Request, n: int, opens_s: int) -> None:
        spell = request.spell
        At(self.env, opens_s, Rank.OPENING, request.key, lambda _: self._open(request, spell, n))
