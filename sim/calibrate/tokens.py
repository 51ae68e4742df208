"""Request lengths of language models as representative pairs of input and output tokens."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from sim.calibrate.catalogue import Entry, number
from sim.calibrate.tables import AZURE_LLM, read

Ints = npt.NDArray[np.int64]

STRATA = 16


def representative_pairs(inputs: Ints, outputs: Ints, strata: int = STRATA) -> list[list[int]]:
    """strata^2 equally likely pairs, sorted, that keep both marginal distributions and their dependence.

    The requests are cut into strata by their input. Within a stratum the outputs are its own mid-quantiles,
    and the inputs are its mid-quantiles too, dealt out in an order that has no trend along the outputs.
    """
    order = np.argsort(inputs, kind="stable")
    levels = (np.arange(strata) + 0.5) / strata
    dealt = np.argsort([_reversed_bits(n, strata) for n in range(strata)])
    pairs = []
    for members in np.array_split(order, strata):
        ins, outs = np.quantile(inputs[members], levels)[dealt], np.quantile(outputs[members], levels)
        pairs += [[max(1, round(float(i))), max(1, round(float(o)))] for i, o in zip(ins, outs, strict=True)]
    return sorted(pairs)


def _reversed_bits(n: int, size: int) -> int:
    """The van der Corput order: neighbours in it are far apart."""
    bits = max(size - 1, 1).bit_length()
    return int(f"{n:0{bits}b}"[::-1], 2)


def token_entries(data: Path) -> list[Entry]:
    """Lengths of the conversations of a public language-model service."""
    table = read(data, "azure_llm_2023/conv")
    inputs, outputs = (table[column].to_numpy(np.int64) for column in ("in_tokens", "out_tokens"))
    pairs = representative_pairs(inputs, outputs)
    kept_inputs, kept_outputs = np.array(pairs).T
    kept, seen = (kept_inputs, kept_outputs), (inputs, outputs)
    note = (
        f"{len(pairs)} equally likely [input, output] pairs for {len(inputs):,} requests of one hour: "
        f"mid-quantiles of the output within {STRATA} strata of the input. Kept (seen): input "
        f"{_near(kept_inputs, inputs)}; output {_near(kept_outputs, outputs)}; correlation "
        f"{np.corrcoef(*kept)[0, 1]:.3f} ({np.corrcoef(*seen)[0, 1]:.3f}), of ranks "
        f"{stats.spearmanr(*kept).statistic:.3f} ({stats.spearmanr(*seen).statistic:.3f}). Lengths beyond "
        "p99.8 are cut."
    )
    ends = f"input {inputs.min()} .. {inputs.max()}; output {outputs.min()} .. {outputs.max()}"
    name = "azure-llm-2023.conversation"
    return [Entry(name, "tokens", {"pairs": pairs}, AZURE_LLM, "measured", range=ends, note=note)]


def _near(kept: Ints, seen: Ints) -> str:
    """Mean and quantiles of what was kept, and in brackets of what was seen."""
    figures = [("mean", float(kept.mean()), float(seen.mean()))]
    figures += [
        (f"p{p}", float(np.percentile(kept, p)), float(np.percentile(seen, p))) for p in (10, 50, 90, 99)
    ]
    return ", ".join(f"{name} {number(one)} ({number(other)})" for name, one, other in figures)
