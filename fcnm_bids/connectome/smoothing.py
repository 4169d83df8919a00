"""Gaussian smoothing in space of what a projection left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.kernels.smoothing import smooth

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
    row = index // grid.shape[0]
    apart = (np.diff(index, prepend=-2) != 1) | (np.diff(row, prepend=-1) != 0)
    starts = np.flatnonzero(apart)
    lengths = np.diff(starts, append=index.size)
    kernels = [_half_kernel(fwhm / _FWHM_PER_SIGMA / size) for size in grid.voxel_sizes]
    smooth(components, grid.subscripts(index[starts]), lengths, kernels)


def _half_kernel(sigma: float) -> NDArray[np.float32]:
    """Return the weights of a Gaussian kernel from its middle outwards; all of them sum to 1."""
    weights = np.exp(-0.5 * (np.arange(int(_TRUNCATE * sigma + 0.5) + 1) / sigma) ** 2)
    return (weights / (2 * weights.sum() - weights[0])).astype(np.float32)
