"""Families of random quantities."""

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from sim import distributions as dist
from sim.distributions import Distribution
from sim.distributions.kernels import remembering
from sim.streams import generator, stream_key

Floats = npt.NDArray[np.float64]
Frozen = stats.distributions.rv_frozen
U = np.concatenate(([1e-9, 1e-4], np.arange(0.005, 1.0, 0.005), [1 - 1e-4, 1 - 1e-9]))

SMOOTH = [
    (dist.Uniform(2.0, 5.0), stats.uniform(2, 3)),
    (dist.Triangular(1.0, 2.0, 5.0), stats.triang(0.25, 1, 4)),
    (dist.Triangular(1.0, 1.0, 5.0), stats.triang(0.0, 1, 4)),
    (dist.Triangular(1.0, 5.0, 5.0), stats.triang(1.0, 1, 4)),
    (dist.Normal(-3.0, 2.0), stats.norm(-3, 2)),
    (dist.Lognormal(1.0, 0.8), stats.lognorm(0.8, scale=math.e)),
    (dist.Exponential(7.0), stats.expon(scale=7)),
    (dist.Gamma(0.3, 4.0), stats.gamma(0.3, scale=4)),
    (dist.Gamma(8.0, 0.5), stats.gamma(8, scale=0.5)),
    (dist.Weibull(0.6, 3.0), stats.weibull_min(0.6, scale=3)),
    (dist.Lomax(2.5, 6.0), stats.lomax(2.5, scale=6)),
    (dist.Shifted(dist.Gamma(8.0, 0.5), 3.0), stats.gamma(8, loc=3, scale=0.5)),
    (dist.Truncated(dist.Normal(1.0, 2.0), 0.0, 4.0), stats.truncnorm(-0.5, 1.5, 1, 2)),
    (dist.Truncated(dist.Normal(1.0, 2.0), -math.inf, 4.0), stats.truncnorm(-np.inf, 1.5, 1, 2)),
    (dist.Truncated(dist.Exponential(7.0), 5.0, math.inf), stats.expon(5, scale=7)),
    (dist.Truncated(dist.Lomax(2.5, 6.0), 4.0, math.inf), stats.lomax(2.5, loc=4, scale=10)),
]
"""Families with scipy's own version; what is left of an exponential or a Lomax above x is one again."""

TWO_SPEEDS = dist.hyperexponential((1.0, 100.0), (0.7, 0.3))
STEPPED = [
    dist.Constant(3.0),
    dist.Choice((4.0, 1.0, 2.0), (0.2, 0.5, 0.3)),
    dist.Quantiles((0.0, 0.25, 0.5, 1.0), (1.0, 2.0, 2.0, 10.0)),
    dist.Mixture((dist.Constant(0.0), dist.Exponential(3.0)), (0.4, 0.6)),
    dist.Truncated(dist.Choice((1.0, 2.0, 4.0), (0.5, 0.25, 0.25)), 1.5, 9.0),
]
ALL = [family for family, _ in SMOOTH] + STEPPED + [TWO_SPEEDS]


def _random() -> np.random.Generator:
    return generator(stream_key(1, 2, "test"))


@pytest.mark.parametrize(("family", "reference"), SMOOTH, ids=lambda x: str(x)[:40])
def test_quantiles_invert_scipys_cdf(family: Distribution, reference: Frozen) -> None:
    """The reference's CDF at the quantile of u is u, at both tails too, but for the rounding of u."""
    np.testing.assert_allclose(reference.cdf(family.quantile(U)), U, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(("family", "reference"), SMOOTH, ids=lambda x: str(x)[:40])
def test_cdfs_are_scipys(family: Distribution, reference: Frozen) -> None:
    """The CDF equals the reference's inside and outside the support, the ends at infinity included."""
    x = np.concatenate((reference.ppf(U), [-math.inf, -20.0, 0.0, 1.0, 1e9, math.inf]))
    np.testing.assert_allclose(family.cdf(x), reference.cdf(x), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(("family", "reference"), SMOOTH, ids=lambda x: str(x)[:40])
def test_moments_and_support_are_scipys(family: Distribution, reference: Frozen) -> None:
    """Mean, variance and support equal the reference's."""
    assert (family.mean(), family.variance()) == pytest.approx(reference.stats("mv"), rel=1e-8)
    assert family.support() == pytest.approx(reference.support())


@pytest.mark.parametrize("family", ALL, ids=lambda x: str(x)[:40])
def test_one_quantile_has_the_bits_of_many(family: Distribution) -> None:
    """`quantile_at` equals each element of `quantile`, whatever the others and however they lie in memory."""
    many = family.quantile(U)
    assert [family.quantile_at(u) for u in U.tolist()] == many.tolist()
    assert family.quantile(U[::-3]).tolist() == many[::-3].tolist()
    assert family.quantile(U[:202].reshape(2, -1)).ravel().tolist() == many[:202].tolist()


@pytest.mark.parametrize("family", ALL, ids=lambda x: str(x)[:40])
def test_rough_quantiles_are_quantiles(family: Distribution) -> None:
    """What checks look at is the quantile up to rounding, out to the least and the greatest draw."""
    levels = [*dist.ENDS, *U.tolist()]
    rough = [family.roughly(level) for level in levels]
    np.testing.assert_allclose(rough, family.quantile(np.array(levels)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("family", ALL, ids=lambda x: str(x)[:40])
def test_no_draw_leaves_the_reach(family: Distribution) -> None:
    """The reach holds what a sample holds; but for mixtures it is the quantiles of the extreme draws."""
    low, high = family.reach()
    drawn = family.sample(_random(), 2000)
    assert low <= drawn.min() <= drawn.max() <= high
    if not isinstance(family, dist.Mixture):
        assert (low, high) == pytest.approx(family.quantile(np.array(dist.ENDS)).tolist(), rel=1e-12)


def test_a_mixture_reaches_as_far_as_its_parts() -> None:
    """A sample draws a part and a value of it: the ends are those of the parts, however rare."""
    rare = dist.Mixture((dist.Exponential(1.0), dist.Constant(500.0)), (1 - 1e-9, 1e-9))
    assert rare.reach() == (pytest.approx(2.0**-53), 500.0)


def test_what_overflows_reaches_to_infinity() -> None:
    """A tail too heavy for a float is infinite, and no error: the check then says so in its own words."""
    for family in (dist.Lognormal(700.0, 9.0), dist.Weibull(0.004, 1.0), dist.Lomax(0.01, 1.0)):
        assert family.reach()[1] == math.inf
        assert family.roughly(0.01) < math.inf


@pytest.mark.parametrize("family", ALL, ids=lambda x: str(x)[:40])
def test_samples_have_the_mean_and_the_shape_of_the_law(family: Distribution) -> None:
    """The sample's mean and its shares below some quantiles are within 5 standard errors of the law's."""
    n = 40_000
    drawn = family.sample(_random(), n)
    assert abs(drawn.mean() - family.mean()) <= 5 * math.sqrt(family.variance() / n) + 1e-12
    points = family.quantile(np.array([0.1, 0.5, 0.9]))
    shares = (drawn[:, None] <= points + 1e-12).mean(axis=0)
    np.testing.assert_allclose(shares, family.cdf(points), atol=5 * 0.5 / math.sqrt(n))


@pytest.mark.parametrize("family", ALL, ids=lambda x: str(x)[:40])
def test_a_longer_sample_begins_with_the_shorter(family: Distribution) -> None:
    """Asking for more values leaves the first ones as they were."""
    assert family.sample(_random(), 50)[:20].tolist() == family.sample(_random(), 20).tolist()


@pytest.mark.parametrize("family", ALL, ids=lambda x: str(x)[:40])
def test_scaling_multiplies_everything(family: Distribution) -> None:
    """2.5 times the quantity has 2.5 times its quantiles, mean and support, and 6.25 times its variance."""
    scaled = family.scaled(2.5)
    np.testing.assert_allclose(scaled.quantile(U), 2.5 * family.quantile(U), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scaled.support(), np.multiply(2.5, family.support()))
    assert scaled.mean() == pytest.approx(2.5 * family.mean(), rel=1e-9)
    assert scaled.variance() == pytest.approx(6.25 * family.variance(), rel=1e-9)


@pytest.mark.parametrize("family", ALL, ids=lambda x: str(x)[:40])
@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf])
def test_scaling_needs_a_positive_factor(family: Distribution, factor: float) -> None:
    """Zero, negative and infinite factors are refused."""
    with pytest.raises(ValueError, match="factor must be a finite number above 0"):
        family.scaled(factor)


@pytest.mark.parametrize("family", ALL, ids=lambda x: str(x)[:40])
def test_families_are_values(family: Distribution) -> None:
    """A copy that went to another process is equal, hashes alike, and gives the same bits."""
    copy = pickle.loads(pickle.dumps(family))
    assert copy == family
    assert hash(copy) == hash(family)
    assert copy.quantile(U).tolist() == family.quantile(U).tolist()


finite = st.floats(-1e6, 1e6)
positive = st.floats(1e-3, 1e6)
shape = st.floats(0.1, 50.0)
simple = st.one_of(
    finite.map(dist.Constant),
    st.tuples(finite, positive).map(lambda p: dist.Uniform(p[0], p[0] + p[1])),
    st.tuples(finite, st.floats(0, 1), positive).map(
        lambda p: dist.Triangular(p[0], min(p[0] + p[1] * p[2], p[0] + p[2]), p[0] + p[2])
    ),
    st.builds(dist.Normal, finite, positive),
    st.builds(dist.Lognormal, st.floats(-5, 15), st.floats(0, 3)),
    st.builds(dist.Exponential, positive),
    st.builds(dist.Gamma, shape, positive),
    st.builds(dist.Weibull, shape, positive),
    st.builds(dist.Lomax, shape, positive),
    st.lists(finite, min_size=1, max_size=6, unique=True).map(
        lambda values: dist.Choice(tuple(values), (1 / len(values),) * len(values))
    ),
    st.lists(finite, min_size=1, max_size=6).map(
        lambda values: dist.Quantiles(tuple(np.linspace(0, 1, len(values)).tolist()), tuple(sorted(values)))
    ),
)
families = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.tuples(inner, inner, st.floats(0, 1)).map(lambda p: dist.Mixture((p[0], p[1]), (p[2], 1 - p[2]))),
        st.builds(dist.Shifted, inner, finite),
        inner.map(lambda base: dist.Truncated(base, base.quantile_at(0.2) - 1.0, math.inf)),
    ),
    max_leaves=3,
)


@settings(max_examples=60, deadline=None)
@given(families, st.lists(st.floats(2.0**-53, 1 - 2.0**-53), min_size=2, max_size=20).map(sorted))
def test_quantiles_never_fall_and_stay_in_the_support(family: Distribution, levels: list[float]) -> None:
    """In every nesting of families a larger u gives no smaller value (rounding aside), all in the support."""
    values = family.quantile(np.array(levels))
    assert np.all(np.diff(values) >= -1e-12 * np.abs(values[1:]))
    low, high = family.support()
    assert np.all((low <= values) & (values <= high))


@settings(max_examples=60, deadline=None)
@given(families, st.floats(0.001, 0.999))
def test_quantile_and_distribution_function_agree(family: Distribution, u: float) -> None:
    """At most u lies below the quantile of u, and at least u up to it (within what rounding moves)."""
    x = family.quantile_at(u)
    slack = 1e-9 * max(abs(x), 1e-9)
    below, upto = family.cdf(np.array([x - slack, x + slack])).tolist()
    assert below <= u + 1e-6
    assert upto >= u - 1e-6


def test_a_mixture_of_two_points_steps_where_the_weight_is_used_up() -> None:
    """With weights 0.3 and 0.7 at -5 and 2, the quantile is -5 up to and including u = 0.3, then 2."""
    two = dist.Mixture((dist.Constant(-5.0), dist.Constant(2.0)), (0.3, 0.7))
    assert two.quantile(np.array([0.1, 0.3, np.nextafter(0.3, 1), 0.9])).tolist() == [-5.0, -5.0, 2.0, 2.0]


def test_a_mixture_of_equal_parts_is_the_part() -> None:
    """60 % of an exponential and 40 % of the same one have its quantiles."""
    part = dist.Exponential(3.0)
    np.testing.assert_allclose(
        dist.Mixture((part, part), (0.6, 0.4)).quantile(U), part.quantile(U), rtol=1e-7
    )


def test_a_mixture_is_solved_to_the_last_bit() -> None:
    """The quantile is the least float at which the CDF reaches u: one float lower it does not."""
    x = TWO_SPEEDS.quantile(U)
    assert np.all(TWO_SPEEDS.cdf(x) >= U)
    assert np.all(TWO_SPEEDS.cdf(np.nextafter(x, -np.inf)) < U)


def test_the_moments_of_a_hyperexponential() -> None:
    """Mean 0.7 x 1 + 0.3 x 100; second moment 2 (0.7 x 1 + 0.3 x 100^2)."""
    assert TWO_SPEEDS.mean() == pytest.approx(30.7)
    assert TWO_SPEEDS.variance() == pytest.approx(2 * (0.7 + 3000) - 30.7**2)


def test_impossible_parts_of_a_mixture_do_not_count() -> None:
    """A component of weight 0 is dropped, also from the support."""
    mixture = dist.Mixture((dist.Constant(-9.0), dist.Exponential(1.0)), (0.0, 1.0))
    assert mixture.support() == (0.0, math.inf)


def test_a_choice_gives_values_in_ascending_order() -> None:
    """Of {4: 20 %, 1: 50 %, 2: 30 %}, u up to 0.5 gives 1, up to 0.8 gives 2, beyond it 4."""
    choice = dist.Choice((4.0, 1.0, 2.0), (0.2, 0.5, 0.3))
    assert choice.quantile(np.array([1e-300, 0.5, 0.51, 0.79, 0.81, 1 - 2.0**-53])).tolist() == [
        1,
        1,
        2,
        2,
        4,
        4,
    ]
    assert choice.mean() == pytest.approx(0.2 * 4 + 0.5 * 1 + 0.3 * 2)
    assert choice.variance() == pytest.approx(0.2 * 16 + 0.5 * 1 + 0.3 * 4 - 1.9**2)
    assert choice == dist.Choice((1.0, 2.0, 4.0), (0.5, 0.3, 0.2))


def test_choice_frequencies() -> None:
    """In 40,000 draws a value's share is its weight, within 5 standard errors; weight 0 never comes."""
    choice = dist.Choice((1.0, 2.0, 4.0, 8.0), (0.45, 0.2, 0.35, 0.0))
    drawn = choice.sample(_random(), 40_000)
    for value, weight in ((1, 0.45), (2, 0.2), (4, 0.35)):
        assert abs(np.mean(drawn == value) - weight) < 5 * math.sqrt(weight * (1 - weight) / 40_000)
    assert set(drawn.tolist()) == {1.0, 2.0, 4.0}
    assert choice.support() == (1.0, 4.0)


def test_a_table_is_linear_between_its_entries_and_flat_beyond() -> None:
    """Entries 2 at 20 % and 6 at 60 %: 4 at 40 %, 2 below 20 %, 6 above 60 %."""
    table = dist.Quantiles((0.2, 0.6), (2.0, 6.0))
    assert table.quantile(np.array([0.1, 0.2, 0.4, 0.6, 0.9])) == pytest.approx([2, 2, 4, 6, 6])
    assert table.mean() == pytest.approx(0.2 * 2 + 0.4 * 4 + 0.4 * 6)
    second = 0.2 * 4 + 0.4 * (4 + 12 + 36) / 3 + 0.4 * 36
    assert table.variance() == pytest.approx(second - 4.4**2)
    assert table.cdf(np.array([1.9, 2.0, 4.0, 6.0, 7.0])).tolist() == pytest.approx([0, 0.2, 0.4, 1, 1])


def test_a_truncated_choice_keeps_only_what_lies_inside() -> None:
    """Of 1 (50 %), 2 (25 %) and 4 (25 %), those in [1.5, 9] are 2 and 4, evenly: mean 3, variance 1."""
    kept = dist.Truncated(dist.Choice((1.0, 2.0, 4.0), (0.5, 0.25, 0.25)), 1.5, 9.0)
    assert kept.quantile(np.array([1e-17, 0.5, 0.51])).tolist() == [2.0, 2.0, 4.0]
    assert (kept.mean(), kept.variance()) == pytest.approx((3.0, 1.0), rel=2e-3)


@pytest.mark.parametrize("wide", [dist.Lomax(0.9, 1.0), dist.Truncated(dist.Lomax(0.9, 1.0), 2.0, math.inf)])
def test_infinite_means_are_said_to_be_infinite(wide: Distribution) -> None:
    """A Lomax of shape up to 1 has an infinite mean and variance, also in part, shifted and in a mixture."""
    for family in (wide, dist.Shifted(wide, 1.0), dist.Mixture((wide, dist.Constant(1.0)), (0.1, 0.9))):
        assert (family.mean(), family.variance()) == (math.inf, math.inf)


def test_infinite_variances_are_said_to_be_infinite() -> None:
    """A Lomax of shape 1.5 and scale 2 has mean 2 / 0.5 and an infinite variance."""
    assert (dist.Lomax(1.5, 2.0).mean(), dist.Lomax(1.5, 2.0).variance()) == (4.0, math.inf)
    assert dist.Truncated(dist.Lomax(1.5, 2.0), 1.0, math.inf).variance() == math.inf


@pytest.mark.parametrize(
    "family", [dist.Normal(3.0, 0.0), dist.Lognormal(math.log(3.0), 0.0), dist.Uniform(3.0, 3.0)]
)
def test_without_spread_all_probability_is_in_one_point(family: Distribution) -> None:
    """With a spread of 0 every quantile is 3 and the CDF steps from 0 to 1 there."""
    assert family.quantile(U) == pytest.approx(3.0)
    assert family.cdf(np.array([2.9, 3.1])).tolist() == [0.0, 1.0]


TWO_QUANTILES: list[tuple[Callable[[dict[float, float]], Distribution], dict[float, float]]] = [
    (dist.normal_from_quantiles, {0.05: -3.0, 0.95: 8.0}),
    (dist.lognormal_from_quantiles, {0.5: 14.0, 0.95: 32.0}),
    (dist.lognormal_from_quantiles, {0.99: 38.0, 0.5: 11.0}),
    (dist.lognormal_from_quantiles, {0.05: 5.0, 0.5: 10.0, 0.95: 25.0}),
    (dist.lognormal_from_quantiles, {0.05: -5.0, 0.5: 10.0, 0.95: 45.0}),
    (dist.lognormal_from_quantiles, {0.1: 5.0, 0.5: 10.0, 0.99: 1000.0}),
    (dist.weibull_from_quantiles, {0.5: 14.0, 0.95: 90.0}),
    (dist.weibull_from_quantiles, {0.1: 14.0, 0.9: 15.0}),
    (dist.gamma_from_quantiles, {0.5: 14.0, 0.95: 90.0}),
    (dist.gamma_from_quantiles, {0.1: 14.0, 0.9: 15.0}),
    (dist.gamma_from_quantiles, {0.001: 1e-20, 0.9: 1.0}),
    (dist.lomax_from_quantiles, {0.5: 14.0, 0.95: 90.0}),
    (dist.lomax_from_quantiles, {0.25: 1.0, 0.99: 1e8}),
]


@pytest.mark.parametrize(("construct", "quantiles"), TWO_QUANTILES)
def test_stated_quantiles_come_back(
    construct: Callable[[dict[float, float]], Distribution], quantiles: dict[float, float]
) -> None:
    """A family built from quantiles has them."""
    family = construct(quantiles)
    assert [family.quantile_at(level) for level in quantiles] == pytest.approx(
        list(quantiles.values()), rel=1e-9
    )


def test_the_lognormal_of_a_median_and_a_p95() -> None:
    """Median 14 and p95 32: mu = ln 14, sigma = ln(32 / 14) / 1.6448536."""
    found = dist.lognormal_from_quantiles({0.5: 14.0, 0.95: 32.0})
    assert isinstance(found, dist.Lognormal)
    assert (found.mu, found.sigma) == pytest.approx((math.log(14), math.log(32 / 14) / 1.6448536269514722))


def test_three_quantiles_of_a_plain_lognormal_give_it_back() -> None:
    """5, 10 and 20 at 5 %, 50 % and 95 % have equal ratios: no shift, so that nothing can fall below 0."""
    found = dist.lognormal_from_quantiles({0.05: 5.0, 0.5: 10.0, 0.95: 20.0})
    assert isinstance(found, dist.Lognormal)
    assert found.support() == (0.0, math.inf)


def test_the_shift_of_a_lognormal_is_found() -> None:
    """100 + exp(2 + 0.5 Z) is recognised from three of its quantiles."""
    truth = dist.Shifted(dist.Lognormal(2.0, 0.5), 100.0)
    found = dist.lognormal_from_quantiles({level: truth.quantile_at(level) for level in (0.1, 0.6, 0.95)})
    assert isinstance(found, dist.Shifted)
    assert isinstance(found.base, dist.Lognormal)
    assert (found.by, found.base.mu, found.base.sigma) == pytest.approx((100.0, 2.0, 0.5), rel=1e-9)


@pytest.mark.parametrize(
    "construct", [dist.gamma_from_mean_cv, dist.lognormal_from_mean_cv, dist.weibull_from_mean_cv]
)
@pytest.mark.parametrize("cv", [0.01, 0.35, 1.0, 3.0, 50.0])
def test_stated_mean_and_cv_come_back(construct: Callable[[float, float], Distribution], cv: float) -> None:
    """A family built from its mean and coefficient of variation has them."""
    family = construct(7.0, cv)
    assert (family.mean(), math.sqrt(family.variance()) / family.mean()) == pytest.approx((7.0, cv), rel=1e-9)


def test_an_exponential_is_a_gamma_and_a_weibull_of_cv_1() -> None:
    """Mean 7 and cv 1 give shape 1 and scale 7."""
    for family in (dist.gamma_from_mean_cv(7.0, 1.0), dist.weibull_from_mean_cv(7.0, 1.0)):
        assert (family.shape, family.scale) == pytest.approx((1.0, 7.0))


def test_the_lognormal_of_a_median_and_sigma() -> None:
    """The median is exp(mu)."""
    assert dist.lognormal_from_median_sigma(20.0, 0.7).quantile_at(0.5) == pytest.approx(20.0)


NAN = math.nan
IMPOSSIBLE: list[tuple[Callable[[], object], str]] = [
    (lambda: dist.Constant(NAN), "value must be a finite number, not nan"),
    (lambda: dist.Uniform(2.0, 1.0), "low must not exceed high, but 2 > 1"),
    (lambda: dist.Uniform(0.0, math.inf), "high must be a finite number"),
    (lambda: dist.Triangular(0.0, 3.0, 2.0), "low <= mode <= high"),
    (lambda: dist.Triangular(1.0, 1.0, 1.0), "low < high"),
    (lambda: dist.Normal(0.0, -1.0), "sd must be a finite number of at least 0, not -1"),
    (lambda: dist.Normal(NAN, 1.0), "mean must be a finite number"),
    (lambda: dist.Lognormal(0.0, NAN), "sigma must be a finite number of at least 0"),
    (lambda: dist.Exponential(0.0), "mean must be a finite number above 0, not 0"),
    (lambda: dist.Gamma(-1.0, 1.0), "shape must be a finite number above 0, not -1"),
    (lambda: dist.Weibull(1.0, NAN), "scale must be a finite number above 0"),
    (lambda: dist.Lomax(math.inf, 1.0), "shape must be a finite number above 0"),
    (lambda: dist.Choice((1.0, 2.0), (0.5, 0.6)), "probabilities must sum to 100%, not 110%"),
    (lambda: dist.Choice((1.0, 2.0), (1.5, -0.5)), "must not be negative"),
    (lambda: dist.Choice((1.0, 2.0), (NAN, 1.0)), "must not be negative"),
    (lambda: dist.Choice((1.0, 1.0), (0.5, 0.5)), "each value must be given once"),
    (lambda: dist.Choice((1.0, NAN), (0.5, 0.5)), "value 1 must be a finite number"),
    (lambda: dist.Choice((), ()), "at least one"),
    (lambda: dist.Mixture((dist.Constant(1.0),), (0.5, 0.5)), "one probability for each"),
    (lambda: dist.Quantiles((0.5, 0.1), (1.0, 2.0)), "probabilities must rise"),
    (lambda: dist.Quantiles((0.1, 1.5), (1.0, 2.0)), "between 0 and 1"),
    (lambda: dist.Quantiles((0.1, 0.5), (2.0, 1.0)), "values must not fall"),
    (lambda: dist.Quantiles((0.1, 0.5), (2.0,)), "as many probabilities as values"),
    (lambda: dist.Truncated(dist.Normal(0.0, 1.0), 2.0, 1.0), "low must not exceed high"),
    (lambda: dist.Truncated(dist.Exponential(1.0), -2.0, -1.0), "hardly anything"),
    (lambda: dist.Shifted(dist.Constant(1.0), NAN), "by must be a finite number"),
    (
        lambda: dist.lognormal_from_quantiles({0.5: 9.0, 0.95: 9.0}),
        "0.95 quantile must exceed the 0.5 quantile, but 9 <= 9",
    ),
    (lambda: dist.lognormal_from_quantiles({0.5: 9.0, 0.95: 8.0}), "but 8 <= 9"),
    (lambda: dist.lognormal_from_quantiles({0.5: 0.0, 0.95: 8.0}), "quantiles must be above 0"),
    (lambda: dist.lognormal_from_quantiles({0.5: 1.0}), "2 quantiles are needed, not 1"),
    (lambda: dist.lognormal_from_quantiles({0.5: 1.0, 1.0: 2.0}), "between 0 and 1"),
    (lambda: dist.lognormal_from_quantiles({0.5: 1.0, 0.9: NAN}), "0.9 quantile must be a finite number"),
    (lambda: dist.lognormal_from_quantiles({0.05: 1.0, 0.5: 9.0, 0.95: 10.0}), "must exceed 1, not be 0.125"),
    (lambda: dist.lognormal_from_mean_cv(1.0, -0.1), "cv must be a finite number of at least 0"),
    (lambda: dist.lognormal_from_mean_cv(0.0, 0.1), "mean must be a finite number above 0"),
    (lambda: dist.lognormal_from_median_sigma(-1.0, 0.1), "median must be a finite number above 0"),
    (lambda: dist.normal_from_quantiles({0.1: 1.0, 0.5: 2.0, 0.9: 3.0}), "2 quantiles are needed, not 3"),
    (lambda: dist.gamma_from_mean_cv(1.0, 0.0), "cv must be a finite number above 0"),
    (lambda: dist.gamma_from_quantiles({0.5: 1.0, 0.9: 1.0 + 1e-9}), "too close together"),
    (lambda: dist.weibull_from_mean_cv(1.0, 1e9), "between 0.001 and 100,000"),
    (lambda: dist.lomax_from_quantiles({0.5: 1.0, 0.9: 3.0}), "an exponential's 3.322"),
    (lambda: dist.autocorrelated(_random(), 5, 1.0, dist.Constant(1.0)), "between -1 and 1"),
]


@pytest.mark.parametrize(("construct", "sentence"), IMPOSSIBLE)
def test_what_cannot_be_is_refused_with_a_sentence(construct: Callable[[], object], sentence: str) -> None:
    """Impossible input raises ValueError that says what is allowed."""
    with pytest.raises(ValueError, match=sentence):
        construct()


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 5000])
@pytest.mark.parametrize("correlation", [0.0, 0.92, -0.5, 0.9999])
def test_a_series_remembers_as_a_filter_does(n: int, correlation: float) -> None:
    """y[t] = x[t] + correlation * y[t - 1] is scipy's filter but for rounding; a prefix has the same bits."""
    shocks = _random().standard_normal(n)
    found = remembering(shocks, correlation)
    np.testing.assert_allclose(found, lfilter([1.0], [1.0, -correlation], shocks), rtol=1e-9, atol=1e-11)
    assert remembering(shocks[: n // 2 + 1], correlation).tolist() == found[: n // 2 + 1].tolist()


@pytest.mark.parametrize(
    "base", [dist.gamma_from_mean_cv(1.0, 0.35), dist.gamma_from_mean_cv(2.0, 3.0), TWO_SPEEDS]
)
def test_a_series_has_its_marginals_and_its_memory(base: Distribution) -> None:
    """Mean, quantiles, and the scores' correlations at lags 1 and 2 are within 5 standard errors of theory.

    For an AR(1) with correlation r: the mean of n values of a copula with it has variance at most
    s^2 (1 + r) / (1 - r) / n, and the lag-1 autocorrelation has variance (1 - r^2) / n (Bartlett). Spread is
    compared through the shares of values below some quantiles: a heavy tail leaves the cv uncertain.
    """
    n, r = 60_000, 0.6
    series = dist.autocorrelated(_random(), n, r, base)
    inflation = (1 + r) / (1 - r) / n
    assert abs(series.mean() - base.mean()) < 5 * math.sqrt(base.variance() * inflation)
    for level in (0.25, 0.5, 0.75, 0.99):
        assert abs(np.mean(series <= base.quantile_at(level)) - level) < 5 * math.sqrt(
            level * (1 - level) * inflation
        )
    scores = stats.norm.ppf(base.cdf(series))
    assert np.corrcoef(scores[:-1], scores[1:])[0, 1] == pytest.approx(r, abs=5 * math.sqrt((1 - r * r) / n))
    assert np.corrcoef(scores[:-2], scores[2:])[0, 1] == pytest.approx(
        r * r, abs=5 * math.sqrt((1 + r * r) / n)
    )
    assert scores.std() == pytest.approx(1.0, abs=5 * math.sqrt((1 + r * r) / (1 - r * r) / (2 * n)))


def test_the_spread_of_a_series_is_that_of_its_marginal() -> None:
    """The cv of 60,000 gammas of cv 0.35 and correlation 0.6 is right to 2 %; its standard error is 0.5 %."""
    series = dist.autocorrelated(_random(), 60_000, 0.6, dist.gamma_from_mean_cv(1.0, 0.35))
    assert series.std() / series.mean() == pytest.approx(0.35, rel=0.02)


def test_a_series_begins_in_its_stationary_state() -> None:
    """In 4,000 short series of correlation 0.99 the first and fifth value have variance 1 +- 5 sqrt(2/n)."""
    source = _random()
    rows = np.array([dist.autocorrelated(source, 5, 0.99, dist.Normal(0.0, 1.0)) for _ in range(4_000)])
    assert rows.var(axis=0)[[0, 4]] == pytest.approx([1.0, 1.0], abs=5 * math.sqrt(2 / 4_000))


@dataclass(frozen=True, slots=True)
class Asked(dist.Gamma):
    """A gamma that notes how many quantiles it was asked for."""

    counts: tuple[list[int], ...] = field(default=([],), compare=False)

    def quantile(self, u: Floats) -> Floats:
        """See `Distribution`."""
        self.counts[0].append(np.size(u))
        return dist.Gamma.quantile(self, u)


@pytest.mark.parametrize("cv", [0.1, 0.35, 1.0, 4.0])
def test_a_long_series_is_read_from_a_table_right_to_1e_4(cv: float) -> None:
    """50,000 gammas cost 8,193 quantiles, more cost none; each is within 1e-4 of that of its own score."""
    exact = dist.gamma_from_mean_cv(1.0, cv)
    base = Asked(exact.shape, exact.scale, ([],))
    series = dist.autocorrelated(_random(), 50_000, 0.9, base)
    assert dist.autocorrelated(_random(), 50_000, 0.9, base).tolist() == series.tolist()
    assert base.counts == ([len(dist.scores())],)
    scores = dist.autocorrelated(_random(), 50_000, 0.9, dist.Normal(0.0, 1.0))
    np.testing.assert_allclose(series, exact.quantile(stats.norm.cdf(scores)), rtol=1e-4)


def test_a_long_series_of_steps_is_not_smeared() -> None:
    """A series over a choice holds its values only: the table is not used where it is wrong."""
    series = dist.autocorrelated(_random(), 50_000, 0.9, dist.Choice((1.0, 2.0), (0.5, 0.5)))
    assert set(series.tolist()) == {1.0, 2.0}


def test_whole_seconds_round_up_to_at_least_one() -> None:
    """0 and 0.2 become 1, 2.0 stays 2, 2.1 becomes 3; what outlives every scenario, the longest duration."""
    found = dist.whole_seconds(np.array([0.0, 0.2, 2.0, 2.1, 1e300]))
    assert found.tolist() == [1, 1, 2, 3, dist.LONGEST_S]
    assert found.dtype == np.int64


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1])
def test_whole_seconds_name_the_first_offender(bad: float) -> None:
    """The message gives the position and the value."""
    with pytest.raises(ValueError, match=f"value 2 is {bad}"):
        dist.whole_seconds(np.array([1.0, 2.0, bad, math.nan]))


def test_no_durations_are_no_seconds() -> None:
    """An empty array stays empty, and is integer."""
    assert dist.whole_seconds(np.array([])).tolist() == []


def test_a_sample_cannot_hold_the_quantile_of_zero() -> None:
    """The generator's 0 stands for half a step: the least normal is that of 2**-54, not minus infinity."""

    class Zero:
        def random(self, n: int) -> Floats:
            return np.zeros(n)

    drawn = dist.Normal(0.0, 1.0).sample(Zero(), 2)  # type: ignore[arg-type]  # all that sample uses
    assert drawn == pytest.approx(stats.norm.ppf(2.0**-54))


def test_truncation_keeps_a_value_at_its_lower_end() -> None:
    """Of 1 (50 %), 2 (25 %) and 4 (25 %), both ends of [2, 4] stay: 2 up to half, then 4."""
    kept = dist.Truncated(dist.Choice((1.0, 2.0, 4.0), (0.5, 0.25, 0.25)), 2.0, 4.0)
    assert kept.quantile(np.array([0.01, 0.49, 0.51])).tolist() == [2.0, 2.0, 4.0]
    assert kept.cdf(np.array([1.9, 2.0, 4.0])).tolist() == [0.0, 0.5, 1.0]


def test_weights_may_be_off_by_a_rounding_and_no_more() -> None:
    """A sum of 1 + 5e-7 is taken as 1, so that the mean stays exact; 1 + 2e-6 is refused."""
    assert dist.Choice((2.0,), (1 + 5e-7,)).mean() == 2.0
    with pytest.raises(ValueError, match="must sum to 100%"):
        dist.Choice((2.0,), (1 + 2e-6,))
