"""From "run number -> results per strategy" to a journal, tables, and a summary with its errors.

The names below are imported when first used: a part of this package does not wait for all of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.study.expectations import Expectation as Expectation
    from sim.study.journal import Journal as Journal
    from sim.study.journal import Manifest as Manifest
    from sim.study.results import RunResult as RunResult
    from sim.study.results import Simulator as Simulator
    from sim.study.study import Progress as Progress
    from sim.study.study import StudyOutcome as StudyOutcome
    from sim.study.study import StudyPlan as StudyPlan
    from sim.study.study import run_study as run_study

_HOMES = {
    "Expectation": "expectations",
    "Journal": "journal",
    "Manifest": "journal",
    "Progress": "study",
    "RunResult": "results",
    "Simulator": "results",
    "StudyOutcome": "study",
    "StudyPlan": "study",
    "run_study": "study",
}

__all__ = [
    "Expectation",
    "Journal",
    "Manifest",
    "Progress",
    "RunResult",
    "Simulator",
    "StudyOutcome",
    "StudyPlan",
    "run_study",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
