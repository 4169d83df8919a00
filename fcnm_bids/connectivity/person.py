"""Seed maps of one person, from all the person's runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectivity.correlation import LARGEST_R, correlation_tiles, fisher_z
from fcnm_bids.connectome.projected import ProjectedRun
from fcnm_bids.seeds import SeedMatrix, coverage


@dataclass(frozen=True, eq=False)
class PersonMaps:
    """Fisher z of every seed at the voxels `index`.

    Parameters
    ----------
    z
        Shape (seeds, voxels), float64; NaN where no run of the person has signal, and throughout
        for a seed that no run covers.
    clipped
        Shape (seeds, voxels), True where |r| reached 1 - 1e-7 in a run: the seed is this voxel.
    coverage
        Shape (runs, seeds), share of each seed on voxels with signal.
    index
        Voxel numbers, sorted.
    """

    z: NDArray[np.float64]
    clipped: NDArray[np.bool_]
    coverage: NDArray[np.float64]
    index: NDArray[np.intp]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Shape (seeds,), True where the person has a map."""
        return np.asarray(np.isfinite(self.z).any(axis=1))


def person_maps(
    runs: Sequence[ProjectedRun],
    seeds: SeedMatrix,
    *,
    min_coverage: float,
    index: NDArray[np.intp] | None = None,
) -> PersonMaps:
    """Map all seeds of a person and combine the runs.

    Runs (of all sessions) are averaged as Fisher z, weighted by m - 2, since the variance of z
    is 1 / (m - 2) once the intercept has been projected out.

    Parameters
    ----------
    runs
        The person's projected runs, at least one.
    seeds
        The seeds, on the runs' grid.
    min_coverage
        A run adds nothing to a seed of which a smaller share lies on voxels with signal.
    index
        Voxel numbers, sorted, at which the maps are wanted; all voxels with signal by default.
    """
    if index is None:
        index = np.unique(np.concatenate([run.index for run in runs]))
    shape = (seeds.weights.shape[0], index.size)
    total = np.zeros(shape)
    weight = np.zeros(shape)
    clipped = np.zeros(shape, dtype=bool)
    shares = np.zeros((len(runs), shape[0]))
    for number, run in enumerate(runs):
        shares[number] = coverage(seeds.weights, run.index)
        enough = np.flatnonzero((shares[number] >= min_coverage) & (shares[number] > 0))
        if enough.size == 0 or run.dof <= 2:
            continue
        target = np.searchsorted(index, run.index)
        wanted = np.zeros(run.n_voxels, dtype=bool)
        inside = target < index.size
        wanted[inside] = index[target[inside]] == run.index[inside]
        weights = seeds.restrict(run.index)[enough]
        for tile, r in correlation_tiles(run, weights):
            # a seed whose voxels cancel has no correlation with anything
            r = r[:, wanted[tile]]
            place = np.ix_(enough, target[tile][wanted[tile]])
            finite = np.isfinite(r)
            share = (run.dof - 2.0) * finite
            total[place] += np.where(finite, fisher_z(r), 0.0) * share
            weight[place] += share
            clipped[place] |= np.abs(r) >= LARGEST_R
    with np.errstate(invalid="ignore", divide="ignore"):
        z = total / weight
    return PersonMaps(z, clipped, shares, index)
