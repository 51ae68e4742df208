"""Every metric is defined once, and a scenario's runs have exactly those that the definitions promise."""

import re

import pytest

from sim.metrics import DEFINITIONS, definition_of, known_metric, metric_names, suggestion
from sim.metrics.definitions import WHOLE, Better
from tests.test_metrics import a_service, measured, queue_of_five, scenario, worked_example


@pytest.mark.parametrize("example", [worked_example, queue_of_five, a_service])
def test_runs_have_the_metrics_that_are_defined(example: object) -> None:
    """No metric without a definition, none defined that is not measured, whatever happened in the run."""
    assert callable(example)
    assert set(measured(example())) == set(metric_names(scenario()))


def test_names_are_given_once() -> None:
    """No two definitions make the same name."""
    names = metric_names(scenario())
    assert len(names) == len(set(names))


def test_names_follow_what_the_scenario_has() -> None:
    """A family has a member for each workload, service or pool; orders are of owned pools only."""
    assert known_metric("wait_s_p95", scenario())
    assert known_metric("wait_s_p95:train", scenario())
    assert not known_metric("wait_s_p95:serve", scenario())
    assert known_metric("utilisation:site1/on-demand", scenario())
    assert not known_metric("nodes_ordered:site1/on-demand", scenario())
    assert known_metric("cost_usd:category.power", scenario())
    assert known_metric("refusals:pool_full", scenario())
    assert not known_metric("request_p99_s", scenario())
    assert not known_metric("wait_s_p95:{training}", scenario())


def test_an_unknown_metric_has_a_hint() -> None:
    """The nearest name of the scenario, its own pools included."""
    assert suggestion("utilization", scenario()) == "did you mean 'utilisation'?"
    assert suggestion("idle_share:site0/rom", scenario()) == "did you mean 'idle_share:site0/room'?"
    assert suggestion("zzzzzzzz", scenario()) is None


def test_definitions_are_complete() -> None:
    """Each has a unit, a direction and a sentence; the form without a colon is the whole run's."""
    for name, definition in DEFINITIONS.items():
        assert definition.name == name
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert definition.unit
        assert definition.meaning[0].isupper() or definition.meaning[0].isdigit()
        assert definition.meaning.endswith(".")
        assert isinstance(definition.better, Better)
        assert all(
            form == WHOLE or re.fullmatch(r":([a-z]+\.)?\{[a-z ]+\}", form) for form in definition.forms
        )


def test_each_name_leads_to_its_definition() -> None:
    """A member of a family has the family's definition."""
    for name in metric_names(scenario()):
        assert definition_of(name).templates[0].startswith(name.split(":")[0])
    assert definition_of("wait_s_p95:train") is DEFINITIONS["wait_s_p95"]
    with pytest.raises(KeyError):
        definition_of("wait")


def test_names_say_whether_a_metric_is_money() -> None:
    """`usd` is a word of the name where the unit begins with USD, and nowhere else."""
    for name, definition in DEFINITIONS.items():
        assert ("usd" in name.split("_")) == definition.unit.startswith("USD"), name
