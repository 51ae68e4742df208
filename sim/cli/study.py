"""`simulate SCENARIO`: the main job."""

import sys
from pathlib import Path

import click

from sim.cli import options
from sim.cli.exits import resumable
from sim.cli.output import answer, show


@click.command(
    short_help="Simulate every strategy of SCENARIO in the same futures.",
    epilog="Example: simulate scenarios/hospital.yaml --runs 500 --strategy hybrid --strategy cloud",
)
@options.with_options(
    options.SCENARIO, options.RUNS, options.SEED, options.STRATEGY, options.SET, options.WORKERS,
    options.ENGINE, options.OUT, options.JSON, options.QUIET, options.PROFILE,
)  # fmt: skip
def run(
    scenario: Path,
    runs: int,
    seed: int,
    strategies: tuple[str, ...],
    overrides: tuple[str, ...],
    workers: int | None,
    engine: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    profile: bool,
) -> int:
    """Simulate every strategy of SCENARIO in the same sampled futures, and say how they compare.

    An interrupted study goes on where it stopped when the same command is given again.
    """
    from sim.cli.reading import read_scenario
    from sim.study.workers import available_cores, prepare_workers

    loaded = read_scenario(scenario, overrides)
    workers = min(workers or available_cores(), runs)
    if workers > 1:
        prepare_workers()  # they import what they need, while this process imports what it needs
    from sim.cli.progress import Progress
    from sim.engine import Engine
    from sim.report.artist import Artist
    from sim.study.prepare import carry_out
    from sim.study.stopwatch import Stopwatch
    from sim.study.summary import FILE_NAME

    stopwatch = Stopwatch(since_s=0.0)
    with resumable(), Progress(quiet=quiet) as progress, Artist(loaded, apart=workers > 1) as artist:
        outcome = carry_out(
            loaded, scenario.stem, runs=runs, seed=seed, strategies=strategies, workers=workers, out=out,
            command=sys.argv[1:], on_progress=progress, engine=Engine(engine), stopwatch=stopwatch,
            on_tables=artist.draw,
        )  # fmt: skip
        progress.say("drawing figures")
        elsewhere_s = artist.finish()
        stopwatch("figures")
        stopwatch.add({"figures": elsewhere_s})
    if as_json:
        answer((outcome.folder / FILE_NAME).read_bytes())
    else:
        from sim.report.terminal import study_report

        show(study_report(outcome.summary, str(outcome.folder), loaded.currency, loaded.horizon))
    if profile:
        from sim.report.profile import profile_report

        for line in profile_report(stopwatch.spent_s, runs - outcome.resumed, workers):
            click.echo(line, err=True)
    return outcome.exit_code
