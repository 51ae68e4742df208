"""Services whose replicas answer one request, or one batch, at a time, from one queue for all of them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.distributions import Distribution
from sim.serving.answers import Answers, Floats, Measure
from sim.serving.requests.single import SERVED, fresh_lines, fresh_requests, serve, waits_ggc

Records = NDArray[Any]

REPLICAS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

WORK = np.dtype([("time_s", np.float64), ("priority", np.int64)])
"""A request: its time alone on a replica, and its place in the list of priorities."""

UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class Batching:
    """A free replica starts when `most` requests wait, or when the first of them has waited for `delay_s`.

    Raises ValueError unless `growth` has one positive, finite value for each size of a batch, the first 1.
    """

    growth: tuple[float, ...]
    """Time of a batch of 1, 2, ... requests, relative to that of one."""
    delay_s: float
    """inf: only full batches start."""

    def __post_init__(self) -> None:
        """Raise the ValueError."""
        if not (self.growth and self.growth[0] == 1.0 and all(0.0 < g < math.inf for g in self.growth)):
            raise ValueError(f"growth begins with 1 and stays above 0: {self.growth}")
        if not self.delay_s >= 0.0:
            raise ValueError(f"a delay is at least 0, not {self.delay_s}")

    @property
    def most(self) -> int:
        """The largest batch."""
        return len(self.growth)


ONE_BY_ONE = Batching((1.0,), 0.0)


@dataclass(frozen=True, slots=True)
class Priority:
    """A class of requests; those listed before it go first."""

    share: float
    """Of all requests."""
    limit_s: float
    """What the SLO allows this class."""


@dataclass(frozen=True, slots=True)
class SingleService:
    """Replicas that share one queue, by priority and then first come first served.

    Raises ValueError when the time of a request can be negative, or has no mean above 0.
    """

    time: Distribution
    """Of one request [s], on an accelerator of speed 1."""
    speed: float = 1.0
    """Of the accelerator."""
    batching: Batching = ONE_BY_ONE
    queue_limit: int = UNLIMITED
    """Requests for each replica that may wait; who comes then is shed."""
    patience_s: float = math.inf
    """Who has waited so long gives up."""
    priorities: tuple[Priority, ...] = ()

    def __post_init__(self) -> None:
        """Raise the ValueError."""
        if not (0.0 < self.time.mean() < math.inf and self.time.support()[0] >= 0.0):
            raise ValueError(f"a request needs a time >= 0 with a finite mean above 0, not {self.time}")

    @property
    def replica_grid(self) -> tuple[int, ...]:
        """Numbers of replicas with which a surface begins."""
        return REPLICAS

    @property
    def budget(self) -> int:
        """Requests that a surface may simulate: some seconds of two cores."""
        return 120_000_000 if self._is_plain else 60_000_000

    @property
    def is_rising(self) -> bool:
        """Whether more load makes nobody's answer quicker on the average: a batch fills faster."""
        return self.batching.delay_s == 0.0

    @property
    def sheds(self) -> bool:
        """Whether requests are turned away or give up, so that any load has a long run."""
        return self.queue_limit < UNLIMITED or self.patience_s < math.inf

    @property
    def fills_batches(self) -> bool:
        """Whether a request waits for others, however long that takes."""
        return self.batching.most > 1 and self.batching.delay_s == math.inf

    def mean_s(self) -> float:
        """Mean time of one request [s]."""
        return self.time.mean() / self.speed

    def capacity_rps(self) -> float:
        """What one replica sustains [requests/s]: the size of a full batch / its mean time."""
        return self.batching.most / self._full_s()

    def unloaded_s(self, measure: Measure) -> float:
        """Mean of the measure [s] for a request that meets no other, without the round trip."""
        delay_s = self.batching.delay_s if self.batching.most > 1 else 0.0
        return 0.0 if measure is Measure.TPOT else delay_s + self.mean_s()

    def busiest_s(self, measure: Measure) -> float:
        """Mean of the measure [s] behind the wait for a turn, when every replica is busy all the time."""
        return 0.0 if measure is Measure.TPOT else self._full_s()

    def limits_s(self, work: Records, limit_s: float) -> Floats:
        """What the SLO allows each request."""
        if not self.priorities:
            return np.full(len(work), limit_s)
        limits_s: Floats = np.array([priority.limit_s for priority in self.priorities])[work["priority"]]
        return limits_s

    def draw(self, draws: np.random.Generator, count: int) -> Records:
        """The `WORK` of `count` requests; times are scaled to have the exact mean.

        Matching the mean takes away the largest error near saturation, where the wait grows as
        1 / (1 - load): a mean that is off by 0.2 % turns a load of 0.99 into 0.992.
        """
        work = np.zeros(count, WORK)
        drawn = self.time.sample(draws, count)
        work["time_s"] = drawn * (self.mean_s() / float(drawn.mean()))
        if self.priorities:
            ends = np.cumsum([priority.share for priority in self.priorities])
            work["priority"] = np.searchsorted(ends[:-1], draws.random(count), side="right")
        return work

    def alone(self, work: Records) -> Answers:
        """Answers to requests that meet no other; where only full batches start, as if nobody waited."""
        delay_s = (
            self.batching.delay_s if self.batching.most > 1 and self.batching.delay_s < math.inf else 0.0
        )
        return _answers(delay_s + work["time_s"])

    def answer(self, arrival_s: Floats, work: Records, replicas: int) -> Answers:
        """Answers of `replicas` replicas to requests that arrive at `arrival_s` [s]."""
        if self._is_plain:
            time_s = np.ascontiguousarray(work["time_s"])
            return _answers(waits_ggc(arrival_s, time_s, replicas) + time_s)
        requests = fresh_requests(arrival_s, work["time_s"], self.patience_s, work["priority"])
        growth = np.array([0.0, *self.batching.growth])
        limit = min(self.queue_limit * replicas, UNLIMITED)
        lines = fresh_lines(max(len(self.priorities), 1))
        serve(requests, lines, growth, replicas, limit, self.batching.delay_s)
        took_s = requests["end_s"] - arrival_s
        return _answers(np.where(requests["outcome"] == SERVED, took_s, np.inf))

    @property
    def _is_plain(self) -> bool:
        """Whether one queue of requests that all stay and are all alike is enough to be simulated."""
        return not self.sheds and self.batching.most == 1 and len(self.priorities) <= 1

    def _full_s(self) -> float:
        """Mean time of a full batch [s]."""
        return self.batching.growth[-1] * self.mean_s()


def _answers(took_s: Floats) -> Answers:
    return Answers(took_s, took_s, np.broadcast_to(np.int64(1), took_s.shape))
