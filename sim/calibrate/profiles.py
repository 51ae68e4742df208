"""The shape of a week, and what remains after it: seasons and bursts of a rate."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import optimize

from sim.calibrate.catalogue import Entry, Source, duration, number, round_to_sum
from sim.calibrate.laws import Floats
from sim.calibrate.tables import HELIOS, SERVEGEN, floats, read

HOURS = 168
FRIDAY = 4


@dataclass(frozen=True, slots=True)
class Week:
    """A weekly shape: 168 intensities with mean 1, and how much of what is particular to an hour of the week
    was kept.
    """

    intensity: Floats
    kept: float


def hourly(rates: Floats, per_hour: int) -> Floats:
    """Hourly means of a series in equal windows as [week, day, hour].

    Windows without data are NaN; a last part of a week is cut off.
    """
    weeks = len(rates) // (per_hour * HOURS)
    whole = rates[: weeks * HOURS * per_hour].reshape(weeks, 7, 24, per_hour)
    seen = ~np.isnan(whole)
    counts = seen.sum(axis=-1)
    sums = np.where(seen, whole, 0.0).sum(axis=-1)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), dtype=np.float64)


def daily_shape(weeks: Floats, *, weekends: bool) -> Floats:
    """The mean shape of a day as [day, hour] with mean 1; with `weekends` Saturday and Sunday have their own.

    Each week counts the same, whatever its level: a slow trend is not part of the shape.
    """
    level = np.nanmean(weeks, axis=(1, 2), keepdims=True)
    relative = weeks / level
    classes = (slice(0, FRIDAY + 1), slice(FRIDAY + 1, 7)) if weekends else (slice(0, 7),)
    shape = np.empty((7, 24))
    for days in classes:
        shape[days] = np.nanmean(relative[:, days], axis=(0, 1))
    return np.asarray(shape / shape.mean(), dtype=np.float64)


def weekly_shape(weeks: Floats, *, weekends: bool) -> Week:
    """The shape of the week: the daily shape, and what each hour of the week adds as far as it repeats.

    The deviation of an hour of the week is shrunk by the share of its variance that is not noise (one-way
    analysis of variance over the weeks): with two weeks at hand most of what looks like a shape is chance.
    """
    base = daily_shape(weeks, weekends=weekends)
    deviation = (weeks / np.nanmean(weeks, axis=(1, 2), keepdims=True) / base).reshape(len(weeks), HOURS)
    mean = np.nanmean(deviation, axis=0)
    seen = (~np.isnan(deviation)).sum(axis=0)
    noise = float(np.nansum((deviation - mean) ** 2) / (seen - 1).clip(min=0).sum()) / float(seen.mean())
    kept = max(0.0, 1 - noise / float(mean.var(ddof=1)))
    intensity = base.ravel() * (1 + kept * (mean - 1))
    return Week(intensity / intensity.mean(), kept)


def rotate(intensity: Floats, quietest_hour: int) -> tuple[Floats, int, int]:
    """The week moved such that its quietest hour of the day (over 3 hours) is `quietest_hour`, and its
    quietest two days in a row are the weekend; and the hours and days by which it was moved later.
    """
    week = intensity.reshape(7, 24)
    day = week.mean(axis=0)
    around = day + np.roll(day, 1) + np.roll(day, -1)
    hours = (quietest_hour - int(around.argmin())) % 24
    hours = hours - 24 if hours > 12 else hours
    moved = np.roll(intensity, hours).reshape(7, 24)
    pairs = moved.mean(axis=1) + np.roll(moved.mean(axis=1), -1)
    days = (FRIDAY + 1 - int(pairs.argmin())) % 7
    return np.roll(moved, days, axis=0).ravel(), hours, days


def burstiness(
    rates: Floats, intensity: Floats, step_s: float, longest_lag_s: float = 12 * 3600.0
) -> tuple[float, float]:
    """cv and correlation time [s] of what remains of a rate after its weekly shape.

    The correlation time is that of the exponential nearest (least squares) to the autocorrelation up to the
    longest lag.
    """
    per_hour = round(3600 / step_s)
    shape = np.resize(np.repeat(intensity, per_hour), len(rates))
    residual = rates / shape
    residual = residual / np.nanmean(residual) - 1
    variance = float(np.nanmean(residual**2))
    lags = np.arange(1, int(longest_lag_s / step_s) + 1)
    correlation = np.array([float(np.nanmean(residual[:-lag] * residual[lag:])) / variance for lag in lags])

    def misfit(log_time: float) -> float:
        return float(((correlation - np.exp(-lags * step_s / math.exp(log_time))) ** 2).sum())

    found = optimize.minimize_scalar(
        misfit,
        bounds=(math.log(step_s), math.log(10 * longest_lag_s)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return math.sqrt(variance), math.exp(float(found.x))


def profile_value(intensity: Floats) -> dict[str, list[float]]:
    """The profile in the scenario language: four decimals, with a mean of exactly 1."""
    return {"hour_of_week": round_to_sum([float(x) for x in intensity], HOURS, 4)}


def profile_entries(data: Path) -> list[Entry]:
    """Weekly shapes and bursts of the model services, and weekly shapes of training submissions."""
    return [*_service_entries(data), *_submission_entries(data)]


def _service_entries(data: Path) -> list[Entry]:
    entries = []
    for model in ("m-large", "m-small"):
        rates = floats(read(data, f"servegen/{model}_total_rate")["total_rate_rps"]).copy()
        gaps = int((rates == 0).sum())
        rates[rates == 0] = np.nan
        week = weekly_shape(hourly(rates, 6), weekends=False)
        masked = f" The {gaps} windows without any request are collection gaps, and masked." if gaps else ""
        source = Source(f"{SERVEGEN.text}, {model}_total_rate", SERVEGEN.date)
        origin = (
            "14 days of a model service in 10-minute windows; their weekday and hour are not published, the "
            "first window is taken as Monday 00:00. The mean day of 14; what is particular to an hour of "
            f"the week is shrunk to {number(100 * week.kept, 2)}%, as far as the second week repeats the "
            f"first.{masked}"
        )
        entries.append(_profile(f"profile.servegen-{model}", week.intensity, source, origin))
        entries.append(_bursts(model, rates, week, source, masked))
        if model == "m-large":
            entries.append(_hospital_day(week, source))
    return entries


def _bursts(model: str, rates: Floats, week: Week, source: Source, masked: str) -> Entry:
    cv, lasts_s = burstiness(rates, week.intensity, 600.0)
    value = {"gamma": {"cv": float(number(cv, 3)), "lasts": duration(lasts_s, 3)}}
    note = (
        "cv of the rate in 10-minute windows over its weekly shape, and the e-folding time of its "
        f"autocorrelation (lags to 12 h).{masked}"
    )
    return Entry(f"bursts.servegen-{model}", "bursts", value, source, "measured", note=note)


def _hospital_day(week: Week, source: Source) -> Entry:
    intensity, hours, days = rotate(week.intensity, quietest_hour=4)
    note = (
        "A proxy: no hospital published its requests. The week of profile.servegen-m-large, moved by "
        f"{hours:+d} h so that it is quietest around 04:00, and by {days:+d} days so that its two quietest "
        "days in a row are the weekend. A clinic's day is likely to be steeper."
    )
    return _profile("profile.hospital-day", intensity, source, note)


def _submission_entries(data: Path) -> list[Entry]:
    import pandas as pd

    table = read(data, "helios_2020/venus_10min_counts")
    times = pd.DatetimeIndex(table["time"])
    monday = int(np.argmax((times.day_of_week == 0) & (times.hour == 0) & (times.minute == 0)))
    weeks = hourly(floats(table["submit_gpu_job"])[monday:], 6)
    days, week = daily_shape(weeks, weekends=True), weekly_shape(weeks, weekends=True)
    over = (
        f"GPU jobs submitted to a research cluster in {len(weeks)} weeks of 2020, local time, each week with "
        "the same weight"
    )
    office = (
        f"{over}: one shape for workdays and one for weekends. Work begins at 9, dips at noon, and goes on "
        "until late in the evening. The submissions of philly 2017 have no such shape (few users, long "
        "bursts)."
    )
    submissions = (
        f"{over}: profile.office-hours, and what is particular to an hour of the week shrunk to "
        f"{number(100 * week.kept, 2)}%, the part that is not noise."
    )
    return [
        _profile("profile.office-hours", days.ravel(), HELIOS, office),
        _profile("profile.helios-submissions", week.intensity, HELIOS, submissions),
    ]


def _profile(name: str, intensity: Floats, source: Source, note: str) -> Entry:
    ends = f"{number(float(intensity.min()), 3)} .. {number(float(intensity.max()), 3)} of the mean"
    return Entry(name, "profile", profile_value(intensity), source, "measured", range=ends, note=note)
