"""`simulate benchmark`: how fast the engines are on this machine."""

from pathlib import Path

import click

from sim.cli.options import JSON, QUIET, with_options
from sim.cli.output import answer, show

HOSPITAL = Path("scenarios/hospital.yaml")


@click.command(
    short_help="Measure the engines, beside SimPy and numba themselves.",
    epilog="Example: simulate benchmark scenarios/hospital.yaml --figure growth.svg",
)
@with_options(
    click.argument("scenario", type=click.Path(path_type=Path), required=False),
    click.option(
        "--data", type=click.Path(path_type=Path, file_okay=False, exists=True), default=None,
        metavar="FOLDER",
        help="Folder with philly_2017/jobs.csv.gz; without it jobs are drawn from what was fitted to that.",
    ),
    click.option("--quick", is_flag=True, help="Smaller worlds and fewer rounds: rougher figures, sooner."),
    click.option(
        "--figure", type=click.Path(path_type=Path, dir_okay=False), default=None, metavar="FILE",
        help="Write the growth of what a job costs to an SVG file.",
    ),
    JSON,
    QUIET,
)  # fmt: skip
def benchmark(
    scenario: Path | None, data: Path | None, quick: bool, figure: Path | None, as_json: bool, quiet: bool
) -> None:
    """Measure the engines beside what they could be measured against, all in one run, by processor time.

    Rates of events beside those of bare SimPy and of a bare heap in numba; both engines on a world of
    training jobs and on SCENARIO (scenarios/hospital.yaml where it is there and nothing else is said); one
    pool beside an idiomatic SimPy model and a plain heapq loop; and what a job costs as jobs and nodes
    become more.
    """
    from sim.benchmark import FULL, QUICK, document, measure, report_of
    from sim.benchmark.worlds import has_philly
    from sim.cli.progress import Progress
    from sim.cli.reading import read_scenario

    if data is not None and not has_philly(data):
        raise click.BadParameter(f"{data} has no philly_2017/jobs.csv.gz", param_hint="--data")
    if scenario is None and HOSPITAL.exists():
        scenario = HOSPITAL
    loaded = None if scenario is None else read_scenario(scenario)
    with Progress(quiet=quiet) as progress:
        found = measure(
            QUICK if quick else FULL, loaded, "" if scenario is None else scenario.name, data, progress.say
        )
    if figure is not None:
        from sim.benchmark.figure import draw_growth

        draw_growth(figure, found.growth, str(found.machine))
    if as_json:
        import json

        answer(json.dumps(document(found), indent=1) + "\n")
    else:
        show(report_of(found))
