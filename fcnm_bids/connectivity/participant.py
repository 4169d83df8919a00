"""Seed maps of one participant, from all the participant's runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from fcnm_bids.connectivity.correlation import LARGEST_R, correlator, fisher_z
from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.seeds import SeedMatrix, coverage


@dataclass(frozen=True, eq=False)
class ParticipantMaps:
    """Fisher z of every seed at the voxels `index`.

    Parameters
    ----------
    z
        Shape (seeds, voxels), float64; NaN where no run of the participant has signal, and
        throughout for a seed that no run covers.
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
        return np.asarray(np.isfinite(self.z).any(axis=1))


def participant_maps(
    runs: Sequence[ProjectedRun],
    seeds: SeedMatrix,
    *,
    min_coverage: float,
    index: NDArray[np.intp] | None = None,
    out: NDArray[np.float64] | None = None,
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
    out
        Receives the maps, shape (seeds, voxels); a new array by default.

    Raises
    ------
    ValueError
        A run lies on another grid than the seeds.
    """
    for run in runs:
        difference = seeds.grid.difference(run.grid)
        if difference:
            raise ValueError(f"a run is not on the grid of the seeds: {difference}")
    if index is None:
        several = len(runs) > 1
        index = np.unique(np.concatenate([r.index for r in runs])) if several else runs[0].index
    shape = (seeds.weights.shape[0], index.size)
    total = np.empty(shape) if out is None else out
    clipped = np.zeros(shape, dtype=bool)
    shares = np.zeros((len(runs), shape[0]))
    # what several runs are weighted with; the maps of one are the participant's
    several = sum(run.dof > 2 for run in runs) > 1
    weight = np.zeros(shape) if several else None
    total.fill(np.nan if weight is None else 0)
    for number, run in enumerate(runs):
        shares[number] = coverage(seeds.weights, run.index)
        enough = np.flatnonzero((shares[number] >= min_coverage) & (shares[number] > 0))
        if enough.size == 0 or run.dof <= 2:
            continue
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
    target = np.searchsorted(index, run.index)
    wanted = np.zeros(run.n_voxels, dtype=bool)
    inside = target < index.size
    wanted[inside] = index[target[inside]] == run.index[inside]
    tiles, correlations = correlator(run, seeds.restrict(run.index)[enough])

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
            put(enough[rows], to, r if whole else np.compress(keep, r, axis=1))

    def put(some: NDArray[np.intp], to: slice | NDArray[np.intp], r: NDArray[np.float64]) -> None:
        if not (r.min() > -LARGEST_R and r.max() < LARGEST_R):
            # a seed met itself, or has no correlation with anything: its voxels cancel
            hit = np.abs(r) >= LARGEST_R
            for row, seed in enumerate(some):
                clipped[seed, to] |= hit[row]
        z = fisher_z(r, out=r)
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

    _side_by_side(add, tiles)


@cache
def _blas() -> ThreadpoolController:
    """Find the libraries of BLAS, once: it takes longer than the maps of a small run."""
    return ThreadpoolController().select(user_api="blas")


def _side_by_side(work: Callable[[slice], None], tiles: Sequence[slice]) -> None:
    """Work on tiles with as many threads as BLAS may use, each a thread of BLAS by itself.

    A tile's product is too small to be shared among threads: they would wait for each other
    longer than they compute.
    """
    blas = _blas()
    threads = max((library["num_threads"] for library in blas.info()), default=1)
    if threads == 1:
        for tile in tiles:
            work(tile)
        return
    with blas.limit(limits=1), ThreadPoolExecutor(threads, "tiles") as pool:
        for _ in pool.map(work, tiles):
            pass
