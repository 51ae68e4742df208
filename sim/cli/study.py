"""`simulate SCENARIO`: the main job."""

import sys
from pathlib import Path

import click

from sim.cli.options import JSON, OUT, QUIET, RUNS, SCENARIO, SEED, SET, STRATEGY, WORKERS, with_options


@click.command(
    epilog="Example: simulate scenarios/hospital.yaml --runs 500 --strategy hybrid --strategy cloud"
)
@with_options(SCENARIO, RUNS, SEED, STRATEGY, SET, WORKERS, OUT, JSON, QUIET)
def run(
    scenario: Path,
    runs: int,
    seed: int,
    strategies: tuple[str, ...],
    overrides: tuple[str, ...],
    workers: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Simulate every strategy of SCENARIO in the same sampled futures, and say how they compare.

    An interrupted study goes on where it stopped when the same command is given again.
    """
    from sim.cli.progress import Progress
    from sim.loading import load
    from sim.study.prepare import carry_out

    loaded = load(scenario, overrides=overrides)
    with Progress(quiet=quiet) as progress:
        outcome = carry_out(
            loaded, scenario.stem, runs=runs, seed=seed, strategies=strategies, workers=workers, out=out,
            command=sys.argv[1:], on_progress=progress,
        )  # fmt: skip
        progress.say("drawing figures")
        from sim.report.figures import draw_figures

        draw_figures(outcome.folder, outcome.summary, loaded)
    if as_json:
        click.echo((outcome.folder / "summary.json").read_text(encoding="utf-8"), nl=False)
    else:
        from rich.console import Console

        from sim.report.terminal import print_study

        print_study(outcome.summary, str(outcome.folder), loaded.currency, Console())
    return outcome.exit_code
