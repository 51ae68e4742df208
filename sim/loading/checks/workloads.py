"""Checks of training, services, and what is promised to users."""

from collections.abc import Iterator

from sim import units
from sim.loading.checks.facts import AnyPool, Facts, duplicates, median, number, site_of, unknown
from sim.loading.checks.sites import whole
from sim.scenario.base import Fault
from sim.scenario.law import allowed_sites
from sim.scenario.workloads import (
    Bursty,
    Inference,
    LlmServing,
    Poisson,
    Seasonal,
    SingleServing,
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
                yield Fault((*path, "trace"), "every job of the trace is submitted after the horizon")
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


def promises(facts: Facts) -> Iterator[Fault]:
    """A promise cannot be kept that is shorter than the way to every pool and a usual answer there."""
    for placement in facts.placements():
        workload = facts.scenario.workloads.get(placement.workload)
        if not isinstance(workload, Inference) or workload.slo.share <= 0.5:
            continue
        key = "ttft" if workload.slo.latency is None else "latency"
        limit_s: float = getattr(workload.slo, key)
        lawful = allowed_sites(facts.scenario, workload)
        paths = [option.pool for option in placement.options if site_of(option.pool) in lawful]
        times_s = [_usual_s(facts, workload, path) for path in paths]
        known_s = [time for time in times_s if time is not None]
        if paths and len(known_s) == len(paths) and min(known_s) > limit_s:
            shown = units.render(float(f"{min(known_s):.3g}"), units.DURATION)
            told = (
                f"without any queue half of the requests take {shown} under the strategy {placement.strategy}"
            )
            yield Fault(("workloads", placement.workload, "slo", key), told)


def _usual_s(facts: Facts, workload: Inference, path: str) -> float | None:
    """Median round trip of the nearest users, and the median time of an answer without a queue, [s]."""
    pool, site = facts.pools.get(path), facts.scenario.sites.get(site_of(path))
    if pool is None or site is None:
        return None
    near = [
        site.access[place] for place, share in workload.users.items() if share > 0 and place in site.access
    ]
    trips_s = [median(trip) for trip in near]
    known_s = [trip for trip in trips_s if trip is not None]
    answer_s = _answer_s(facts, workload, pool)
    if answer_s is None or not known_s or len(known_s) < len(trips_s):
        return None
    return min(known_s) + answer_s


def _answer_s(facts: Facts, workload: Inference, pool: AnyPool) -> float | None:
    """The median time of an answer on a pool, [s]; None where it is not known, 0 for language models."""
    match workload.service:
        case SingleServing() as single:
            time_s, speed = median(single.time), _speed(facts, pool.accelerator, single.reference)
            return None if time_s is None or not speed else time_s / speed
        case LlmServing():
            return 0.0


def _speed(facts: Facts, accelerator: str, reference: str | None) -> float | None:
    """Of an accelerator relative to a reference."""
    known = facts.scenario.accelerators
    if reference is None or reference == accelerator:
        return 1.0
    if reference not in known or accelerator not in known:
        return None
    one, other = number(known[accelerator].speed), number(known[reference].speed)
    return None if one is None or not other else one / other


def memory(facts: Facts) -> Iterator[Fault]:
    """The weights of a language model fit into the memory of its replica's accelerators."""
    for name, workload in facts.scenario.workloads.items():
        if not isinstance(workload, Inference) or not isinstance(workload.service, LlmServing):
            continue
        gang = workload.service.replica.accelerators
        for accelerator, measured in facts.scenario.models.get(workload.service.model, {}).items():
            weights = number(measured[str(gang)].weights) if str(gang) in measured else None
            card = facts.scenario.accelerators.get(accelerator)
            held = None if card is None else number(card.memory)
            if weights is not None and held is not None and weights > gang * held:
                size = units.render(weights, units.DATA)
                told = f"{size} of weights do not fit into the memory of {gang} x {accelerator}"
                yield Fault(("workloads", name, "service", "replica", "accelerators"), told)


CHECKS = (names, users, job_counts, growth, promises, memory)
