"""`--set path=value`: what it changes, and what it answers to a slip."""

from pathlib import Path

import pytest

from sim.errors import ScenarioError
from sim.loading import load
from sim.scenario.sites import SpotPool
from sim.scenario.workloads import Training

BASE = Path(__file__).parent / "invalid" / "base.yaml"


def problems(*overrides: str) -> list[str]:
    """What is wrong with the overrides."""
    with pytest.raises(ScenarioError) as caught:
        load(BASE, overrides)
    return [str(problem) for problem in caught.value.problems]


def test_a_value_is_changed_below_a_key_with_a_slash() -> None:
    """The path of a pool is one step."""
    assert (
        load(BASE, ["strategies.home.own.room/nodes.nodes=4"]).strategies["home"].own["room/nodes"].nodes == 4
    )


def test_several_values_are_changed() -> None:
    """Quantities keep their units, as in the file."""
    scenario = load(BASE, ["horizon=60 days", "workloads.study.duration={uniform: {low: 1 h, high: 2 h}}"])
    study = scenario.workloads["study"]
    assert scenario.horizon_s == 60 * 86_400
    assert isinstance(study, Training)
    assert study.duration is not None
    assert study.duration.distribution().mean() == pytest.approx(5400)


def test_a_key_that_the_file_leaves_out_is_added() -> None:
    """`own` of this strategy, the pool in it and the grid are not in the file; the language knows them."""
    scenario = load(BASE, ["strategies.mixed.own.room/nodes.nodes=3", "interval=10 min"])
    assert scenario.strategies["mixed"].own["room/nodes"].nodes == 3
    assert scenario.interval == 600.0


def test_items_of_lists_are_told_by_position() -> None:
    """The second option of this place becomes unconditional."""
    scenario = load(BASE, ["strategies.mixed.place.train.1=cloud/spot", "network.0.bandwidth=10 Gbit/s"])
    assert scenario.strategies["mixed"].place["train"][1].when is None
    assert scenario.network[0].bandwidth == 10e9


def test_a_key_with_dots_is_one_step_when_it_is_there(tmp_path: Path) -> None:
    """The longest key that fits goes first."""
    path = tmp_path / "dots.yaml"
    text = BASE.read_text(encoding="utf-8")
    longer = "      spot.v100.8: {purchase: spot, accelerator: A100-80GB, price: 1 USD/hour}\n      spot:\n"
    path.write_text(text.replace("      spot:\n", longer), encoding="utf-8")
    pools = load(path, ["sites.cloud.pools.spot.v100.8.price=3 USD/hour"]).pools()
    long, short = pools["cloud/spot.v100.8"], pools["cloud/spot"]
    assert isinstance(long, SpotPool)
    assert isinstance(short, SpotPool)
    assert (long.price, short.price) == (3.0, 2.0)


def test_an_unknown_name_is_an_error_with_a_guess() -> None:
    """A strategy that is not there is not made."""
    assert problems("strategies.hom.own.room/nodes.nodes=4") == [
        "--set strategies.hom.own.room/nodes.nodes=4: strategies: there is no 'hom' here\n"
        "    allowed: home, mixed\n"
        "    did you mean 'home'?"
    ]


def test_all_slips_come_at_once() -> None:
    """An unknown key, a position outside, an option without a value."""
    found = problems("horizn=1 year", "network.3.price=0 USD/GB", "horizon")
    assert [text.splitlines()[0] for text in found] == [
        "--set horizn=1 year: there is no 'horizn' here",
        "--set network.3.price=0 USD/GB: network: '3' is not a position in this list",
        "--set horizon: a path and a value are needed",
    ]


def test_a_wrong_value_is_blamed_on_the_option() -> None:
    """The place of a problem is the option that set the value, not a line of the file."""
    (found,) = problems("strategies.home.own.room/nodes.nodes=9")
    assert found == (
        "--set strategies.home.own.room/nodes.nodes=9: strategies.home.own.room/nodes.nodes: "
        "9 nodes do not fit: room/nodes has room for 4"
    )


def test_a_value_that_is_not_yaml_is_an_error() -> None:
    """Its message names the option."""
    (found,) = problems("horizon={a: [")
    assert found.startswith("--set horizon={a: [: horizon: ")
