"""Spatially smooth noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid

FWHM_PER_SD = 2 * np.sqrt(2 * np.log(2))


class SmoothNoise:
    """Spatially smooth Gaussian noise of unit variance at given voxels.

    White noise in the box around the voxels goes through one matrix per axis, the rows of which
    are Gaussian weights of unit norm: the variance is 1 up to the edge of the box.

    Parameters
    ----------
    grid
        The voxel grid.
    index
        Voxel numbers, shape (voxels,).
    fwhm
        Full width at half maximum in mm of the Gaussian that smooths.
    """

    def __init__(self, grid: Grid, index: NDArray[np.intp], fwhm: float) -> None:
        where = grid.subscripts(index)
        low, high = where.min(axis=0), where.max(axis=0)
        # Axes reversed: NIfTI's first axis varies fastest, and so does C's last.
        self._shape = tuple(int(n) for n in (high - low + 1)[::-1])
        self._at = np.ravel_multi_index(tuple((where - low).T[::-1]), self._shape)
        self._weights = []
        for n, size in zip(self._shape, grid.voxel_sizes[::-1], strict=True):
            steps = np.arange(n) * size
            weights = np.exp(-0.5 * ((steps[:, None] - steps[None, :]) * FWHM_PER_SD / fwhm) ** 2)
            weights /= np.linalg.norm(weights, axis=1, keepdims=True)
            self._weights.append(weights.astype(np.float32))

    def draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """One map of noise, shape (voxels,)."""
        first, second, third = self._weights
        box = rng.standard_normal(self._shape, dtype=np.float32)
        box = (first @ box.reshape(self._shape[0], -1)).reshape(self._shape)
        box = np.matmul(second, box) @ third.T
        return np.asarray(box.ravel()[self._at])
