"""The summary of a study: for every strategy and metric the estimates, and the paired differences."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from sim.metrics import DEFINITIONS
from sim.study.expectations import Verdict
from sim.study.files import replacing
from sim.study.journal import TOOL, Journal, Manifest
from sim.study.samples import Sample, resample, resample_tails
from sim.study.statistics import LEVEL, Estimate, cvar95, difference_of, mean, quantile, sd
from sim.study.values import MetricValues, load_metrics

FILE_NAME = "summary.json"
SCHEMA, VERSION = "simulate.summary", 2

STATISTICS: dict[str, Callable[[Sample], Estimate]] = {
    "mean": mean,
    "sd": sd,
    "p5": lambda values: quantile(values, 0.05),
    "p50": lambda values: quantile(values, 0.5),
    "p95": lambda values: quantile(values, 0.95),
    "cvar95": cvar95,
}
INTERVALS = {
    "mean": "t, or bootstrap-t where skewed",
    "sd": "t, or bootstrap-t, of the squared deviations",
    "quantiles": "order statistics",
    "cvar95": "mean of the highest 5 %, bootstrap-t",
    "share_below": "Wilson, ties counted half",
}
"""Said in the summary, so that a reader of the file knows what the ends mean."""


def summarise(
    journal: Journal,
    runs: range | None = None,
    strategies: Sequence[str] | None = None,
    verdicts: Sequence[Verdict] = (),
    metrics: Mapping[str, MetricValues] | None = None,
) -> dict[str, Any]:
    """What `summary.json` holds: plain JSON values, money as decimal strings, null for what has no number.

    `metrics` are those of these runs and strategies, where they have been loaded already.
    """
    manifest = journal.manifest
    metrics = load_metrics(journal, runs, strategies) if metrics is None else metrics
    intact = {(run, name) for name, found in metrics.items() for run in found.runs.tolist()}
    return {
        **facts_of(manifest, metrics),
        "level": LEVEL,
        "intervals": INTERVALS,
        "strategies": {name: _strategy(found) for name, found in metrics.items()},
        "pairs": [{"a": a, "b": b} | compare(metrics[a], metrics[b]) for a, b in combinations(metrics, 2)],
        "expectations": [_verdict(verdict) for verdict in verdicts],
        "failed": [asdict(failed) for failed in journal.failures(runs)],
        "unreadable": [
            {"run": run, "strategy": name}
            for run, name in journal.keys(runs, strategies)
            if (run, name) not in intact
        ],
    }


def facts_of(manifest: Manifest, metrics: Mapping[str, MetricValues]) -> dict[str, Any]:
    """What a summary begins with: which study it is, and how many runs there are, of each strategy too."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "tool": {"name": TOOL, "version": manifest.versions.get(TOOL)},
        "scenario": {"title": manifest.title, "digest": manifest.digest},
        "seed": manifest.seed,
        "runs": len(set().union(*(found.runs.tolist() for found in metrics.values()))),
        "strategies": {name: {"runs": len(found.runs)} for name, found in metrics.items()},
    }


def compare(a: MetricValues, b: MetricValues) -> dict[str, Any]:
    """How the metrics that both have differ, a less b, in the worlds that both have run in."""
    common, in_a, in_b = np.intersect1d(a.runs, b.runs, assume_unique=True, return_indices=True)
    differences = {
        name: Sample(values[in_a] - b.values[name][in_b])
        for name, values in a.values.items()
        if name in b.values
    }
    resample(differences.values())
    return {
        "runs": len(common),
        "metrics": {name: _difference(sample, name) for name, sample in differences.items()},
    }


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Write the summary; raises StorageError when it cannot be written."""
    text = json.dumps(summary, indent=1, allow_nan=False, ensure_ascii=False)
    with replacing(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _strategy(found: MetricValues) -> dict[str, Any]:
    samples = {name: Sample(values) for name, values in found.values.items()}
    resample(samples.values())
    resample(sample.squared for sample in samples.values() if sample.n > 1)
    resample_tails(samples.values())
    return {
        "runs": len(found.runs),
        "metrics": {
            name: {statistic: _estimate(of(sample), name) for statistic, of in STATISTICS.items()}
            for name, sample in samples.items()
        },
    }


def _difference(sample: Sample, metric: str) -> dict[str, Any]:
    difference = difference_of(sample)
    return {
        "mean_difference": _estimate(difference.mean, metric),
        "p50_difference": _estimate(difference.p50, metric),
        "share_below": _estimate(difference.share_below),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    asked = verdict.expectation
    return {
        "metric": asked.metric,
        "strategy": asked.strategy,
        "statistic": asked.statistic,
        "comparison": asked.comparison,
        "threshold": _number(asked.threshold, asked.metric),
        "status": verdict.status,
        "runs": verdict.runs,
        "more_runs": verdict.more_runs,
        "estimate": _estimate(verdict.estimate, asked.metric),
    }


def _estimate(estimate: Estimate, metric: str = "") -> dict[str, Any]:
    ends = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    numbers: dict[str, Any] = {name: _number(value, metric) for name, value in ends.items()}
    return numbers | ({"note": estimate.note} if estimate.note else {})


def _number(value: float, metric: str) -> float | str | None:
    if not math.isfinite(value):
        return None
    # Six decimals: the ledger counts in micro-USD.
    return f"{value:.6f}" if _is_money(metric) else value


def _is_money(metric: str) -> bool:
    """Whether a metric is an amount of money, or one for each of something: USD, USD/year, ..."""
    definition = DEFINITIONS.get(metric.partition(":")[0])
    return definition is not None and definition.unit.startswith("USD")
