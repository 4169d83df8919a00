"""Gaussian smoothing in space of what a projection left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid

_FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))
_TRUNCATE = 4.0
"""Standard deviations at which the kernel ends, as in scipy and nilearn."""


_AT_ONCE = 1 << 15
"""Voxels that are smoothed at once: what a core's cache holds."""


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
    kernels = [_half_kernel(fwhm / _FWHM_PER_SIGMA / size) for size in grid.voxel_sizes]
    gaps = [kernel.size - 1 for kernel in kernels]
    # a flat box (x fastest) with gaps of zeros behind rows and slices, which a kernel cannot cross
    n_x, n_y, n_z = (int(n) for n in subscripts.max(axis=0) - low + 1)
    strides = np.array([1, n_x + gaps[0], (n_x + gaps[0]) * (n_y + gaps[1])])
    around = max(int(gap * stride) for gap, stride in zip(gaps, strides, strict=True))
    inside = around + (subscripts - low) @ strides
    end = around + n_z * int(strides[2])
    volume, smoothed = np.zeros((2, end + around), dtype=np.float32)
    part = np.empty(_AT_ONCE, dtype=np.float32)
    for component in components:
        volume[around:end] = 0
        volume[inside] = component
        for kernel, stride in zip(kernels, strides.tolist(), strict=True):
            for start in range(around, end, _AT_ONCE):
                stop = min(start + _AT_ONCE, end)
                _convolve(volume, kernel, stride, start, smoothed[start:stop], part[: stop - start])
            volume, smoothed = smoothed, volume
        component[:] = volume[inside]


def _convolve(
    volume: NDArray[np.float32],
    kernel: NDArray[np.float32],
    stride: int,
    start: int,
    out: NDArray[np.float32],
    part: NDArray[np.float32],
) -> None:
    """Convolve some voxels along an axis, by sums that are the same on every processor."""
    stop = start + out.size
    np.multiply(volume[start:stop], kernel[0], out=out)
    for lag in range(stride, kernel.size * stride, stride):
        np.add(volume[start - lag : stop - lag], volume[start + lag : stop + lag], out=part)
        np.multiply(part, kernel[lag // stride], out=part)
        np.add(out, part, out=out)


def _half_kernel(sigma: float) -> NDArray[np.float32]:
    """Return the weights of a Gaussian kernel from its middle outwards; all of them sum to 1."""
    weights = np.exp(-0.5 * (np.arange(int(_TRUNCATE * sigma + 0.5) + 1) / sigma) ** 2)
    return (weights / (2 * weights.sum() - weights[0])).astype(np.float32)
