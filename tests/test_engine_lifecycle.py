"""The life of a job is a table, and nothing happens to a job that the table does not know."""

import pytest

from sim.engine.lifecycle import OF_OUTCOME, TABLE, Happening, IllegalTransitionError, State, after
from sim.records import Outcome

ENDS = {State.FINISHED, State.REFUSED, State.UNFINISHED}


def test_every_state_is_reached_and_only_the_ends_lead_nowhere() -> None:
    """From SUBMITTED the table leads to all other states, and on from all but the three ends."""
    reached = {following for rows in TABLE.values() for following in rows.values()}
    assert reached == set(State) - {State.SUBMITTED}
    assert {state for state, rows in TABLE.items() if not rows} == ENDS


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("happening", list(Happening))
def test_what_the_table_does_not_know_raises_and_says_what(state: State, happening: Happening) -> None:
    """Who is FINISHED cannot be GRANTED a lease, and the error names both; the rest is in the table."""
    if happening in TABLE[state]:
        assert after(state, happening) is TABLE[state][happening]
    else:
        with pytest.raises(IllegalTransitionError, match=f"{happening.name} cannot.* {state.name}"):
            after(state, happening)


def test_each_end_of_a_lease_means_something_to_a_job_that_runs() -> None:
    """A replica alone is RELEASED; every other outcome leads a running job on."""
    assert set(Outcome) - set(OF_OUTCOME) == {Outcome.RELEASED}
    assert set(OF_OUTCOME.values()) == set(TABLE[State.RUNNING])
