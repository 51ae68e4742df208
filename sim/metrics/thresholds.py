"""Thresholds of metrics: what may be written for each, and the number in the metric's own unit."""

from sim import units
from sim.metrics.definitions import Definition
from sim.metrics.registry import definition_of
from sim.scenario.quantities import Limit
from sim.units import Dimension

_TIMES = {"s": 1.0, "min": 60.0}
"""Units of metrics that are durations, in seconds. Node-days and accelerator-hours are none."""
_SHARES = {"share", "1 or 0"}


def threshold_of(metric: str, limit: Limit) -> float | None:
    """A threshold in the unit of the metric; None where it measures something else.

    A plain number is in that unit already, an amount of money is one in the unit of any metric of money, such
    as USD/year. Raises KeyError for a metric that is not defined.
    """
    dimension, size = _measured(definition_of(metric))
    if limit.dimension == units.FACTOR:
        return limit.value
    return limit.value / size if limit.dimension == dimension else None


def threshold_misfit(metric: str, limit: Limit, currency: str = "USD") -> str | None:
    """What is allowed as a threshold of the metric, where this one measures something else; else None."""
    if threshold_of(metric, limit) is not None:
        return None
    definition = definition_of(metric)
    plain = f"a plain number of {definition.unit}"
    match _measured(definition)[0]:
        case units.DURATION:
            told = f"a duration such as 4 h, or {plain}"
        case units.FRACTION:
            told = "a percentage such as 1%, or a plain number such as 0.01"
        case units.MONEY:
            told = f"an amount of money such as 900k USD, or {plain}"
        case _:
            told = plain
    return told.replace("USD", currency)


def _measured(definition: Definition) -> tuple[Dimension, float]:
    """What a metric measures, and its unit in the canonical one of that."""
    if definition.unit in _TIMES:
        return units.DURATION, _TIMES[definition.unit]
    if definition.unit in _SHARES:
        return units.FRACTION, 1.0
    return (units.MONEY if definition.unit.startswith("USD") else units.FACTOR), 1.0
