"""`simulate sweep`: a grid of changed values on the same worlds."""

import sys
from pathlib import Path

import click

from sim.cli.exits import INCOMPLETE
from sim.cli.options import JSON, OUT, QUIET, RUNS, SCENARIO, SEED, SET, STRATEGY, WORKERS, with_options


@click.command(
    epilog="Example: simulate sweep scenarios/hospital.yaml --vary strategies.hybrid.own.campus/room.nodes=0..6 --runs 50"
)
@with_options(
    SCENARIO,
    click.option(
        "--vary", "axes", multiple=True, required=True, metavar="PATH=VALUES",
        help="FIRST..LAST, FIRST..LAST..STEP or A,B,C. Repeat it for a grid.",
    ),
    RUNS, SEED, STRATEGY, SET, WORKERS, OUT, JSON, QUIET,
)  # fmt: skip
def sweep(
    scenario: Path,
    axes: tuple[str, ...],
    runs: int,
    seed: int,
    strategies: tuple[str, ...],
    overrides: tuple[str, ...],
    workers: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run SCENARIO for every combination of values, all in the same sampled futures.

    The table has one row per cell; sweep.parquet has every statistic with its interval. Only the strategies that a
    varied path concerns are run, unless --strategy names others.
    """
    from sim.cli.progress import Progress
    from sim.loading import load
    from sim.planning.sweep import parse_axis, tidy
    from sim.planning.sweep import sweep as carry_out
    from sim.report.sweeps import draw_sweep, print_sweep

    folder = out if out is not None else Path("results") / f"{scenario.stem}-sweep"
    parsed = [parse_axis(axis) for axis in axes]
    with Progress(quiet=quiet) as progress:
        cells = carry_out(
            lambda changes: load(scenario, overrides=changes), scenario.stem, parsed, overrides=overrides, runs=runs,
            seed=seed, strategies=strategies, workers=workers, folder=folder, command=sys.argv[1:],
            on_progress=progress,
        )  # fmt: skip
        progress.say("drawing figures")
        draw_sweep(folder, cells, [axis.path for axis in parsed])
    if as_json:
        import json

        rows = {"schema": "simulate.sweep", "version": 1, "runs": runs, "seed": seed, "rows": tidy(cells)}
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
    else:
        from rich.console import Console

        print_sweep(cells, [axis.path for axis in parsed], str(folder), Console())
    return INCOMPLETE if any(cell.summary["failed"] for cell in cells) else 0
