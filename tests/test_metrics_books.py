"""Pair assertions: books that balance pass, and each way of being wrong is found and named."""

from dataclasses import fields, replace
from typing import Any

import pytest

from sim.engine import run
from sim.metrics import check_books
from sim.policies.plan import Plan
from sim.records import Nodes, Records
from tests.miniature import jobs, on_demand, option, owned, plan, service, training, world
from tests.test_metrics import worked_example


def with_value(records: Records, table: str, column: str, row: int, value: int) -> Records:
    """Records in which one number is another."""
    found = getattr(records, table)
    columns = {field.name: getattr(found, field.name).copy() for field in fields(found)}
    columns[column][row] = value
    changed: dict[str, Any] = {table: replace(found, **columns)}
    return replace(records, **changed)


def test_books_that_balance_pass() -> None:
    """Every lease, node and outage of the worked example is in the closings."""
    _, made, records, _ = worked_example()
    check_books(made, records)


@pytest.mark.parametrize(
    ("table", "column", "row", "value", "message"),
    [
        ("closing", "leased_s", 0, 2601, "site0/room: leased 2601 accelerator-s, but its leases .* 2600"),
        ("closing", "leased_s", 1, 14399, "site1/on-demand: leased 14399 .* its leases .* 14400"),
        ("closing", "idle_s", 0, 4999, r"site0/room: capacity 8000 .* leased \+ idle \+ down .* 7999"),
        ("closing", "pool", 1, 0, r"closings of the pools \[0, 0\], there are 2"),
        ("nodes", "from_s", 0, 1, "site0/room: capacity 8000 accelerator-s, but its nodes.* 7992"),
        ("outages", "end_s", 0, 251, "site0/room: down 400 accelerator-s, but its outages add up to 408"),
        ("attempts", "kept_s", 1, 171, r"job 0, attempt 1: \[250, 450\) s has parts that add up to 201 s"),
        ("attempts", "end_s", 3, 1001, r"job 1, attempt 1: \[400, 1001\) s is not within the horizon"),
        ("attempts", "job", 0, 1, r"job 1, attempt 0: \[0, 200\) s is followed by job 0, attempt 1"),
        ("replicas", "ready_s", 0, 499, r"serve, slot 0, attempt 0: \[500, 499, 1000\) s is out of order"),
        ("replicas", "ready_s", 0, 1001, r"serve, slot 0, attempt 0: \[500, 1001, 1000\) s is out of order"),
        ("replicas", "end_s", 0, 1001, r"service serve, slot 0, attempt 0: .* is out of order or not within"),
    ],
)  # fmt: skip
def test_one_wrong_number_is_found_and_named(
    table: str, column: str, row: int, value: int, message: str
) -> None:
    """One number of the worked example is changed by one (or a pool, a job by another)."""
    _, made, records, _ = worked_example()
    with pytest.raises(AssertionError, match=message):
        check_books(made, with_value(records, table, column, row, value))


def test_a_pool_cannot_lease_more_than_it_has() -> None:
    """Counts that agree with each other, but without their node: -3000 accelerator-s are idle."""
    _, made, records, _ = worked_example()
    closing = records.closing
    overdrawn = replace(closing, capacity_s=closing.capacity_s - [8000, 0], idle_s=closing.idle_s - [8000, 0])
    with pytest.raises(AssertionError, match=r"site0/room: idle -3000 accelerator-s"):
        check_books(made, replace(records, nodes=Nodes.of([]), closing=overdrawn))


def small_world(made: Plan) -> Records:
    """What the engine leaves of jobs of one node and of two, of a replica, and of a failed node."""
    rows = ((0, 12, 500), (10, 8, 300), (20, 4, 100))
    futures = world(
        jobs(*rows),
        demand_rps={"serve": [1.0] * 4},
        failures={"site0/room": [(0, 250, 400)]},
        seconds={"boot:site1/on-demand:train": 60, "load:serve": 30},
    )
    return run(futures, made)


def test_the_engine_keeps_its_books() -> None:
    """Gangs beyond a node, a failure and a replica: all agrees, and the failed node is down for 150 s."""
    made = plan(
        [owned(2), on_demand(quota=32)],
        [training(option(0), option(1))],
        [service(option(1), accelerators=2)],
        horizon_s=1200,
    )
    records = small_world(made)
    check_books(made, records)
    assert records.closing.down_s.tolist() == [8 * 150, 0]
