"""The metrics that a scenario expects something of, checked against those that there are.

Loading stands below the metrics: who knows them hands them in.
"""

from collections.abc import Callable, Iterable

from sim.errors import ScenarioError, did_you_mean
from sim.loading.loader import Loaded
from sim.scenario.base import Fault
from sim.scenario.model import Scenario


def check_metrics(
    loaded: Loaded, is_known: Callable[[str, Scenario], bool], examples: Iterable[str] = ()
) -> None:
    """Raise ScenarioError when `expect` names metrics that `is_known` does not know in this scenario.

    `examples` are names to guess from.
    """
    names = tuple(examples)
    faults = [
        Fault(
            ("expect", n, "metric"),
            f"there is no metric '{expect.metric}'",
            hint=did_you_mean(expect.metric, names),
        )
        for n, expect in enumerate(loaded.scenario.expect)
        if not is_known(expect.metric, loaded.scenario)
    ]
    if faults:
        raise ScenarioError(loaded.written.problems(faults))
