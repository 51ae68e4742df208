"""A real run of vLLM: a service fitted to the requests that met no queue, and the others predicted.

The engine's settings (batch, tokens of an iteration, KV cache) are those of the run; how long an iteration
takes is fitted: a base, what each prompt token adds, what each decoding request adds, and what each token
that those hold adds. Everything else (who waits, who is thrown out of a full cache, for how long) is
predicted.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from sim.calibrate.tables import read
from sim.serving.llm import WORK, LlmService, Table
from sim.validation.sections import Cell, Section

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STARTS_S = ((2e-2, 1e-4, 1e-4, 1e-7), (1.8e-2, 8e-5, 5e-5, 2e-7), (2e-2, 1e-4, 2e-4, 1e-8))
"""Where searches begin: base, prompt token, decoding request, token held [s]."""
TARGET = 0.12
"""Mean error that simulators of this kind publish: 9 to 12 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A recorded run."""

    arrival_s: Floats
    tokens: NDArray[np.int64]
    """Of prompts and answers, shape [requests, 2]."""
    first_s: Floats
    last_s: Floats
    unloaded: Flags
    """Requests that did not wait before their first iteration."""
    max_batch: int
    chunk: int
    memory_tokens: int


def vllm(data: Path) -> Section:
    """Predicted and measured times of the requests that were not fitted.

    Raises FileNotFoundError when the data set is not in the folder.
    """
    run = recorded(data)
    times_s = fitted(run)
    first_s, last_s = predicted(run, times_s)
    rows = (*_rows("fitted: unloaded requests", run, run.unloaded, first_s, last_s, judged=False),
            *_rows("predicted: all others", run, ~run.unloaded, first_s, last_s, judged=True))  # fmt: skip
    columns = (
        "requests",
        "figure",
        "number",
        "measured mean, s",
        "simulated mean, s",
        "mean error",
        "median error",
        "",
    )
    base, prompt, request, held = times_s
    notes = (
        f"Fitted: an iteration takes {1e3 * base:.2f} ms, {1e6 * prompt:.1f} us for each prompt token, "
        f"{1e6 * request:.1f} us for each decoding request after the first, {1e9 * held:.1f} ns for each "
        "token they hold. Errors are means and medians of abs(simulated / measured - 1) over requests; a row "
        f"is good below {TARGET:.0%}. Unloaded requests met no queue, but later ones joined their batch.",
    )
    return Section("vLLM: Llama-3.1-8B on an RTX 4090, 300 requests", columns, rows, notes)


def recorded(data: Path) -> Run:
    """The run in the data folder."""
    table = read(data, "llm_serving_runs_vllm_2026/requests")
    settings = table.iloc[0]
    return Run(
        table["t_s"].to_numpy(np.float64),
        table[["in_tokens", "out_tokens"]].to_numpy(np.int64),
        table["ttft_s"].to_numpy(np.float64),
        table["e2e_s"].to_numpy(np.float64),
        table["queue_s"].to_numpy(np.float64) == 0.0,
        int(settings["max_num_seqs"]),
        int(settings["max_batched_tokens"]),
        int(settings["kv_tokens"]),
    )


def fitted(run: Run) -> tuple[float, ...]:
    """Base, prompt token, decoding request and token held [s]: the least error over unloaded requests."""

    def error(logs: Floats) -> float:
        first_s, last_s = predicted(run, tuple(np.exp(logs).tolist()))
        off = [np.abs(found / seen - 1.0)[run.unloaded].mean()
               for found, seen in ((first_s, run.first_s), (last_s, run.last_s))]  # fmt: skip
        return float(sum(off))

    searches = [
        optimize.minimize(
            error,
            np.log(start),
            method="Nelder-Mead",
            options={"maxiter": 1500, "xatol": 1e-4, "fatol": 1e-6},
        )
        for start in STARTS_S
    ]
    best = min(searches, key=lambda search: float(search.fun))
    return tuple(np.exp(best.x).tolist())


def predicted(run: Run, times_s: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Times to the first and the last token [s] under the run's own arrivals."""
    base, prompt, request, held = times_s
    service = LlmService(
        run.tokens,
        Table.of([(1, base + prompt), (run.chunk, base + run.chunk * prompt)]),
        Table.of([(1, base), (run.max_batch, base + (run.max_batch - 1) * request)]),
        run.max_batch,
        chunk=run.chunk,
        memory_tokens=run.memory_tokens,
        context_s=held,
    )
    work = np.zeros(len(run.tokens), WORK)
    work["prompt"], work["answer"] = run.tokens.T
    answers = service.answer(run.arrival_s, work, 1)
    return answers.first_s, answers.last_s


def _rows(
    about: str, run: Run, which: Flags, first_s: Floats, last_s: Floats, *, judged: bool
) -> list[tuple[Cell, ...]]:
    tokens = run.tokens[:, 1] - 1
    figures = {
        "TTFT": (run.first_s, first_s),
        "end to end": (run.last_s, last_s),
        "time per token": ((run.last_s - run.first_s) / tokens, (last_s - first_s) / tokens),
    }
    rows: list[tuple[Cell, ...]] = []
    for name, (seen, found) in figures.items():
        off = np.abs(found / seen - 1.0)[which]
        good: Cell = bool(off.mean() < TARGET) if judged else ""
        rows.append(
            (
                about,
                name,
                int(which.sum()),
                float(seen[which].mean()),
                float(found[which].mean()),
                f"{off.mean():.1%}",
                f"{np.median(off):.1%}",
                good,
            )
        )
    return rows
