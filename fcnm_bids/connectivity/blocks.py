"""Seed maps of one participant in single precision, for blocks of 16 seeds side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectivity.correlation import LARGEST_R, band_series, fisher_z, in_sixteens
from fcnm_bids.connectivity.participant import refuse_other_grid
from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.kernels.energies import kept_columns
from fcnm_bids.kernels.group_sums import (
    SEEDS_PER_BLOCK,
    VOXELS_PER_CALL,
    correlate,
)
from fcnm_bids.kernels.threads import side_by_side
from fcnm_bids.seeds import SeedMatrix, coverage

_NEAR_ONE = 0.95
"""Above it z would show the rounding of float32: by 3e-6 here, by more nearer to 1."""

BLOCKS_AT_ONCE = 4
"""Blocks that are mapped together: the series of a tile of voxels are scaled once for all."""

Clipped = dict[int, list[NDArray[np.intp]]]
"""Places of the voxels at which the correlation of a seed was clipped, by seed."""


def n_blocks(n_seeds: int) -> int:
    """Return the number of blocks that hold so many seeds."""
    return -(-n_seeds // SEEDS_PER_BLOCK)


@dataclass(frozen=True, eq=False)
class RunSeeds:
    """The seeds of a run.

    Parameters
    ----------
    series
        Series of the seeds in the dimensions that the strategy leaves, of unit length, shape
        (seeds, m); 0 for a seed that is not covered.
    weights
        Weight of the run for each seed, shape (blocks, 16); 0 for a seed that is not covered, 1
        behind the last seed.
    """

    series: NDArray[np.float64]
    weights: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _PreparedRun:
    """A run and its seeds, at the voxels of the maps.

    Parameters
    ----------
    seeds
        The seeds.
    columns
        Columns of unit length in the dimensions that the strategy leaves, shape (m, voxels).
    values, factors
        Columns in the band, shape (m_b, voxels), and what makes them of unit length when denoised.
    kept
        Basis of these dimensions; None for the whole band.
    place
        Row of each voxel in the maps, shape (voxels,); -1 for none.
    """

    seeds: RunSeeds
    columns: NDArray[np.float32]
    values: NDArray[Any]
    factors: NDArray[np.float64]
    kept: NDArray[np.float64] | None
    place: NDArray[np.int32]


class BlockMaps:
    """Fisher z of blocks of seeds in one participant, all runs combined.

    The estimator is that of :func:`~fcnm_bids.connectivity.participant.participant_maps`. Products
    are in single precision, but for correlations beyond 0.95: Fisher's transform multiplies the
    rounding of r by 1 / (1 - r^2). A seed's values depend neither on the other seeds nor on the
    tiles of voxels, to the bit.

    Parameters
    ----------
    runs
        The participant's projected runs, at least one.
    seeds
        The seeds, on the runs' grid.
    min_coverage
        A run adds nothing to a seed of which a smaller share lies on voxels with signal.
    index
        Voxel numbers, sorted, at which the maps are wanted.
    prepared
        What `participant_seeds` gave of these runs and seeds already.

    Attributes
    ----------
    has_map
        Whether any run covers a seed, shape (seeds,).

    Raises
    ------
    ValueError
        A run lies on another grid than the seeds.
    """

    def __init__(
        self,
        runs: Sequence[ProjectedRun],
        seeds: SeedMatrix,
        *,
        min_coverage: float,
        index: NDArray[np.intp],
        prepared: Sequence[RunSeeds] | None = None,
    ) -> None:
        refuse_other_grid(runs, seeds)
        self._n_voxels = index.size
        if prepared is None:
            prepared = participant_seeds(runs, seeds, min_coverage=min_coverage)
        own = zip(_enough(runs), prepared, strict=True)
        self._runs = [_prepared(run, of_run, index) for run, of_run in own]
        self.has_map = np.zeros(len(seeds.contrasts), dtype=bool)
        for of_run in prepared:
            self.has_map |= of_run.weights.reshape(-1)[: self.has_map.size] > 0

    def fill(self, blocks: slice, maps: NDArray[np.float32]) -> Clipped:
        """Map some blocks of seeds.

        Parameters
        ----------
        blocks
            The blocks.
        maps
            Receives Fisher z, shape (blocks, voxels, 16); NaN where no run of the participant has
            signal, and throughout for a seed that no run covers.

        Returns
        -------
        clipped
            Where ``|r|`` reached 1 - 1e-7 in a run: the seed is this voxel.
        """
        if not self._runs:
            maps.fill(np.nan)
            return {}
        if len(self._runs) > 1:
            maps.fill(0)
        clipped: Clipped = {}
        for own in self._runs:
            self._add(own, blocks, maps, clipped)
        if len(self._runs) > 1:
            self._divide(blocks, maps)
            return clipped
        (only,) = self._runs
        absent = np.ones(self._n_voxels, dtype=bool)
        absent[only.place[only.place >= 0]] = False
        maps[:, absent] = np.nan
        for block, seed in zip(*np.nonzero(only.seeds.weights[blocks] == 0), strict=True):
            maps[block, :, seed] = np.nan
        return clipped

    def _divide(self, blocks: slice, maps: NDArray[np.float32]) -> None:
        """Divide weighted sums by the weights of the runs that have signal."""
        rows = [own.place[own.place >= 0] for own in self._runs]
        for number, block in enumerate(range(blocks.start, blocks.stop)):
            weight = np.zeros(maps.shape[1:], np.float32)
            for own, place in zip(self._runs, rows, strict=True):
                weight[place] += own.seeds.weights[block]
            with np.errstate(invalid="ignore", divide="ignore"):
                np.divide(maps[number], weight, out=maps[number])

    def _add(
        self, own: _PreparedRun, blocks: slice, maps: NDArray[np.float32], clipped: Clipped
    ) -> None:
        """Add the weighted maps of one run, or set them if it is the only one."""
        weights = own.seeds.weights[blocks]
        rows = slice(blocks.start * SEEDS_PER_BLOCK, blocks.stop * SEEDS_PER_BLOCK)
        exact = own.seeds.series[rows]
        m, n_voxels = own.columns.shape
        series = np.zeros((len(weights) * SEEDS_PER_BLOCK, m), np.float32)
        series[: len(exact)] = exact
        series = np.ascontiguousarray(
            series.reshape(len(weights), SEEDS_PER_BLOCK, -1).swapaxes(1, 2)
        )
        factors = np.ones(n_voxels, np.float32)

        def add(voxels: slice) -> None:
            near = correlate(
                own.columns,
                voxels,
                factors,
                series,
                weights,
                own.place,
                maps,
                add=len(self._runs) > 1,
                limit=_NEAR_ONE,
            )
            if len(near) == 0:
                return
            block, voxel, lane = near.T
            seed, place = block * SEEDS_PER_BLOCK + lane, own.place[voxel]
            which, number = np.unique(seed, return_inverse=True)
            columns = own.values[:, voxel].T.astype(np.float64, order="C")
            columns *= _in_band(exact[which], own.kept)[number]
            r = columns.sum(axis=1) * own.factors[voxel]
            maps[block, place, lane] += weights[block, lane] * fisher_z(r).astype(np.float32)
            met = np.abs(r) >= LARGEST_R
            for one in np.unique(seed[met]).tolist():
                there = place[met & (seed == one)].astype(np.intp)
                clipped.setdefault(rows.start + one, []).append(there)

        side_by_side(add, _calls(n_voxels))


def _in_band(series: NDArray[np.float64], kept: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return series in the band that are given in the dimensions that a strategy leaves."""
    return series if kept is None else in_sixteens(lambda some: kept.T @ some, series)


def _calls(n_voxels: int) -> list[slice]:
    """Divide voxels among calls of the compiled functions."""
    starts = range(0, n_voxels, VOXELS_PER_CALL)
    return [slice(i, min(i + VOXELS_PER_CALL, n_voxels)) for i in starts]


def _enough(runs: Sequence[ProjectedRun]) -> list[ProjectedRun]:
    """Return the runs with enough degrees of freedom for a correlation."""
    return [run for run in runs if run.dof > 2]


def participant_seeds(
    runs: Sequence[ProjectedRun], seeds: SeedMatrix, *, min_coverage: float
) -> list[RunSeeds]:
    """Return the seeds of each run of a participant that has enough degrees of freedom.

    Parameters
    ----------
    runs, seeds, min_coverage
        As for `BlockMaps`.
    """
    usable = _enough(runs)
    return [_run_seeds(run, seeds, min_coverage, len(usable) > 1) for run in usable]


def _run_seeds(
    run: ProjectedRun, seeds: SeedMatrix, min_coverage: float, is_one_of_several: bool
) -> RunSeeds:
    n_seeds = len(seeds.contrasts)
    share = coverage(seeds.weights, run.index)
    enough = np.flatnonzero((share >= min_coverage) & (share > 0))
    found, kept = band_series(run, seeds.restrict(run.index)[enough]), run.kept_dimensions
    if kept is not None:
        found = in_sixteens(lambda some: kept @ some, found)
    length = np.sqrt(np.einsum("ij,ij->i", found, found))
    series = np.zeros((n_seeds, found.shape[1]))
    series[enough[length > 0]] = found[length > 0] / length[length > 0, None]
    weights = np.ones(n_blocks(n_seeds) * SEEDS_PER_BLOCK, np.float32)
    weights[:n_seeds] = 0
    weights[enough[length > 0]] = run.dof - 2.0 if is_one_of_several else 1.0
    return RunSeeds(series, weights.reshape(-1, SEEDS_PER_BLOCK))


def _prepared(run: ProjectedRun, seeds: RunSeeds, index: NDArray[np.intp]) -> _PreparedRun:
    """Prepare one run at the voxels of the maps, which may be a slab of its own."""
    first, last = 0, 0
    if index.size:
        first = int(np.searchsorted(run.index, index[0]))
        last = int(np.searchsorted(run.index, index[-1], side="right"))
    slab = slice(first, last)
    place = np.searchsorted(index, run.index[slab])
    inside = index[place] == run.index[slab]
    length = run.lengths[slab]
    inside &= length > 0
    factors = np.zeros(place.size)
    factors[inside] = 1 / length[inside]
    values = np.ascontiguousarray(run.values[:, slab])
    kept = run.kept_dimensions
    columns = np.empty((len(values) if kept is None else len(kept), place.size), np.float32)
    if kept is None:
        np.multiply(values, factors, out=columns, casting="same_kind")
    else:
        side_by_side(
            lambda voxels: kept_columns(values, voxels, kept, factors, columns),
            _calls(place.size),
        )

    rows = np.where(inside, place, -1).astype(np.int32)
    return _PreparedRun(seeds, columns, values, factors, kept, rows)


@dataclass(frozen=True, eq=False)
class MappedBlock:
    """The maps of one block of seeds in a group of participants.

    Parameters
    ----------
    number
        Number of the block.
    seeds
        Its seeds.
    z
        Fisher z, shape (participants, voxels, 16), as `BlockMaps.fill` gives it.
    clipped
        What was clipped, of each participant.
    """

    number: int
    seeds: range
    z: NDArray[np.float32]
    clipped: Sequence[Clipped]


def map_buffer(n_participants: int, n_seeds: int, n_voxels: int) -> NDArray[np.float32]:
    """Return the memory that `mapped_blocks` works in."""
    shape = n_participants, min(BLOCKS_AT_ONCE, n_blocks(n_seeds)), n_voxels, SEEDS_PER_BLOCK
    return np.empty(shape, np.float32)


def mapped_blocks(
    participants: Sequence[BlockMaps], n_seeds: int, buffer: NDArray[np.float32]
) -> Iterator[MappedBlock]:
    """Map the blocks of seeds in a group of participants; a block's maps last until the next one.

    Parameters
    ----------
    participants
        The participants, no more than the buffer is for.
    n_seeds
        Number of all seeds.
    buffer
        As `map_buffer` returns it.
    """
    at_once = max(1, buffer.shape[1])
    for first in range(0, n_blocks(n_seeds), at_once):
        blocks = slice(first, min(first + at_once, n_blocks(n_seeds)))
        maps = buffer[: len(participants), : blocks.stop - first]
        clipped = [own.fill(blocks, to) for own, to in zip(participants, maps, strict=True)]
        for number in range(blocks.start, blocks.stop):
            start = number * SEEDS_PER_BLOCK
            seeds = range(start, min(start + SEEDS_PER_BLOCK, n_seeds))
            in_block = [{seed: own[seed] for seed in seeds if seed in own} for own in clipped]
            yield MappedBlock(number, seeds, maps[:, number - first], in_block)
