"""Peaks within the clusters of a network, and what lies there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.network.atlas import Atlas, describe_region, region_shares
from fcnm_bids.stats.clusters import label_clusters

PEAK_COLUMNS = {
    "cluster": "Number of the cluster, as in the table of clusters",
    "peak": "Number of the peak within the cluster; 1 is the cluster's own",
    "x": "Position in mm",
    "y": "Position in mm",
    "z": "Position in mm",
    "probability": "Probability at the peak",
    "mean_t": "Mean over contrasts of t at the peak",
    "region": "Region at the peak, in words, or the nearest within 6 mm",
}
"""Columns of the table of peaks and what they hold."""

DESCRIBED_COLUMNS = {
    "mean_t": "Mean over the cluster and over contrasts of t",
    "peak_label": "Region at the peak, in words, or the nearest within 6 mm",
    "cluster_labels": "Share of the cluster's volume in each region, in words",
    "cluster_label_voxels": "Voxels of the cluster in each region, in the order of cluster_labels",
}
"""Columns that `describe_clusters` adds to a table of clusters."""

_EVERY_NEIGHBOUR = np.ones((3, 3, 3), dtype=bool)


def describe_clusters(
    clusters: pd.DataFrame,
    network: NDArray[np.bool_],
    mean_t: NDArray[np.floating],
    atlas: Atlas | None,
    grid: Grid,
    *,
    min_distance: float,
    probability: NDArray[np.floating],
    height: NDArray[np.floating] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complete a table of clusters, and a table of the peaks in them.

    A peak is the cluster's own, or a voxel that no voxel beside it (faces, edges, corners)
    exceeds in probability, nor, where probabilities are equal, in height. Going down from the
    highest, a peak nearer than `min_distance` to one already taken is passed over.

    Parameters
    ----------
    clusters
        What `cluster_table` made of `network` and `probability`.
    network, probability, mean_t
        Volumes of the shape of `grid`: the mask, its probability map, the mean over contrasts
        of t.
    atlas
        Regions on the grid; None where there are none.
    grid
        The voxel grid.
    min_distance
        Smallest distance in mm between two peaks of a cluster.
    height
        As for `cluster_table`; the mean t by default.

    Returns
    -------
    clusters, peaks
        The first with :data:`DESCRIBED_COLUMNS` added, the second with :data:`PEAK_COLUMNS`;
        both with `Atlas.columns` after them.
    """
    labels = grid.flatten(label_clusters(np.asarray(network, dtype=bool))[0])
    height = mean_t if height is None else height
    p, t, high = (
        grid.flatten(values).astype(np.float64) for values in (probability, mean_t, height)
    )
    maxima = _local_maxima(np.asarray(network, dtype=bool), probability, height, grid)
    described, coded, rows = [], [], []
    columns = list(atlas.columns()) if atlas else []
    where = clusters[["peak_x", "peak_y", "peak_z"]].to_numpy(dtype=np.float64)
    for cluster, position in zip(clusters["cluster"], where, strict=True):
        own = _voxel_at(grid, position)
        voxels = np.flatnonzero(labels == labels[own])
        candidates = voxels[maxima[voxels]]
        order = np.lexsort((candidates, -np.nan_to_num(high[candidates]), -p[candidates]))
        peaks = _apart(own, candidates[order], grid, min_distance)
        values = t[voxels]
        mean = float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else np.nan
        described.append((mean, *_named(atlas, own, voxels, grid)))
        coded.append(atlas.labels_at(own) if atlas else {})
        for number, voxel in enumerate(peaks, start=1):
            region = describe_region(atlas, voxel, grid) if atlas else None
            at = grid.positions([voxel])[0]
            row = (int(cluster), number, *at, p[voxel], t[voxel], region)
            labels_there = atlas.labels_at(voxel).values() if atlas else ()
            rows.append((*row, *labels_there))
    extended = clusters.copy()
    for number, column in enumerate(DESCRIBED_COLUMNS):
        extended[column] = [entry[number] for entry in described]
    for column in columns:
        extended[column] = [entry[column] for entry in coded]
    return extended, pd.DataFrame(rows, columns=[*PEAK_COLUMNS, *columns])


def _named(
    atlas: Atlas | None, peak: int, voxels: NDArray[np.intp], grid: Grid
) -> tuple[str | None, str | None, str | None]:
    if atlas is None:
        return None, None, None
    shares = sorted(region_shares(atlas, voxels), key=lambda own: own[0] is None)
    listed = "; ".join(f"{_percent(share)} % {name or 'no region'}" for name, share in shares)
    counts = "; ".join(str(round(share * len(voxels))) for _, share in shares)
    return describe_region(atlas, peak, grid), listed, counts


def _percent(share: float) -> str:
    """Return a share in per cent: two digits, and whole numbers from 10."""
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.2g}"


def _local_maxima(
    network: NDArray[np.bool_],
    probability: NDArray[np.floating],
    height: NDArray[np.floating],
    grid: Grid,
) -> NDArray[np.bool_]:
    """Voxels that none beside them exceeds in probability, then in height; shape (voxels,)."""
    pairs = np.stack(
        [
            grid.flatten(probability)[grid.flatten(network)],
            np.nan_to_num(grid.flatten(height)[grid.flatten(network)]),
        ]
    )
    order = np.lexsort(pairs[::-1])
    # equal pairs share a rank, so that neither of two equal neighbours exceeds the other
    steps = np.concatenate([[0], (np.diff(pairs[:, order], axis=1) != 0).any(axis=0)])
    ranks = np.zeros(grid.n_voxels)
    inside = np.flatnonzero(grid.flatten(network))
    ranks[inside[order]] = 1 + np.cumsum(steps)[: inside.size]
    volume = grid.unflatten(ranks)
    highest = scipy.ndimage.maximum_filter(
        volume, footprint=_EVERY_NEIGHBOUR, mode="constant", cval=0
    )
    result: NDArray[np.bool_] = grid.flatten((volume > 0) & (volume == highest))
    return result


def _apart(first: int, candidates: NDArray[np.intp], grid: Grid, min_distance: float) -> list[int]:
    taken = [first]
    positions = [grid.positions([first])[0]]
    for voxel in candidates:
        position = grid.positions([voxel])[0]
        if min(np.linalg.norm(position - other) for other in positions) >= min_distance - 1e-6:
            taken.append(int(voxel))
            positions.append(position)
    return taken


def _voxel_at(grid: Grid, position: NDArray[np.float64]) -> int:
    inverse = np.linalg.inv(grid.affine)
    index = np.rint(inverse[:3, :3] @ position + inverse[:3, 3]).astype(int)
    return int(np.ravel_multi_index(tuple(index), grid.shape, order="F"))
