"""Smoothness of a statistic image, from its residuals, without residual images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.stats.moments import NEIGHBOUR_PAIRS, ContrastMoments, forward_neighbours
from fcnm_bids.stats.regression import explained_by_design

_FOUR_LOG_TWO = 4 * math.log(2)

_FEWEST_VOXELS = 8
"""Voxels with all forward neighbours, as many as a block of 3 x 3 x 3 has."""

_LEAST_CORRELATION = 0.01
"""Lag-one correlations are taken to be no lower: without correlation there is no FWHM."""

_ROUNDING = 1e-10
"""A roughness below this is the rounding of maps that are flat along an axis."""


@dataclass(frozen=True)
class Smoothness:
    """Smoothness of a field.

    Parameters
    ----------
    fwhm
        Full width at half maximum along each axis, in voxels.
    resels_per_voxel
        One over the product of the three.
    n_voxels
        Number of voxels that it was estimated from.
    """

    fwhm: tuple[float, float, float]
    resels_per_voxel: float
    n_voxels: int


def estimate_smoothness(moments: ContrastMoments, tested: NDArray[np.bool_]) -> Smoothness:
    """Estimate the smoothness of the residuals of a group model.

    With u the residuals of one voxel divided by the root of their sum of squares, the inner
    product of u at two voxels is their (with covariates, partial) correlation, which follows
    from sums over participants.
    The roughness Lambda_jk is the inner product of the forward differences of u along j and k.
    As in ``spm_est_smoothness`` of SPM, the mean over voxels of sqrt(det Lambda / (4 ln 2)^3)
    is the resel density, unbiased for any degrees of freedom because u has unit norm (Worsley
    1996, An unbiased estimator for the roughness of a multivariate Gaussian random field;
    Taylor and Worsley 2007, J Am Stat Assoc 102:913), and the means of
    sqrt(Lambda_jj / (4 ln 2)) share it out between the axes.

    Differences over a whole voxel understate the derivatives, by 3.9 % where the FWHM is 3
    voxels. Under a Gaussian autocorrelation the roughness is -2 ln rho and the difference gives
    L = 2 (1 - rho); with rho the lag-one correlation pooled over voxels, each axis is corrected
    by the root of their ratio (the relation that FSL's ``smoothest`` and AFNI's ``3dFWHMx``
    rest on).

    Only voxels enter that are tested, that everybody has, and whose three forward neighbours
    are likewise.

    Parameters
    ----------
    moments
        Sums over participants, products of neighbours included.
    tested
        Tested voxels, shape (V,).

    Raises
    ------
    RequestError
        With fewer than 4 participants, or fewer than 8 such voxels (a mask that is thin along an
        axis), there is nothing to estimate from.
    """
    if moments.products is None:
        raise ValueError("the products of neighbouring voxels were not kept")
    n = moments.n_participants
    n_columns = 1 if moments.covariates is None else moments.covariates.gram.shape[0]
    if n < 3 + n_columns:
        raise RequestError(
            f"smoothness cannot be estimated from {n} participants: {3 + n_columns} at least are "
            "needed;"
            " choose the height control bonferroni or fdr"
        )
    usable = tested & (moments.n == n)
    neighbours = _neighbours(moments.index.astype(np.intp).tobytes(), moments.shape)
    complete = usable & ((neighbours >= 0) & usable[neighbours]).all(axis=0)
    voxels = np.flatnonzero(complete)
    if voxels.size < _FEWEST_VOXELS:
        raise RequestError(
            f"smoothness cannot be estimated: only {voxels.size} tested voxels have a tested"
            f" neighbour along every axis, and {_FEWEST_VOXELS} are needed (the mask is too small"
            " or too thin, or voxels are missing in some participants); choose the height control"
            " bonferroni or fdr"
        )
    axes, between = _roughness(_correlations(moments, voxels, neighbours[:, voxels]))
    determinant = np.maximum(_determinant(axes, between), 0.0)
    density = float(np.sqrt(determinant / _FOUR_LOG_TWO**3).mean())
    per_axis = np.sqrt(np.maximum(axes, 0.0) / _FOUR_LOG_TWO).mean(axis=1)
    pooled = axes.mean(axis=1)
    if not (density > 0 and (pooled > _ROUNDING).all()):
        raise RequestError(
            "smoothness cannot be estimated: the maps do not vary in space along every axis;"
            " choose the height control bonferroni or fdr"
        )
    per_axis *= (density / per_axis.prod()) ** (1 / 3)
    per_axis *= _difference_correction(pooled)
    x, y, z = (1.0 / per_axis).tolist()
    return Smoothness(fwhm=(x, y, z), resels_per_voxel=float(per_axis.prod()), n_voxels=voxels.size)


@lru_cache(maxsize=1)
def _neighbours(index: bytes, shape: tuple[int, int, int]) -> NDArray[np.intp]:
    """Return the forward neighbours of voxels, which all contrasts of a group share."""
    return forward_neighbours(np.frombuffer(index, dtype=np.intp), shape)


def _correlations(
    moments: ContrastMoments, voxels: NDArray[np.intp], neighbours: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Sample correlations between a voxel and its neighbours, in the order of the products."""
    assert moments.products is not None
    every = np.arange(moments.total.size)
    explained = explained_by_design(moments, every)
    with np.errstate(invalid="ignore"):  # at voxels that do not enter
        deviation = np.sqrt(moments.square - (explained * explained).sum(axis=0))
    places = (voxels, *neighbours)
    fitted = [explained[:, place] for place in places]
    length = [deviation[place] for place in places]
    rho = moments.products.take(voxels, axis=1)
    for own, (a, b) in zip(rho, NEIGHBOUR_PAIRS, strict=True):
        own -= (fitted[a] * fitted[b]).sum(axis=0)
        own /= length[a] * length[b]
    return rho


def _roughness(rho: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lambda of forward differences from correlations of shape (6, V).

    Returns
    -------
    axes
        Its diagonal, shape (3, V).
    between
        Its entries xy, xz and yz, shape (3, V).
    """
    to_x, to_y, to_z, x_y, x_z, y_z = rho
    return 2 * (1 - rho[:3]), np.stack(
        [x_y - to_x - to_y + 1, x_z - to_x - to_z + 1, y_z - to_y - to_z + 1]
    )


def _determinant(axes: NDArray[np.float64], between: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the determinants of symmetric matrices given as by `_roughness`, shape (V,)."""
    (xx, yy, zz), (xy, xz, yz) = axes, between
    determinant: NDArray[np.float64] = (
        xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    )
    return determinant


def _difference_correction(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factor from the root of differences' to that of derivatives' roughness, per axis."""
    rho = np.clip(1 - pooled / 2, _LEAST_CORRELATION, None)
    return np.sqrt(-2 * np.log(rho) / (2 * (1 - rho)))
