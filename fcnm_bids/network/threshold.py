"""From a network probability map to the network."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.stats.clusters import remove_small_at

_TOLERANCE = 1e-9
_TOLERANCE_READ_BACK = 1e-6
_TOLERANCE_VOXELS = 1e-3


def min_cluster_voxels(min_cluster_volume: float, voxel_volume: float) -> int:
    """Fewest voxels that reach a volume (both in cubic mm), to a thousandth of a voxel."""
    return max(0, math.ceil(min_cluster_volume / voxel_volume - _TOLERANCE_VOXELS))


def network_mask(
    probability: NDArray[np.floating],
    *,
    threshold: float,
    min_cluster_volume: float,
    grid: Grid,
    index: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Voxels at or above a probability, without small clusters.

    A share such as 7 of 10 contrasts reaches a threshold of 0.7 although neither is exact in
    binary: the tolerance is 1e-9, and 1e-6 where the values have passed through float32, as in
    an image read back (float64 of which each value is exact in float32 included).

    Parameters
    ----------
    probability
        Shape (V,); NaN is never in the network.
    threshold
        Least probability.
    min_cluster_volume
        Clusters (18-connectivity) of a smaller volume in cubic mm are removed.
    grid
        The voxel grid.
    index
        Voxel numbers of `probability`, shape (V,).

    Returns
    -------
    network
        Shape (V,).
    """
    probability = np.asarray(probability)
    single = probability.astype(np.float32)
    read_back = bool(((probability == single) | np.isnan(probability)).all())
    tolerance = _TOLERANCE_READ_BACK if read_back else _TOLERANCE
    above = probability.astype(np.float64, copy=False) >= threshold - tolerance
    fewest = min_cluster_voxels(min_cluster_volume, grid.voxel_volume)
    return remove_small_at(above, index, grid.shape, fewest)
