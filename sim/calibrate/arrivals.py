"""Training submissions: how bursty they come, how long they run, how many accelerators they ask for."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.calibrate.catalogue import Entry, Source, duration, number, percentages
from sim.calibrate.fitting import least, quantile_table
from sim.calibrate.laws import Floats
from sim.calibrate.tables import HELIOS, PHILLY, floats, read

if TYPE_CHECKING:
    import pandas as pd

STEP_S = 600
"""Length of the windows in which submissions are counted [s]."""

WINDOW_STEPS = (1, 2, 3, 6, 12, 24)
"""Windows in which bursts are judged, in steps: up to 4 h, the time that a queue needs to drain."""

DENSE = ("2017-10-03", "2017-12-15")
"""Where the philly trace is complete."""

LARGEST_GANG = 32
"""Larger gangs are too rare in the philly trace to have a share."""

LEVELS = (
    *(0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97),
    *(0.975, 0.98, 0.985, 0.99, 0.9925, 0.995, 0.9965, 0.998, 0.999, 1),
)
"""Levels of the quantile table of durations, dense where most of the work is."""


def index_of_dispersion(counts: Floats, expected: Floats, steps: int) -> float:
    """Variance over mean of the counts in windows of so many steps, about what is expected; Poisson has 1."""
    windows = len(counts) // steps
    seen, mean = (
        series[: windows * steps].reshape(windows, steps).sum(axis=1) for series in (counts, expected)
    )
    return float(((seen - mean) ** 2).sum() / mean.sum())


def bursty_index(window_s: float, burst_size: float, within_s: float) -> float:
    """The index of dispersion, in windows of a length, of bursts that come independently of each other.

    A burst has a geometric number of jobs with mean b, each at a uniform moment of `within`. A job of a burst
    has on average 2(b - 1) companions (E[N(N-1)]/E[N] of the geometric law). The distance of a companion has
    density 2(1 - x), x = distance/within, and it falls into the same window with probability 1 - x/r, r =
    window/within. So the index is 1 + 2(b - 1) g(r), with g(r) = r - r^2/3 for r < 1 and 1 - 1/(3r) beyond.
    """
    r = window_s / within_s
    together = r - r * r / 3 if r < 1 else 1 - 1 / (3 * r)
    return 1 + 2 * (burst_size - 1) * together


def fit_bursts(windows_s: Sequence[float], indices: Sequence[float]) -> tuple[float, float]:
    """Burst size and `within` [s] whose index of dispersion is nearest, by least squares of its logarithm."""
    seen = np.log(np.array(indices))

    def misfit(free: Floats) -> float:
        size, within_s = 1 + math.exp(free[0]), math.exp(free[1])
        model = np.log([bursty_index(window_s, size, within_s) for window_s in windows_s])
        return float(((model - seen) ** 2).sum())

    begin = np.log([max(indices), windows_s[len(windows_s) // 2]])
    (log_companions, log_within), _ = least(misfit, begin)
    return 1 + math.exp(log_companions), math.exp(log_within)


def hour_of_day_means(counts: "pd.Series[Any]") -> Floats:
    """What the hour of the day, on workdays and on weekends, leads one to expect of each count."""
    import pandas as pd

    times = pd.DatetimeIndex(counts.index)
    keys = [np.asarray(times.day_of_week < 5), np.asarray(times.hour)]
    return floats(counts.groupby(keys).transform("mean"))


def arrival_entries(data: Path) -> list[Entry]:
    """Bursts of submissions of both clusters; durations and gangs of philly."""
    import pandas as pd

    jobs = read(data, "philly_2017/jobs")
    jobs["time"] = pd.to_datetime(jobs["timestamp"])
    jobs = jobs[(jobs["time"] >= DENSE[0]) & (jobs["time"] < DENSE[1])]
    grid = pd.date_range(*DENSE, freq=f"{STEP_S}s", inclusive="left")
    philly = jobs.set_index("time").resample(f"{STEP_S}s").size().reindex(grid, fill_value=0)
    helios = read(data, "helios_2020/venus_10min_counts").set_index("time")["submit_gpu_job"]
    return [
        _bursts("arrivals.philly", philly, PHILLY),
        _bursts("arrivals.helios", helios, HELIOS),
        _durations(floats(jobs["duration_s"])),
        _gangs(floats(jobs["num_gpus"])),
    ]


def _bursts(name: str, counts: "pd.Series[Any]", source: Source) -> Entry:
    values, expected = floats(counts), hour_of_day_means(counts)
    indices = [index_of_dispersion(values, expected, steps) for steps in WINDOW_STEPS]
    windows_s = [float(STEP_S * steps) for steps in WINDOW_STEPS]
    size, within_s = fit_bursts(windows_s, indices)
    near = ", ".join(
        f"{duration(window_s, 3)} {number(bursty_index(window_s, size, within_s), 3)} ({number(index, 3)})"
        for window_s, index in zip(windows_s, indices, strict=True)
    )
    a_day = index_of_dispersion(values, expected, 86400 // STEP_S)
    note = (
        f"For `bursty`: {number(float(values.mean()) * 3600 / STEP_S, 3)} jobs per hour in bursts that come "
        "independently, with a geometric number of jobs at uniform moments of `within`. Fitted to the index "
        f"of dispersion after the hour of the day of workdays and weekends, fitted (seen): {near}. Slower "
        f"swings are not bursts and are left out: in windows of a day {number(a_day, 3)} was seen. The size "
        "goes with the number of users: a smaller group makes smaller bursts."
    )
    value = {"burst_size": float(number(size, 3)), "within": duration(within_s, 3)}
    return Entry(name, "arrivals", value, source, "measured", note=note)


_SELECTION = (
    "The trace is a selection: 93% one-GPU jobs against 82% in the full trace, so multi-GPU jobs are "
    "under-represented."
)


def _durations(seconds: Floats) -> Entry:
    table = quantile_table(seconds, LEVELS)
    ends = f"{duration(float(seconds.min()))} .. {duration(float(seconds.max()))}"
    note = (
        f"{len(seconds):,} GPU jobs of {DENSE[0]} to {DENSE[1]}, their quantiles, scaled by 1% so that the "
        f"mean is as seen, {duration(float(seconds.mean()))}; cv {table.cv:.2f} "
        f"({float(seconds.std() / seconds.mean()):.2f} seen). {_SELECTION} They run longer; and there is no "
        "status column: killed jobs count as they ended."
    )
    return Entry("duration.philly", "arrivals", table.written(), PHILLY, "measured", range=ends, note=note)


def _gangs(sizes: Floats) -> Entry:
    values, counts = np.unique(sizes[sizes <= LARGEST_GANG], return_counts=True)
    shares = percentages((float(count) / float(counts.sum()) for count in counts), decimals=2)
    value = {"choice": dict(zip(map(int, values), shares, strict=True))}
    rare = int((sizes > LARGEST_GANG).sum())
    note = f"The {rare} jobs of {len(sizes):,} with more than {LARGEST_GANG} GPUs are left out. {_SELECTION}"
    return Entry(
        "gangs.philly", "arrivals", value, PHILLY, "measured", range=f"1 .. {int(sizes.max())}", note=note
    )
