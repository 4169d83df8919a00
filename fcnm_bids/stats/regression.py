"""The intercept of a group model with covariates, voxel by voxel, from sums over participants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.stats.moments import BlockMoments, ContrastMoments

_ILL_CONDITIONED = 1e10
"""Condition number of X'X (columns of unit length) from which the participants at a voxel no longer
tell its columns apart."""

_BATCH = 8_192
"""Voxels with a Gram matrix of their own that are solved at once."""


@dataclass(frozen=True, eq=False)
class Intercept:
    """The intercept and what its t needs; all arrays have the shape of the sums.

    Parameters
    ----------
    value
        Estimate; NaN where the design has no full rank.
    residual
        Sum of squared residuals.
    spread
        Variance of the estimate over the residual variance: the first entry of (X'X)^-1.
    n_columns
        Columns of the design, the intercept included.
    """

    value: NDArray[np.float64]
    residual: NDArray[np.float64]
    spread: NDArray[np.float64]
    n_columns: int


def fit_intercept(moments: ContrastMoments | BlockMoments) -> Intercept:
    """Least squares with the participants who have a value at each voxel.

    The normal equations are solved once for all voxels that everybody has, and with a Gram
    matrix of its own for each other voxel.
    """
    covariates = moments.covariates
    if covariates is None:
        count = moments.n.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = moments.total / count
            residual = np.maximum(moments.square - moments.total * mean, 0.0)
            return Intercept(mean, residual, 1.0 / count, 1)
    n_columns = covariates.gram.shape[0]
    value = np.full(moments.total.size, np.nan)
    residual = np.full(moments.total.size, np.nan)
    spread = np.full(moments.total.size, np.nan)
    complete = np.flatnonzero(covariates.lacking < 0)
    groups = [(complete, covariates.gram[None])]
    lacking = np.flatnonzero(covariates.lacking >= 0)
    for start in range(0, lacking.size, _BATCH):
        voxels = lacking[start : start + _BATCH]
        absent = unpacked(covariates.lacking_gram[covariates.lacking[voxels]], n_columns)
        groups.append((voxels, covariates.gram - absent))
    for voxels, gram in groups:
        if voxels.size == 0:
            continue
        inverse, usable = _inverse(gram)
        right = np.vstack([moments.total[None, voxels], covariates.products[:, voxels]]).T
        beta = np.einsum(
            "vij,vj->vi", np.broadcast_to(inverse, (voxels.size, *inverse.shape[1:])), right
        )
        usable = np.broadcast_to(usable, voxels.shape)
        explained = np.einsum("vi,vi->v", beta, right)
        value[voxels] = np.where(usable, beta[:, 0], np.nan)
        residual[voxels] = np.maximum(moments.square[voxels] - explained, 0.0)
        spread[voxels] = np.where(usable, inverse[:, 0, 0], np.nan)
    return Intercept(value, residual, spread, n_columns)


def explained_by_design(
    moments: ContrastMoments | BlockMoments, voxels: NDArray[np.intp] | slice
) -> NDArray[np.float64]:
    """Coordinates of maps in the column space of the design, shape (columns, voxels chosen, ...).

    The inner product of two voxels' residuals is that of their values minus that of these
    coordinates. For voxels that everybody has.
    """
    if moments.covariates is None:
        return moments.total[None, voxels] / np.sqrt(moments.n_participants)
    right = np.vstack([moments.total[None, voxels], moments.covariates.products[:, voxels]])
    lower = np.linalg.cholesky(moments.covariates.gram)
    coordinates: NDArray[np.float64] = np.linalg.solve(lower, right)
    return coordinates


def unpacked(packed: NDArray[np.float64], n_columns: int) -> NDArray[np.float64]:
    """Symmetric matrices, shape (..., p, p), from their upper triangles."""
    full = np.empty((*packed.shape[:-1], n_columns, n_columns))
    rows, columns = np.triu_indices(n_columns)
    full[..., rows, columns] = packed
    full[..., columns, rows] = packed
    return full


def _inverse(gram: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Inverses of Gram matrices, shape (k, p, p), and which of them exist, shape (k,)."""
    diagonal = np.einsum("kii->ki", gram)
    scale = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = gram * scale[:, :, None] * scale[:, None, :]
    usable = (diagonal > 0).all(axis=1) & (np.linalg.cond(scaled) < _ILL_CONDITIONED)
    scaled[~usable] = np.eye(gram.shape[1])
    inverse = np.linalg.inv(scaled) * scale[:, :, None] * scale[:, None, :]
    return inverse, usable
