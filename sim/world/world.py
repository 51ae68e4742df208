"""A world: one sampled future. Everything that happens to us, nothing that we decide."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim import streams
from sim.distributions import Distribution
from sim.scenario.model import Scenario
from sim.scenario.quantities import Path

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ANY_GANG = 1 << 40
"""The largest gang of a market that serves every gang."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """All training jobs, in order of (submit_s, workload, number); a job's id is its position."""

    workload: Ints
    """Position among the training workloads of the scenario."""
    number: Ints
    """Position among the jobs of its workload: the address of its draws."""
    submit_s: Ints
    accelerators: Ints
    work_s: Ints
    """Duration on its gang of reference accelerators, without interruptions and checkpoints."""

    def __len__(self) -> int:
        """The number of jobs."""
        return len(self.submit_s)


@dataclass(frozen=True, slots=True)
class Market:
    """A spot market: from change_s[k] on, gangs of at most largest_gang[k] accelerators are served."""

    change_s: Ints
    largest_gang: Ints


@dataclass(frozen=True, slots=True)
class Prices:
    """A price path: from change_s[k] on, an accelerator costs price_per_h[k]."""

    change_s: Ints
    price_per_h: Floats


@dataclass(frozen=True, slots=True)
class Failures:
    """When the nodes of an owned pool would be down, ordered by (down_s, node)."""

    node: Ints
    down_s: Ints
    up_s: Ints


@dataclass(frozen=True, slots=True)
class Draws:
    """Keyed draws, as many as we happen to need: pure functions of (seed, run, stream, entity, attempt)."""

    seed: int
    run: int
    distributions: Mapping[str, Distribution]
    """By stream; a stream without a distribution is 0."""
    keys: dict[str, streams.StreamKey] = field(default_factory=dict, compare=False)

    def seconds(self, stream: str, entity: int, attempt: int = 0) -> int:
        """The duration [s, whole] of this stream for an attempt of `entity`; 0 where nothing is said."""
        distribution = self.distributions.get(stream)
        if distribution is None:
            return 0
        return math.ceil(distribution.quantile_at(streams.uniform(self.key(stream), entity, attempt)))

    def seconds_at(self, stream: str, u: Floats) -> Ints:
        """The durations [s, whole] at the quantiles `u`, in its shape."""
        return np.ceil(self.distributions[stream].quantile(u)).astype(np.int64)

    def key(self, stream: str) -> streams.StreamKey:
        """The key of a stream."""
        key = self.keys.get(stream)
        if key is None:
            key = self.keys[stream] = streams.stream_key(self.seed, self.run, stream)
        return key


@dataclass(frozen=True, slots=True)
class World:
    """One sampled future of a scenario.

    `scenario` has drawn numbers where beliefs stood. `demand_rps` holds requests/s by service on the grid of
    `scenario.interval`. Streams of `draws`: `boot:POOL:WORKLOAD`, `lifetime:POOL:WORKLOAD` (entity: job
    number or replica slot), `load:SERVICE`, `lead-time:POOL` (entity: order, attempt: shipment).
    """

    scenario: Scenario
    seed: int
    run: int
    beliefs: Mapping[Path, float]
    jobs: Jobs
    demand_rps: Mapping[str, Floats]
    markets: Mapping[str, Market]
    prices: Mapping[str, Prices]
    failures: Mapping[str, Failures]
    draws: Draws
    worked_out: dict[Hashable, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What follows from this world for every strategy alike and is remembered, by those who ask for it."""
