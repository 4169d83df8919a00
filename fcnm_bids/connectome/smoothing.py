"""Gaussian smoothing in space of what a projection left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid

_FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))
_TRUNCATE = 4.0
"""Standard deviations at which the kernel ends, as in scipy and nilearn."""


def smooth_components(
    components: NDArray[np.float32], index: NDArray[np.intp], grid: Grid, fwhm: float
) -> None:
    """Smooth maps over the voxels `index` in place; outside of them all is zero.

    Smoothing acts on space and a projection on time, so they commute: smoothing the m
    components equals smoothing every volume. The kernel is not renormalised at the edge, which
    is what ``nilearn.image.smooth_img`` does to masked data.

    Parameters
    ----------
    components
        Shape (m, voxels).
    index
        Voxel numbers, sorted.
    fwhm
        Full width at half maximum in mm; 0 leaves the maps as they are.
    """
    if fwhm <= 0 or index.size == 0:
        return
    subscripts = grid.subscripts(index)
    low = subscripts.min(axis=0)
    # reversed axes: a Fortran-ordered box (x, y, z) is a C-ordered array [z, y, x]
    box = tuple(int(n) for n in (subscripts.max(axis=0) - low + 1)[::-1])
    inside = np.ravel_multi_index(tuple((subscripts - low).T[::-1]), box)
    along_z, along_y, along_x = (
        _kernel_matrix(n, fwhm / _FWHM_PER_SIGMA / size)
        for n, size in zip(box, grid.voxel_sizes[::-1], strict=True)
    )
    volume = np.zeros(box, dtype=np.float32)
    first = np.empty_like(volume)
    second = np.empty_like(volume)
    for component in components:
        volume.reshape(-1)[inside] = component
        np.matmul(volume.reshape(-1, box[2]), along_x, out=first.reshape(-1, box[2]))
        np.matmul(along_y, first, out=second)
        np.matmul(along_z, second.reshape(box[0], -1), out=first.reshape(box[0], -1))
        np.take(first.reshape(-1), inside, out=component, mode="clip")


def _kernel_matrix(n: int, sigma: float) -> NDArray[np.float32]:
    """Convolution along an axis of n voxels with zeros beyond, as a symmetric banded matrix."""
    radius = int(_TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    lag = np.arange(n)[:, None] - np.arange(n)
    matrix = np.where(np.abs(lag) <= radius, weights[np.clip(lag + radius, 0, 2 * radius)], 0.0)
    return matrix.astype(np.float32)
