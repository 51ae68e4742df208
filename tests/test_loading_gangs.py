"""A gang must fit into one of its pools at least; pools with limits of each kind, by hand."""

import copy
from pathlib import Path
from typing import Any

import pytest

from sim.errors import ScenarioError
from sim.loading import load_text
from sim.loading.yaml_tree import read_yaml_file, write_yaml

BASE = read_yaml_file(Path(__file__).parent / "invalid" / "base.yaml").tree


def problems(gang: Any, place: list[Any], pools: dict[str, Any] | None = None, **strategy: Any) -> list[str]:
    """What is wrong when the only workload has this gang and is placed on these pools, of nodes of 8."""
    tree = copy.deepcopy(BASE)
    train = {**tree["workloads"]["train"], "accelerators": gang}
    tree |= {"workloads": {"train": train}, "strategies": {"only": {"place": {"train": place}, **strategy}}}
    for name in ("rules", "expect"):
        del tree[name]
    for path, changes in (pools or {}).items():
        site, _, pool = path.partition("/")
        tree["sites"][site]["pools"][pool] |= changes
    try:
        load_text(write_yaml(tree))
    except ScenarioError as error:
        return [problem.message.partition(", and ")[2] for problem in error.problems]
    return []


WHENEVER = {"order": {"room/nodes": {"when": "utilisation > 50% over 2 days", "nodes": 1}}}
FOUR_AT_MOST = {"market": {"regimes": {"only": {"spell": "1 h", "largest_gang": 4}}}}
NEVER = "no pool here ever holds more than {}"


@pytest.mark.parametrize(
    ("gang", "place", "pools", "strategy", "most"),
    [
        # Two nodes of 8 stand: 16 fit, 17 do not; the order of one more makes room for 24 in time.
        (16, ["room/nodes"], {}, {}, None),
        (17, ["room/nodes"], {}, {}, 16),
        (17, ["room/nodes"], {}, {"order": {"room/nodes": {"at": "2 days", "nodes": 1}}}, None),
        # A condition may order again and again, up to the four that the rack has room for.
        (32, ["room/nodes"], {}, WHENEVER, None),
        (33, ["room/nodes"], {}, WHENEVER, 32),
        # Fewer nodes are kept than stand.
        (9, ["room/nodes"], {}, {"own": {"room/nodes": {"nodes": 1}}}, 8),
        # One pool of two is enough.
        (32, ["room/nodes", "cloud/rent"], {}, {}, None),
        # A gang of 12 takes two whole nodes.
        (12, ["cloud/rent"], {"cloud/rent": {"quota": 16}}, {}, None),
        (12, ["cloud/rent"], {"cloud/rent": {"quota": 15}}, {}, 15),
        # A market serves every gang in its regime `open`; without that, four at most.
        (64, ["cloud/spot"], {}, {}, None),
        (5, ["cloud/spot"], {"cloud/spot": FOUR_AT_MOST}, {}, 4),
        (5, ["cloud/spot"], {"cloud/spot": {"market": {"trace": [["1 h", 4], ["2 h", 0]]}}}, {}, 4),
        (5, ["cloud/spot"], {"cloud/spot": {"market": {"trace": [["1 h", None], ["2 h", 0]]}}}, {}, None),
        (9, ["cloud/spot"], {"cloud/spot": {"quota": 8}}, {}, 8),
        # It is the largest gang that must fit, and a gang without an end cannot be judged.
        ({"choice": {"1": "99%", "40": "1%"}}, ["cloud/rent"], {}, {}, 32),
        ({"uniform": {"low": 1, "high": 32}}, ["cloud/rent"], {}, {}, None),
        ({"lognormal": {"median": 20, "sigma": 0.3}}, ["cloud/rent"], {}, {}, None),
    ],
)  # fmt: skip
def test_the_largest_gang_must_fit_somewhere(
    gang: Any, place: list[str], pools: dict[str, Any], strategy: dict[str, Any], most: int | None
) -> None:
    """Nodes of 8, room for 4 of them, a quota of 32."""
    assert problems(gang, place, pools, **strategy) == ([] if most is None else [NEVER.format(most)])
