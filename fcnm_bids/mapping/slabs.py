"""Slabs of voxels: all participants and seeds are done with one before the next is begun."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectivity import BlockMaps, RunSeeds, n_blocks, participant_seeds
from fcnm_bids.connectome import ProjectedRun
from fcnm_bids.kernels.group_sums import SEEDS_PER_BLOCK
from fcnm_bids.mapping.participants import Participant
from fcnm_bids.seeds import SeedMatrix
from fcnm_bids.stats import (
    N_ROUGHNESS_SUMS,
    VOXELS_PER_SUM,
    BlockMoments,
    HeightControl,
    HeightRule,
    Moments,
    OneSample,
    RoughnessSums,
    TMap,
    block_roughness,
    contrast_mask,
    one_sample,
    residual_lengths,
)

_MOST_OPEN = 500
"""Runs that are kept open, each of which holds a file."""

_RUN_BYTES = 28
"""Of an opened run beside its components, per voxel: number, scale, sums of squares."""


@dataclass(frozen=True)
class Slab:
    """Neighbouring voxels of an analysis.

    Parameters
    ----------
    start, stop
        Places of its first voxel, and behind its last one, among the voxels of the analysis.
    reach
        Place behind the last neighbour of its voxels along +x, +y and +z.
    """

    start: int
    stop: int
    reach: int

    @property
    def voxels(self) -> slice:
        """Places of its voxels."""
        return slice(self.start, self.stop)

    @property
    def with_neighbours(self) -> slice:
        """Places of its voxels and of the neighbours behind them."""
        return slice(self.start, self.reach)


def n_slabs(n_voxels: int, most_voxels: float) -> int:
    """Return the number of slabs of which none holds many more voxels than are allowed.

    A slab holds a multiple of `VOXELS_PER_SUM`, and one of these at least.
    """
    at_once = max(1, int(most_voxels // VOXELS_PER_SUM))
    return max(1, -(-n_voxels // (at_once * VOXELS_PER_SUM)))


def slabs_of(index: NDArray[np.intp], shape: tuple[int, int, int], number: int) -> list[Slab]:
    """Divide the voxels of an analysis into slabs of similar size, of which some may be empty.

    Parameters
    ----------
    index
        Voxel numbers, sorted, shape (V,).
    shape
        Shape of the box that they number.
    number
        Number of slabs.
    """
    parts = -(-index.size // VOXELS_PER_SUM)
    edges = np.ceil(np.arange(number + 1) * parts / number).astype(int) * VOXELS_PER_SUM
    beyond = shape[0] * shape[1]
    found = []
    for start, stop in pairwise(np.minimum(edges, index.size).tolist()):
        last = index[stop - 1] + beyond if stop > start else -1
        reach = int(np.searchsorted(index, last, side="right"))
        found.append(Slab(start, stop, max(stop, reach)))
    return found


class SeededParticipants:
    """Participants with the series of seeds, which are made once for all slabs.

    Runs are kept open, and series in memory, until the memory for them is used up; the others are
    opened anew for each slab, and their series are read from a file.

    Parameters
    ----------
    participants
        The participants.
    seeds, min_coverage
        As for :func:`~fcnm_bids.mapping.network_map.sum_over_participants`.
    memory
        Bytes for runs and series, half of them for each.
    scratch
        Folder for the file; that of the system by default.
    """

    def __init__(
        self,
        participants: Sequence[Participant],
        seeds: SeedMatrix,
        *,
        min_coverage: float,
        memory: float,
        scratch: Path | None = None,
    ) -> None:
        self._participants, self._seeds = participants, seeds
        self._min_coverage = min_coverage
        self._runs: dict[int, Sequence[ProjectedRun]] = {}
        self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - as long as this object
        runs_left = series_left = memory / 2
        n_open = 0
        self._kept: list[list[RunSeeds] | None] = []
        self._stored: list[list[tuple[int, tuple[int, int], NDArray[np.float32]]]] = []
        for number, participant in enumerate(participants):
            runs = participant.open_runs()
            runs_left -= sum(run.values.nbytes + _RUN_BYTES * run.n_voxels for run in runs)
            n_open += len(runs)
            if runs_left > 0 and n_open <= _MOST_OPEN:
                self._runs[number] = runs
            own = participant_seeds(runs, seeds, min_coverage=min_coverage)
            series_left -= sum(of_run.series.nbytes for of_run in own)
            self._kept.append(own if series_left > 0 else None)
            self._stored.append([] if series_left > 0 else [self._write(of_run) for of_run in own])

    def _write(self, own: RunSeeds) -> tuple[int, tuple[int, int], NDArray[np.float32]]:
        place = self._file.tell()
        self._file.write(np.ascontiguousarray(own.series).data)
        return place, (own.series.shape[0], own.series.shape[1]), own.weights

    def _read(self, place: int, shape: tuple[int, int], weights: NDArray[np.float32]) -> RunSeeds:
        self._file.seek(place)
        series = np.frombuffer(self._file.read(8 * shape[0] * shape[1])).reshape(shape)
        return RunSeeds(series, weights)

    def __enter__(self) -> SeededParticipants:
        return self

    def __exit__(self, *_: object) -> None:
        """Give the memory of runs and series back, and remove the file."""
        self._runs.clear()
        self._kept.clear()
        self._file.close()

    def maps(self, number: int, index: NDArray[np.intp]) -> BlockMaps:
        """Return the maps of a participant at some voxels."""
        runs = self._runs.get(number)
        prepared = self._kept[number]
        if prepared is None:
            prepared = [self._read(*stored) for stored in self._stored[number]]
        return BlockMaps(
            self._participants[number].open_runs() if runs is None else runs,
            self._seeds,
            min_coverage=self._min_coverage,
            index=index,
            prepared=prepared,
        )


class ContrastTests:
    """The t tests of many contrasts, slab by slab, and their thresholds.

    Parameters
    ----------
    n_contrasts
        Number of contrasts, C.
    index, shape
        Voxel numbers of the analysis, shape (V,), and the shape of the box that they number.
    rule
        How a t map is thresholded, without maps of participants.
    """

    def __init__(
        self,
        n_contrasts: int,
        index: NDArray[np.intp],
        shape: tuple[int, int, int],
        rule: HeightRule,
    ) -> None:
        self._index, self._shape, self._rule = index, shape, rule
        n_parts = -(-index.size // VOXELS_PER_SUM)
        self._t, self._mean = np.empty((2, n_contrasts, index.size), np.float32)
        self._least_df = np.full(n_contrasts, np.iinfo(np.int32).max, np.int32)
        self._df = None
        if rule.needs.needs_df:
            self._df = np.empty((n_contrasts, index.size), np.int32)
        self._sums = np.zeros((n_contrasts, n_parts, N_ROUGHNESS_SUMS))
        self._n_participants = np.zeros(n_contrasts, np.int64)
        self._clipped: list[list[NDArray[np.intp]]] = [[] for _ in range(n_contrasts)]

    @staticmethod
    def bytes_per_voxel(control: HeightControl) -> int:
        """Return the bytes of a contrast's test at a voxel."""
        return 8 + 4 * control.needs_df

    def add(self, moments: Moments, slab: Slab) -> None:
        """Test all contrasts at the voxels of a slab."""
        n_rows, n_voxels = slab.reach - slab.start, slab.stop - slab.start
        if n_voxels == 0:
            return
        length = np.empty((n_rows, SEEDS_PER_BLOCK))
        usable = np.empty(length.shape, dtype=bool)
        first_part = slab.start // VOXELS_PER_SUM
        for number in range(n_blocks(moments.n_contrasts)):
            start = number * SEEDS_PER_BLOCK
            rows = slice(start, min(start + SEEDS_PER_BLOCK, moments.n_contrasts))
            # some voxels at a time, so that a core's cache holds what is made of them
            for first in range(0, n_rows, VOXELS_PER_SUM):
                part = slice(first, min(first + VOXELS_PER_SUM, n_rows))
                block = moments.block(number, part)
                test = one_sample(block, min_subjects=self._rule.min_subjects)
                if block.products is not None:
                    length[part], usable[part], _ = residual_lengths(block, test.tested)
                if first < n_voxels:
                    own = slice(min(part.stop, n_voxels) - first)
                    self._keep(test, block, rows, own, slab.start + first)
            if block.products is not None:
                sums = block_roughness(block, length, usable)[:, :, : rows.stop - rows.start]
                parts = slice(first_part, first_part + len(sums))
                self._sums[rows, parts] = np.moveaxis(sums, 2, 0)

    def _keep(
        self, test: OneSample, block: BlockMoments, rows: slice, own: slice, place: int
    ) -> None:
        """Keep the tests of a block of contrasts at some voxels, of which the first has a place."""
        lanes, voxels = slice(rows.stop - rows.start), slice(place, place + own.stop)
        self._t[rows, voxels] = test.t[own, lanes].T
        self._mean[rows, voxels] = test.mean[own, lanes].T
        largest = np.iinfo(np.int32).max
        df = np.where(test.tested[own, lanes], test.df[own, lanes], largest)
        np.minimum(self._least_df[rows], df.min(axis=0, initial=largest), out=self._least_df[rows])
        if self._df is not None:
            self._df[rows, voxels] = test.df[own, lanes].T
        self._n_participants[rows] = block.n_participants[lanes]
        clipped_in = block.clipped_in[own, lanes]
        for lane in np.flatnonzero(clipped_in.any(axis=0)).tolist():
            self._clipped[rows.start + lane].append(place + np.flatnonzero(clipped_in[:, lane]))

    def thresholded(
        self, number: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float32]]:
        """Return the significant voxels of a contrast, those at which it counts, and its mean z."""
        t, mean = self._t[number], self._mean[number]
        tested = np.isfinite(t)
        df = np.broadcast_to(self._least_df[number], t.shape)
        result = TMap(t, mean, df if self._df is None else self._df[number], tested)
        sums = RoughnessSums(
            self._sums[number], int(self._n_participants[number]), self._index, self._shape
        )
        mask = contrast_mask(result, sums, self._rule)
        counted = tested.copy()
        if mask.n_tested:
            for places in self._clipped[number]:
                counted[places] = True
        return mask.significant, counted, mean
