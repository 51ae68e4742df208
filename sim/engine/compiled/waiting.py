"""The lines in which one can wait, as a plan lays them out; `lines` has who waits there."""

from dataclasses import dataclass, field

from sim.engine.compiled import layout
from sim.engine.compiled.layout import NONE
from sim.memory import Array, table
from sim.policies.placement import Busy
from sim.policies.plan import OptionPlan, Plan, Purchase

CLASSES = 64
"""More than there are classes of length (`sim.policies.placement.length_class`)."""


@dataclass
class Lines:
    """The lines in which one can wait: by pool, accelerators and tests, and by length where that matters."""

    plan: Plan
    groups: dict[tuple[int, int, tuple[Busy, ...]], int] = field(default_factory=dict)
    """The first line of each."""
    count: int = 0

    def ways(self, options: list[OptionPlan], sizes: list[int]) -> Array:
        """Each option for gangs of each size."""
        found = table(layout.WAY, len(options) * len(sizes))
        for n, option in enumerate(options):
            pool = self.plan.pools[option.pool]
            for column, size in enumerate(sizes):
                leased = pool.leased(size)
                way = found[n * len(sizes) + column]
                if leased <= pool.quota:
                    way["is_possible"] = 1
                    way["first_line"] = self._first((option.pool, leased, option.opening.busy))
        return found.reshape(len(options), len(sizes))

    def _first(self, group: tuple[int, int, tuple[Busy, ...]]) -> int:
        if group not in self.groups:
            self.groups[group] = self.count
            self.count += self._classes(group[0])
        return self.groups[group]

    def _classes(self, pool: int) -> int:
        is_owned = self.plan.pools[pool].purchase is Purchase.OWNED
        return CLASSES if is_owned and self.plan.backfill else 1

    def first_at(self, pool: int) -> int:
        """Where the list of a pool's lines begins in which somebody waits."""
        return sum(self._classes(other) for other, _, _ in self.groups if other < pool)

    def gangs(self, pool: int) -> int:
        """A bit for each number of accelerators that is asked of a single node."""
        size = self.plan.pools[pool].node_accelerators
        numbers = {min(leased, size) for other, leased, _ in self.groups if other == pool}
        return sum(1 << number for number in numbers) if self._classes(pool) > 1 else 0

    def busy_table(self) -> Array:
        """The tests of all groups, one after the other."""
        tests = [test for _, _, busy in self.groups for test in busy]
        rows = table(layout.BUSY, len(tests))
        for row, test in zip(rows, tests, strict=True):
            row["pool"], row["above"], row["ppm"] = test
        return rows

    def table(self) -> Array:
        """All lines, empty."""
        lines = table(layout.LINE, self.count)
        first_busy = 0
        for (pool, leased, busy), first in self.groups.items():
            rows = slice(first, first + self._classes(pool))
            lines["pool"][rows], lines["leased"][rows] = pool, leased
            lines["first_busy"][rows], lines["busy"][rows] = first_busy, len(busy)
            first_busy += len(busy)
        lines["root"] = NONE
        return lines
