"""The life of a job, as a table."""

from enum import IntEnum, auto

from sim.records import Outcome


class State(IntEnum):
    """Where a job is."""

    SUBMITTED = auto()
    WAITING = auto()
    RUNNING = auto()
    FINISHED = auto()
    REFUSED = auto()
    UNFINISHED = auto()


class Happening(IntEnum):
    """What can happen to a job."""

    QUEUED = auto()
    NO_POOL = auto()
    """No pool can ever hold it."""
    GRANTED = auto()
    DONE = auto()
    INTERRUPTED = auto()
    HORIZON = auto()


SUBMITTED, WAITING, RUNNING, FINISHED, REFUSED, UNFINISHED = State
QUEUED, NO_POOL, GRANTED, DONE, INTERRUPTED, HORIZON = Happening
# Names of their own, as each job looks up a dozen, and looking a member up in its enumeration costs Python
# more than a transition does.

TABLE: dict[State, dict[Happening, State]] = {
    SUBMITTED: {QUEUED: WAITING, NO_POOL: REFUSED},
    WAITING: {GRANTED: RUNNING, HORIZON: UNFINISHED},
    RUNNING: {DONE: FINISHED, INTERRUPTED: WAITING, HORIZON: UNFINISHED},
    FINISHED: {},
    REFUSED: {},
    UNFINISHED: {},
}

OF_OUTCOME = {
    Outcome.FINISHED: DONE,
    Outcome.RECLAIMED: INTERRUPTED,
    Outcome.FAILED: INTERRUPTED,
    Outcome.CUT_OFF: HORIZON,
}
"""What the end of a lease means to the job that held it."""


class IllegalTransitionError(AssertionError):
    """A job was told something that cannot happen to it where it is."""


def after(state: State, happening: Happening) -> State:
    """The state after `happening`; IllegalTransitionError where the table has none."""
    following = TABLE[state].get(happening)
    if following is None:
        raise IllegalTransitionError(f"{happening.name} cannot happen to a job that is {state.name}")
    return following
