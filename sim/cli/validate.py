"""`simulate validate`: proofs that anybody can run."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.options import JSON, QUIET, with_options
from sim.cli.output import answer

if TYPE_CHECKING:
    from sim.validation.sections import Section

FAILED = 99
"""The exit code of thresholds that were crossed."""


@click.group(
    short_help="Hold the simulator against theory and measurements.",
    epilog="Example: simulate validate serving --quick",
)
def validate() -> None:
    """Hold the simulator against theory and measurements, and print how near it comes."""


@validate.command(
    short_help="Requests: queueing theory, surfaces, and measured language models.",
    epilog="Example: simulate validate serving --data shared/data",
)
@with_options(
    click.option(
        "--data", type=click.Path(path_type=Path, file_okay=False, exists=True), default=None,
        help="Folder with llm_perf_splitwise_2024 and llm_serving_runs_vllm_2026; without it nothing "
        "measured is shown.",
    ),
    click.option("--quick", is_flag=True, help="Fewer requests, and so less sharp: for CI."),
    JSON, QUIET,
)  # fmt: skip
def serving(data: Path | None, quick: bool, as_json: bool, quiet: bool) -> int:
    """The simulation of requests beside queueing theory, its surfaces beside direct simulations, iteration
    times beside those measured, and a recorded run of vLLM beside its prediction.

    Prints Markdown tables. Exit code 99 when a row failed.
    """
    from sim.cli.progress import Progress

    sections: list[Section] = []
    left_out: list[str] = []
    with Progress(quiet=quiet) as progress:
        for name, prove in _proofs(data, quick=quick):
            progress.say(name)
            try:
                sections.append(prove())
            except FileNotFoundError as error:
                left_out.append(f"{name} is left out: {error.filename} is not there")
    if data is None:
        left_out.append("Measurements are left out: no --data was given.")
    if as_json:
        tree = {"sections": [section.as_tree() for section in sections], "left_out": left_out}
        answer(json.dumps(tree, indent=2) + "\n")
    else:
        answer("\n".join([*(section.as_text() for section in sections), *left_out]) + "\n")
    return FAILED if any(section.failed for section in sections) else 0


def _proofs(data: Path | None, *, quick: bool) -> Iterator[tuple[str, Callable[[], "Section"]]]:
    from sim.validation.surfaces import surfaces
    from sim.validation.theory import little, theory

    yield "queueing theory", lambda: theory(quick=quick)
    yield "Little's law", little
    yield "surfaces between their points", lambda: surfaces(quick=quick)
    if data is not None:
        from sim.validation.fortnight import fortnight
        from sim.validation.splitwise import splitwise
        from sim.validation.vllm import vllm

        yield "iteration times", lambda: splitwise(data)
        yield "a run of vLLM", lambda: vllm(data)
        yield "a fortnight of real demand", lambda: fortnight(data, quick=quick)
