"""Sums over participants from which every group statistic follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.kernels import group_sums
from fcnm_bids.kernels.group_sums import N_PRODUCTS, SEEDS_PER_BLOCK
from fcnm_bids.kernels.threads import n_threads, side_by_side

PARTICIPANTS_AT_ONCE = 8
"""Participants whose maps are added together."""

NEIGHBOUR_PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
"""Neighbour products kept; 0 is the voxel, 1, 2, 3 its forward neighbour along x, y, z."""


def forward_neighbours(index: NDArray[np.intp], shape: tuple[int, int, int]) -> NDArray[np.intp]:
    """Return the place of the next voxel along each axis in a list of voxels.

    Parameters
    ----------
    index
        Sorted voxel numbers (Fortran order), shape (V,).
    shape
        Shape of the box that they number.

    Returns
    -------
    neighbours
        Shape (3, V): positions within `index` of the neighbours at +x, +y and +z; -1 where
        that neighbour is outside the box or not in the list.
    """
    index = np.asarray(index, dtype=np.intp)
    place = np.full(int(np.prod(shape)), -1, dtype=np.intp)
    place[index] = np.arange(index.size)
    neighbours = np.full((3, index.size), -1, dtype=np.intp)
    stride = 1
    for axis, length in enumerate(shape):
        inside = np.flatnonzero(index // stride % length < length - 1)
        neighbours[axis, inside] = place[index[inside] + stride]
        stride *= length
    return neighbours


@dataclass(frozen=True, eq=False)
class CovariateSums:
    """Terms that a model with covariates needs beyond the sums of one contrast.

    Parameters
    ----------
    products
        Sums over participants of covariate times z, shape (covariates, V).
    gram
        X'X over the participants with a map, X being the intercept and the covariates, shape (p,
        p).
    lacking
        Row of `lacking_gram` of each voxel at which somebody has no value, -1 elsewhere,
        shape (V,).
    lacking_gram
        Upper triangles of X'X over the participants without a value there, shape (rows, p (p + 1) /
        2).
    """

    products: NDArray[np.float64]
    gram: NDArray[np.float64]
    lacking: NDArray[np.int32]
    lacking_gram: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ContrastMoments:
    """The sums of one contrast's maps over participants.

    Parameters
    ----------
    n
        Number of participants with a value, shape (V,).
    total, square
        Sums of z and of its square, shape (V,).
    clipped_in
        Voxels whose correlation was clipped in anybody, shape (V,).
    products
        Sums over participants of products of neighbours about their means, shape (6, V): voxel with
        its +x, +y, +z neighbour, then x with y, x with z, y with z; 0 where a neighbour is not in
        the analysis or where somebody who has the map lacks a value at one of the two. None where
        they were not kept.
    n_participants
        Number of participants who have a map of this contrast at all.
    n_added
        Number of participants there are, with a map of this contrast or without.
    index
        Sorted voxel numbers (Fortran order), shape (V,).
    shape
        Shape of the box that they number.
    covariates
        Their sums; None for a model without covariates.
    """

    n: NDArray[np.int32]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    clipped_in: NDArray[np.bool_]
    products: NDArray[np.float64] | None
    n_participants: int
    n_added: int
    index: NDArray[np.intp]
    shape: tuple[int, int, int]
    covariates: CovariateSums | None = None


@dataclass(frozen=True, eq=False)
class BlockMoments:
    """The sums of a block of 16 contrasts side by side, as `ContrastMoments` has those of one.

    The rows are the summed voxels and, behind them, neighbours of theirs.

    Parameters
    ----------
    n, total, square, clipped_in
        Shape (rows, 16).
    products
        Gives those of a slice of the voxels, shape (voxels chosen, 6, 16); None where they were not
        kept.
    n_voxels
        Number of summed voxels.
    n_participants
        Shape (16,); 0 behind the last contrast.
    n_added
        All participants.
    neighbours
        Row of the next voxel along each axis, shape (3, rows), the number of rows for none; None
        without products.
    covariates
        None: a model with covariates is that of one contrast.
    """

    n: NDArray[np.int32]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    clipped_in: NDArray[np.bool_]
    products: Callable[[slice], NDArray[np.float64]] | None
    n_voxels: int
    n_participants: NDArray[np.int64]
    n_added: int
    neighbours: NDArray[np.int32] | None
    covariates: None = None


def bytes_of_sums(*, smoothness: bool, n_covariates: int) -> int:
    """Return the most bytes that `Moments` takes per contrast and voxel, of full blocks."""
    model = 8 * n_covariates + 4 + 4 * (n_covariates + 1) * (n_covariates + 2)
    return 24 + 4 * N_PRODUCTS * smoothness + model * (n_covariates > 0)


class Moments:
    """Sums over participants of many contrasts' maps; memory does not grow with the participants.

    Contrasts are held in blocks of 16. Maps are added in groups of up to `PARTICIPANTS_AT_ONCE`:
    over a group in single precision, over groups in float64 (products of neighbours, from which the
    smoothness comes, in single precision). What is summed is the deviation from a value near the
    mean, so that the rounding of a product is small beside the variance even where the mean is
    large.

    Floating-point sums depend on their order and groups. Participants are added in one fixed order,
    in groups of `PARTICIPANTS_AT_ONCE` and a last one of the rest.

    Parameters
    ----------
    n_contrasts
        Number of maps per participant, C.
    index
        Sorted voxel numbers (Fortran order), shape (V,).
    shape
        Shape of the box that they number.
    smoothness
        Whether to keep the products of neighbouring voxels that
        :func:`~fcnm_bids.stats.smoothness.estimate_smoothness` needs.
    n_covariates
        Number of covariates that come with each participant.
    n_summed
        Number of voxels, from the first one on, whose products of neighbours are wanted: the others
        are neighbours of theirs. All by default.

    Attributes
    ----------
    n_participants
        Participants who have a map of each contrast, shape (C,).
    n_added
        All participants.
    """

    def __init__(
        self,
        n_contrasts: int,
        index: NDArray[np.intp],
        shape: tuple[int, int, int],
        *,
        smoothness: bool,
        n_covariates: int = 0,
        n_summed: int | None = None,
    ) -> None:
        self.index = np.asarray(index, dtype=np.intp)
        self.shape = shape
        self.n_summed = self.index.size if n_summed is None else n_summed
        if self.index.size and (np.diff(self.index) <= 0).any():
            raise ValueError("voxel numbers are sorted, each of them once")
        n_voxels, n_blocks = self.index.size, -(-n_contrasts // SEEDS_PER_BLOCK)
        size = (n_blocks, n_voxels, SEEDS_PER_BLOCK)
        self.n_contrasts = n_contrasts
        self.n_participants = np.zeros(n_contrasts, dtype=np.int64)
        self.n_added = 0
        self._lacking = np.zeros(size, dtype=np.int32)
        self._centre = np.zeros(size, dtype=np.float32)
        self._has_unset = [True] * n_blocks
        # of deviations and of their squares; of products of neighbours
        self._sums = np.zeros((n_blocks, n_voxels, 2, SEEDS_PER_BLOCK))
        self._products, self._neighbours = None, None
        if smoothness:
            shape_of_products = (n_blocks, self.n_summed, N_PRODUCTS, SEEDS_PER_BLOCK)
            self._products = np.zeros(shape_of_products, dtype=np.float32)
            self._neighbours = neighbour_rows(self.index, shape)
        self._deviations = np.zeros((0, n_voxels + 1, SEEDS_PER_BLOCK), dtype=np.float32)
        self._clipped: list[list[NDArray[np.intp]]] = [[] for _ in range(n_contrasts)]
        self._models = [
            _ModelSums(n_covariates, n_voxels) for _ in range(n_contrasts * (n_covariates > 0))
        ]
        self.n_covariates = n_covariates
        self._block: tuple[int, BlockMoments] | None = None
        self._comoments: tuple[int, NDArray[np.float64]] | None = None

    def add(
        self,
        z: NDArray[np.floating],
        clipped: NDArray[np.bool_],
        covariates: NDArray[np.float64] | None = None,
    ) -> None:
        """Add one participant, as a group of its own.

        Parameters
        ----------
        z
            Fisher z, shape (C, V); NaN where the participant has no value.
        clipped
            Where the correlation was clipped before its transform, shape (C, V).
        covariates
            The participant's covariates, shape (k,).
        """
        self.add_participants(z[None], [clipped], None if covariates is None else covariates[None])

    def add_participants(
        self,
        z: NDArray[np.floating],
        clipped: Sequence[NDArray[np.bool_]],
        covariates: NDArray[np.float64] | None = None,
    ) -> None:
        """Add a group of participants.

        Parameters
        ----------
        z
            Fisher z, shape (participants, C, V); NaN where a participant has no value.
        clipped
            Where the correlation was clipped before its transform, shape (C, V) each.
        covariates
            Shape (participants, k).

        Raises
        ------
        ValueError
            The maps or the covariates have another shape.
        """
        expected = (self.n_contrasts, self.index.size)
        shapes = {z.shape[1:], *(own.shape for own in clipped)}
        if shapes != {expected} or len(clipped) != len(z):
            raise ValueError(f"maps of shape {z.shape[1:]} instead of {expected}")
        for block in range(len(self._sums)):
            own = z[:, block * SEEDS_PER_BLOCK : (block + 1) * SEEDS_PER_BLOCK]
            maps = np.zeros((len(z), self.index.size, SEEDS_PER_BLOCK), np.float32)
            maps[:, :, : own.shape[1]] = own.swapaxes(1, 2)
            self.add_block(block, maps, covariates)
        self.clip(
            [
                {
                    contrast: [np.flatnonzero(where[contrast])]
                    for contrast in np.flatnonzero(where.any(axis=1)).tolist()
                }
                for where in clipped
            ]
        )
        self.end_group(len(z))

    def add_block(
        self,
        block: int,
        maps: NDArray[np.float32],
        covariates: NDArray[np.float64] | None = None,
        present: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.bool_]:
        """Add the maps of one block of contrasts of a group of participants.

        Parameters
        ----------
        block
            Number of the block.
        maps
            Fisher z, shape (participants, V, 16), those of a participant contiguous; NaN where
            there is no value, and any value behind the last contrast.
        covariates
            Shape (participants, k).
        present
            Who has a map of which contrast, shape (participants, contrasts of the block); by
            default those who have a value at any voxel.

        Returns
        -------
        present
            The same.

        Raises
        ------
        ValueError
            The covariates have another shape.
        """
        design = np.ones((len(maps), self.n_covariates + 1))
        if self.n_covariates:
            if covariates is None or covariates.shape != (len(maps), self.n_covariates):
                raise ValueError(f"{self.n_covariates} covariates are needed with each participant")
            design[:, 1:] = covariates
        contrasts = slice(
            block * SEEDS_PER_BLOCK, min((block + 1) * SEEDS_PER_BLOCK, self.n_contrasts)
        )
        n_lanes = contrasts.stop - contrasts.start
        centre, lacking = self._centre[block], self._lacking[block]
        if self._has_unset[block]:
            # nobody had a value there so far
            unset = lacking[:, :n_lanes] == self.n_participants[contrasts].astype(np.int32)
            self._has_unset[block] = bool(unset.any())
            mean = group_sums.mean_map(maps)
            np.copyto(centre[:, :n_lanes], mean[:, :n_lanes], where=unset)
        if len(self._deviations) < len(maps):
            self._deviations = np.zeros((len(maps), *self._deviations.shape[1:]), np.float32)
        deviations = self._deviations[: len(maps)]
        found = np.stack(
            [
                group_sums.subtract_centre(own, centre, to[:-1], lacking)
                for own, to in zip(maps, deviations, strict=True)
            ]
        )
        present = (found > 0 if present is None else present)[:, :n_lanes]
        # who has no map of a contrast lacks no voxel of it
        for lane in np.flatnonzero(~present.all(axis=0)):
            lacking[:, lane] -= np.int32((~present[:, lane]).sum())
        self.n_participants[contrasts] += present.sum(axis=0)
        sums = self._sums[block]
        products = None if self._products is None else self._products[block]
        side_by_side(
            lambda voxels: group_sums.add_group(
                deviations, voxels, self._neighbours, sums, products
            ),
            _parts(self.n_summed),
        )
        if self.n_summed < self.index.size:
            around = slice(self.n_summed, self.index.size)
            group_sums.add_group(deviations, around, None, sums, None)
        for number, model in enumerate(self._models[contrasts]):
            for row in np.flatnonzero(present[:, number]):
                values = maps[row, :, number].astype(np.float64)
                there = np.isfinite(values)
                model.add(np.where(there, values, 0), there, design[row])
        self._block = self._comoments = None
        return present

    def clip(self, clipped: Sequence[Mapping[int, Sequence[NDArray[np.intp]]]]) -> None:
        """Note where correlations were clipped.

        Parameters
        ----------
        clipped
            For each participant, places of V by contrast; contrasts that are not summed here are
            left out.
        """
        for own in clipped:
            for contrast, voxels in own.items():
                if contrast < self.n_contrasts:
                    self._clipped[contrast].extend(voxels)

    def end_group(self, n_participants: int) -> None:
        """Count the participants of a group, after all of its blocks."""
        self.n_added += n_participants
        self._deviations = self._deviations[:0].copy()

    def release(self) -> None:
        """Give back the memory that `contrast` takes beside the sums."""
        self._block = self._comoments = None

    def block(self, number: int, rows: slice | None = None) -> BlockMoments:
        """Return the sums of a block of 16 contrasts, in some rows; in all by default."""
        rows = rows or slice(0, self.index.size)
        contrasts = slice(number * SEEDS_PER_BLOCK, (number + 1) * SEEDS_PER_BLOCK)
        n_participants = np.zeros(SEEDS_PER_BLOCK, dtype=np.int64)
        own = self.n_participants[contrasts]
        n_participants[: own.size] = own
        clipped_in = np.zeros((rows.stop - rows.start, SEEDS_PER_BLOCK), dtype=bool)
        for lane, places in enumerate(self._clipped[contrasts]):
            if len(places) > 1:  # of many participants, of whom each clips the same voxel
                places[:] = [np.unique(np.concatenate(places))]
            for voxels in places:
                inside = voxels[(voxels >= rows.start) & (voxels < rows.stop)]
                clipped_in[inside - rows.start, lane] = True
        sums, lacking = self._sums[number], self._lacking[number]
        n = n_participants.astype(np.int32) - lacking[rows]
        centre = self._centre[number, rows].astype(np.float64)
        deviation = sums[rows, 0]
        with np.errstate(invalid="ignore"):  # behind the last contrast
            total = deviation + n * centre
            # sum of (c + d)^2 = sum of d^2 + c (sum of d + sum of (c + d))
            square = sums[rows, 1] + centre * (deviation + total)
        products = None
        if self._products is not None and self._neighbours is not None:
            products = partial(
                group_sums.comoments,
                *(self._products[number], sums, lacking, self._neighbours, n_participants),
            )
        return BlockMoments(
            n=n,
            total=total,
            square=square,
            clipped_in=clipped_in,
            products=products,
            n_voxels=self.n_summed,
            n_participants=n_participants,
            n_added=self.n_added,
            neighbours=self._neighbours,
        )

    def contrast(self, position: int) -> ContrastMoments:
        """Return the sums of one contrast at the summed voxels.

        The smoothness takes neighbours too: it is estimated from a `block` of a slab of voxels, or
        from the contrast's sums in all slabs, joined.
        """
        number, lane = divmod(position, SEEDS_PER_BLOCK)
        if self._block is None or self._block[0] != number:
            self._block = (number, self.block(number))
        block, summed = self._block[1], slice(0, self.n_summed)
        products = None
        if block.products is not None:
            if self._comoments is None or self._comoments[0] != number:
                self._comoments = (number, block.products(summed))
            products = self._comoments[1][:, :, lane].T.copy()
        return ContrastMoments(
            n=block.n[summed, lane].copy(),
            total=block.total[summed, lane].copy(),
            square=block.square[summed, lane].copy(),
            clipped_in=block.clipped_in[summed, lane].copy(),
            products=products,
            n_participants=int(block.n_participants[lane]),
            n_added=self.n_added,
            index=self.index[summed],
            shape=self.shape,
            covariates=self._models[position].sums(self.n_summed) if self._models else None,
        )


def neighbour_rows(index: NDArray[np.intp], shape: tuple[int, int, int]) -> NDArray[np.int32]:
    """Return `forward_neighbours` with V, one row behind the last voxel, in place of -1."""
    neighbours = forward_neighbours(index, shape)
    return np.where(neighbours < 0, index.size, neighbours).astype(np.int32)


def _parts(n_voxels: int) -> list[slice]:
    """Divide voxels among the threads."""
    edges = np.linspace(0, n_voxels, n_threads() + 1).astype(int).tolist()
    return [slice(*own) for own in pairwise(edges)]


def summed_moments(parts: Sequence[ContrastMoments]) -> ContrastMoments:
    """Add one contrast's sums over several parts of participants, without neighbour products."""
    first = parts[0]
    covariates = None
    if first.covariates is not None:
        model = _ModelSums(len(first.covariates.products), first.index.size)
        for part in parts:
            if part.covariates is not None:
                model.merge(part.covariates)
        covariates = model.sums()
    return ContrastMoments(
        n=np.sum([part.n for part in parts], axis=0, dtype=np.int32),
        total=np.sum([part.total for part in parts], axis=0),
        square=np.sum([part.square for part in parts], axis=0),
        clipped_in=np.any([part.clipped_in for part in parts], axis=0),
        products=None,
        n_participants=sum(part.n_participants for part in parts),
        n_added=sum(part.n_added for part in parts),
        index=first.index,
        shape=first.shape,
        covariates=covariates,
    )


class _ModelSums:
    """Sums of one contrast's model with covariates."""

    def __init__(self, n_covariates: int, n_voxels: int) -> None:
        n_columns = n_covariates + 1
        self.products = np.zeros((n_covariates, n_voxels))
        self.gram = np.zeros((n_columns, n_columns))
        self.lacking = np.full(n_voxels, -1, dtype=np.int32)
        self.lacking_gram = np.zeros((0, n_columns * (n_columns + 1) // 2))
        self.n_rows = 0

    def add(
        self, values: NDArray[np.float64], valid: NDArray[np.bool_], row: NDArray[np.float64]
    ) -> None:
        """Add a map, 0 where it is not valid, of a participant with one row of the design."""
        for covariate, total in zip(row[1:], self.products, strict=True):
            total += covariate * values
        outer = np.outer(row, row)
        self.gram += outer
        missing = np.flatnonzero(~valid)
        if missing.size:
            self._make_rows(missing)
            self.lacking_gram[self.lacking[missing]] += outer[np.triu_indices(row.size)]

    def merge(self, other: CovariateSums) -> None:
        """Add the sums over other participants."""
        self.products += other.products
        self.gram += other.gram
        missing = np.flatnonzero(other.lacking >= 0)
        self._make_rows(missing)
        self.lacking_gram[self.lacking[missing]] += other.lacking_gram[other.lacking[missing]]

    def sums(self, n_voxels: int | None = None) -> CovariateSums:
        """Return the sums at the first voxels, all by default, as views."""
        used = self.lacking_gram[: self.n_rows]
        return CovariateSums(self.products[:, :n_voxels], self.gram, self.lacking[:n_voxels], used)

    def _make_rows(self, voxels: NDArray[np.intp]) -> None:
        """Give each voxel a row, doubling the memory for them when it is used up."""
        fresh = voxels[self.lacking[voxels] < 0]
        needed = self.n_rows + fresh.size
        if needed > len(self.lacking_gram):
            room = min(max(needed, 2 * len(self.lacking_gram)), self.lacking.size)
            grown = np.zeros((room, self.lacking_gram.shape[1]))
            grown[: self.n_rows] = self.lacking_gram[: self.n_rows]
            self.lacking_gram = grown
        self.lacking[fresh] = np.arange(self.n_rows, needed)
        self.n_rows = needed
