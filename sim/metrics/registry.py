"""All definitions in one place, and the names that a scenario's runs will have."""

from collections.abc import Mapping, Sequence
from itertools import chain

from sim.errors import did_you_mean
from sim.metrics import cost, hardware, procurement, serving, state, training, usage
from sim.metrics.cost import CATEGORIES
from sim.metrics.definitions import Definition
from sim.metrics.procurement import REASONS
from sim.scenario.model import Scenario
from sim.scenario.sites import OwnedPool
from sim.scenario.workloads import Inference, Training

DEFINITIONS: Mapping[str, Definition] = {
    definition.name: definition
    for module in (cost, usage, serving, training, procurement, hardware, state)
    for definition in module.DEFINITIONS
}
"""By the name without what follows a colon."""


def definition_of(name: str) -> Definition:
    """The definition of a metric such as `wait_s_p95:imaging`; KeyError where there is none."""
    return DEFINITIONS[name.partition(":")[0]]


def metric_names(scenario: Scenario) -> tuple[str, ...]:
    """The metrics that every run of a scenario has, whatever the strategy."""
    members = _members(scenario)
    return tuple(chain.from_iterable(definition.names(members) for definition in DEFINITIONS.values()))


def known_metric(name: str, scenario: Scenario) -> bool:
    """Whether the runs of a scenario have a metric of this name."""
    return name in metric_names(scenario)


def suggestion(name: str, scenario: Scenario) -> str | None:
    """The hint `did you mean 'cost_usd'?` for an unknown metric, or None where nothing is near."""
    return did_you_mean(name, metric_names(scenario))


def _members(scenario: Scenario) -> dict[str, Sequence[str]]:
    """What each placeholder of the definitions stands for."""
    pools, workloads = scenario.pools(), scenario.workloads
    return {
        "workload": list(workloads),
        "training": [name for name, workload in workloads.items() if isinstance(workload, Training)],
        "service": [name for name, workload in workloads.items() if isinstance(workload, Inference)],
        "pool": list(pools),
        "owned pool": [path for path, pool in pools.items() if isinstance(pool, OwnedPool)],
        "category": CATEGORIES,
        "reason": REASONS,
    }
