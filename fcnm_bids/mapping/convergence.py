"""Convergence without a threshold: the mean z of contrasts, away from their own seeds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy
from numpy.typing import NDArray

from fcnm_bids.seeds import SeedMatrix, sphere_seeds

OWN_SEED_MM = 10.0
"""Voxels at most this far from a contrast's own foci are not counted for the contrast."""


def near_own_seed(
    seeds: SeedMatrix, index: NDArray[np.intp], distance: float = OWN_SEED_MM
) -> NDArray[np.bool_]:
    """Mark voxels near a contrast's own foci, or near the voxels of its mask.

    Parameters
    ----------
    seeds
        One row per contrast.
    index
        Voxel numbers, sorted, shape (V,).
    distance
        In mm; a squared distance of up to 1e-3 mm2 more counts as near.

    Returns
    -------
    near
        Shape (contrasts, V).
    """
    near = np.zeros((len(seeds.contrasts), index.size), dtype=bool)
    spheres = sphere_seeds(seeds.contrasts, seeds.grid, radius=distance, sphere="mm")
    near[spheres.weights[:, index].nonzero()] = True
    masks = [row for row, contrast in enumerate(seeds.contrasts) if not contrast.foci]
    positions = seeds.grid.positions(index) if masks else np.empty((0, 3))
    for row in masks:
        own = seeds.weights[[row]].nonzero()[1]
        if own.size:
            apart, _ = scipy.spatial.KDTree(seeds.grid.positions(own)).query(positions)
            near[row] = apart**2 <= distance**2 + 1e-3
    return near


def convergence_map(
    means: Iterable[NDArray[np.float64]],
    near: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Average the mean z of contrasts over those that have no own focus nearby.

    Without this rule the largest values of maps lie near their own seeds, whatever these are, and
    hide convergence elsewhere (after Cash et al. 2023, doi:10.1038/s44220-023-00038-8).

    Parameters
    ----------
    means
        Mean Fisher z over participants of every contrast in the count, each of shape (V,).
    near
        Where a contrast is not counted, shape (contrasts, V).
    weights
        Weight of each contrast, as for the probability map; None for equal ones.

    Returns
    -------
    convergence
        Shape (V,); NaN where fewer than half of the contrasts are counted, or one of those that
        are has no value.
    """
    total, share = np.zeros(near.shape[1]), np.zeros(near.shape[1])
    times = np.zeros(near.shape[1], dtype=np.intp)
    for number, mean in enumerate(means):
        counts = ~near[number]
        weight = 1.0 if weights is None else float(weights[number])
        total += np.where(counts, weight * mean, 0)
        share += weight * counts
        times += counts
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(2 * times >= max(1, len(near)), total / share, np.nan)
