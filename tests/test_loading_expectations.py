"""The metrics that a scenario expects something of are checked by who knows them."""

from pathlib import Path

import pytest

from sim.errors import ScenarioError
from sim.loading import check_metrics, load_with_source
from sim.metrics import known_metric, metric_names, threshold_misfit
from sim.scenario.model import Scenario

BASE = Path(__file__).parent / "invalid" / "base.yaml"
SHARE = "a percentage such as 1%, or a plain number such as 0.01"


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


@pytest.mark.parametrize(
    ("metric", "threshold", "told", "allowed"),
    [
        (
            "slo_violation_share",
            "4 h",
            "a duration",
            SHARE,
        ),
        (
            "slo_met:serve",
            "5 USD",
            "an amount of money",
            SHARE,
        ),
        ("cost_usd", "5%", "a percentage", "an amount of money such as 900k USD, or a plain number of USD"),
        (
            "cost_usd_per_year",
            "2 h",
            "a duration",
            "an amount of money such as 900k USD, or a plain number of USD/year",
        ),
        ("wait_s_p95:train", "9 USD", "an amount of money", "a duration such as 4 h, or a plain number of s"),
        (
            "slo_violation_minutes:serve",
            "9%",
            "a percentage",
            "a duration such as 4 h, or a plain number of min",
        ),
        ("node_days_on_the_way", "3 days", "a duration", "a plain number of node-days"),
        ("jobs_finished", "80%", "a percentage", "a plain number of jobs"),
    ],
)
def test_a_threshold_of_another_kind_is_a_problem_where_it_stands(
    tmp_path: Path, metric: str, threshold: str, told: str, allowed: str
) -> None:
    """Line, column and path of the threshold, what it is, and what the metric takes."""
    text = BASE.read_text(encoding="utf-8")
    text = text.replace("cost_usd,", f'"{metric}",').replace("900k USD", threshold)
    path = tmp_path / "base.yaml"
    path.write_text(text, encoding="utf-8")
    line = text.splitlines()[75]
    loaded = load_with_source(path)
    with pytest.raises(ScenarioError) as caught:
        check_metrics(loaded, known_metric, metric_names(loaded.scenario), threshold_misfit)
    assert str(caught.value) == (
        f"{path}:76:{line.index('mean_below') + len('mean_below: ') + 1}: expect.0.mean_below: "
        f"{told} cannot be a threshold of '{metric}'\n"
        f"    allowed: {allowed}"
    )


def test_all_that_is_wrong_with_expectations_comes_at_once(tmp_path: Path) -> None:
    """A threshold that does not fit in one, a metric that there is not in the other."""
    more = "  - {metric: cost, strategy: home, mean_below: 1%}\n"
    path = tmp_path / "base.yaml"
    path.write_text(BASE.read_text(encoding="utf-8").replace("900k USD", "1%") + more, encoding="utf-8")
    loaded = load_with_source(path)
    with pytest.raises(ScenarioError) as caught:
        check_metrics(loaded, known_metric, metric_names(loaded.scenario), threshold_misfit)
    assert [".".join(map(str, problem.path)) for problem in caught.value.problems] == [
        "expect.0.mean_below",
        "expect.1.metric",
    ]
