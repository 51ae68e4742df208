"""Arrival laws: their means, and their burstiness as theory has it."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.serving.arrivals import (
    POISSON,
    Client,
    Family,
    Law,
    Modulated,
    Renewal,
    Replayed,
    Superposed,
    arrivals_s,
    draw_points,
)
from sim.streams import generator, stream_key

Floats = NDArray[np.float64]

MANY = 200_000
SLOW_FAST = Modulated((1.0, 3.0), (20.0, 20.0))
TWO_CLIENTS = Superposed((Client(0.8, Renewal(3.0, Family.WEIBULL)), Client(0.2, Renewal(0.5))))


def points(law: Law, count: int = MANY, name: str = "test") -> Floats:
    """Points of a law."""
    return draw_points(law, generator(stream_key(0, 0, name)), count)


@pytest.mark.parametrize(
    "law",
    [
        POISSON,
        Renewal(0.0),
        Renewal(2.0, Family.WEIBULL),
        SLOW_FAST,
        TWO_CLIENTS,
        Replayed(np.array([1, 3.0])),
    ],
)
def test_points_ascend_with_a_mean_gap_of_one(law: Law) -> None:
    """Whatever the law, `count` points end at `count`."""
    found = points(law, 1000)
    assert len(found) == 1000
    assert np.all(np.diff(found) >= 0.0)
    assert found[-1] == pytest.approx(1000.0)


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("cv", [0.5, 1.0, 2.0])
def test_gaps_have_their_coefficient_of_variation(family: Family, cv: float) -> None:
    """Standard deviation / mean of 200,000 gaps, within 4 %."""
    gaps = np.diff(points(Renewal(cv, family)))
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.04)


def test_gamma_and_weibull_with_a_cv_of_one_are_poisson() -> None:
    """Both have exponential gaps then, and are drawn alike."""
    assert points(Renewal(1.0, Family.WEIBULL), 100).tolist() == points(POISSON, 100).tolist()


def test_a_rate_puts_points_on_the_clock() -> None:
    """At 4 requests/s a gap of 1 is 250 ms."""
    found = points(POISSON, 100)
    assert arrivals_s(POISSON, found, 4.0).tolist() == (found / 4.0).tolist()


def test_modulated_arrivals_are_as_bursty_as_theory_says() -> None:
    """Counts in windows of 10 s, at 100 requests/s: their variance is mean + 2 s^2 x (integral below).

    Two states with 50 and 150 requests/s (s = 50), each left at 1/20 per second, have an autocovariance that
    falls as exp(-u / 10 s); the integral of (10 - u) exp(-u / 10) over the window is 100 / e.
    """
    law = Modulated((1.0, 3.0), (20.0, 20.0))
    times_s = arrivals_s(law, points(law, 4_000_000), 100.0)
    counts = np.bincount((times_s / 10.0).astype(int))[:-1]
    expected = (1000.0 + 2.0 * 2500.0 * 100.0 / math.e) / 1000.0
    assert counts.mean() == pytest.approx(1000.0, rel=0.03)
    assert counts.var() / counts.mean() == pytest.approx(expected, rel=0.1)


def test_a_state_without_requests_leaves_gaps() -> None:
    """On and off for 100 s each on the average: nearly half of the time is in gaps of 10 s and more."""
    law = Modulated((1.0, 0.0), (100.0, 100.0))
    gaps_s = np.diff(arrivals_s(law, points(law, 1_000_000), 10.0))
    assert gaps_s[gaps_s > 10.0].sum() / gaps_s.sum() == pytest.approx(0.5, abs=0.05)


def test_many_clients_together_are_nearly_poisson_and_few_are_not() -> None:
    """The variance / mean of counts over 10 mean gaps: 400 clients of cv 3 are far nearer to 1 than one."""
    one, many = (
        Superposed(tuple(Client(1.0 / count, Renewal(3.0)) for _ in range(count))) for count in (1, 400)
    )
    dispersion = {
        len(law.clients): (counts := np.bincount(points(law).astype(int) // 10)[:-1]).var() / counts.mean()
        for law in (one, many)
    }
    assert dispersion[1] > 5.0
    assert 1.0 < dispersion[400] < 0.6 * dispersion[1]


def test_clients_have_their_shares() -> None:
    """A metronome with a quarter of the requests adds nothing to the variance of counts: 3/4 is left."""
    law = Superposed((Client(0.25, Renewal(0.0)), Client(0.75, POISSON)))
    found = points(law)
    assert len(found) == MANY
    counts = np.bincount(found.astype(int) // 100)[:-1]
    assert counts.var() / counts.mean() == pytest.approx(0.75, abs=0.1)


def test_a_replayed_trace_comes_over_and_over() -> None:
    """Gaps 1, 3, 1, 3 with mean 2 become 0.5, 1.5, 0.5, 1.5."""
    found = points(Replayed(np.array([1.0, 3.0])), 4)
    assert np.diff(found, prepend=0.0).tolist() == [0.5, 1.5, 0.5, 1.5]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Renewal(-1.0),
        lambda: Modulated((1.0,), (1.0,)),
        lambda: Modulated((0.0, 0.0), (1.0, 1.0)),
        lambda: Modulated((1.0, 2.0), (1.0, 0.0)),
        lambda: Superposed(()),
        lambda: Superposed((Client(0.5, POISSON),)),
        lambda: Replayed(np.zeros(3)),
    ],
)
def test_laws_that_make_no_sense_are_refused(make: object) -> None:
    """Negative, empty, all zero, shares that do not sum to 1."""
    with pytest.raises(ValueError, match=r"needed|above 0|at least 0|not all 0"):
        make()  # type: ignore[operator]  # parametrised
