"""Failures of nodes: exponential times to failure, and repairs."""

import numpy as np

from sim import streams
from sim.distributions import Exponential, whole_seconds
from sim.scenario.sites import Failures as FailureLaw
from sim.world.world import Failures


def sample_failures(
    law: FailureLaw, nodes: int, path: str, horizon_s: int, source: streams.Source
) -> Failures:
    """When each of `nodes` places in a pool is down before the horizon, whether or not a node stands there.

    The draws of a node are keyed by (node, number of the failure), so that another node changes nothing.
    """
    empty = np.zeros(0, dtype=np.int64)
    if law.per_node <= 0 or nodes == 0:
        return Failures(empty, empty, empty)
    until_failure = Exponential(1.0 / law.per_node)
    repair = law.repair.distribution()
    key_up, key_down = source.key(f"failure:{path}"), source.key(f"repair:{path}")
    alive = np.arange(nodes, dtype=np.int64)
    clock_s = np.zeros(nodes, dtype=np.int64)
    columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    number = 0
    while len(alive):
        down_s = clock_s + whole_seconds(until_failure.quantile(streams.uniforms(key_up, alive, number)))
        up_s = down_s + np.maximum(
            whole_seconds(repair.quantile(streams.uniforms(key_down, alive, number))), 1
        )
        within = down_s < horizon_s
        alive, down_s, up_s = alive[within], down_s[within], up_s[within]
        columns.append((alive, down_s, up_s))
        clock_s = up_s
        number += 1
    node, down_s, up_s = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.lexsort((node, down_s))
    return Failures(node[order], down_s[order], up_s[order])
