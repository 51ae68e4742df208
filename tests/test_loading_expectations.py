"""The metrics that a scenario expects something of are checked by who knows them."""

from pathlib import Path

import pytest

from sim.errors import ScenarioError
from sim.loading import check_metrics, load_with_source
from sim.scenario.model import Scenario

BASE = Path(__file__).parent / "invalid" / "base.yaml"


def knows_cost(name: str, scenario: Scenario) -> bool:
    """A metrics layer with one metric."""
    assert scenario.title == "Small"
    return name == "cost_usd"


def test_known_metrics_pass() -> None:
    """The small scenario expects something of its cost."""
    check_metrics(load_with_source(BASE), knows_cost)


def test_an_unknown_metric_is_a_problem_where_it_stands() -> None:
    """Line 76 of the file, and the nearest name."""
    loaded = load_with_source(BASE, ["expect.0.metric=cost_us"])
    with pytest.raises(ScenarioError) as caught:
        check_metrics(loaded, knows_cost, ["cost_usd", "utilisation"])
    assert str(caught.value) == (
        "--set expect.0.metric=cost_us: expect.0.metric: there is no metric 'cost_us'\n"
        "    did you mean 'cost_usd'?"
    )
    with pytest.raises(ScenarioError, match=rf"{BASE.name}:76:14: expect.0.metric: there is no metric"):
        check_metrics(load_with_source(BASE), lambda name, scenario: False)
