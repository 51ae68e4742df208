"""Training jobs: when they arrive, how large and how long they are.

Arrivals are Poisson processes in operational time: the expected number of arrivals until t is a
piecewise-linear function, and unit-rate arrivals are mapped through its inverse (Cinlar's method), so that
weekly profiles, seasons and growth are exact.
"""

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from sim import streams
from sim.distributions import whole_seconds
from sim.scenario.model import Scenario
from sim.scenario.workloads import Bursty, Poisson, Profile, Seasonal, Trace, Training
from sim.world.world import Floats, Ints, Jobs

HOUR_S = 3600
WEEK_H = 168
YEAR_S = 365 * 86_400


def sample_jobs(scenario: Scenario, training: Mapping[str, Training], source: streams.Source) -> Jobs:
    """All jobs of all training workloads, in order of (submit_s, workload, number)."""
    parts = [
        _jobs(scenario, index, name, workload, source)
        for index, (name, workload) in enumerate(training.items())
    ]
    if not parts:
        return Jobs(*(np.zeros(0, dtype=np.int64) for _ in range(5)))
    workload, number, submit_s, accelerators, work_s = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    order = np.argsort(submit_s, kind="stable")  # the parts come in the order of the rest
    return Jobs(workload[order], number[order], submit_s[order], accelerators[order], work_s[order])


def _jobs(
    scenario: Scenario, index: int, name: str, workload: Training, source: streams.Source
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """The columns of one workload's jobs."""
    horizon_s = scenario.horizon_s
    if isinstance(workload.arrivals, Trace):
        rows = [
            (int(job.submit), job.accelerators, max(int(np.ceil(job.duration)), 1))
            for job in workload.arrivals.trace
            if int(job.submit) < horizon_s
        ]
        rows.sort(key=lambda row: row[0])  # stable: jobs of one second keep the order of the trace
        submit_s, accelerators, work_s = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    else:
        submit_s = sample_arrivals(scenario, workload, name, source)
        assert workload.accelerators is not None, f"{name} has no accelerators"
        assert workload.duration is not None, f"{name} has no duration"
        n = len(submit_s)
        gangs = workload.accelerators.distribution().sample(source.generator(f"accelerators:{name}"), n)
        accelerators = np.rint(gangs).astype(np.int64)
        work_s = np.maximum(
            whole_seconds(workload.duration.distribution().sample(source.generator(f"duration:{name}"), n)), 1
        )
    n = len(submit_s)
    return np.full(n, index, dtype=np.int64), np.arange(n, dtype=np.int64), submit_s, accelerators, work_s


def sample_arrivals(scenario: Scenario, workload: Training, name: str, source: streams.Source) -> Ints:
    """Arrival times [s] in [0, horizon), ascending."""
    generator = source.generator(f"arrivals:{name}")
    horizon_s = scenario.horizon_s
    match workload.arrivals:
        case Poisson(poisson=law):
            expected = expected_arrivals(scenario, law.rate, None, None, workload.growth)
            times = _poisson(generator, expected, horizon_s)
        case Seasonal(seasonal=law):
            expected = expected_arrivals(scenario, law.rate, law.profile, law.monthly, workload.growth)
            times = _poisson(generator, expected, horizon_s)
        case Bursty(bursty=law):
            expected = expected_arrivals(
                scenario, law.rate / law.burst_size, law.profile, None, workload.growth
            )
            begins = _poisson(generator, expected, horizon_s)
            sizes = generator.geometric(1 / law.burst_size, len(begins))
            times = np.repeat(begins, sizes) + generator.random(int(sizes.sum())) * law.within
        case Trace():
            raise AssertionError("a trace brings its own times")
    whole = np.sort(times.astype(np.int64))
    return whole[whole < horizon_s]


def expected_arrivals(
    scenario: Scenario, rate: float, profile: Profile | None, monthly: tuple[float, ...] | None, growth: float
) -> Floats:
    """Expected number of arrivals until the end of each hour since the start; entry 0 is 0."""
    hours = -(-scenario.horizon_s // HOUR_S)
    intensity = rate * HOUR_S * (1.0 + growth) ** _years(hours)
    if profile is not None:
        intensity *= _weeks(profile, scenario.start, hours)
    if monthly is not None:
        days = scenario.start.toordinal() + np.arange(-(-hours // 24))
        months = np.array([dt.date.fromordinal(int(day)).month - 1 for day in days])
        shape = np.array(monthly) / np.mean(monthly)
        intensity *= np.repeat(shape[months], 24)[:hours]
    return np.concatenate(([0.0], np.cumsum(intensity)))


@lru_cache(maxsize=8)
def _years(hours: int) -> Floats:
    """The years until the middle of each hour, the same in every world."""
    return (np.arange(hours) + 0.5) * HOUR_S / YEAR_S


@lru_cache(maxsize=8)
def _weeks(profile: Profile, start: dt.date, hours: int) -> Floats:
    """The weekly shape in each hour, the same in every world."""
    return weekly_shape(profile)[(np.arange(hours) + hour_of_week(start)) % WEEK_H]


def weekly_shape(profile: Profile) -> Floats:
    """The 168 relative intensities of a week, scaled to mean 1."""
    shape: Floats = np.array(profile.hour_of_week)
    return shape / float(shape.mean())


def hour_of_week(start: dt.date) -> int:
    """Hours from Monday midnight to the start."""
    return start.weekday() * 24


def _poisson(generator: np.random.Generator, expected: Floats, horizon_s: int) -> Floats:
    """Arrival times [s] of a Poisson process with these expected numbers by hour."""
    count = generator.poisson(expected[-1])
    operational = np.sort(generator.random(count)) * expected[-1]
    times: Floats = np.interp(operational, expected, np.arange(len(expected)) * float(HOUR_S))
    return times[times < horizon_s]
