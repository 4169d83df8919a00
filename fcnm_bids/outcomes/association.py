"""Voxelwise association of an outcome with the connectivity of seeds, and its largest |t|.

Partial correlation with Freedman and Lane's permutation of residuals (Freedman and Lane 1983, J
Bus Econ Stat 1:292; Winkler et al. 2014, NeuroImage 92:381), within blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.outcomes.model import OutcomeModel, nuisance_basis, varies, without
from fcnm_bids.outcomes.permutation import BlockPermutations
from fcnm_bids.stats import MaxNull

_TILE_NUMBERS = 1 << 22
"""Numbers (seeds or permutations, times voxels) of one tile."""


@dataclass(frozen=True, eq=False)
class Association:
    """Association of an outcome with connectivity; arrays have shape (V,).

    Parameters
    ----------
    r
        Partial correlation of the outcome with the seeds' values given the nuisance columns; NaN
        where too few seeds have a value or the values do not vary.
    t
        t of the same coefficient.
    df
        Degrees of freedom of t; 0 where r is NaN.
    n
        Number of seeds with a value.
    p_fwe
        Two-sided p, corrected for all voxels by the largest absolute t; NaN where r is.
    null
        Largest absolute t of every permutation, the observed one included.
    """

    r: NDArray[np.float64]
    t: NDArray[np.float64]
    df: NDArray[np.int32]
    n: NDArray[np.int32]
    p_fwe: NDArray[np.float64]
    null: MaxNull

    @property
    def exact(self) -> bool:
        """True if the permutations are all there are and leave the nuisance columns alone."""
        return self.null.exact


def associate(
    maps: NDArray[np.floating[Any]],
    model: OutcomeModel,
    permutations: BlockPermutations,
    *,
    min_share: float = 0.9,
) -> Association:
    """Correlate an outcome with the seeds' values at every voxel, given nuisance columns.

    Memory is bounded by tiles of voxels: `maps` may be mapped from a file.

    Parameters
    ----------
    maps
        Mean Fisher z of each seed, shape (K, V), NaN where a seed has none.
    model
        Outcome, nuisance columns and blocks of the K seeds.
    permutations
        Of the residuals; their ``alike`` may be given only if no value is missing at any voxel
        that has enough.
    min_share
        Share of the seeds that must have a value at a voxel; with fewer it is NaN. The model of
        a voxel is that of the seeds that have one.

    Raises
    ------
    ValueError
        The nuisance columns determine the outcome or leave no degree of freedom.
    """
    n_seeds, n_voxels = maps.shape
    if model.determined or model.df < 1:
        raise ValueError("the nuisance columns leave nothing of the outcome to be tested")
    fewest = math.ceil(min_share * n_seeds - 1e-9)
    r, t = np.full(n_voxels, np.nan), np.full(n_voxels, np.nan)
    df, n = np.zeros(n_voxels, dtype=np.int32), np.zeros(n_voxels, dtype=np.int32)
    largest = np.zeros(len(permutations.rows))
    models: dict[bytes, _Reduced | None] = {}
    tile = max(64, _TILE_NUMBERS // max(n_seeds, len(permutations.rows)))
    for start in range(0, n_voxels, tile):
        values = np.asarray(maps[:, start : start + tile], dtype=np.float64)
        valid = np.isfinite(values)
        n[start : start + tile] = valid.sum(axis=0)
        for places, present in _by_seeds_present(valid, fewest):
            key = np.packbits(present).tobytes()
            if key not in models:
                models[key] = _reduced(model, permutations, present)
            reduced = models[key]
            if reduced is None:
                continue
            own = values[np.ix_(present, places)]
            left = without(reduced.basis, own)
            moving = varies(left, own)
            places, left = places[moving], left[:, moving]
            if not places.size:
                continue
            unit = left / np.linalg.norm(left, axis=0)
            cosine = np.clip(reduced.outcome @ unit, -1, 1)
            voxels = start + places
            r[voxels], df[voxels] = cosine, reduced.df
            t[voxels] = _t_of_r(cosine, reduced.df)
            extreme = np.minimum(reduced.largest_cosines(unit), 1)
            np.maximum(largest, _t_of_r(extreme, reduced.df), out=largest)
    null = MaxNull(np.sort(largest)[::-1], permutations.exhaustive and model.exact)
    return Association(r, t, df, n, null.p(np.abs(t)), null)


@dataclass(frozen=True, eq=False)
class _Reduced:
    """The model of the seeds that have a value: basis, and unit residuals of every permutation."""

    basis: NDArray[np.float64]
    outcome: NDArray[np.float64]
    permuted: NDArray[np.float64]
    df: int

    def largest_cosines(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest absolute correlation of every permutation with unit columns.

        float32 finds the columns of the largest and the smallest, float64 gives their values.
        """
        among = self.permuted.astype(np.float32) @ unit.astype(np.float32)
        ends = [
            np.einsum("pk,kp->p", self.permuted, unit[:, columns])
            for columns in (among.argmax(axis=1), among.argmin(axis=1))
        ]
        found: NDArray[np.float64] = np.abs(ends).max(axis=0)
        return found


def _reduced(
    model: OutcomeModel, permutations: BlockPermutations, present: NDArray[np.bool_]
) -> _Reduced | None:
    """Return the model of some seeds; None where it leaves nothing to be tested."""
    outcome = model.outcome[present]
    basis = nuisance_basis(model.nuisance[present])
    residuals = without(basis, outcome)
    df = outcome.size - basis.shape[1] - 1
    if df < 1 or not varies(residuals, outcome).all():
        return None
    permuted = without(basis, residuals[permutations.among(present)].T)
    length = np.linalg.norm(permuted, axis=0)
    # a permutation may move all that is left of the outcome into the nuisance columns
    some = length > 1e-9 * np.linalg.norm(residuals)
    permuted = np.where(some, permuted / np.where(some, length, 1.0), 0.0)
    unit = residuals / np.linalg.norm(residuals)
    return _Reduced(basis, unit, np.ascontiguousarray(permuted.T), df)


def _t_of_r(r: NDArray[np.float64], df: int) -> NDArray[np.float64]:
    """Return the t of a correlation with so many degrees of freedom."""
    return r * np.sqrt(df / np.maximum(1 - r * r, 1e-15))


def _by_seeds_present(
    valid: NDArray[np.bool_], fewest: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """Yield voxels at which the same seeds have a value, and which seeds, if they are enough."""
    complete = valid.all(axis=0)
    if complete.any():
        yield np.flatnonzero(complete), np.ones(len(valid), dtype=bool)
    others = np.flatnonzero(~complete & (valid.sum(axis=0) >= fewest))
    if others.size:
        patterns, which = np.unique(valid[:, others], axis=1, return_inverse=True)
        for number, present in enumerate(patterns.T):
            yield others[which.ravel() == number], present
