"""Iteration times of language models: decode by batch, prefill by prompt length."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from sim.calibrate.catalogue import Entry, number
from sim.calibrate.tables import SPLITWISE, read

if TYPE_CHECKING:
    import pandas as pd

DECODE_PROMPT_TOKENS = 512
"""The prompt length with which all batch sizes were measured."""


@dataclass(frozen=True, slots=True)
class Model:
    """What a model's architecture says of its memory."""

    name: str
    weights: str
    kv_per_token: str
    arithmetic: str


MODELS = {
    "llama2-70b": Model(
        "llama-2-70b",
        "138 GB",
        "327.68 kB",
        "Weights: 68.98e9 parameters x 2 bytes. KV cache: 80 layers x 8 KV heads x 128 x 2 (key and value) "
        "x 2 bytes = 327,680 bytes a token (Touvron et al. 2023)",
    ),
    "bloom-176b": Model(
        "bloom-176b",
        "352.5 GB",
        "4.014 MB",
        "Weights: 176.25e9 parameters x 2 bytes. KV cache: 70 layers x 112 heads x 128 x 2 (key and value) "
        "x 2 bytes = 4,014,080 bytes a token (BigScience 2022)",
    ),
}
ACCELERATORS = {"a100-80gb": "A100-80GB", "h100-80gb": "H100-SXM"}


def rising(points: "pd.DataFrame", by: str, value: str) -> list[tuple[int, float]]:
    """Medians of `value` over the repetitions at each `by`, made non-decreasing.

    Isotonic regression, weighted by the number of repetitions: where two neighbours are the wrong way round,
    they become their mean.
    """
    grouped = points.groupby(by)[value]
    medians, repetitions = grouped.median(), grouped.size()
    times = optimize.isotonic_regression(
        medians.to_numpy(np.float64), weights=repetitions.to_numpy(np.float64)
    ).x
    return [(int(at), float(time)) for at, time in zip(medians.index, times, strict=True)]


def batched_whole(points: "pd.DataFrame") -> "pd.DataFrame":
    """The points without those batches whose prompts took less time than a smaller batch's: they did not fit
    into memory at once, and were not run as one batch.
    """
    prompts = points.groupby("batch_size")["prompt_time_ms"].median()
    return points[points["batch_size"].isin(prompts.index[prompts >= prompts.cummax()])]


def performance(points: "pd.DataFrame") -> dict[str, Any]:
    """Decode and prefill tables of one model on one gang, as `[batch, ms]` and `[prompt tokens, ms]`."""
    decode = batched_whole(points[points["in_tokens"] == DECODE_PROMPT_TOKENS])
    prefill = points[points["batch_size"] == 1]
    tables = {
        "decode_ms": rising(decode, "batch_size", "token_time_ms"),
        "prefill_ms": rising(prefill, "in_tokens", "prompt_time_ms"),
    }
    return {name: [[at, float(number(time, 4))] for at, time in table] for name, table in tables.items()}


def speed_ratio(
    points: "pd.DataFrame", hardware: str, reference: str, *, prompts_from: int = 2048
) -> tuple[float, float, float]:
    """Median, least and greatest ratio of prefill times of long prompts, reference over hardware.

    At equal models and gangs. Long prompts are bound by arithmetic, as training is; decoding is bound by
    memory and gains less.
    """
    long = points[(points["batch_size"] == 1) & (points["in_tokens"] >= prompts_from)]
    medians = long.groupby(["hardware", "model", "tensor_parallel", "in_tokens"])["prompt_time_ms"].median()
    ratios = (medians[reference] / medians[hardware]).to_numpy(np.float64)
    return float(np.median(ratios)), float(ratios.min()), float(ratios.max())


def llm_entries(data: Path) -> list[Entry]:
    """Iteration times of every measured model, accelerator and gang."""
    table = read(data, "llm_perf_splitwise_2024/perf_model")
    gangs = sorted(set(zip(table["model"], table["hardware"], table["tensor_parallel"], strict=True)))
    entries = []
    for model, hardware, gang in gangs:
        if hardware in ACCELERATORS:
            here = (
                (table["model"] == model)
                & (table["hardware"] == hardware)
                & (table["tensor_parallel"] == gang)
            )
            entries.append(_entry(MODELS[model], f"{ACCELERATORS[hardware]}.tp{gang}", table[here]))
    return entries


def _entry(model: Model, gang: str, points: "pd.DataFrame") -> Entry:
    value = performance(points) | {"weights": model.weights, "kv_per_token": model.kv_per_token}
    lost = sorted(set(points["batch_size"]) - {at for at, _ in value["decode_ms"]})
    without = f" Batch {lost[0]} is left out: its prompts were not run as one batch." if lost else ""
    note = (
        f"Medians over 5 or more repetitions; decode with prompts of {DECODE_PROMPT_TOKENS} tokens, prefill "
        f"of one prompt; made non-decreasing by isotonic regression.{without} An engine of 2023: newer ones "
        f"are faster. {model.arithmetic}."
    )
    return Entry(f"llm.{model.name}.{gang}", "llm", value, SPLITWISE, "measured", note=note)
