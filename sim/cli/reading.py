"""Reading the scenario that a command is given."""

from collections.abc import Iterable
from pathlib import Path

from sim.loading import check_metrics, load_with_source
from sim.scenario.model import Scenario


def read_scenario(path: Path, overrides: Iterable[str] = ()) -> Scenario:
    """The scenario at `path`, changed by `--set` options; ScenarioError with all that is wrong with it.

    The metrics that it expects something of are looked up too, so that a misspelt one ends nothing halfway.
    """
    loaded = load_with_source(path, overrides)
    if loaded.scenario.expect:
        from sim.metrics import known_metric, metric_names, threshold_misfit

        check_metrics(loaded, known_metric, metric_names(loaded.scenario), threshold_misfit)
    return loaded.scenario
