"""Ratios of speeds do not fall to less than half of what was recorded; never absolute times.

`python -m tests.benchmarks.test_ratios` records them anew, as medians of several measurements.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import pytest

from sim.benchmark.comparisons import (
    QUICK,
    Comparison,
    compiled_events,
    fifo,
    scenario_engines,
    simpy_events,
    training_only,
)
from sim.benchmark.growth import MOST, growths
from sim.benchmark.timing import in_turns
from sim.benchmark.worlds import LOAD
from sim.loading import load

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).with_name("recorded.json")
MEASUREMENTS = 3

COMPARISONS: dict[str, Callable[[], list[Comparison]]] = {
    "SimPy events": lambda: simpy_events(QUICK),
    "compiled events": lambda: compiled_events(QUICK),
    "training": lambda: training_only(QUICK),
    "FIFO": lambda: fifo(QUICK, None),
    "hospital": lambda: scenario_engines(QUICK, load(ROOT / "scenarios/hospital.yaml"), "hospital.yaml"),
}


def recorded() -> dict[str, float]:
    """The ratios on record, by the key of the comparison."""
    ratios: dict[str, float] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return ratios


@pytest.mark.benchmark_ratio
@pytest.mark.parametrize("name", COMPARISONS)
def test_ratios_are_more_than_half_of_those_on_record(name: str) -> None:
    """Each engine keeps its distance from what stands beside it."""
    before = recorded()
    for found in COMPARISONS[name]():
        assert found.ratio > before[found.key] / 2, found


@pytest.mark.benchmark_ratio
def test_cost_of_a_job_grows_by_less_than_two() -> None:
    """From 10 thousand to 1 million jobs and from 10 to 4,096 nodes, with backfilling and without."""
    found = list(growths(QUICK, (LOAD,)))
    assert {(one.grows, one.backfill) for one in found} == {
        (grows, backfill) for grows in ("jobs", "nodes") for backfill in (True, False)
    }
    assert [one for one in found if one.ratio >= MOST] == []


def test_works_take_turns() -> None:
    """Each round does A, then B, after one call of each that says how often a turn repeats it."""
    done: list[str] = []
    took_s = in_turns([lambda: done.append("a" * 3_000), lambda: sum(range(8_000_000))], rounds=2)
    assert took_s.shape == (2, 2)
    assert (took_s[:, 0] < took_s[:, 1]).all()


def record() -> None:
    """Measure everything several times, and keep the medians."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for _ in range(MEASUREMENTS):
        for compare in COMPARISONS.values():
            for found in compare():
                ratios[found.key].append(found.ratio)
    keep({key: median(values) for key, values in ratios.items()})


def keep(ratios: Mapping[str, float]) -> None:
    """Put ratios on record, to three digits, beside those that are there."""
    kept = recorded() | {key: float(f"{ratio:.3g}") for key, ratio in ratios.items()}
    RECORDED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
