"""Smoothness of a statistic image, from its residuals, without residual images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.kernels.group_sums import roughness
from fcnm_bids.stats.moments import BlockMoments, ContrastMoments, neighbour_rows
from fcnm_bids.stats.regression import explained_by_design

VOXELS_PER_SUM = 1024
"""Voxels over which sums are taken together: sums of these do not depend on slabs of voxels."""

N_ROUGHNESS_SUMS = 8
"""Sums that `roughness_sums` returns."""

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


@dataclass(frozen=True, eq=False)
class RoughnessSums:
    """Sums of roughness of a contrast without covariates, which its smoothness follows from.

    Parameters
    ----------
    sums
        As `roughness_sums` returns them, of one contrast at all voxels, shape (parts, 8).
    n_participants
        Participants with a map.
    index, shape
        Voxel numbers, shape (V,), and the shape of the box that they number.
    """

    sums: NDArray[np.float64]
    n_participants: int
    index: NDArray[np.intp]
    shape: tuple[int, int, int]


def estimate_smoothness(
    moments: ContrastMoments | RoughnessSums, tested: NDArray[np.bool_]
) -> Smoothness:
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
        Sums over participants, products of neighbours included; or what was summed of them.
    tested
        Tested voxels, shape (V,).

    Raises
    ------
    RequestError
        With fewer than 4 participants, or fewer than 8 such voxels (a mask that is thin along an
        axis), there is nothing to estimate from.
    """
    n, n_columns = moments.n_participants, 1
    if isinstance(moments, RoughnessSums):
        return _smoothness(moments.sums, n, n_columns)
    if moments.covariates is not None:
        n_columns = moments.covariates.gram.shape[0]
    _refuse_few(n, n_columns)
    return _smoothness(roughness_sums(moments, tested), n, n_columns)


def roughness_sums(
    moments: ContrastMoments | BlockMoments, tested: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Sum what the smoothness is estimated from over each `VOXELS_PER_SUM` voxels.

    The sums of a contrast do not depend on the contrasts beside it, and neither, to the bit, on the
    slab that the voxels are in if it begins with a multiple of `VOXELS_PER_SUM`.

    Parameters
    ----------
    moments
        Sums over participants, products of neighbours included, of one contrast or of a block.
    tested
        Tested voxels, shape (V,) or (rows, 16).

    Returns
    -------
    sums
        Shape (parts, 8) or (parts, 8, 16): the number of voxels, and the sums of the root of the
        determinant of the roughness, of the roots of its diagonal entries, and of these.
    """
    length, usable, explained = residual_lengths(moments, tested)
    if isinstance(moments, BlockMoments):
        return block_roughness(moments, length, usable)
    products = moments.products
    if products is None:
        raise ValueError("the products of neighbouring voxels were not kept")
    neighbours = _neighbours(moments.index.astype(np.intp).tobytes(), moments.shape)
    fitted = np.ascontiguousarray(explained[1:])
    return _in_parts(
        products.shape[1],
        length.shape,
        lambda part: roughness(products, fitted, length, usable, neighbours, part),
    )


def residual_lengths(
    moments: ContrastMoments | BlockMoments, tested: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return the length of the residuals, where it may be used, and what the design explains."""
    usable = tested & (moments.n == moments.n_participants)
    with np.errstate(invalid="ignore", divide="ignore"):  # at voxels that do not enter
        explained = explained_by_design(moments, slice(None))
        length = np.sqrt(moments.square - (explained * explained).sum(axis=0))
    return length, usable, explained


def block_roughness(
    moments: BlockMoments, length: NDArray[np.float64], usable: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return `roughness_sums` of a block, from what `residual_lengths` gave of all of its rows.

    Parameters
    ----------
    moments
        The block, of which the products are used.
    length, usable
        Shape (rows, 16).
    """
    products, neighbours = moments.products, moments.neighbours
    if products is None or neighbours is None:
        raise ValueError("the products of neighbouring voxels were not kept")
    fitted = np.zeros((0, *length.shape))
    return _in_parts(
        moments.n_voxels,
        length.shape,
        lambda part: roughness(
            products(part), fitted, length, usable, neighbours, part, part.start
        ),
    )


def _in_parts(
    n_voxels: int,
    shape: tuple[int, ...],
    summed: Callable[[slice], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return sums over each `VOXELS_PER_SUM` voxels."""
    parts = [
        summed(slice(first, min(first + VOXELS_PER_SUM, n_voxels)))
        for first in range(0, n_voxels, VOXELS_PER_SUM)
    ]
    return np.stack(parts) if parts else np.zeros((0, N_ROUGHNESS_SUMS, *shape[1:]))


def _smoothness(sums: NDArray[np.float64], n_participants: int, n_columns: int) -> Smoothness:
    """Return the smoothness that follows from sums of roughness, shape (parts, 8)."""
    _refuse_few(n_participants, n_columns)
    total = np.zeros(N_ROUGHNESS_SUMS)
    for part in sums:  # one after the other, in an order that NumPy does not choose
        total += part
    n_voxels = int(total[0])
    if n_voxels < _FEWEST_VOXELS:
        raise RequestError(
            f"smoothness cannot be estimated: only {n_voxels} tested voxels have a tested"
            f" neighbour along every axis, and {_FEWEST_VOXELS} are needed (the mask is too small"
            " or too thin, or voxels are missing in some participants); choose the height control"
            " bonferroni or fdr"
        )
    density = float(total[1] / _FOUR_LOG_TWO**1.5 / n_voxels)
    per_axis = total[2:5] / _FOUR_LOG_TWO**0.5 / n_voxels
    pooled = total[5:] / n_voxels
    if not (density > 0 and (pooled > _ROUNDING).all()):
        raise RequestError(
            "smoothness cannot be estimated: the maps do not vary in space along every axis;"
            " choose the height control bonferroni or fdr"
        )
    per_axis *= (density / per_axis.prod()) ** (1 / 3)
    per_axis *= _difference_correction(pooled)
    x, y, z = (1.0 / per_axis).tolist()
    return Smoothness(fwhm=(x, y, z), resels_per_voxel=float(per_axis.prod()), n_voxels=n_voxels)


def _refuse_few(n_participants: int, n_columns: int) -> None:
    needed = 3 + n_columns
    if n_participants < needed:
        raise RequestError(
            f"smoothness cannot be estimated from {n_participants} participants: {needed} at least "
            "are needed; choose the height control bonferroni or fdr"
        )


@lru_cache(maxsize=1)
def _neighbours(index: bytes, shape: tuple[int, int, int]) -> NDArray[np.int32]:
    """Return the rows of forward neighbours, which all contrasts of a group share."""
    return neighbour_rows(np.frombuffer(index, dtype=np.intp), shape)


def _difference_correction(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factor from the root of differences' to that of derivatives' roughness, per axis."""
    rho = np.clip(1 - pooled / 2, _LEAST_CORRELATION, None)
    return np.sqrt(-2 * np.log(rho) / (2 * (1 - rho)))
