"""Metrics: every number that a study tells of a run, defined once, computed from the records alone."""

from sim.metrics.books import check_books
from sim.metrics.counted import Counted
from sim.metrics.facts import CostFacts, ServiceFacts
from sim.metrics.measure import measure
from sim.metrics.registry import DEFINITIONS, definition_of, known_metric, metric_names, suggestion
from sim.metrics.series import monthly
from sim.metrics.state import State
from sim.metrics.thresholds import threshold_misfit, threshold_of

__all__ = [
    "DEFINITIONS",
    "CostFacts",
    "Counted",
    "ServiceFacts",
    "State",
    "check_books",
    "definition_of",
    "known_metric",
    "measure",
    "metric_names",
    "monthly",
    "suggestion",
    "threshold_misfit",
    "threshold_of",
]
