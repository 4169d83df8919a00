"""The clusters of a network, as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.stats.clusters import label_clusters

CLUSTER_COLUMNS = {
    "cluster": "Number of the cluster, from the largest",
    "n_voxels": "Number of voxels",
    "volume_mm3": "Volume in cubic mm",
    "peak_x": "Position of the highest probability in mm; of several, of the highest mean t",
    "peak_y": "Position of the highest probability in mm; of several, of the highest mean t",
    "peak_z": "Position of the highest probability in mm; of several, of the highest mean t",
    "peak_probability": "Highest probability",
    "com_x": "Centre of mass, weighted by probability, in mm",
    "com_y": "Centre of mass, weighted by probability, in mm",
    "com_z": "Centre of mass, weighted by probability, in mm",
}
"""Columns of a cluster table and what they hold."""


def cluster_table(
    network: NDArray[np.bool_],
    probability: NDArray[np.floating],
    grid: Grid,
    *,
    height: NDArray[np.floating] | None = None,
) -> pd.DataFrame:
    """Size, peak and centre of mass of each cluster, the largest first.

    Parameters
    ----------
    network
        Mask of the shape of `grid`.
    probability
        Network probability map of the same shape.
    grid
        The voxel grid.
    height
        Volume of the same shape that tells voxels of one probability apart, such as the mean t;
        NaN counts as lowest. None where there is none.

    Returns
    -------
    table
        One row per cluster (18-connectivity) with :data:`CLUSTER_COLUMNS`. The centre of mass
        weights voxels by their probability. Of several voxels with the highest probability, the
        peak is the one of the greatest height, then the one nearest to the centre of mass, then
        the one of the lowest number. Clusters of one size stand in the order of their peaks'
        voxel numbers.

    Raises
    ------
    ValueError
        Where the probability is not above 0 all over the network.
    """
    if not (probability[network.astype(bool)] > 0).all():
        raise ValueError("a network holds voxels only where its probability is above 0")
    labels, sizes = label_clusters(grid.unflatten(grid.flatten(network)).astype(bool))
    in_network = np.flatnonzero(grid.flatten(labels))
    by_cluster = in_network[np.argsort(grid.flatten(labels)[in_network], kind="stable")]
    weights = grid.flatten(probability).astype(np.float64)
    heights = np.zeros(grid.n_voxels) if height is None else grid.flatten(height)
    heights = np.round(np.nan_to_num(heights.astype(np.float64), nan=-np.inf), 6)
    rows = []
    for voxels in np.split(by_cluster, np.cumsum(sizes)[:-1]) if sizes.size else ():
        position, weight = grid.positions(voxels), weights[voxels]
        centre = np.average(position, axis=0, weights=weight)
        highest = np.flatnonzero(weight == weight.max())
        best = heights[voxels[highest]]
        highest = highest[best == best.max()]
        distance = np.linalg.norm(position[highest] - centre, axis=1)
        # Rounded, because equal distances need not come out equal in floating point.
        peak = highest[np.argmin(np.round(distance, 6))]
        rows.append((int(voxels[peak]), voxels.size, position[peak], weight[peak], centre))
    rows.sort(key=lambda row: (-row[1], row[0]))
    return pd.DataFrame(
        [
            (number, size, size * grid.voxel_volume, *at, float(p), *centre)
            for number, (_, size, at, p, centre) in enumerate(rows, start=1)
        ],
        columns=list(CLUSTER_COLUMNS),
    )
