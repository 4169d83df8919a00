"""Seed maps of one participant, from all the participant's runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectivity.correlation import LARGEST_R, correlator, fisher_z
from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.kernels.threads import side_by_side
from fcnm_bids.seeds import SeedMatrix, coverage


@dataclass(frozen=True, eq=False)
class ParticipantMaps:
    """Fisher z of every seed at the voxels `index`.

    Parameters
    ----------
    z
        Shape (seeds, voxels); NaN where no run of the participant has signal, and throughout for a
        seed that no run covers.
    clipped
        Shape (seeds, voxels), True where ``|r|`` reached 1 - 1e-7 in a run: the seed is this voxel.
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
        """Shape (seeds,), True where the participant has a map."""
        # the first voxel alone tells most maps
        return np.array(
            [bool(np.isfinite(own[:1]).any() or np.isfinite(own).any()) for own in self.z]
        )


def participant_maps(
    runs: Sequence[ProjectedRun],
    seeds: SeedMatrix,
    *,
    min_coverage: float,
    index: NDArray[np.intp] | None = None,
) -> ParticipantMaps:
    """Map all seeds of a participant and combine the runs.

    Runs (of all sessions) are averaged as Fisher z, weighted by m - 2, since the variance of z
    is 1 / (m - 2) once the intercept has been projected out.

    Parameters
    ----------
    runs
        The participant's projected runs, at least one.
    seeds
        The seeds, on the runs' grid.
    min_coverage
        A run adds nothing to a seed of which a smaller share lies on voxels with signal.
    index
        Voxel numbers, sorted, at which the maps are wanted; all voxels with signal by default.

    Raises
    ------
    ValueError
        A run lies on another grid than the seeds.
    """
    refuse_other_grid(runs, seeds)
    if index is None:
        several = len(runs) > 1
        index = np.unique(np.concatenate([r.index for r in runs])) if several else runs[0].index
    shape = (seeds.weights.shape[0], index.size)
    total = np.empty(shape)
    clipped = np.zeros(shape, dtype=bool)
    shares = np.zeros((len(runs), shape[0]))
    usable = [number for number, run in enumerate(runs) if run.dof > 2]
    # what several runs are weighted with; the maps of one are the participant's
    weight = np.zeros(shape) if len(usable) > 1 else None
    if len(usable) != 1:
        total.fill(0 if usable else np.nan)
    for number, run in enumerate(runs):
        shares[number] = coverage(seeds.weights, run.index)
        enough = np.flatnonzero((shares[number] >= min_coverage) & (shares[number] > 0))
        if number in usable:
            _add_run(run, seeds, enough, index, total, clipped, weight)
    if weight is not None:
        with np.errstate(invalid="ignore", divide="ignore"):
            np.divide(total, weight, out=total)
    return ParticipantMaps(total, clipped, shares, index)


def _add_run(
    run: ProjectedRun,
    seeds: SeedMatrix,
    enough: NDArray[np.intp],
    index: NDArray[np.intp],
    total: NDArray[np.float64],
    clipped: NDArray[np.bool_],
    weight: NDArray[np.float64] | None,
) -> None:
    """Put one run's maps of the seeds `enough` into `total`, or add them with their weight."""
    same = index is run.index
    target = np.arange(index.size) if same else np.searchsorted(index, run.index)
    wanted = np.zeros(run.n_voxels, dtype=bool)
    inside = target < index.size
    wanted[inside] = index[target[inside]] == run.index[inside]
    if weight is None:
        absent, unmapped = np.ones(index.size, dtype=bool), np.ones(len(total), dtype=bool)
        absent[target[wanted]], unmapped[enough] = False, False
        total[unmapped] = np.nan
        total[:, np.flatnonzero(absent)] = np.nan
    if enough.size == 0:
        return
    seeds_of_run = seeds.restrict(run.index)[enough]
    tiles, correlations = correlator(run, seeds_of_run)

    def add(tile: slice) -> None:
        place, keep = target[tile], wanted[tile]
        whole = keep.all()
        if not whole:
            place = place[keep]
        if place.size == 0:
            return
        # without gaps a slice does, which gives views in place of copies
        no_gap = place[-1] - place[0] + 1 == place.size
        to = slice(place[0], place[-1] + 1) if no_gap else place
        for rows, r in correlations(tile):
            own = slice(enough[rows][0], enough[rows][-1] + 1)
            straight = whole and no_gap and weight is None and own.stop - own.start == len(r)
            within = r.min() > -LARGEST_R and r.max() < LARGEST_R
            z = fisher_z(r, out=total[own, to] if straight else None, within=bool(within))
            if not within:
                met = np.abs(r) >= LARGEST_R
                for seed in np.flatnonzero(met.any(axis=1)):
                    clipped[enough[rows][seed], to] |= met[seed][keep]
            if not straight:
                put(enough[rows], to, z if whole else np.compress(keep, z, axis=1))

    def put(some: NDArray[np.intp], to: slice | NDArray[np.intp], z: NDArray[np.float64]) -> None:
        if weight is None:
            for row, seed in enumerate(some):
                total[seed, to] = z[row]
            return
        finite = np.isfinite(z)
        z *= run.dof - 2.0
        z[~finite] = 0.0
        for row, seed in enumerate(some):
            total[seed, to] += z[row]
            weight[seed, to] += (run.dof - 2.0) * finite[row]

    side_by_side(add, tiles)


def refuse_other_grid(runs: Sequence[ProjectedRun], seeds: SeedMatrix) -> None:
    """Refuse runs that are not on the grid of the seeds.

    Raises
    ------
    ValueError
        A run lies on another grid.
    """
    for run in runs:
        difference = seeds.grid.difference(run.grid)
        if difference:
            raise ValueError(f"a run is not on the grid of the seeds: {difference}")
