"""The metrics that a scenario expects something of, checked against those that there are.

Loading stands below the metrics: who knows them hands in what they are.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from sim.errors import ScenarioError, did_you_mean
from sim.loading.loader import Loaded
from sim.scenario.base import Fault
from sim.scenario.model import Scenario
from sim.scenario.quantities import Limit
from sim.scenario.strategies import Expect

Misfit = Callable[[str, Limit, str], Fault | None]
"""Metric, threshold, currency -> what is wrong with a threshold that the metric cannot have."""


def check_metrics(
    loaded: Loaded,
    is_known: Callable[[str, Scenario], bool],
    examples: Iterable[str] = (),
    misfit: Misfit = lambda metric, limit, currency: None,
) -> None:
    """Raise ScenarioError where `expect` names no metric that there is, or a threshold that does not fit it.

    `is_known` says whether the scenario's runs have a metric; `examples` are names to guess from.
    """
    names, scenario, faults = tuple(examples), loaded.scenario, list[Fault]()
    for n, expect in enumerate(scenario.expect):
        if is_known(expect.metric, scenario):
            faults += _misfits(expect, n, misfit, scenario.currency)
        else:
            told, hint = f"there is no metric '{expect.metric}'", did_you_mean(expect.metric, names)
            faults.append(Fault(("expect", n, "metric"), told, hint=hint))
    if faults:
        raise ScenarioError(loaded.written.problems(faults))


def _misfits(expect: Expect, n: int, misfit: Misfit, currency: str) -> Iterator[Fault]:
    for statistic, limit in expect.limits():
        fault = misfit(expect.metric, limit, currency)
        if fault is not None:
            yield replace(fault, path=("expect", n, statistic))
