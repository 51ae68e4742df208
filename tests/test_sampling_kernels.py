"""The compiled loops of sampling beside the same in numpy and plain Python, to the last bit."""

from bisect import bisect_right
from itertools import accumulate

import numpy as np
import numpy.typing as npt
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim.distributions.kernels import BLOCK, between, normals, remembering
from sim.streams import generator, stream_key
from sim.world.kernels import walk

Floats = npt.NDArray[np.float64]


@settings(deadline=None)
@example(0, 0)
@given(st.integers(0, 2**64), st.integers(0, 5_000))
def test_normal_draws_are_those_of_numpy(seed: int, n: int) -> None:
    """The same bits, and what is drawn next is the same too; 10**6 draws reach every branch there is."""
    ours, theirs = (generator(stream_key(seed, 0, "normals")) for _ in range(2))
    for count in (n, 10**6 if seed == 0 else 1):
        assert normals(ours, np.int64(count)).tobytes() == theirs.standard_normal(count).tobytes()
    assert ours.random() == theirs.random()


def remembering_by_steps(shocks: Floats, correlation: float) -> Floats:
    """All blocks take each step together; then each gets what it should have begun with, which fades."""
    blocks = np.zeros((-(-len(shocks) // BLOCK), BLOCK))
    blocks.reshape(-1)[: len(shocks)] = shocks
    steps = blocks.T.copy()
    for step in range(1, BLOCK):
        steps[step] += correlation * steps[step - 1]
    fading = np.cumprod(np.full(BLOCK, correlation))
    last = accumulate(steps[-1].tolist(), lambda before, own: own + float(fading[-1]) * before)
    steps[:, 1:] += fading[:, np.newaxis] * np.array(list(last))[:-1]
    return steps.T.reshape(-1)[: len(shocks)]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 10 * BLOCK), st.floats(-0.99999, 0.99999))
def test_a_series_remembers_as_by_steps(seed: int, n: int, correlation: float) -> None:
    """Whether values are worked out one by one or block beside block, their bits are the same."""
    shocks = np.random.default_rng(seed).standard_normal(n)
    found = remembering(shocks, correlation)
    assert found.tolist() == remembering_by_steps(shocks, correlation).tolist()


@settings(deadline=None)
@given(
    st.integers(1, 60),
    st.floats(-1e3, 1e3),
    st.floats(1e-3, 1e3),
    st.data(),
)
def test_a_table_is_read_as_numpy_reads_it(
    intervals: int, low: float, width: float, data: st.DataObject
) -> None:
    """Between evenly spaced knots, and at them, numpy's search and the division find the same."""
    knots = np.linspace(low, low + width, intervals + 1)
    values = data.draw(arrays(np.float64, intervals + 1, elements=st.floats(-1e6, 1e6)))
    inside = data.draw(arrays(np.float64, 70, elements=st.floats(knots[0], knots[-1])))
    at = np.concatenate((inside, knots, np.nextafter(knots[:-1], np.inf), np.nextafter(knots[1:], -np.inf)))
    assert between(at, knots, values).tolist() == np.interp(at, knots, values).tolist()


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(0, 40), st.data())
def test_a_chain_walks_as_by_bisection(states: int, steps: int, data: st.DataObject) -> None:
    """Draws between, at and above the cumulative probabilities lead to the same states."""
    share = st.sampled_from([0.0, 0.25, 0.5, 1.0 / 3.0])
    rows = data.draw(
        st.lists(st.lists(share, min_size=states, max_size=states), min_size=states, max_size=states)
    )
    moves = np.cumsum(np.array(rows), axis=1)
    draw = st.sampled_from(sorted({0.0, 0.999, *moves.reshape(-1).tolist()})) | st.floats(0.0, 1.0)
    draws = data.draw(arrays(np.float64, steps, elements=draw))
    state = data.draw(st.integers(0, states - 1))
    expected = [state]
    for u in draws.tolist():
        expected.append(min(bisect_right(moves[expected[-1]].tolist(), u), states - 1))
    assert walk(state, moves, draws).tolist() == expected
