"""A run after its projection: what every later step works on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.kernels.energies import energies

_TILE_ELEMENTS = 1 << 17
"""Of 8 bytes: what a core's cache holds."""

_TILE_STEP = 64


_LEAST_SHARE = 1e-8
"""Share of a series' energy at or below which what a strategy leaves of it is rounding."""


@dataclass(frozen=True, eq=False)
class ProjectedRun:
    """The run in the dimensions of its band, and what a strategy removes there.

    Every inner product of two denoised series is the inner product of two columns, without the
    directions that the strategy removes: `remove` takes them out of one of the two.

    Parameters
    ----------
    values
        Shape (m_b, voxels): float32, or int16 or int8 to be multiplied by `scale`.
    index
        Voxel numbers, sorted: those inside the run's mask that carry signal.
    grid
        The grid that the numbers refer to.
    scale
        Shape (voxels,), float32; None where `values` are the components themselves.
    applied
        Degrees of freedom that the series had lost before they were projected.
    directions
        Orthonormal columns that the strategy removes, shape (m_b, rank); None for none.
    """

    values: NDArray[np.float32] | NDArray[np.int16] | NDArray[np.int8]
    index: NDArray[np.intp]
    grid: Grid
    scale: NDArray[np.float32] | None = field(default=None)
    applied: int = 0
    directions: NDArray[np.float64] | None = None

    @property
    def n_components(self) -> int:
        """Number of components."""
        return int(self.values.shape[0])

    @property
    def dof(self) -> int:
        """Residual degrees of freedom, m."""
        removed = 0 if self.directions is None else self.directions.shape[1]
        return self.n_components - removed - self.applied

    @property
    def n_voxels(self) -> int:
        """Number of voxels with signal."""
        return int(self.values.shape[1])

    def columns(self, which: slice | NDArray[np.intp]) -> NDArray[np.float64]:
        """Components of some voxels in the band, float64, shape (m_b, voxels chosen)."""
        chosen = self.values[:, which].astype(np.float64)
        if self.scale is not None:
            chosen *= self.scale[which]
        return chosen

    def remove(self, components: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return components, shape (m_b, n), without the directions that the strategy removes."""
        if self.directions is None:
            return components
        left: NDArray[np.float64] = components - self.directions @ (self.directions.T @ components)
        return left

    @cached_property
    def _energies(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sums of squares of each voxel's column, in the band and without what is removed."""
        band, left = energies(self.values, self.directions)
        return band, np.maximum(left, 0)

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """Length of each voxel's denoised column in the steps of `values`, shape (voxels,)."""
        return np.sqrt(self._energies[1])

    @cached_property
    def kept_dimensions(self) -> NDArray[np.float64] | None:
        """Orthonormal basis of what the strategy leaves of the band, shape (m, m_b); None for all.

        Inner products of denoised columns are those of the columns in this basis.
        """
        if self.directions is None:
            return None
        complete, _ = np.linalg.qr(self.directions, mode="complete")
        return np.ascontiguousarray(complete[:, self.directions.shape[1] :].T)

    @property
    def rounding(self) -> float:
        """99th percentile over voxels of the rounding error, in standard deviations."""
        if self.scale is None or self.n_voxels == 0:
            return 0.0
        with np.errstate(divide="ignore"):
            return float(np.percentile(np.sqrt(self.dof / 12) / self.lengths, 99))

    def usable(self) -> ProjectedRun:
        """Return the run at the voxels of which the strategy leaves more than rounding."""
        if self.directions is None:
            return self
        band, left = self._energies
        rounding = 0 if self.scale is None else self.dof
        enough = left > np.maximum(_LEAST_SHARE * band, rounding)
        return self if enough.all() else self.at(np.flatnonzero(enough))

    def at(self, place: NDArray[np.intp]) -> ProjectedRun:
        """Return the run at some of its voxels, by their places in `index`."""
        scale = None if self.scale is None else self.scale[place]
        return replace(
            self, values=self.values.take(place, axis=1), index=self.index[place], scale=scale
        )

    def tiles(self) -> list[slice]:
        """Slices of voxels that are small enough to be worked on at once."""
        width = _TILE_ELEMENTS // max(1, self.n_components)
        width = max(_TILE_STEP, width // _TILE_STEP * _TILE_STEP)
        return [slice(i, min(i + width, self.n_voxels)) for i in range(0, self.n_voxels, width)]
