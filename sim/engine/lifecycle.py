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


TABLE: dict[State, dict[Happening, State]] = {
    State.SUBMITTED: {Happening.QUEUED: State.WAITING, Happening.NO_POOL: State.REFUSED},
    State.WAITING: {Happening.GRANTED: State.RUNNING, Happening.HORIZON: State.UNFINISHED},
    State.RUNNING: {
        Happening.DONE: State.FINISHED,
        Happening.INTERRUPTED: State.WAITING,
        Happening.HORIZON: State.UNFINISHED,
    },
    State.FINISHED: {},
    State.REFUSED: {},
    State.UNFINISHED: {},
}

OF_OUTCOME = {
    Outcome.FINISHED: Happening.DONE,
    Outcome.RECLAIMED: Happening.INTERRUPTED,
    Outcome.FAILED: Happening.INTERRUPTED,
    Outcome.CUT_OFF: Happening.HORIZON,
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
