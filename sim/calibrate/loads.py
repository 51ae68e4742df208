"""How long models take to load and to answer, and how long preemptible machines last."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim.calibrate.catalogue import Entry, Source, duration
from sim.calibrate.fitting import quantile_table
from sim.calibrate.laws import Floats
from sim.calibrate.tables import GCP_PREEMPTIBLE, GENAI, floats, read

LEVELS = (
    *(0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.93, 0.95, 0.97, 0.98, 0.985),
    *(0.99, 0.995, 1),
)
LIFE_LEVELS = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 0.95, 1)

PARTS = {
    "basemodel": (
        "sd-base-model",
        "Two modes: about 3 s where the node has the file, else about 30 s.",
    ),
    "controlnet": ("sd-controlnet", "An addition to a running model."),
    "lora": ("sd-lora", "An addition to a running model."),
}
"""The parts of an image model by table: the entry's name, and what to know of it."""


def load_entries(data: Path) -> list[Entry]:
    """Loads of the parts of an image model, its service time, and lifetimes of preemptible machines."""
    return [*_loads(data), _service(data), _lifetimes(data)]


def _loads(data: Path) -> list[Entry]:
    entries = []
    for table, (name, about) in PARTS.items():
        seconds = floats(read(data, f"alibaba_genai_2026/{table}_load_ms")["value"]) / 1000
        entries.append(_entry(f"load.{name}", "boot", seconds, GENAI, levels=LEVELS, about=about))
    return entries


def _service(data: Path) -> Entry:
    requests = read(data, "alibaba_genai_2026/requests")
    done = floats(requests.loc[requests["status"] == "SUCCEED", "exec_time_s"])
    seconds = spread_over_step(done[done > 0], 1.0)
    about = "Execution of requests that succeeded, waiting apart; recorded in whole seconds."
    return _entry("service.stable-diffusion", "service", seconds, GENAI, levels=LEVELS, about=about)


def _lifetimes(data: Path) -> Entry:
    lives = floats(read(data, "gcp_preemptible_2019/lifetimes")["lifetime_s"])
    name, seconds = "lifetime.gcp-preemptible", lives[lives > 0]
    about = (
        "Machines without accelerators, ended by the provider: many in the first hours, few in the middle, "
        "the rest at the limit of 24 h. Google has since lifted the limit."
    )
    return _entry(name, "lifetime", seconds, GCP_PREEMPTIBLE, levels=LIFE_LEVELS, about=about)


def spread_over_step(seconds: Floats, step_s: float) -> Floats:
    """Sorted durations that were rounded to a step, those of equal length spread evenly over it."""
    values, counts = np.unique(seconds, return_counts=True)
    places = [(np.arange(count) + 0.5) / count - 0.5 for count in counts]
    return np.repeat(values, counts) + step_s * np.concatenate(places)


def _entry(
    name: str, kind: str, seconds: Floats, source: Source, *, levels: Sequence[float], about: str
) -> Entry:
    value = quantile_table(seconds, levels).written()
    mean = duration(float(seconds.mean()))
    ends = f"{duration(float(seconds.min()))} .. {duration(float(seconds.max()))}"
    note = f"{about} Quantiles of {len(seconds):,}, scaled by at most 1% so that the mean is as seen, {mean}."
    return Entry(name, kind, value, source, "measured", range=ends, note=note)
