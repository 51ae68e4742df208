"""simulate: AI workloads across cloud, on-prem and hybrid: distributions of cost, utilisation, SLO misses.

    from sim import build_servings, load, sample, simulate_once

The names below are the public interface; each is imported when first used: `import sim` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.loading import load as load
    from sim.records import Records as Records
    from sim.scenario.model import Scenario as Scenario
    from sim.study.services import build_servings as build_servings
    from sim.study.simulation import simulate_once as simulate_once
    from sim.world import World as World
    from sim.world import sample as sample

__version__ = "0.1.0"

_HOMES = {
    "Records": "sim.records",
    "Scenario": "sim.scenario.model",
    "World": "sim.world",
    "build_servings": "sim.study.services",
    "load": "sim.loading",
    "sample": "sim.world",
    "simulate_once": "sim.study.simulation",
}

__all__ = ["Records", "Scenario", "World", "build_servings", "load", "sample", "simulate_once"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sim' has no attribute {name!r}")
