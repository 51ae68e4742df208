"""A study of the hospital whose futures cost nothing: `python -m tests.study_hospital RESULT FOLDER RUNS`.

RESULT holds one real future, pickled, which is varied run by run, so that all around the futures has its real
size: metrics, postings, series, statistics, figures. Prints the peak memory [KiB] of the coordinator and of
the largest worker.
"""

import pickle
import random
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sim.loading import digest, load
from sim.report.figures import draw_figures
from sim.study import RunResult, StudyPlan, run_study
from sim.study.prepare import manifest_of
from sim.study.services import build_servings
from sim.study.simulation import Simulation
from tests.cli_miniature import ROOT

HOSPITAL = ROOT / "scenarios/hospital.yaml"
MONEY = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")


def real_future() -> list[RunResult]:
    """The first future of the hospital, under all strategies."""
    scenario = load(HOSPITAL)
    return Simulation(scenario, 0, tuple(scenario.strategies), build_servings(scenario))(0)


@dataclass(frozen=True)
class Varied:
    """Gives the same results for every run, all amounts multiplied by a factor of the run's own."""

    results: Sequence[RunResult]
    peaks: Path
    """Where each worker says how much memory it has taken."""

    def __call__(self, run: int) -> list[RunResult]:
        """The results of this run."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        (self.peaks / f"run-{run}").write_text(str(peak))
        return [varied(result, run) for result in self.results]


@dataclass(frozen=True)
class MakeVaried:
    """Reads the real future in each worker."""

    file: Path
    peaks: Path

    def __call__(self) -> Varied:
        """The simulator."""
        return Varied(pickle.loads(self.file.read_bytes()), self.peaks)


def varied(result: RunResult, run: int) -> RunResult:
    """Metrics, postings and series times a factor; what is 0 or 1 stays, as it may be a yes or no."""
    factor = random.Random(f"{run}/{result.strategy}").lognormvariate(0, 0.2)
    costs = {name: [amount * factor for amount in result.costs[name]] for name in MONEY}
    micros = [int(amount * factor) for amount in result.costs["x_BilledMicros"]]
    return replace(
        result,
        run=run,
        metrics={n: v if v in {0.0, 1.0} else v * factor for n, v in result.metrics.items()},
        costs={**result.costs, **costs, "x_BilledMicros": micros},
        series={**result.series, "value": [value * factor for value in result.series["value"]]},
    )


def main(file: Path, folder: Path, runs: int) -> None:
    """Carry out the study with two workers, and draw its figures."""
    peaks = folder / "peaks"
    peaks.mkdir(parents=True)
    scenario = load(HOSPITAL)
    plan = StudyPlan(
        folder=folder,
        manifest=manifest_of(scenario, digest(scenario), 0, ()),
        make_simulator=MakeVaried(file, peaks),
        runs=range(runs),
        strategies=tuple(scenario.strategies),
        workers=2,
    )
    outcome = run_study(plan, lambda progress: None)
    draw_figures(folder, outcome.summary, scenario)
    workers = max(int(note.read_text()) for note in peaks.iterdir())
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss} {workers}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
