"""From "run number -> results per strategy" to a journal, tables, and a summary with its errors."""

from sim.study.expectations import Expectation
from sim.study.journal import Journal, Manifest
from sim.study.results import RunResult, Simulator
from sim.study.study import Progress, StudyOutcome, StudyPlan, run_study

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
