"""Pools: who holds which accelerators, what is free, and the pool's own count of accelerator-seconds.

Both kinds answer the same questions: `place` (where would a gang go?), `keep_for` (hold room for the one that
waited longest), `take`, `give_back`. Counts are integrated when something changes, never by ticking.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from operator import attrgetter

from simpy import Event

from sim.policies.checkpoints import NEVER
from sim.policies.plan import UNLIMITED, PoolPlan
from sim.records import Outcome, Reason
from sim.world.world import ANY_GANG

NO_NODES: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class Lease:
    """Accelerators taken from a pool; `nodes` is empty on rented pools. `ended` happens with the outcome."""

    number: int
    pool: int
    option: int
    leased: int
    nodes: tuple[int, ...]
    start_s: int
    until_s: int
    """When it will end if nothing interrupts it, as far as its owner knows."""
    ended: Event
    outcome: Outcome | None = None


class Pool:
    """What owned and rented pools have in common: leases, and the count of what is leased."""

    def __init__(self, index: int, plan: PoolPlan) -> None:
        """An empty pool."""
        self.index = index
        self.plan = plan
        self.leases: dict[int, Lease] = {}
        self.leased = 0
        self.leased_s = 0
        self.since_s = 0

    def count(self, now_s: int) -> None:
        """Bring the count up to `now_s`; called before anything changes."""
        self.leased_s += self.leased * (now_s - self.since_s)
        self.since_s = now_s

    def take(self, lease: Lease) -> None:
        """Enter a lease that starts now."""
        self.count(lease.start_s)
        self.leases[lease.number] = lease
        self.leased += lease.leased

    def give_back(self, lease: Lease, now_s: int) -> None:
        """Strike a lease that ends now."""
        self.count(now_s)
        del self.leases[lease.number]
        self.leased -= lease.leased


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
        self.held: list[dict[int, Lease]] = []
        self.kept = NO_NODES
        self.kept_until_s = 0
        self.hopeless = UNLIMITED
        """Gangs from this size on have been found to wait for nodes that nobody knows to be free ever."""
        self.promise: tuple[int, int, frozenset[int], int] | None = None
        self.down_since: dict[int, int] = {}
        self.up_s = 0
        self.down_s = 0

    @property
    def up(self) -> int:
        """Accelerators on nodes that are up."""
        return self.size * (len(self.free) - len(self.down_since))

    def count(self, now_s: int) -> None:
        """Bring the counts of leased, up and down accelerator-seconds up to `now_s`."""
        elapsed = now_s - self.since_s
        if elapsed:
            down = len(self.down_since)
            self.up_s += self.size * (len(self.free) - down) * elapsed
            self.down_s += self.size * down * elapsed
            self.leased_s += self.leased * elapsed
            self.since_s = now_s

    def deliver(self, nodes: int, now_s: int) -> range:
        """Put `nodes` new nodes to work; their numbers."""
        self.count(now_s)
        first = len(self.free)
        for node in range(first, first + nodes):
            self.free.append(self.size)
            self.is_up.append(True)
            self.held.append({})
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
            for free in range(leased, self.size + 1):
                for node in self.by_free[free]:
                    if node not in kept:
                        return (node,)
            return None
        found = tuple(islice((n for n in self.by_free[self.size] if n not in kept), leased // self.size))
        return found if len(found) == leased // self.size else None

    def keep_for(self, leased: int, key: int) -> None:
        """Keep the nodes that will be free soonest for the request `key`, the first that has to wait.

        The next one gets nothing kept: one reservation a dispatch (EASY backfilling; D. Lifka, "The ANL/IBM
        SP scheduling system", 1995). Leases last as long as their owners say, so that what has been promised
        to a request stays true until it starts, or a lease ends early, or nodes fail, come back or arrive; it
        is not computed anew at every dispatch. One whose nodes would never be free is promised nothing, and
        leaves the turn to the next. Without backfilling the whole pool is kept.
        """
        if not self.backfill:
            self.closed = True
            return
        if self.kept:
            return
        if self.promise is None or self.promise[:2] != (key, leased):
            nodes, free_s = self._soonest(leased)
            if not nodes:
                self.hopeless = min(self.hopeless, leased)
                return
            self.promise = (key, leased, nodes, free_s)
        _, _, self.kept, self.kept_until_s = self.promise

    def _soonest(self, leased: int) -> tuple[frozenset[int], int]:
        """The nodes that can take a gang soonest, and when; none where a node would never be free."""
        each, count = (leased, 1) if leased <= self.size else (self.size, leased // self.size)
        ups = (node for node, is_up in enumerate(self.is_up) if is_up)
        soonest = nsmallest(count, ((self._free_at(node, each), node) for node in ups))
        if len(soonest) < count or soonest[-1][0] >= NEVER:
            return NO_NODES, 0
        return frozenset(node for _, node in soonest), soonest[-1][0]

    def _free_at(self, node: int, wanted: int) -> int:
        """When `wanted` accelerators of a node will be free."""
        free = self.free[node]
        at_s = 0
        for lease in sorted(self.held[node].values(), key=attrgetter("until_s")):
            if free >= wanted:
                break
            free += min(lease.leased, self.size)
            at_s = lease.until_s
        return at_s

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
        self.count(lease.start_s)
        leased = lease.leased
        self.leases[lease.number] = lease
        self.leased += leased
        self.room -= leased
        each = min(leased, self.size)
        for node in lease.nodes:
            self.held[node][lease.number] = lease
            self._move(node, self.free[node] - each)

    def give_back(self, lease: Lease, now_s: int) -> None:
        """Strike a lease; what it held on nodes that are down stays unusable until the repair."""
        self.count(now_s)
        leased = lease.leased
        del self.leases[lease.number]
        self.leased -= leased
        if now_s < lease.until_s:
            self.promise = None
        each = min(leased, self.size)
        for node in lease.nodes:
            del self.held[node][lease.number]
            if self.is_up[node]:
                self._move(node, self.free[node] + each)
                self.room += each
            else:
                self.free[node] += each

    def fail(self, node: int, now_s: int) -> list[Lease]:
        """A node goes down; the leases that held it, in the order in which they began."""
        self.count(now_s)
        hit = list(self.held[node].values())
        self.promise = None
        self.down_since[node] = now_s
        self.is_up[node] = False
        self._strike(node)
        self.room -= self.free[node]
        return hit

    def repair(self, node: int, now_s: int) -> int:
        """A node comes back, empty; when it went down."""
        self.count(now_s)
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
        return [lease for lease in self.leases.values() if lease.leased > self.largest_gang]
