"""The command line: `simulate SCENARIO --runs N`, and subcommands beside it.

Nothing heavy is imported before a command needs it, so that `--help` and `check` answer at once.
"""

from importlib import import_module
from pathlib import Path

import click

from sim import __version__
from sim.errors import closest

COMMANDS = {
    "run": ("sim.cli.study", "run"),
    "check": ("sim.cli.scenario", "check"),
    "resolve": ("sim.cli.scenario", "resolve"),
    "schema": ("sim.cli.scenario", "schema"),
    "sweep": ("sim.cli.sweep", "sweep"),
    "validate": ("sim.cli.validate", "validate"),
    "benchmark": ("sim.cli.benchmark", "benchmark"),
}
OWN_OPTIONS = ("-h", "--help", "--version")


class ScenarioFirst(click.Group):
    """A group whose first argument may be a scenario: `simulate x.yaml` is `simulate run x.yaml`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The subcommands, the main job first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand when it is asked for."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command), f"{module}.{name} is not a command"
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take anything but a subcommand's name as what the main job is given."""
        if args and args[0] not in {*COMMANDS, *OWN_OPTIONS}:
            _demand_no_misspelt_command(args[0])
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=ScenarioFirst,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: simulate scenarios/hospital.yaml --runs 500",
)
@click.version_option(__version__, prog_name="simulate")
def cli() -> None:
    """Where should our AI workloads run, how many accelerators should we own, and what are the odds?

    \b
    simulate SCENARIO --runs 500     the main job: all strategies of a scenario in 500 sampled futures
    simulate run --help              its options
    """


def _demand_no_misspelt_command(word: str) -> None:
    meant = closest(word, COMMANDS)
    if meant and not word.startswith("-") and not Path(word).exists():
        raise click.UsageError(f"there is neither a command nor a file {word!r}; did you mean {meant!r}?")


def main() -> None:
    """Run the command line; the exit code says what happened (0, 1, 2, 4, 75, 99, 130, 143)."""
    from sim.cli.exits import run_guarded

    run_guarded(cli)
