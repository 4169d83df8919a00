"""Family-wise error control by sign flips: the distribution of the largest t of a map.

Under the null hypothesis a participant's map (or, with covariates, its residual) is as likely with
either sign. Without covariates the flips of whole participants are exact (Nichols and Holmes 2002,
Hum Brain Mapp 15:1); with covariates the residuals of the model without the intercept are flipped
(Freedman and Lane 1983, J Bus Econ Stat 1:292; Winkler et al. 2014, NeuroImage 92:381).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TILE_NUMBERS = 1 << 22
"""Numbers (flips times voxels) of one tile."""

_ROUNDING = 1e-5
"""Relative difference of two t that is taken for rounding: maps are kept in single precision."""


@dataclass(frozen=True, eq=False)
class GroupMaps:
    """One contrast's maps, participant by participant, for those who have one.

    Parameters
    ----------
    values
        Shape (participants, V), NaN where a participant has no value; may be mapped from a file.
    covariates
        Shape (participants, covariates), centred over the group.
    """

    values: NDArray[np.floating[Any]]
    covariates: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MaxNull:
    """Largest t of every flip.

    Parameters
    ----------
    maxima
        In descending order, shape (flips,); the unflipped data are one of them.
    exact
        Whether all flips were made.
    """

    maxima: NDArray[np.float64]
    exact: bool

    def threshold(self, alpha: float) -> float:
        """Height above which p is at most `alpha`; infinite where no p can be that small."""
        allowed = math.floor(alpha * self.maxima.size + 1e-9)
        if allowed < 1:
            return math.inf
        if allowed >= self.maxima.size:
            return 0.0
        return float(self.maxima[allowed]) * (1 + _ROUNDING)

    def p(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the flips whose maximum reaches t; never 0, NaN where t is."""
        rising = self.maxima[::-1]
        reached = rising.size - np.searchsorted(rising, t * (1 - np.sign(t) * _ROUNDING))
        share = np.maximum(reached, 1) / rising.size
        return np.where(np.isnan(t), np.nan, share)


def sign_flips(
    n_participants: int, n_permutations: int, seed: int
) -> tuple[NDArray[np.int8], bool]:
    """Signs, the unflipped ones first: all of them where there are no more than asked for.

    Parameters
    ----------
    n_participants
        Number of participants.
    n_permutations
        Flips wanted beside the data as they are.
    seed
        Of the random flips.

    Returns
    -------
    signs
        Shape (flips, n_participants), 1 or -1.
    exact
        Whether these are all 2^n.
    """
    if n_participants < 63 and 2**n_participants <= n_permutations:
        codes = np.arange(2**n_participants)[:, None] >> np.arange(n_participants)
        return (1 - 2 * (codes & 1)).astype(np.int8), True
    random = np.random.default_rng(seed).integers(
        0, 2, (n_permutations, n_participants), dtype=np.int8
    )
    return np.vstack([np.ones((1, n_participants), dtype=np.int8), 1 - 2 * random]), False


def max_t_null(
    maps: GroupMaps,
    tested: NDArray[np.bool_],
    *,
    tail: str,
    n_permutations: int,
    seed: int,
) -> MaxNull:
    """Distribution of the largest t over the tested voxels.

    All flips of a tile of voxels are one matrix product: flips keep a map's sum of squares, so
    that the t of a flip follows from its product with the columns of the design alone.

    Parameters
    ----------
    maps
        One contrast's maps.
    tested
        Voxels over which the maximum is taken, shape (V,), at least one.
    tail
        ``positive``, ``negative`` (the largest -t) or ``two-sided`` (the largest absolute t).
    n_permutations, seed
        As for `sign_flips`.
    """
    signs, exact = sign_flips(len(maps.values), n_permutations, seed)
    signs32 = signs.astype(np.float32)
    largest = np.full(len(signs), -np.inf)
    voxels = np.flatnonzero(tested)
    tile = max(64, _TILE_NUMBERS // len(signs))
    for start in range(0, voxels.size, tile):
        values = np.asarray(maps.values[:, voxels[start : start + tile]], dtype=np.float64)
        for places, participants in _alike(values, by_participants=maps.covariates.shape[1] > 0):
            t = _largest_t(
                values[np.ix_(participants, places)],
                maps.covariates[participants],
                signs32[:, participants],
                tail,
            )
            np.maximum(largest, t, out=largest)
    return MaxNull(np.sort(largest)[::-1], exact)


def _alike(
    values: NDArray[np.float64], *, by_participants: bool
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Voxels that can be computed at once, with the participants who enter: those who have a value.

    Without covariates only the number of the participants matters, and absent ones may enter as 0.
    """
    valid = np.isfinite(values)
    everybody = np.arange(len(values))
    complete = valid.all(axis=0)
    if complete.any():
        yield np.flatnonzero(complete), everybody
    others = np.flatnonzero(~complete)
    if others.size == 0:
        return
    if by_participants:
        kinds, kind = np.unique(np.packbits(valid[:, others], axis=0), axis=1, return_inverse=True)
        n_kinds = kinds.shape[1]
    else:
        counts, kind = np.unique(valid[:, others].sum(axis=0), return_inverse=True)
        n_kinds = counts.size
    for number in range(n_kinds):
        places = others[kind.ravel() == number]
        yield places, np.flatnonzero(valid[:, places[0]]) if by_participants else everybody


def _largest_t(
    values: NDArray[np.float64],
    covariates: NDArray[np.float64],
    signs: NDArray[np.float32],
    tail: str,
) -> NDArray[np.float64]:
    """Largest t of every flip over voxels of one number of participants, shape (flips,)."""
    n_participants = int(np.count_nonzero(np.isfinite(values[:, 0])))
    residuals = np.where(np.isfinite(values), values, 0.0)
    intercept = np.ones(len(values))
    basis = np.linalg.qr(covariates)[0]
    if basis.shape[1]:
        residuals = residuals - basis @ (basis.T @ residuals)
        intercept = intercept - basis @ (basis.T @ intercept)
        intercept /= np.linalg.norm(intercept)
    else:
        intercept /= math.sqrt(n_participants)
    length = np.sqrt(np.einsum("ij,ij->j", residuals, residuals))
    unit = (residuals / np.where(length > 0, length, 1.0)).astype(np.float32)
    df = n_participants - 1 - basis.shape[1]
    along = (signs * intercept.astype(np.float32)) @ unit
    if basis.shape[1] == 0:
        cosine = _extreme(along, tail).astype(np.float64)
        return cosine * np.sqrt(df / np.maximum(1 - cosine * cosine, 1e-12))
    left = 1 - along * along
    for direction in basis.T.astype(np.float32):
        explained = (signs * direction) @ unit
        np.multiply(explained, explained, out=explained)
        left -= explained
    np.maximum(left, np.float32(1e-7), out=left)
    along /= np.sqrt(left, out=left)
    return _extreme(along, tail).astype(np.float64) * math.sqrt(df)


def _extreme(values: NDArray[np.float32], tail: str) -> NDArray[np.float32]:
    if tail == "positive":
        return values.max(axis=1)
    if tail == "negative":
        return -values.min(axis=1)
    return np.maximum(values.max(axis=1), -values.min(axis=1))
