"""Iteration times of language models beside the measurements of Splitwise (P. Patel et al., ISCA 2024).

Each measured point is simulated, request by request, by a service made from the catalogue's tables.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.calibrate.llm import ACCELERATORS, MODELS, batched_whole, performance
from sim.calibrate.tables import read, records
from sim.serving.llm import WORK, LlmService, Table
from sim.validation.sections import Cell, Section

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MS = 1e-3
WITHIN = 0.05
EARLY = 0.1
"""How far the time of a whole answer may be from that of its parts; beyond, it ended early."""
PARTS = {
    "prompt": "one prompt, 128 .. 8192 tokens",
    "token": "time per token, all batches and contexts",
    "answer": "whole answer, 128 .. 512 tokens",
}


def splitwise(data: Path) -> Section:
    """Errors by model and gang over the measured grid.

    Raises FileNotFoundError when the data set is not in the folder.
    """
    table = read(data, "llm_perf_splitwise_2024/perf_model")
    rows: list[tuple[Cell, ...]] = []
    for (model, hardware, gang), points in table.groupby(["model", "hardware", "tensor_parallel"]):
        if hardware in ACCELERATORS:
            name = f"{MODELS[str(model)].name}, {gang} x {ACCELERATORS[str(hardware)]}"
            rows += _errors(name, points)
    columns = (
        "model and gang", "figure", "points", "median error", "p95 error", "largest error", "within 5%",
        "all",
    )  # fmt: skip
    notes = (
        "Each point is the median of its repetitions. The tables are made from prompts of 512 tokens "
        "(decode) and single prompts (prefill); other contexts, batches and lengths are predicted. Left out: "
        "batches that did not run as one, as in the catalogue, and answers that ended early, which their own "
        "time per token shows. Nothing here passes or fails: it is how near the catalogue's tables come.",
    )
    return Section("Splitwise: iteration times", columns, tuple(rows), notes)


def _errors(name: str, points: "pd.DataFrame") -> Iterator[tuple[Cell, ...]]:
    """One row for each of the three parts."""
    service = _service(performance(points))
    kept = points[points["batch_size"].isin(batched_whole(points[points["in_tokens"] == 512])["batch_size"])]
    keys = ["in_tokens", "batch_size", "out_tokens"]
    medians = kept.groupby(keys)[["prompt_time_ms", "token_time_ms", "e2e_time_ms"]].median().reset_index()
    errors: dict[str, list[float]] = {part: [] for part in PARTS}
    for row in records(medians):
        prompt_s, token_s, answer_s = _simulated(service, row)
        errors["token"].append(token_s / (row["token_time_ms"] * MS) - 1.0)
        if row["batch_size"] == 1:
            errors["prompt"].append(prompt_s / (row["prompt_time_ms"] * MS) - 1.0)
            parts_ms = row["prompt_time_ms"] + (row["out_tokens"] - 1) * row["token_time_ms"]
            if abs(row["e2e_time_ms"] / parts_ms - 1.0) < EARLY:
                errors["answer"].append(answer_s / (row["e2e_time_ms"] * MS) - 1.0)
    for part, about in PARTS.items():
        off = np.abs(np.array(errors[part]))
        figures = (float(np.median(off)), float(np.quantile(off, 0.95)), float(off.max()))
        yield (
            name, about, len(off), *(f"{figure:.1%}" for figure in figures),
            f"{np.mean(off <= WITHIN):.0%}", "yes" if np.all(off <= WITHIN) else "no",
        )  # fmt: skip


def _service(tables: dict[str, Any]) -> LlmService:
    prefill, decode = (
        Table.of((point, ms * MS) for point, ms in tables[name]) for name in ("prefill_ms", "decode_ms")
    )
    return LlmService(np.ones((1, 2), np.int64), prefill, decode, int(decode.points[-1]))


def _simulated(service: LlmService, row: dict[str, Any]) -> tuple[float, float, float]:
    """First token of the first request, time per token with all in the batch, end of the first answer [s]."""
    batch, tokens = int(row["batch_size"]), int(row["out_tokens"])
    work = np.zeros(batch, WORK)
    work["prompt"], work["answer"] = int(row["in_tokens"]), tokens
    found = service.answer(np.zeros(batch), work, 1)
    per_token_s = (found.last_s[-1] - found.first_s[-1]) / (tokens - 1)
    return float(found.first_s[0]), float(per_token_s), float(found.last_s[0])
