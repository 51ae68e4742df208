"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]


class Folder(click.Path):
    """A folder with a name: an empty text, as an unset variable leaves it, would be the one we are in."""

    def __init__(self) -> None:
        """It need not be there yet."""
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            self.fail("it is empty; was a variable not set? '.' is the folder you are in", param, ctx)
        return super().convert(value, param, ctx)


SCENARIO = click.argument("scenario", type=click.Path(path_type=Path))
SET = click.option(
    "--set", "overrides", multiple=True, metavar="PATH=VALUE",
    help="Change one value of the scenario, e.g. strategies.hybrid.own.campus/room.nodes=4. May be repeated.",
)  # fmt: skip
RUNS = click.option(
    "--runs", type=click.IntRange(1, 1_000_000), default=100, show_default=True, metavar="N",
    help="Sampled futures.",
)  # fmt: skip
SEED = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, metavar="N",
    help="Same seed, same bits.",
)  # fmt: skip
STRATEGY = click.option(
    "--strategy", "strategies", multiple=True, metavar="NAME", help="Only this strategy. May be repeated."
)
WORKERS = click.option(
    "--workers", type=click.IntRange(1, 1024), default=None, metavar="N",
    help="Processes; all cores when not said.",
)  # fmt: skip
ENGINE = click.option(
    "--engine", type=click.Choice(["auto", "simpy", "compiled"]), default="auto", show_default=True,
    help="The same results from each; auto takes the compiled engine wherever it can do the work.",
)  # fmt: skip
OUT = click.option(
    "--out", type=Folder(), default=None,
    help="Folder of the study; results/<scenario>-<digest> when not said.",
)  # fmt: skip
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else."
)
QUIET = click.option("--quiet", is_flag=True, help="No progress and no messages on stderr.")

PROFILE = click.option(
    "--profile", is_flag=True, help="Say on stderr afterwards where the processor time went."
)


def with_options(*options: Command) -> Callable[[Command], Command]:
    """A decorator that applies several options, listed in the order in which --help shows them."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
