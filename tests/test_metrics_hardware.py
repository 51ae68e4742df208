"""How old the hardware is that we own, in worlds by hand."""

import math
from dataclasses import replace

import pytest

from sim.metrics.hardware import hardware_metrics
from sim.records import Nodes
from tests.ledger_miniature import DAY_S, OWNED_POOL, ROOM, records, scenario
from tests.miniature import on_demand, owned, plan


def test_time_beyond_life_is_a_share_of_the_time_owned() -> None:
    """Life of 6 days: 2 days old, a node works 6 of 10 days beyond it, one of the first day 3 of 9."""
    made = plan([owned(1), on_demand()], horizon_s=10 * DAY_S)
    left = replace(records(), nodes=Nodes.of([(ROOM, 0, 0, -1), (ROOM, 1, DAY_S, 0)]))
    found = hardware_metrics(scenario(room={"life": "6 days", "age": "2 days"}), made, left)
    assert found == {"beyond_life_share": 9 / 19, "beyond_life_share:site0/room": 9 / 19}


@pytest.mark.parametrize(("age", "share"), [("0 s", 0.0), ("5 years", 1.0), ("9 years", 1.0)])
def test_new_nodes_are_within_their_life_and_old_ones_beyond_it(age: str, share: float) -> None:
    """Of five years of life, ten days are a small part; at five years all is over."""
    made = plan([owned(1)], horizon_s=10 * DAY_S)
    left = records(nodes=[(0, 0)])
    assert hardware_metrics(scenario(room={"age": age}), made, left)["beyond_life_share"] == share


def test_each_pool_has_its_own_share() -> None:
    """A new node in one room, an old one in the other: half of the whole; a room without nodes has none."""
    facts = scenario(
        cloud={"pools": {"room": OWNED_POOL | {"age": "6 years"}, "empty": OWNED_POOL}},
    )
    empty = replace(owned(0, site=1), path="site1/empty")
    made = plan([owned(1), owned(1, site=1), empty], horizon_s=10 * DAY_S)
    left = replace(records(), nodes=Nodes.of([(0, 0, 0, -1), (1, 0, 0, -1)]))
    found = hardware_metrics(facts, made, left)
    assert found.pop("beyond_life_share") == 0.5
    assert math.isnan(found.pop("beyond_life_share:site1/empty"))
    assert found == {"beyond_life_share:site0/room": 0.0, "beyond_life_share:site1/room": 1.0}
