"""`simulate sweep`: a grid of changed values on the same worlds."""

import sys
from pathlib import Path

import click

from sim.cli.exits import INCOMPLETE, resumable
from sim.cli.options import (
    ENGINE,
    JSON,
    OUT,
    QUIET,
    RUNS,
    SCENARIO,
    SEED,
    SET,
    STRATEGY,
    WORKERS,
    with_options,
)
from sim.cli.output import answer, show


@click.command(
    short_help="Run SCENARIO for every combination of values.",
    epilog="Example: simulate sweep scenarios/hospital.yaml --runs 50 "
    "--vary strategies.hybrid.own.campus/room.nodes=0..6",
)
@with_options(
    SCENARIO,
    click.option(
        "--vary", "axes", multiple=True, required=True, metavar="PATH=VALUES",
        help="FIRST..LAST, FIRST..LAST..STEP or A,B,C. Repeat it for a grid.",
    ),
    RUNS, SEED, STRATEGY, SET, WORKERS, ENGINE, OUT, JSON, QUIET,
)  # fmt: skip
def sweep(
    scenario: Path,
    axes: tuple[str, ...],
    runs: int,
    seed: int,
    strategies: tuple[str, ...],
    overrides: tuple[str, ...],
    workers: int | None,
    engine: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run SCENARIO for every combination of values, all in the same sampled futures.

    The table has one row per cell; sweep.parquet has every statistic with its interval, and how each cell
    differs from the first. Only the strategies that a varied path concerns are run, unless --strategy names
    others.

    An interrupted sweep goes on where it stopped when the same command is given again.
    """
    from sim.cli.reading import read_scenario
    from sim.engine import Engine
    from sim.planning.axes import parse_axes
    from sim.planning.sweep import DOCUMENT, concerned, default_folder, read_cells
    from sim.planning.sweep import sweep as carry_out

    grid = parse_axes(axes)
    cells = read_cells(lambda changes: read_scenario(scenario, changes), grid, overrides)
    chosen = concerned(grid, cells[0].scenario, strategies)
    folder = out if out is not None else default_folder(scenario.stem, cells)
    from sim.cli.progress import Progress

    with resumable(), Progress(quiet=quiet) as progress:
        results = carry_out(
            cells, scenario.stem, runs=runs, seed=seed, strategies=chosen, workers=workers, folder=folder,
            command=sys.argv[1:], on_progress=progress, engine=Engine(engine),
        )  # fmt: skip
        progress.say("drawing figures")
        from sim.report.sweeps import draw_sweep, sweep_report

        draw_sweep(folder, results)
    if as_json:
        answer((folder / DOCUMENT).read_bytes())
    else:
        show(sweep_report(results, str(folder)))
    return INCOMPLETE if any(result.summary["failed"] for result in results) else 0
