"""Exit codes and last words: what a user's mistake, an interruption and our own fault look like."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from sim.errors import SimulateError

USAGE, INCOMPLETE, INTERRUPTED, TERMINATED = 2, 75, 130, 143


def run_guarded(command: click.Command) -> NoReturn:
    """Run `command` and leave the program with the exit code that fits.

    What nobody foresaw passes through: Python shows it with its traceback and exits with 1.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = command.main(standalone_mode=False)
    except SimulateError as error:
        click.echo(str(error), err=True)
        code = error.exit_code
    except click.Abort as abort:
        if isinstance(abort.__cause__, EOFError):  # click takes it for an interruption
            raise abort.__cause__ from None
        code = INTERRUPTED
    except KeyboardInterrupt:
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = USAGE
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def resumable() -> Iterator[None]:
    """Say of an interrupted study that it can go on."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        click.echo("\nstopped; finished runs are kept, and the same command goes on from here", err=True)
        raise


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)
