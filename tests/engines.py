"""Both engines on the same world: their records must be the same, bit for bit."""

from dataclasses import fields
from itertools import zip_longest

import numpy as np

from sim.engine import Engine
from sim.engine import run as run_engine
from sim.policies.plan import Plan
from sim.records import Columns, Records
from sim.world.world import World

AT_THE_END = 1 << 62


def run(world: World, plan: Plan) -> Records:
    """The records of either engine; AssertionError with the first that differs, of both side by side."""
    simpy = run_engine(world, plan, Engine.SIMPY)
    compiled = run_engine(world, plan, Engine.COMPILED)
    difference = first_difference(simpy, compiled)
    assert difference is None, difference
    return simpy


def same(a: Records, b: Records) -> bool:
    """Whether two runs left the same records."""
    return first_difference(a, b) is None


def first_difference(simpy: Records, compiled: Records) -> str | None:
    """The earliest record in which two runs differ, as each has it; None if they do not."""
    found: list[tuple[int, str]] = []
    for table in fields(Records):
        a, b = getattr(simpy, table.name), getattr(compiled, table.name)
        names = [column.name for column in fields(a)]
        for ours, theirs in zip_longest(_rows(a), _rows(b)):
            if ours != theirs:
                told = [dict(zip(names, row, strict=True)) if row else "nothing" for row in (ours, theirs)]
                times = [_time(names, row) for row in (ours, theirs) if row]
                found.append((min(times), f"{table.name}\n  simpy:    {told[0]}\n  compiled: {told[1]}"))
    return min(found)[1] if found else None


def _rows(table: Columns) -> list[tuple[int, ...]]:
    columns = [getattr(table, column.name) for column in fields(table)]
    assert all(column.dtype == np.int64 for column in columns), f"{type(table).__name__} holds other numbers"
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _time(names: list[str], row: tuple[int, ...]) -> int:
    """When a record came about, as far as it says."""
    for name in ("time_s", "start_s", "from_s", "ordered_s", "asked_s"):
        if name in names:
            return row[names.index(name)]
    return AT_THE_END
