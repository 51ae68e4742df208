"""Checks of workloads: names, users, and how many jobs come."""

from collections.abc import Iterator

from sim import units
from sim.loading.checks.facts import Facts, duplicates, number, unknown
from sim.loading.checks.sites import whole
from sim.scenario.base import Fault
from sim.scenario.workloads import (
    Bursty,
    Inference,
    Poisson,
    Seasonal,
    Trace,
    Training,
)

YEAR_S = 365 * 86_400
MAX_JOBS = 5_000_000
"""Jobs over the horizon: more would not fit into memory beside several workers."""


def names(facts: Facts) -> Iterator[Fault]:
    """Data exists, tags stand once, and no workload is called `all`."""
    for name, workload in facts.scenario.workloads.items():
        path = ("workloads", name)
        if name == "all":
            told = "a workload cannot be called 'all': strategies mean all workloads by it"
            yield Fault(path, told, at_key=True)
        if workload.data is not None:
            yield from unknown(workload.data, facts.datasets, (*path, "data"), "dataset")
        yield from duplicates(workload.tags, (*path, "tags"))


def users(facts: Facts) -> Iterator[Fault]:
    """Users are at known locations, and their shares sum to 100 %."""
    for name, workload in facts.scenario.workloads.items():
        if isinstance(workload, Inference):
            path = ("workloads", name, "users")
            for place in workload.users:
                yield from unknown(place, facts.locations, (*path, place), "location", at_key=True)
            yield from whole(workload.users, path)


def job_counts(facts: Facts) -> Iterator[Fault]:
    """Not more jobs than can be simulated, and of a trace at least one within the horizon."""
    for name, workload in facts.scenario.workloads.items():
        if not isinstance(workload, Training):
            continue
        path = ("workloads", name, "arrivals")
        if isinstance(workload.arrivals, Trace):
            submits = [number(job.submit) for job in workload.arrivals.trace]
            if all(submit is not None and submit >= facts.scenario.horizon for submit in submits):
                told = "every job of the trace is submitted after the horizon"
                least = units.render(facts.scenario.horizon, units.DURATION)
                yield Fault((*path, "trace"), told, None, f"one at least before {least}")
        elif (jobs := _expected_jobs(workload, facts.scenario.horizon)) > MAX_JOBS:
            told = f"about {jobs:.2g} jobs would arrive over the horizon"
            yield Fault(path, told, None, f"at most {MAX_JOBS:,}")


def growth(facts: Facts) -> Iterator[Fault]:
    """A trace is replayed as it was recorded: growth beside it would change nothing."""
    for name, workload in facts.scenario.workloads.items():
        if isinstance(workload, Training) and isinstance(workload.arrivals, Trace) and workload.growth != 0:
            allowed = "no growth beside a trace; poisson, seasonal and bursty arrivals grow"
            yield Fault(("workloads", name, "growth"), "a trace does not grow", None, allowed)


def _expected_jobs(workload: Training, horizon_s: float) -> float:
    """About how many jobs arrive; 0 where a belief leaves it open."""
    match workload.arrivals:
        case Poisson(poisson=law) | Seasonal(seasonal=law) | Bursty(bursty=law):
            rate, growth = number(law.rate), number(workload.growth)
        case Trace():
            return 0.0
    grown = 1.0 if growth is None else max((1.0 + growth) ** (horizon_s / YEAR_S), 1.0)
    return 0.0 if rate is None else rate * horizon_s * grown


CHECKS = (names, users, job_counts, growth)
