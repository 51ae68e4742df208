"""Pools: who holds which accelerators, what is free, and the pool's own count of accelerator-seconds.

Both kinds answer the same questions: `place` (where would a gang go?), `keep_for` (hold room for the one that
waited longest), `take`, `give_back`. Counts are integrated when something changes, never by ticking.
"""

from bisect import bisect_left, insort
from heapq import nsmallest
from itertools import islice
from operator import attrgetter

from simpy import Event

from sim.engine.clock import Clock
from sim.policies.checkpoints import NEVER
from sim.policies.plan import UNLIMITED, PoolPlan
from sim.records import Outcome, Reason
from sim.world.world import ANY_GANG

NO_NODES: frozenset[int] = frozenset()
_until_s = attrgetter("until_s")


class Lease(Event):
    """Accelerators taken from a pool: an event that happens with the outcome when they are given back."""

    def __init__(
        self,
        env: Clock,
        pool: int,
        option: int,
        leased: int,
        each: int,
        nodes: tuple[int, ...],
        start_s: int,
        until_s: int,
    ) -> None:
        """`each` is on one node, `until_s` when it will end as far as its owner knows.

        `nodes` is empty on rented pools.
        """
        self.env = env
        self.callbacks = []  # as SimPy's own events do instead of calling the one below them: there are many
        self.pool = pool
        self.option = option
        self.leased = leased
        self.each = each
        self.nodes = nodes
        self.start_s = start_s
        self.until_s = until_s
        self.end_s = NEVER
        self.outcome: Outcome | None = None


class Pool:
    """What owned and rented pools have in common: leases, and the count of what is leased."""

    def __init__(self, index: int, plan: PoolPlan) -> None:
        """An empty pool."""
        self.index = index
        self.plan = plan
        self.leases: dict[Lease, None] = {}
        """Those that go on, in the order in which they began."""
        self.leased = 0
        self.leased_s = 0
        self.moments_s = 0
        """Changes of `leased` times their moments: the integral of a step function is its level times now,
        less each step times its moment."""

    def count(self, now_s: int) -> None:
        """Bring the count up to `now_s`."""
        self.leased_s = self.leased * now_s - self.moments_s

    def take(self, lease: Lease) -> None:
        """Enter a lease that starts now."""
        self.leased += lease.leased
        self.moments_s += lease.leased * lease.start_s
        self.leases[lease] = None

    def give_back(self, lease: Lease, now_s: int) -> None:
        """Strike a lease that ends now."""
        self.leased -= lease.leased
        self.moments_s -= lease.leased * now_s
        del self.leases[lease]


class OwnedPool(Pool):
    """Nodes that we own. A gang of at most a node's size sits in one node, a larger one takes whole nodes."""

    def __init__(self, index: int, plan: PoolPlan, *, backfill: bool) -> None:
        """A pool without nodes; `deliver` brings them."""
        super().__init__(index, plan)
        self.backfill = backfill
        self.closed = False
        self.size = plan.node_accelerators
        self.free: list[int] = []
        self.is_up: list[bool] = []
        self.by_free: list[list[int]] = [[] for _ in range(self.size + 1)]
        self.room = 0
        self.kept = NO_NODES
        self.kept_until_s = 0
        self.hopeless = UNLIMITED
        """Gangs from this size on have been found to wait for nodes that nobody knows to be free ever."""
        self.promise: tuple[tuple[int, int], frozenset[int], int] | None = None
        """To whom (key, accelerators), which nodes, and from when on."""
        self.down_since: dict[int, int] = {}
        self.nodes_since_s = 0
        self.up_s = 0
        self.down_s = 0

    @property
    def up(self) -> int:
        """Accelerators on nodes that are up."""
        return self.size * (len(self.free) - len(self.down_since))

    def count(self, now_s: int) -> None:
        """Bring the counts of leased, up and down accelerator-seconds up to `now_s`."""
        super().count(now_s)
        self._count_nodes(now_s)

    def _count_nodes(self, now_s: int) -> None:
        """Bring the counts of up and down up to `now_s`; called before nodes come, fail or are repaired."""
        elapsed = now_s - self.nodes_since_s
        self.nodes_since_s = now_s
        self.up_s += self.up * elapsed
        self.down_s += self.size * len(self.down_since) * elapsed

    def deliver(self, nodes: int, now_s: int) -> range:
        """Put `nodes` new nodes to work; their numbers."""
        self._count_nodes(now_s)
        first = len(self.free)
        for node in range(first, first + nodes):
            self.free.append(self.size)
            self.is_up.append(True)
            self.by_free[self.size].append(node)
        self.room += nodes * self.size
        self.promise = None
        return range(first, first + nodes)

    def place(self, leased: int, until_s: int) -> tuple[int, ...] | None:
        """The nodes where a gang would go now: the fullest one with room, or whole free nodes; None if none.

        Nodes that are kept for another serve those who are done by the time at which that one could start.
        """
        if self.closed or leased > self.room:
            return None
        kept = self.kept if until_s > self.kept_until_s else NO_NODES
        if leased <= self.size:
            for nodes in self.by_free[leased:]:
                for node in nodes:
                    if node not in kept:
                        return (node,)
            return None
        found = tuple(islice((n for n in self.by_free[self.size] if n not in kept), leased // self.size))
        return found if len(found) == leased // self.size else None

    def keep_for(self, leased: int, key: int) -> None:
        """Keep the nodes that will be free soonest for the request `key`, the first that has to wait.

        The next one gets nothing kept: one reservation a dispatch (EASY backfilling; D. Lifka, "The ANL/IBM
        SP scheduling system", 1995). Leases last as long as their owners say, so that what has been promised
        to a request stays true until it starts, or a lease ends early, or somebody before it takes of those
        nodes for longer, or nodes fail, come back or arrive; it is not computed anew at every dispatch.
        One whose nodes would never be free is promised nothing, and leaves the turn to the next. Without
        backfilling the whole pool is kept.
        """
        if not self.backfill:
            self.closed = True
            return
        if self.kept:
            return
        if self.promise is None or self.promise[0] != (key, leased):
            nodes, free_s = self._soonest(leased)
            if not nodes:
                self.hopeless = min(self.hopeless, leased)
                return
            self.promise = ((key, leased), nodes, free_s)
        _, self.kept, self.kept_until_s = self.promise

    def _soonest(self, leased: int) -> tuple[frozenset[int], int]:
        """The nodes that can take a gang soonest, and when; none where a node would never be free."""
        each, count = (leased, 1) if leased <= self.size else (self.size, leased // self.size)
        free = list(self.free)
        found = [(0, node) for node, up in enumerate(self.is_up) if up and free[node] >= each]
        for lease in sorted(self.leases, key=_until_s):
            if len(found) >= count and lease.until_s > found[-1][0]:
                break
            for node in lease.nodes:
                free[node] += lease.each
                if free[node] - lease.each < each <= free[node] and self.is_up[node]:
                    found.append((lease.until_s, node))
        soonest = nsmallest(count, found)
        if len(soonest) < count or soonest[-1][0] >= NEVER:
            return NO_NODES, 0
        return frozenset(node for _, node in soonest), soonest[-1][0]

    def why_not(self, leased: int) -> Reason:
        """Why a gang was not placed in the dispatch that has just ended."""
        self.open()
        return Reason.POOL_FULL if self.place(leased, NEVER) is None else Reason.BEHIND_HEAD

    def open(self) -> None:
        """Begin a dispatch, with nothing kept."""
        self.kept = NO_NODES
        self.closed = False
        self.hopeless = UNLIMITED

    def is_over(self, leased: int) -> bool:
        """Whether a gang can be passed over, as it neither fits nor can be promised anything."""
        return leased > self.room and (self.closed or bool(self.kept) or leased >= self.hopeless)

    def take(self, lease: Lease) -> None:
        """Enter a lease on its nodes."""
        leased = lease.leased
        self.leased += leased
        self.moments_s += leased * lease.start_s
        self.leases[lease] = None
        self.room -= leased
        for node in lease.nodes:
            self._move(node, self.free[node] - lease.each)
        if self.promise is not None:
            _, promised, free_s = self.promise
            if lease.until_s > free_s and not promised.isdisjoint(lease.nodes):
                self.promise = None

    def give_back(self, lease: Lease, now_s: int) -> None:
        """Strike a lease; what it held on nodes that are down stays unusable until the repair."""
        self.leased -= lease.leased
        self.moments_s -= lease.leased * now_s
        del self.leases[lease]
        if now_s < lease.until_s:
            self.promise = None
        each = lease.each
        for node in lease.nodes:
            if self.is_up[node]:
                self._move(node, self.free[node] + each)
                self.room += each
            else:
                self.free[node] += each

    def fail(self, node: int, now_s: int) -> list[Lease]:
        """A node goes down; the leases that held it, in the order in which they began."""
        self._count_nodes(now_s)
        hit = [lease for lease in self.leases if node in lease.nodes]
        self.promise = None
        self.down_since[node] = now_s
        self.is_up[node] = False
        self._strike(node)
        self.room -= self.free[node]
        return hit

    def repair(self, node: int, now_s: int) -> int:
        """A node comes back, empty; when it went down."""
        self._count_nodes(now_s)
        self.promise = None
        self.is_up[node] = True
        insort(self.by_free[self.free[node]], node)
        self.room += self.free[node]
        return self.down_since.pop(node)

    def _strike(self, node: int) -> None:
        nodes = self.by_free[self.free[node]]
        del nodes[bisect_left(nodes, node)]

    def _move(self, node: int, free: int) -> None:
        nodes = self.by_free[self.free[node]]
        del nodes[bisect_left(nodes, node)]
        self.free[node] = free
        insort(self.by_free[free], node)


class RentedPool(Pool):
    """Accelerators rented by the second, up to a quota, and on spot as far as the market serves."""

    def __init__(self, index: int, plan: PoolPlan, largest_gang: int = ANY_GANG) -> None:
        """An empty pool; `largest_gang` is what the market serves at the start."""
        super().__init__(index, plan)
        self.largest_gang = largest_gang
        self.closed = False

    @property
    def room(self) -> int:
        """The largest gang that market and quota leave room for."""
        return min(self.largest_gang, self.plan.quota - self.leased)

    @property
    def up(self) -> int:
        """What the quota allows, [accelerators]."""
        return self.plan.quota

    def place(self, leased: int, until_s: int) -> tuple[int, ...] | None:
        """The empty tuple when a gang can be rented now, None otherwise."""
        if self.closed or leased > self.largest_gang or self.leased + leased > self.plan.quota:
            return None
        return ()

    def keep_for(self, leased: int, key: int) -> None:
        """When the quota stands in the way of a gang, nobody behind it gets what is left of the quota."""
        if leased <= self.largest_gang:
            self.closed = True

    def why_not(self, leased: int) -> Reason:
        """Why a gang was not rented in the dispatch that has just ended."""
        if leased > self.largest_gang:
            return Reason.NO_SPOT
        return Reason.QUOTA if self.leased + leased > self.plan.quota else Reason.BEHIND_HEAD

    def open(self) -> None:
        """Begin a dispatch, with nothing kept."""
        self.closed = False

    def is_over(self, leased: int) -> bool:
        """Whether a gang can be passed over, as it neither fits nor is the first that does not."""
        return self.closed

    def too_large(self) -> list[Lease]:
        """The leases that the market no longer serves, in the order in which they began."""
        return [lease for lease in self.leases if lease.leased > self.largest_gang]
