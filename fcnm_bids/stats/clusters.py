"""Clusters of voxels that share a face or an edge (18-connectivity, as in SPM)."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

_TOUCHING = np.abs(np.indices((3, 3, 3)) - 1).sum(axis=0) <= 2


def label_clusters(
    mask_volume: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number the clusters of a mask.

    Parameters
    ----------
    mask_volume
        Three-dimensional mask.

    Returns
    -------
    labels
        Same shape; 0 outside the mask, 1, 2, ... in it.
    sizes
        Number of voxels of cluster 1, 2, ...
    """
    labels, n_clusters = scipy.ndimage.label(mask_volume, structure=_TOUCHING)
    sizes = np.bincount(labels.ravel(order="K"), minlength=n_clusters + 1)[1:]
    return labels, sizes


def remove_small(mask_volume: NDArray[np.bool_], min_voxels: int) -> NDArray[np.bool_]:
    """The mask without its clusters of fewer than `min_voxels` voxels."""
    if min_voxels <= 1:
        return mask_volume.astype(bool)
    labels, sizes = label_clusters(mask_volume)
    kept = np.concatenate([[False], sizes >= min_voxels])
    return kept[labels]


def remove_small_at(
    mask: NDArray[np.bool_],
    index: NDArray[np.intp],
    shape: tuple[int, int, int],
    min_voxels: int,
) -> NDArray[np.bool_]:
    """:func:`remove_small` for a mask given at the voxel numbers `index` (Fortran order)."""
    if min_voxels <= 1:
        return mask.astype(bool)
    kept = np.zeros(mask.shape, dtype=bool)
    place = np.flatnonzero(mask)
    if place.size < min_voxels:
        return kept
    # the smallest box that holds the mask
    where = np.stack(np.unravel_index(index[place], shape, order="F"))
    where -= where.min(axis=1, keepdims=True)
    box = np.zeros(where.max(axis=1) + 1, dtype=bool)
    box[tuple(where)] = True
    labels, _ = scipy.ndimage.label(box, structure=_TOUCHING)
    own = labels[tuple(where)]
    kept[place] = (np.bincount(own) >= min_voxels)[own]
    return kept
