"""The tables that the intervals read, and medians of many weighted values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.serving.medians import worst_median
from sim.serving.service import Measure, Slo
from sim.serving.surface import Surface, build_surface
from sim.serving.tables import COLUMNS, ERROR, LOG_P99, MISSES, STEPS, seconds_of, tables_of
from tests import intervals_oracle as oracle
from tests.test_serving_surface import TRIAGE, TRIAGE_SLO, TRIP, llm


@pytest.fixture(scope="module")
def built() -> list[Surface]:
    """A surface with a wait in its measure, and one of the time per token."""
    slow = Slo(Measure.TPOT, 0.05, 0.95)
    return [
        build_surface(TRIAGE, TRIAGE_SLO, TRIP, most_requests=20_000),
        build_surface(llm(), slow, TRIP, most_requests=20_000),
    ]


def test_small_steps_are_closer_to_a_surface_than_its_error(built: list[Surface]) -> None:
    """Between the steps, up to the last stable load: 0.1 % in the mean square, 4 % at the worst."""
    rng = np.random.default_rng(3)
    for surface in built:
        tables = tables_of((surface,))
        axis = tables.replicas[0, : tables.rows[0]]
        row = rng.integers(0, len(axis), 20_000)
        load = rng.random(20_000) * surface.stable_load
        step = (load * STEPS).astype(np.int64)
        across = (load * STEPS - step)[:, None]
        values = tables.values.reshape(len(axis), STEPS + 1, COLUMNS)
        read = (1.0 - across) * values[row, step] + across * values[row, step + 1]
        exact = surface.read(load, axis[row])
        seen = exact > 1e-6
        off = read[seen, MISSES] / exact[seen] - 1.0
        assert math.sqrt(np.mean(off**2)) < 1e-3
        assert np.abs(off).max() < 0.04
        p99_s = surface.read_time("p99_s", load, axis[row])
        finite = np.isfinite(p99_s) & (read[:, LOG_P99] < 700.0)
        assert seconds_of(read[finite, LOG_P99]) == pytest.approx(p99_s[finite], rel=0.04)
        error = surface.read_error(load, axis[row])
        assert np.mean(np.abs(read[:, ERROR] - error)) < 1e-3 * error.mean()


def test_every_count_of_a_small_service_has_a_row_of_its_own(built: list[Surface]) -> None:
    """Up to 64 they are whole numbers; beyond, none is more than 2 % above the one before."""
    for surface in built:
        tables = tables_of((surface,))
        axis = tables.replicas[0, : tables.rows[0]]
        assert axis[0] == surface.replicas[0]
        assert axis[-1] == surface.replicas[-1]
        whole = axis[axis <= 64]
        assert whole.tolist() == list(range(int(axis[0]), int(axis[0]) + len(whole)))
        assert np.all(axis[len(whole) :] <= axis[len(whole) - 1 : -1] * 1.0201)


def test_weighted_medians_of_groups() -> None:
    """Of 1, 5, 3 it is 3; a weight of 3 on the 1 makes it 1; half of the weight is enough."""
    one = np.array([0])
    assert worst_median(np.array([1.0, 5.0, 3.0]), np.array([1.0, 1.0, 1.0]), one) == 3.0
    assert worst_median(np.array([1.0, 5.0, 3.0]), np.array([3.0, 1.0, 1.0]), one) == 1.0
    assert worst_median(np.array([2.0, 1.0]), np.array([1.0, 1.0]), one) == 1.0
    values = np.array([9.0, 1.0, 1.0, 4.0, 5.0, 6.0, np.nan, 7.0])
    weights = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 0.0])
    assert worst_median(values, weights, np.array([0, 3, 6])) == 5.0
    assert worst_median(values[6:], weights[6:], one) == -math.inf


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1.0, 2.5, 3.0, 7.0, math.inf, math.nan]), st.integers(0, 5)),
        min_size=1,
        max_size=200,
    ),
    st.lists(st.integers(1, 199), max_size=4),
)
@settings(deadline=None)
def test_the_worst_median_is_that_of_sorted_groups(rows: list[tuple[float, int]], cuts: list[int]) -> None:
    """Many equal values, infinite ones, groups without weight: the same as by sorting each group."""
    values, weights = np.array(rows, dtype=np.float64).T
    first = np.array(sorted({0, *(cut for cut in cuts if cut < len(rows))}))
    expected = oracle.worst_median(values.copy(), weights.copy(), first)
    found = worst_median(np.ascontiguousarray(values), np.ascontiguousarray(weights), first)
    assert found == (-math.inf if math.isnan(expected) else expected)
