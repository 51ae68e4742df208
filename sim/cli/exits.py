"""Exit codes and last words: what a user's mistake, an interruption and our own fault look like."""

import signal
import sys
from types import FrameType

import click

from sim.errors import SimulateError

USAGE, INCOMPLETE, INTERRUPTED, TERMINATED = 2, 75, 130, 143


class TerminatedError(BaseException):
    """SIGTERM came; not an Exception, as nothing but the end of the program should catch it."""


def run_guarded(command: click.Command) -> None:
    """Run `command` and leave the program with the exit code that fits."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = command.main(standalone_mode=False)
    except SimulateError as error:
        click.echo(str(error), err=True)
        code = error.exit_code
    except click.exceptions.Abort:
        code = _stopped(INTERRUPTED)
    except KeyboardInterrupt:
        code = _stopped(INTERRUPTED)
    except TerminatedError:
        code = _stopped(TERMINATED)
    except click.ClickException as error:
        error.show()
        code = USAGE
    except BrokenPipeError:
        # The reader of our output has gone (`simulate ... | head`): there is nobody to tell.
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _stopped(code: int) -> int:
    click.echo("\nstopped; the same command goes on from here", err=True)
    return code


def _terminated(number: int, frame: FrameType | None) -> None:
    raise TerminatedError
