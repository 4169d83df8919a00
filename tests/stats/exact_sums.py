"""Sums over participants by brute force in float64, with which other functions are tested."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.stats import ContrastMoments, CovariateSums


def exact_sums(
    z: NDArray,
    shape: tuple[int, int, int] | None = None,
    *,
    index: NDArray[np.intp] | None = None,
    clipped: NDArray[np.bool_] | None = None,
    covariates: NDArray | None = None,
    smoothness: bool = False,
) -> ContrastMoments:
    """Sum the maps of one contrast.

    Parameters
    ----------
    z
        Shape (participants, V); NaN where a participant has no value.
    shape
        Shape of the box that the voxels lie in, a line of them by default.
    index
        Sorted voxel numbers (Fortran order), all by default.
    clipped
        Shape (participants, V).
    covariates
        Shape (participants, k); a model without covariates has none, or no column.
    smoothness
        Whether to sum the products of neighbours.
    """
    z = np.asarray(z, dtype=np.float64)
    n_participants, n_voxels = z.shape
    index = np.arange(n_voxels) if index is None else index
    shape = (n_voxels, 1, 1) if shape is None else shape
    there = np.isfinite(z)
    has_covariates = covariates is not None and covariates.shape[1] > 0
    return ContrastMoments(
        n=there.sum(axis=0).astype(np.int32),
        total=np.nansum(z, axis=0),
        square=np.nansum(z**2, axis=0),
        clipped_in=np.zeros(n_voxels, dtype=bool) if clipped is None else clipped.any(axis=0),
        products=products_about_means(z, index, shape) if smoothness else None,
        n_participants=int(there.any(axis=1).sum()),
        n_added=n_participants,
        index=index,
        shape=shape,
        covariates=covariate_sums(z, covariates) if has_covariates else None,
    )


def products_about_means(
    z: NDArray, index: NDArray[np.intp], shape: tuple[int, int, int]
) -> NDArray[np.float64]:
    """Sums of products of neighbours about their means, shape (6, V)."""
    z = z[np.isfinite(z).any(axis=1)]
    # a border of voxels behind the box that nobody has
    box = np.full((len(z), *(length + 1 for length in shape)), np.nan)
    place = np.unravel_index(index, shape, order="F")
    box[:, *place] = z - z.sum(axis=0) / max(len(z), 1)  # NaN where somebody has no value
    own = [place, *(tuple(np.add(place, np.eye(3, dtype=int)[axis][:, None])) for axis in range(3))]
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    return np.stack(
        [np.nan_to_num((box[:, *own[a]] * box[:, *own[b]]).sum(axis=0)) for a, b in pairs]
    )


def covariate_sums(z: NDArray, covariates: NDArray) -> CovariateSums:
    """Sums that a model with covariates needs."""
    has_map = np.isfinite(z).any(axis=1)
    z, design = z[has_map], np.column_stack([np.ones(len(z)), covariates])[has_map]
    missing = ~np.isfinite(z)
    lacking = np.full(z.shape[1], -1, dtype=np.int32)
    voxels = np.flatnonzero(missing.any(axis=0))
    lacking[voxels] = np.arange(voxels.size)
    upper = np.triu_indices(design.shape[1])
    rows = [design[missing[:, voxel]] for voxel in voxels]
    return CovariateSums(
        products=design[:, 1:].T @ np.nan_to_num(z),
        gram=design.T @ design,
        lacking=lacking,
        lacking_gram=np.array([(own.T @ own)[upper] for own in rows]).reshape(-1, upper[0].size),
    )
