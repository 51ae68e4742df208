"""Thresholds of metrics: what may be written for each, and the number in the metric's own unit."""

from sim import units
from sim.metrics.definitions import Definition
from sim.metrics.registry import definition_of
from sim.scenario.base import Fault
from sim.scenario.quantities import Limit
from sim.units import Dimension

_TIMES = {"s": 1.0, "min": 60.0}
"""Units of metrics that are durations, in seconds. Node-days and accelerator-hours are none."""
_SHARES = {"share", "1 or 0"}
_UNBOUNDED = {
    "error_budget_used",
    "error_budget_used_worst_month",
    "slo_violation_share_error",
    "stable_demand_share",
}
"""Shares that may be above 1: an error, and what is compared with something else than its whole."""


def threshold_of(metric: str, limit: Limit) -> float | None:
    """A threshold in the unit of the metric; None where it measures something else.

    A plain number is in that unit already, an amount of money is one in the unit of any metric of money, such
    as USD/year. Raises KeyError for a metric that is not defined.
    """
    dimension, size = _measured(definition_of(metric))
    if limit.dimension == units.FACTOR:
        return limit.value
    return limit.value / size if limit.dimension == dimension else None


def threshold_misfit(metric: str, limit: Limit, currency: str = "USD") -> Fault | None:
    """What is wrong with a threshold that measures something else, or that no value of the metric reaches."""
    definition = definition_of(metric)
    threshold = threshold_of(metric, limit)
    if threshold is None:
        told = f"{limit.dimension.phrase} cannot be a threshold of '{metric}'"
        return Fault((), told, None, _allowed(definition).replace("USD", currency))
    bounded = definition.unit in _SHARES and definition.name not in _UNBOUNDED
    if bounded and not 0.0 <= threshold <= 1.0:
        told = f"'{metric}' is never {'above 100%' if threshold > 1.0 else 'below 0%'}"
        is_percent = limit.dimension == units.FACTOR and 1.0 < threshold <= 100.0
        hint = f"{threshold:g} % is written {threshold:g}%" if is_percent else None
        return Fault((), told, f"{units.render(limit.value, limit.dimension)}", "0% to 100%", hint)
    return None


def _allowed(definition: Definition) -> str:
    """What may be written for a threshold of a metric."""
    plain = f"a plain number of {definition.unit}"
    match _measured(definition)[0]:
        case units.DURATION:
            return f"a duration such as 4 h, or {plain}"
        case units.FRACTION:
            return "a percentage such as 1%, or a plain number such as 0.01"
        case units.MONEY:
            return f"an amount of money such as 900k USD, or {plain}"
        case _:
            return plain


def _measured(definition: Definition) -> tuple[Dimension, float]:
    """What a metric measures, and its unit in the canonical one of that."""
    if definition.unit in _TIMES:
        return units.DURATION, _TIMES[definition.unit]
    if definition.unit in _SHARES:
        return units.FRACTION, 1.0
    return (units.MONEY if definition.unit.startswith("USD") else units.FACTOR), 1.0
