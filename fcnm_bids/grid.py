"""The voxel grid that images of one data set share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SAME_POSITION_MM = 0.01
"""Two grids are one when no corner of theirs lies further apart than this (headers round)."""

_MOST_VOXELS = 1 << 27
"""No brain image has more (512 x 512 x 512); a damaged header may claim any number."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Shape, affine and template space of a three-dimensional image.

    Voxels are numbered in the order in which NIfTI stores them (Fortran order), so that a
    volume read from a file can be gathered without being transposed.

    Parameters
    ----------
    shape
        Number of voxels along each axis.
    affine
        4 x 4 matrix from voxel indices to millimetres.
    space
        Name of the template space, as in the BIDS entity ``space``.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    space: str

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError("the affine is not a finite 4 x 4 matrix")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError("the affine is singular: its axes do not span space")
        shape = tuple(int(n) for n in self.shape)
        if math.prod(shape) > _MOST_VOXELS:
            raise ValueError(f"a volume of shape {shape} is larger than any brain image")
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", shape)

    @property
    def n_voxels(self) -> int:
        """Number of voxels in the whole box."""
        return int(np.prod(self.shape))

    @cached_property
    def voxel_sizes(self) -> NDArray[np.float64]:
        """Edge lengths of a voxel in mm, shape (3,)."""
        return np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))

    @cached_property
    def voxel_volume(self) -> float:
        """Volume of a voxel in cubic mm."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def flatten(self, volume: ArrayLike) -> NDArray[Any]:
        """A volume of this shape as a vector over voxel numbers."""
        volume = np.asarray(volume)
        if volume.shape != self.shape:
            raise ValueError(f"a volume of shape {volume.shape} is not on a grid of {self.shape}")
        return volume.ravel(order="F")

    def unflatten(
        self, values: ArrayLike, index: NDArray[np.intp] | None = None, fill: float = 0
    ) -> NDArray[Any]:
        """A volume from values at the voxel numbers `index` (all voxels by default)."""
        values = np.asarray(values)
        if index is not None:
            box = np.full(self.n_voxels, fill, dtype=values.dtype)
            box[index] = values
            values = box
        return values.reshape(self.shape, order="F")

    def subscripts(self, index: ArrayLike) -> NDArray[np.intp]:
        """Voxel indices (i, j, k), shape (len(index), 3), of voxel numbers."""
        return np.stack(np.unravel_index(np.asarray(index), self.shape, order="F"), axis=-1)

    def positions(self, index: ArrayLike) -> NDArray[np.float64]:
        """Positions in mm, shape (len(index), 3), of the centres of voxels."""
        return self.subscripts(index) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def difference(self, other: Grid) -> str | None:
        """Return the difference between `other` and this grid, in words; None without any."""
        if self.space != other.space:
            return f"space {other.space} instead of {self.space}"
        if self.shape != other.shape:
            return f"shape {other.shape} instead of {self.shape}"
        if np.array_equal(self.affine, other.affine):
            return None
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1)
        apart = (self.affine - other.affine)[:3] @ np.vstack([corners, np.ones(8)])
        worst = float(np.sqrt((apart**2).sum(axis=0)).max())
        if worst > _SAME_POSITION_MM:
            return f"same shape, but its affine shifts voxels by up to {worst:.3g} mm"
        return None


def other_grids(grids: Mapping[str, Grid]) -> dict[str, str]:
    """The names whose grid is not the one that most share, and how it differs."""
    kinds: list[Grid] = []
    kind_of: dict[str, int] = {}
    for name, grid in grids.items():
        same = (i for i, kind in enumerate(kinds) if kind.difference(grid) is None)
        kind_of[name] = next(same, len(kinds))
        if kind_of[name] == len(kinds):
            kinds.append(grid)
    common = Counter(kind_of.values()).most_common(1)[0][0] if kinds else 0
    return {
        name: f"not on the grid of the other runs: {kinds[common].difference(kinds[kind])}; choose "
        "one resolution with --resolution, or make its images again on their grid"
        for name, kind in kind_of.items()
        if kind != common
    }
