"""Sums over participants from which every group statistic follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PARTICIPANTS_AT_ONCE = 8
"""Participants whose maps are added together."""

_BLOCK = 4096
"""Voxels handled at once: the buffers of one block stay in a core's cache."""

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
        neighbour, then x with y, x with z, y with z; 0 where a neighbour is not among the voxels or
        where somebody who has the map lacks a value at one of the two. None where they were not
        kept.
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
    return 25 + 48 * smoothness + model * (n_covariates > 0)


class Moments:
    """Sums over participants of many contrasts' maps; memory does not grow with the participants.

    Maps are added in groups of up to `PARTICIPANTS_AT_ONCE`: over a group in the precision of the
    maps, over groups in float64. What is summed is the deviation from a value near the mean, so
    that the rounding of a product is small beside the variance even where the mean is large.

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

    Attributes
    ----------
    n, clipped_in
        As in :class:`ContrastMoments`, shape (C, V).
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
        self.clipped_in = np.zeros(size, dtype=bool)
        self.n_participants = np.zeros(n_contrasts, dtype=np.int64)
        self.n_added = 0
        self._centre = np.zeros(size, dtype=np.float32)
        # of deviations, of their squares, of products of neighbours
        self._sums = np.zeros((n_contrasts, 8 if smoothness else 2, self.index.size))
        self._neighbours = None
        if smoothness:
            self._neighbours = forward_neighbours(self.index, shape)
            # an absent neighbour is read from one zero behind the last voxel
            self._neighbours[self._neighbours < 0] = self.index.size
            self._last_along_x = np.flatnonzero(self._neighbours[0] == self.index.size)
        self._models = [
            _ModelSums(n_covariates, self.index.size)
            for _ in range(n_contrasts * (n_covariates > 0))
        ]
        self.n_covariates = n_covariates

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
        shapes = {z.shape[1:], *(own.shape for own in clipped)}
        if shapes != {self.n.shape} or len(clipped) != len(z):
            raise ValueError(f"maps of shape {z.shape[1:]} instead of {self.n.shape}")
        design = np.ones((len(z), self.n_covariates + 1))
        if self.n_covariates:
            if covariates is None or covariates.shape != (len(z), self.n_covariates):
                raise ValueError(f"{self.n_covariates} covariates are needed with each participant")
            design[:, 1:] = covariates
        values = np.zeros((len(z), self.index.size + 1), z.dtype)
        buffers = np.empty((2, len(z), min(_BLOCK, self.index.size)), z.dtype)
        for contrast in range(len(self.n)):
            self._add_contrast(contrast, z[:, contrast], values, buffers, design)
        for own in clipped:
            self.clipped_in |= own
        self.n_added += len(z)

    def _add_contrast(
        self,
        contrast: int,
        maps: NDArray[np.floating],
        values: NDArray[np.floating],
        buffers: NDArray[np.floating],
        design: NDArray[np.float64],
    ) -> None:
        """Add the maps of one contrast, shape (participants, V)."""
        sums = maps.sum(axis=0)
        valid = None
        n_present = len(maps)
        if not np.isfinite(sums).all():
            valid = np.isfinite(maps)
            present = valid.any(axis=1)
            n_present = int(present.sum())
            if n_present == 0:
                return
            if n_present < len(maps):
                maps, valid, design = maps[present], valid[present], design[present]
            if valid.all():
                valid = None
            sums = maps.sum(axis=0, where=True if valid is None else valid)
        n = n_present if valid is None else valid.sum(axis=0, dtype=np.int32)
        centre = self._centre[contrast]
        if self.n_participants[contrast] == 0:
            np.divide(sums, np.maximum(n, 1), out=centre, casting="same_kind")
        self.n_participants[contrast] += n_present
        self.n[contrast] += n
        for number, row in enumerate(design if self._models else ()):
            there = np.isfinite(maps[number])
            own = np.where(there, maps[number], 0).astype(np.float64)
            self._models[contrast].add(own, there, row)
        values, buffers = values[:n_present], buffers[:, :n_present]
        deviations = values[:, : self.index.size]
        np.subtract(maps, centre, out=deviations)
        if valid is not None:
            deviations[~valid] = 0
        self._add_deviations(contrast, values, buffers)

    def _add_deviations(
        self, contrast: int, values: NDArray[np.floating], buffers: NDArray[np.floating]
    ) -> None:
        """Add sums and products of deviations, 0 where there are none and in one entry too many."""
        n_voxels = self.index.size
        sums = self._sums[contrast]
        for start in range(0, n_voxels, _BLOCK):
            block = slice(start, min(start + _BLOCK, n_voxels))
            around = [values[:, block]]
            own = np.empty((len(sums), block.stop - start), values.dtype)
            around[0].sum(axis=0, out=own[0])
            np.einsum("pv,pv->v", around[0], around[0], out=own[1])
            if self._neighbours is not None:
                # the neighbour along x is the next voxel, where there is one
                around.append(values[:, start + 1 : block.stop + 1])
                for places, buffer in zip(self._neighbours[1:], buffers, strict=True):
                    around.append(buffer[:, : block.stop - start])
                    # with mode="clip" take writes to `out` without a copy; all places are valid
                    values.take(places[block], axis=1, out=around[-1], mode="clip")
                for product, (first, second) in zip(own[2:], NEIGHBOUR_PAIRS, strict=True):
                    np.einsum("pv,pv->v", around[first], around[second], out=product)
            sums[:, block] += own.astype(np.float64, copy=False)

    def contrast(self, position: int) -> ContrastMoments:
        """Return the sums of one contrast."""
        n = self.n[position]
        centre = self._centre[position].astype(np.float64)
        deviation, square, *_ = self._sums[position]
        total = deviation + n * centre
        # sum of (c + d)^2 = sum of d^2 + c (sum of d + sum of (c + d))
        square = square + centre * (deviation + total)
        products = None
        if self._neighbours is not None:
            products = self._with_centre(position, deviation, total)
        return ContrastMoments(
            n=n,
            total=total,
            square=square,
            clipped_in=self.clipped_in[position],
            products=products,
            n_participants=int(self.n_participants[position]),
            n_added=self.n_added,
            index=self.index,
            shape=self.shape,
            covariates=self._models[position].sums() if self._models else None,
        )

    def _with_centre(
        self, position: int, deviation: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the sums of products of z from those of deviations, where everybody has a value.

        Sums of squares about the mean do not depend on the centre: with n participants, the sum of
        a b is that of their deviations, less the product of the deviations' sums over n, plus that
        of the totals over n.
        """
        assert self._neighbours is not None
        products = self._sums[position, 2:].copy()
        n_participants = int(self.n_participants[position])
        if n_participants == 0:
            return products
        complete = self.n[position] == n_participants
        # one entry more stands for an absent neighbour
        terms = np.zeros((3, complete.size + 1))
        np.multiply([total, deviation], n_participants**-0.5, out=terms[:2, :-1])
        terms[2, :-1] = complete
        n_terms = 2 if complete.all() else 3
        around = [terms[:n_terms, :-1]]
        around += [terms[:n_terms].take(places, axis=1) for places in self._neighbours]
        for own, (first, second) in zip(products, NEIGHBOUR_PAIRS, strict=True):
            own += around[first][0] * around[second][0]
            own -= around[first][1] * around[second][1]
            if n_terms == 3:
                own *= around[first][2] * around[second][2]
            if 1 in (first, second):
                own[self._last_along_x] = 0
        return products


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
