"""The voxels in which foci of a null may fall."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid


@dataclass(frozen=True, eq=False)
class FocusPlaces:
    """The voxels in which foci of a null may fall.

    Parameters
    ----------
    grid
        The voxel grid.
    index
        Voxel numbers, sorted, shape (V,).
    rate
        How often foci are reported in each voxel, shape (V,), not negative; None for alike.
    """

    grid: Grid
    index: NDArray[np.intp]
    rate: NDArray[np.float64] | None = None
    centres: NDArray[np.float64] = field(init=False)
    tree: scipy.spatial.KDTree = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.index.size == 0:
            raise RequestError("there is no voxel in which foci of a null could fall")
        if self.rate is not None and not (np.isfinite(self.rate) & (self.rate >= 0)).all():
            raise RequestError("a base rate of foci is not negative, and finite, everywhere")
        object.__setattr__(self, "centres", self.grid.positions(self.index))
        object.__setattr__(self, "tree", scipy.spatial.KDTree(self.centres))

    def nearest(self, positions: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the voxel nearest to each position, shape (n,)."""
        return self.tree.query(positions)[1]

    def share_of(self, chosen: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """Return the probabilities of some voxels by their rate; None for alike."""
        if self.rate is None:
            return None
        share: NDArray[np.float64] = self.rate[chosen] / self.rate[chosen].sum()
        return share

    def within(self, chosen: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float64]:
        """A random position within each of some voxels, shape (n, 3)."""
        inside = rng.random((chosen.size, 3)) - 0.5
        return self.centres[chosen] + inside @ self.grid.affine[:3, :3].T
