"""What the metrics need of the services and of the ledger, as plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from sim.metrics.integrals import Floats


@dataclass(frozen=True, slots=True, eq=False)
class ServiceFacts:
    """What a service was asked and what it answered; arrays are by calendar month."""

    service: int
    """Position in the plan."""
    offered: Floats
    """Requests."""
    served: Floats
    violated: Floats
    """Served, but outside the SLO."""
    abandoned: Floats
    """Given up, and counted beside those in `violated`."""
    capacity: Floats
    """What the ready replicas could have answered."""
    waiting: float
    """Requests still without an answer at the horizon."""
    broken_s: int
    """Length of the intervals in which more requests than promised were violated or abandoned."""
    saturated_s: int
    """Length of the intervals in which more was asked than could be answered."""
    p99_s: float
    """99th percentile of what the SLO speaks of in the worst month [s]; inf or NaN where it has none."""
    unsure: float
    """By how many requests `violated` may be off, because latency surfaces are estimates."""
    state: str
    """A name of `sim.metrics.state.State`."""
    busy_accelerator_s: Mapping[int, Floats]
    """Accelerator-seconds of useful work by pool (position in the plan) and month.

    A replica counts with its own accelerators, not with the whole nodes that it may have to lease.
    """
    elsewhere: float = 0.0
    """Requests that were answered at another site than the first choice of those who sent them."""


@dataclass(frozen=True, slots=True)
class CostFacts:
    """Totals of the ledger, [micro-USD].

    Categories and months add up to the total. Workloads and pools, by name and `site/pool`, need not: some
    costs belong to none. A name that is left out cost nothing.
    """

    total_micro: int
    by_category: Mapping[str, int]
    """By `sim.ledger.Category`, in small letters."""
    by_month: list[int]
    """By calendar month of `sim.calendar`."""
    by_workload: Mapping[str, int]
    by_pool: Mapping[str, int]
