"""Compiled loops of a world's sampling."""

import numpy as np

from sim.jit import kernel
from sim.world.world import Floats, Ints


@kernel
def walk(state: int, moves: Floats, draws: Floats) -> Ints:
    """The states of a Markov chain from `state` on, one for each draw, and one more.

    Row by row `moves` has the cumulative probabilities of what comes next.
    """
    visited = np.empty(len(draws) + 1, dtype=np.int64)
    visited[0] = state
    last = moves.shape[1] - 1
    for n in range(len(draws)):
        following = 0
        while following < last and moves[visited[n], following] <= draws[n]:
            following += 1
        visited[n + 1] = following
    return visited
