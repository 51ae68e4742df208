"""Checks of services, in plain Python, agree with what serves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.loading.checks.services import _between
from sim.serving.requests.tables import read_table

number = st.integers(1, 10**6).map(lambda n: n / 100)


@settings(deadline=None)  # the first may have to compile
@given(st.dictionaries(number, number, min_size=1, max_size=6), st.floats(0.0, 2e4))
def test_measured_times_are_read_as_where_they_serve(measured: dict[float, float], at: float) -> None:
    """Below the first point, between points, at them and beyond the last, with one point or several."""
    points = tuple(sorted(measured.items()))
    known, values = np.array(points).T.copy()
    for where in (at, *known.tolist()):
        served = read_table(known, values, np.array([where]))[0]
        assert _between(points, where) == pytest.approx(served, rel=1e-9, abs=1e-6)
