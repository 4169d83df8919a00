"""Clusters of voxels that share a face or an edge (18-connectivity, as in SPM)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_TOUCHING = ndimage.generate_binary_structure(3, 2)


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
    labels, n_clusters = ndimage.label(mask_volume, structure=_TOUCHING)
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
    if min_voxels <= 1 or not mask.any():
        return mask.astype(bool)
    box = np.zeros(int(np.prod(shape)), dtype=bool)
    box[index] = mask
    kept = remove_small(box.reshape(shape, order="F"), min_voxels)
    return kept.ravel(order="F")[index]
