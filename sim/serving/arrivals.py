"""Arrival laws: how requests are spread within a demand interval, whose rate is constant.

A law is drawn once as *points* whose mean gap is 1, and is then put on the clock at any rate. So all loads of
a surface meet the same requests, only closer together.
"""

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from sim.distributions import weibull_from_mean_cv
from sim.streams import generator, stream_key

Floats = NDArray[np.float64]

SETTLING = 0.25
"""How long, relative to what is kept, a client has sent requests before the first that is kept."""


class Family(Enum):
    """Of the gaps of a renewal process."""

    GAMMA = "gamma"
    WEIBULL = "weibull"


@dataclass(frozen=True, slots=True)
class Renewal:
    """Independent gaps with one coefficient of variation; `cv` 1 is Poisson, 0 a metronome.

    Raises ValueError for a `cv` below 0.
    """

    cv: float = 1.0
    family: Family = Family.GAMMA

    def __post_init__(self) -> None:
        """Raise the ValueError."""
        if not 0.0 <= self.cv < np.inf:
            raise ValueError(f"a coefficient of variation is at least 0, not {self.cv}")

    def gaps(self, draws: np.random.Generator, count: int) -> Floats:
        """Gaps with mean 1."""
        if self.cv == 0.0:
            return np.ones(count)
        if self.cv == 1.0 or self.family is Family.GAMMA:
            return draws.gamma(self.cv**-2, self.cv**2, size=count)
        law = weibull_from_mean_cv(1.0, self.cv)
        return law.scale * draws.weibull(law.shape, size=count)


@dataclass(frozen=True, slots=True)
class Modulated:
    """A Poisson process whose rate jumps between states (MMPP): bursts that last.

    State k has the relative rate `rates[k]` for exponential times of mean `stays_s[k]`, and then gives way to
    any other with equal probability. Rates are scaled to mean 1. Raises ValueError for fewer than two states,
    for other lengths, for negative rates, for rates that are all 0, and for stays that are not above 0.
    """

    rates: tuple[float, ...]
    stays_s: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raise the ValueError."""
        rates, stays_s = np.array(self.rates), np.array(self.stays_s)
        fits = len(rates) == len(stays_s) >= 2
        if not (fits and np.all(rates >= 0.0) and np.any(rates > 0.0) and np.all(stays_s > 0.0)):
            raise ValueError(
                f"two or more rates >= 0, one above 0, and as many stays above 0: {rates}, {stays_s}"
            )

    @property
    def cycle_s(self) -> float:
        """Mean time for as many stays as there are states [s]."""
        return sum(self.stays_s)

    def warped(self, points: Floats, rate_rps: float, draws: np.random.Generator) -> Floats:
        """The times [s] at which the expected number of arrivals reaches each of the points."""
        stays_s = np.array(self.stays_s)
        relative = np.array(self.rates) * stays_s.sum() / np.dot(self.rates, stays_s)
        state = int(draws.choice(len(stays_s), p=stays_s / stays_s.sum()))
        needed = points[-1] / rate_rps
        ends_s, expected = [0.0], [0.0]
        while expected[-1] <= needed:
            stay_s = stays_s[state] * draws.exponential()
            ends_s.append(ends_s[-1] + stay_s)
            expected.append(expected[-1] + relative[state] * stay_s)
            state = (state + int(draws.integers(1, len(stays_s)))) % len(stays_s)
        times_s: Floats = np.interp(points / rate_rps, expected, ends_s)
        return times_s


@dataclass(frozen=True, slots=True)
class Client:
    """A sender of requests with a law of its own."""

    share: float
    """Of all requests."""
    gaps: Renewal


@dataclass(frozen=True, slots=True)
class Superposed:
    """The requests of several clients, each of whom sends at its own constant mean rate.

    Raises ValueError unless there are clients, with shares above 0 that sum to 1.
    """

    clients: tuple[Client, ...]

    def __post_init__(self) -> None:
        """Raise the ValueError."""
        shares = [client.share for client in self.clients]
        if not (shares and min(shares) > 0.0 and abs(sum(shares) - 1.0) < 1e-6):
            raise ValueError(f"shares above 0 that sum to 1 are needed, not {shares}")

    def points(self, draws: np.random.Generator, count: int) -> Floats:
        """The first `count` points, in a mean gap of 1."""
        length = 1.05 * count + 10.0
        merged = self._merged(draws, length)
        while len(merged) < count:
            length *= 1.5
            merged = self._merged(draws, length)
        return merged[:count]

    def _merged(self, draws: np.random.Generator, length: float) -> Floats:
        """All points in (0, length], from clients that have long been there."""
        parts = []
        for client in self.clients:
            at = np.zeros(1)
            while at[-1] <= (1.0 + SETTLING) * length:
                more = int(client.share * length * (1.0 + SETTLING)) + 16
                at = np.concatenate((at, at[-1] + np.cumsum(client.gaps.gaps(draws, more)) / client.share))
            at -= SETTLING * length
            parts.append(at[(at > 0.0) & (at <= length)])
        return np.sort(np.concatenate(parts))


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """Recorded gaps, over and over, in their order; only their ratios matter.

    Raises ValueError unless there are gaps, none negative and not all 0.
    """

    gaps: Floats

    def __post_init__(self) -> None:
        """Raise the ValueError."""
        if not (len(self.gaps) > 0 and np.all(self.gaps >= 0.0) and 0.0 < self.gaps.sum() < np.inf):
            raise ValueError("a replayed trace needs gaps >= 0 that are not all 0")


Law = Renewal | Modulated | Superposed | Replayed
POISSON = Renewal()


def draw_points(law: Law, draws: np.random.Generator, count: int) -> Floats:
    """`count` ascending points with a mean gap of exactly 1.

    Of a modulated law they are those of the Poisson process that it modulates.
    """
    points: Floats
    match law:
        case Renewal():
            points = np.cumsum(law.gaps(draws, count))
        case Modulated():
            points = np.cumsum(POISSON.gaps(draws, count))
        case Superposed():
            points = law.points(draws, count)
        case Replayed():
            points = np.cumsum(np.resize(law.gaps, count))
        case _:
            assert_never(law)
    points *= count / points[-1]
    return points


def arrivals_s(law: Law, points: Floats, rate_rps: float) -> Floats:
    """The points of a law on the clock [s], at a mean rate [requests/s]."""
    if isinstance(law, Modulated):
        return law.warped(points, rate_rps, generator(stream_key(0, 0, "surface:modulation")))
    return points / rate_rps
