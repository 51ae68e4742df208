"""Families of random quantities: by their quantile function, from parameters or from what people know.

All are frozen values; parameters and results are in the unit of the quantity. Values are quantiles of uniform
draws, so that equal draws give comparable values whatever the family or its parameters.
"""

from sim.distributions.base import ENDS, LEAST_U, Distribution
from sim.distributions.combined import Mixture, Shifted, Truncated
from sim.distributions.constructors import (
    gamma_from_mean_cv,
    gamma_from_quantiles,
    hyperexponential,
    lognormal_from_mean_cv,
    lognormal_from_median_sigma,
    lognormal_from_quantiles,
    lomax_from_quantiles,
    normal_from_quantiles,
    weibull_from_mean_cv,
    weibull_from_quantiles,
)
from sim.distributions.families import (
    Constant,
    Exponential,
    Gamma,
    Lognormal,
    Lomax,
    Normal,
    Triangular,
    Uniform,
    Weibull,
)
from sim.distributions.search import LEAST_INT, PROBES
from sim.distributions.series import LONGEST_S, autocorrelated, scores, whole_seconds
from sim.distributions.tables import Choice, Quantiles

__all__ = [
    "ENDS",
    "LEAST_INT",
    "LEAST_U",
    "LONGEST_S",
    "PROBES",
    "Choice",
    "Constant",
    "Distribution",
    "Exponential",
    "Gamma",
    "Lognormal",
    "Lomax",
    "Mixture",
    "Normal",
    "Quantiles",
    "Shifted",
    "Triangular",
    "Truncated",
    "Uniform",
    "Weibull",
    "autocorrelated",
    "gamma_from_mean_cv",
    "gamma_from_quantiles",
    "hyperexponential",
    "lognormal_from_mean_cv",
    "lognormal_from_median_sigma",
    "lognormal_from_quantiles",
    "lomax_from_quantiles",
    "normal_from_quantiles",
    "scores",
    "weibull_from_mean_cv",
    "weibull_from_quantiles",
    "whole_seconds",
]
