"""The one-sample t test, voxel by voxel, and the t distribution far into its tails."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from fcnm_bids.stats.moments import BlockMoments, ContrastMoments
from fcnm_bids.stats.regression import fit_intercept

_ROUNDING = 1e-10
"""A sum of squared deviations below this share of the sum of squares is taken for rounding:
the error of the difference grows to at most about n times 2e-16 of the latter."""

_TINY = 1e-290
"""Tail probabilities below this are computed as logarithms, before float64 underflows."""

_SERIES_TERMS = 12
"""Enough for float64 where the series is used, that is beyond |t| = 36."""


@dataclass(frozen=True, eq=False)
class TMap:
    """Map of t with the mean and the degrees of freedom, for a threshold.

    All arrays have shape (V,), or (V, 16) for a block of contrasts.

    Parameters
    ----------
    t
        NaN where a voxel was not tested.
    mean
        Mean over the participants with a value; NaN where there are none. With centred covariates
        the intercept: the mean that participants with average covariates have.
    df
        Degrees of freedom, n minus the columns of the design (1 without covariates), not below 0.
    tested
        Which voxels were tested.
    """

    t: NDArray[np.floating]
    mean: NDArray[np.floating]
    df: NDArray[np.int32]
    tested: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class OneSample(TMap):
    """A test of the mean, or of the intercept of a model with covariates, at every voxel.

    Parameters
    ----------
    variance
        Unbiased residual variance; NaN where no degree of freedom is left.
    n
        Number of participants with a value.
    """

    t: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    n: NDArray[np.int32]


def one_sample(moments: ContrastMoments | BlockMoments, *, min_subjects: float) -> OneSample:
    """Test at every voxel whether the mean over participants differs from zero.

    With covariates the intercept of the ordinary least squares fit is tested, over the participants
    with a value at the voxel. A voxel is tested where at least ``ceil(min_subjects * n_added)``
    participants, and one more than the design has columns, have a value, where these tell its
    columns apart, where the residuals vary, and where no correlation was clipped in anybody (a
    seed's correlation with itself is no connectivity).

    Parameters
    ----------
    moments
        Sums over participants, of one contrast or of a block.
    min_subjects
        Share of all participants who must have a value, 0 to 1.
    """
    n = moments.n
    fit = fit_intercept(moments)
    df = n - fit.n_columns
    needed = max(1 + fit.n_columns, math.ceil(min_subjects * moments.n_added - 1e-9))
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(df >= 1, fit.residual / df, np.nan)
        tested = (n >= needed) & (fit.residual > _ROUNDING * moments.square) & ~moments.clipped_in
        tested &= np.isfinite(fit.value)
        t = np.where(tested, fit.value / np.sqrt(variance * fit.spread), np.nan)
    return OneSample(
        t=t, mean=fit.value, variance=variance, n=n, df=np.maximum(df, 0), tested=tested
    )


def t_sf(t: ArrayLike, df: ArrayLike) -> NDArray[np.float64]:
    """Probability that a t variable exceeds `t`, precise in the upper tail."""
    return np.asarray(scipy.special.stdtr(df, -np.asarray(t, np.float64)), dtype=np.float64)


def t_isf(p: ArrayLike, df: ArrayLike) -> NDArray[np.float64]:
    """The t that is exceeded with probability `p`."""
    return -np.asarray(scipy.special.stdtrit(df, p), dtype=np.float64)


def t_to_z(t: ArrayLike, df: ArrayLike) -> NDArray[np.float64]:
    """Standard normal deviate with the tail probability of a t value.

    Near zero the probability between 0 and t is inverted; beyond, the tail; and where the tail
    underflows float64, its logarithm, from the incomplete beta function
    I_x(df/2, 1/2) at x = df / (df + t^2) in its hypergeometric form (Abramowitz and Stegun,
    26.5.27, 26.5.23 and 15.3.4).

    Parameters
    ----------
    t
        Any sign; NaN stays NaN.
    df
        Degrees of freedom, broadcast against `t`.

    Returns
    -------
    z
        Odd in t and monotone.
    """
    t, df = np.broadcast_arrays(np.asarray(t, np.float64), np.asarray(df, np.float64))
    shape = t.shape
    t, df = t.ravel(), df.ravel()
    size = np.abs(t)
    z = np.full(size.shape, np.nan)
    tail = t_sf(size, df)

    inner = tail > 0.25
    within = scipy.special.betainc(0.5, df[inner] / 2, _complement(size[inner], df[inner]))
    z[inner] = math.sqrt(2.0) * scipy.special.erfinv(within)

    outer = (tail <= 0.25) & (tail >= _TINY)
    z[outer] = -scipy.special.ndtri_exp(np.log(tail[outer]))

    far = (tail < _TINY) & np.isfinite(size)
    z[far] = -scipy.special.ndtri_exp(_far_log_sf(size[far], df[far]))
    z[np.isinf(size)] = np.inf
    signed: NDArray[np.float64] = np.copysign(z, t).reshape(shape)
    return signed


def _complement(t: NDArray[np.float64], df: NDArray[np.float64]) -> NDArray[np.float64]:
    """t^2 / (df + t^2), which is 1 - x, without cancellation."""
    with np.errstate(divide="ignore", over="ignore"):
        return 1.0 / (1.0 + df / t / t)


def _far_log_sf(t: NDArray[np.float64], df: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of P(T > t) for t beyond 36.

    I_x(a, 1/2) = x^a / (a B(a, 1/2)) (1 - x)^(-1/2) F(1, 1/2; a + 1; -df / t^2)
    with a = df / 2; successive terms of F shrink by at least (2 k + 1) / t^2.
    """
    a = df / 2
    ratio = -df / t / t
    term = np.ones_like(t)
    series = np.ones_like(t)
    for k in range(_SERIES_TERMS):
        term = term * ratio * (k + 0.5) / (a + 1 + k)
        series = series + term
    log_x = -np.log1p(t / df * t)
    log_complement = -np.log1p(-ratio)
    log_tail: NDArray[np.float64] = (
        a * log_x
        - 0.5 * log_complement
        - np.log(a)
        - scipy.special.betaln(a, 0.5)
        + np.log(series)
        - math.log(2.0)
    )
    return log_tail
