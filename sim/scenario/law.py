"""The law: which sites a workload's data may be worked on at. No strategy can break it."""

from sim.scenario.model import Scenario
from sim.scenario.workloads import Inference, Training


def tags_of(scenario: Scenario, workload: Training | Inference) -> frozenset[str]:
    """A workload's own tags and those of its data."""
    data = scenario.datasets.get(workload.data) if workload.data else None
    return frozenset(workload.tags) | frozenset(data.tags if data else ())


def allowed_sites(scenario: Scenario, workload: Training | Inference) -> frozenset[str]:
    """The sites where every rule on the workload's tags lets it run."""
    tags = tags_of(scenario, workload)
    zones = [frozenset(rule.stay_in) for rule in scenario.rules if rule.tag in tags]
    return frozenset(
        name for name, site in scenario.sites.items() if all(site.zone in zone for zone in zones)
    )
