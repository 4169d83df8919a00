"""Sums over participants from which every group statistic follows, one participant at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 8192
"""Voxels handled at once: the buffers of one block stay in a core's cache."""

ParticipantSums = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64] | None]

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
        Sums over participants of products of neighbours, shape (6, V): voxel with its +x, +y, +z
        neighbour, then x with y, x with z, y with z; None where they were not kept.
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


def bytes_of_sums(*, smoothness: bool, n_covariates: int) -> int:
    """Return the most bytes that `Moments` takes per contrast and voxel."""
    model = 8 * n_covariates + 4 + 4 * (n_covariates + 1) * (n_covariates + 2)
    return 21 + 48 * smoothness + model * (n_covariates > 0)


class Moments:
    """Sums over participants of many contrasts' maps; memory does not grow with the participants.

    The sums are kept in float64. Floating-point sums depend on their order, so participants are
    added, and partial sums merged, in one fixed order.

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

    Attributes
    ----------
    n, total, square, clipped_in
        As in :class:`ContrastMoments`, shape (C, V).
    products
        Shape (C, 6, V), or None.
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
    ) -> None:
        self.index = np.asarray(index, dtype=np.intp)
        self.shape = shape
        if self.index.size and (np.diff(self.index) <= 0).any():
            raise ValueError("voxel numbers are sorted, each of them once")
        size = (n_contrasts, self.index.size)
        self.n = np.zeros(size, dtype=np.int32)
        self.total = np.zeros(size)
        self.square = np.zeros(size)
        self.clipped_in = np.zeros(size, dtype=bool)
        self.n_participants = np.zeros(n_contrasts, dtype=np.int64)
        self.n_added = 0
        self.products = np.zeros((n_contrasts, 6, self.index.size)) if smoothness else None
        self._neighbours: NDArray[np.intp] | None = None
        if smoothness:
            neighbours = forward_neighbours(self.index, shape)
            # An absent neighbour is read from one zero behind the last voxel.
            neighbours[neighbours < 0] = self.index.size
            self._neighbours = neighbours
        self._models = [
            _ModelSums(n_covariates, self.index.size)
            for _ in range(n_contrasts * (n_covariates > 0))
        ]
        self.n_covariates = n_covariates

    def add(
        self,
        z: NDArray[np.float64],
        clipped: NDArray[np.bool_],
        covariates: NDArray[np.float64] | None = None,
    ) -> None:
        """Add one participant.

        Parameters
        ----------
        z
            Fisher z, shape (C, V); NaN where the participant has no value.
        clipped
            Where the correlation was clipped before its transform, shape (C, V).
        covariates
            The participant's covariates, shape (k,).
        """
        self.add_participants([(z, clipped, covariates)])

    def add_participants(self, participants: Sequence[ParticipantSums]) -> None:
        """Add several participants, in order, with the result of adding each by itself.

        The sums of a contrast are large, and pass through the memory once for all of them.

        Parameters
        ----------
        participants
            Fisher z, where it was clipped, and covariates of each, as for `add`.
        """
        designs = [self._row_of_design(*participant) for participant in participants]
        n_voxels = self.index.size
        values = np.zeros((len(participants), n_voxels + 1))
        buffers = np.empty((5, min(_BLOCK, n_voxels)))
        for contrast in range(len(self.total)):
            present = []
            for number, (z, _, _) in enumerate(participants):
                row = z[contrast]
                valid = np.isfinite(row)
                values[number, :n_voxels] = row
                if valid.all():
                    self.n[contrast] += 1
                elif valid.any():
                    self.n[contrast] += valid
                    values[number, :n_voxels][~valid] = 0
                else:
                    continue
                present.append(number)
                if self._models:
                    own = values[number, :n_voxels]
                    self._models[contrast].add(own, valid, designs[number])
            self.n_participants[contrast] += len(present)
            self._add_maps(contrast, [values[number] for number in present], buffers)
        for _, clipped, _ in participants:
            self.clipped_in |= clipped
        self.n_added += len(participants)

    def _row_of_design(
        self,
        z: NDArray[np.float64],
        clipped: NDArray[np.bool_],
        covariates: NDArray[np.float64] | None,
    ) -> NDArray[np.float64]:
        row = np.ones(self.n_covariates + 1)
        if self.n_covariates:
            if covariates is None or covariates.shape != (self.n_covariates,):
                raise ValueError(f"{self.n_covariates} covariates are needed with each participant")
            row[1:] = covariates
        if z.shape != self.total.shape or clipped.shape != self.total.shape:
            raise ValueError(
                f"maps of shape {z.shape}, clipped {clipped.shape}, instead of {self.total.shape}"
            )
        return row

    def _add_maps(
        self,
        contrast: int,
        maps: Sequence[NDArray[np.float64]],
        buffers: NDArray[np.float64],
    ) -> None:
        """Add maps, zero where they have no value and in their one entry too many."""
        for start in range(0, self.index.size, _BLOCK):
            block = slice(start, min(start + _BLOCK, self.index.size))
            for values in maps:
                here = values[block]
                *around, product = buffers[:, : here.size]
                self.total[contrast, block] += here
                np.multiply(here, here, out=product)
                self.square[contrast, block] += product
                if self.products is None or self._neighbours is None:
                    continue
                around[0] = here
                for axis in range(3):
                    # with mode="clip" take writes to `out` without a copy; all places are valid
                    values.take(self._neighbours[axis, block], out=around[axis + 1], mode="clip")
                for pair, (first, second) in enumerate(NEIGHBOUR_PAIRS):
                    np.multiply(around[first], around[second], out=product)
                    self.products[contrast, pair, block] += product

    def merge(self, other: Moments) -> None:
        """Add the sums over other participants, who come after those already in here."""
        same = (
            self.shape == other.shape
            and self.total.shape == other.total.shape
            and np.array_equal(self.index, other.index)
            and (self.products is None) == (other.products is None)
            and self.n_covariates == other.n_covariates
        )
        if not same:
            raise ValueError("sums over different contrasts or voxels cannot be merged")
        self.n += other.n
        self.total += other.total
        self.square += other.square
        self.clipped_in |= other.clipped_in
        self.n_participants += other.n_participants
        self.n_added += other.n_added
        if self.products is not None and other.products is not None:
            self.products += other.products
        for model, others in zip(self._models, other._models, strict=True):
            model.merge(others.sums())

    def contrast(self, position: int) -> ContrastMoments:
        """The sums of one contrast, as views that change when more participants are added."""
        return ContrastMoments(
            n=self.n[position],
            total=self.total[position],
            square=self.square[position],
            clipped_in=self.clipped_in[position],
            products=None if self.products is None else self.products[position],
            n_participants=int(self.n_participants[position]),
            n_added=self.n_added,
            index=self.index,
            shape=self.shape,
            covariates=self._models[position].sums() if self._models else None,
        )


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

    def sums(self) -> CovariateSums:
        """The sums, as views."""
        used = self.lacking_gram[: self.n_rows]
        return CovariateSums(self.products, self.gram, self.lacking, used)

    def _make_rows(self, voxels: NDArray[np.intp]) -> None:
        """Give each voxel a row, doubling the room for them when it is used up."""
        fresh = voxels[self.lacking[voxels] < 0]
        needed = self.n_rows + fresh.size
        if needed > len(self.lacking_gram):
            room = min(max(needed, 2 * len(self.lacking_gram)), self.lacking.size)
            grown = np.zeros((room, self.lacking_gram.shape[1]))
            grown[: self.n_rows] = self.lacking_gram[: self.n_rows]
            self.lacking_gram = grown
        self.lacking[fresh] = np.arange(self.n_rows, needed)
        self.n_rows = needed
