"""A run after its projection: what every later step works on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid

_TILE_ELEMENTS = 1 << 17
"""Of 8 bytes: what a core's cache holds."""

_TILE_STEP = 64


@dataclass(frozen=True, eq=False)
class ProjectedRun:
    """The denoised run in the m dimensions that denoising left it.

    Every inner product of two denoised series is the inner product of two columns.

    Parameters
    ----------
    values
        Shape (m, voxels): float32, or int16 to be multiplied by `scale`.
    index
        Voxel numbers, sorted: those inside the run's mask that carry signal.
    grid
        The grid that the numbers refer to.
    scale
        Shape (voxels,), float32; None where `values` are the components themselves.
    removed
        Degrees of freedom that the series had lost before they were projected.
    """

    values: NDArray[np.float32] | NDArray[np.int16]
    index: NDArray[np.intp]
    grid: Grid
    scale: NDArray[np.float32] | None = field(default=None)
    removed: int = 0

    @property
    def n_components(self) -> int:
        """Number of components."""
        return int(self.values.shape[0])

    @property
    def dof(self) -> int:
        """Residual degrees of freedom, m."""
        return self.n_components - self.removed

    @property
    def n_voxels(self) -> int:
        """Number of voxels with signal."""
        return int(self.values.shape[1])

    def columns(self, which: slice | NDArray[np.intp]) -> NDArray[np.float64]:
        """Components of some voxels, float64, shape (m, voxels chosen)."""
        chosen = self.values[:, which].astype(np.float64)
        if self.scale is not None:
            chosen *= self.scale[which]
        return chosen

    def tiles(self) -> list[slice]:
        """Slices of voxels that are small enough to be worked on at once."""
        width = _TILE_ELEMENTS // max(1, self.n_components)
        width = max(_TILE_STEP, width // _TILE_STEP * _TILE_STEP)
        return [slice(i, min(i + width, self.n_voxels)) for i in range(0, self.n_voxels, width)]
