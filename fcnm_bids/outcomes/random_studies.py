"""Contrasts as a sample of contrasts: variance between seeds, and moderators.

All contrasts are mapped on the same participants, so that their errors covary. At a voxel the
effects of C contrasts have the covariance S / N + tau2 I, where S is their covariance over the N
participants. tau2 is the moment estimator for correlated errors (Chen et al. 2012, Biometrics
68:1278); it is a variance between seeds, not of one true effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.outcomes.model import nuisance_basis, varies, without
from fcnm_bids.outcomes.permutation import BlockPermutations, block_permutations
from fcnm_bids.stats import MaxNull

_TILE_NUMBERS = 1 << 22
"""Numbers (pairs of contrasts or permutations, times voxels) of one tile."""

_SLAB_NUMBERS = 1 << 26
"""Numbers (pairs of contrasts times voxels) of one slab."""

FEWEST_CONTRASTS = 3
"""Contrasts from which a variance between seeds is estimated."""

_SINGULAR = 1e-12
"""Smallest eigenvalue of a covariance, as a share of the largest, from which it is inverted."""


def slab_voxels(n_contrasts: int) -> int:
    """Return how many voxels have their products summed in one pass over the participants."""
    return max(1024, _SLAB_NUMBERS // (n_contrasts * (n_contrasts + 1) // 2))


class CrossProducts:
    """Sums over participants of the products of contrasts' maps on a slab of voxels.

    The participants' maps are never held together: memory is C (C + 1) / 2 numbers a voxel, and
    a pass over the participants can be made for as few voxels as memory has room for.

    Parameters
    ----------
    n_contrasts, n_voxels
        Numbers of contrasts, C, and of voxels of the slab, V.
    """

    def __init__(self, n_contrasts: int, n_voxels: int) -> None:
        self.pairs = np.tril_indices(n_contrasts)
        self.n = np.zeros(n_voxels, dtype=np.int64)
        self.total = np.zeros((n_contrasts, n_voxels))
        self.products = np.zeros((self.pairs[0].size, n_voxels))

    def add(self, z: NDArray[np.floating]) -> None:
        """Add a participant's Fisher z, shape (C, V).

        A participant enters at the voxels where all contrasts have a value.
        """
        there = np.isfinite(z).all(axis=0)
        own = np.where(there, z, 0.0).astype(np.float64)
        self.n += there
        self.total += own
        for row, (first, second) in enumerate(zip(*self.pairs, strict=True)):
            self.products[row] += own[first] * own[second]

    def error_covariance(self) -> NDArray[np.float64]:
        """Return S / N of every voxel as lower triangles, shape (C (C + 1) / 2, V).

        NaN where fewer than two participants have all contrasts.
        """
        first, second = self.pairs
        with np.errstate(invalid="ignore", divide="ignore"):
            centred = self.products - self.total[first] * self.total[second] / self.n
            return np.where(self.n > 1, centred / ((self.n - 1) * self.n), np.nan)


@dataclass(frozen=True, eq=False)
class RandomStudies:
    """Generalised least squares over contrasts; arrays have a last axis of V.

    Parameters
    ----------
    mean
        Mean effect of seeds, at the mean of the moderators, shape (V,).
    standard_error
        Its standard error; the mean has no p against zero, which any seeds near a hub reject.
    tau2
        Variance between seeds that the moderators leave, not below 0, shape (V,).
    slopes, z
        Coefficient of each tested moderator, and the coefficient over its standard error, with
        the tau2 of the model without this moderator, shape (moderators, V).
    largest
        Largest absolute z of every permutation over studies, the observed order first, one array
        for each tested moderator.
    exhaustive
        True if the permutations are all there are, for each tested moderator.
    """

    mean: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    tau2: NDArray[np.float64]
    slopes: NDArray[np.float64]
    z: NDArray[np.float64]
    largest: tuple[NDArray[np.float64], ...]
    exhaustive: tuple[bool, ...]

    @cached_property
    def nulls(self) -> tuple[MaxNull, ...]:
        """Largest absolute z of every permutation, one for each tested moderator."""
        both = zip(self.largest, self.exhaustive, strict=True)
        return tuple(MaxNull(np.sort(own)[::-1], whole) for own, whole in both)

    @cached_property
    def p_fwe(self) -> NDArray[np.float64]:
        """Two-sided p of each z, corrected for all voxels, shape (moderators, V)."""
        p = [null.p(np.abs(own)) for null, own in zip(self.nulls, self.z, strict=True)]
        return np.array(p).reshape(self.z.shape)

    @classmethod
    def join(cls, slabs: Sequence[RandomStudies]) -> RandomStudies:
        """Join fits of the same permutations on slabs of voxels."""
        names = ("mean", "standard_error", "tau2", "slopes", "z")
        maps = {n: np.concatenate([getattr(own, n) for own in slabs], axis=-1) for n in names}
        largest = (np.max(own, axis=0) for own in zip(*(s.largest for s in slabs), strict=True))
        joined: dict[str, Any] = {**maps, "largest": tuple(largest)}
        return replace(slabs[0], **joined)


def between_seed_variance(
    effects: NDArray[np.float64],
    errors: NDArray[np.float64],
    design: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Estimate the variance between seeds by moments, shape (V,).

    With R the projection onto the complement of the design, E[m' R m] is tr(R S / N) plus
    tau2 tr(R).

    Parameters
    ----------
    effects
        Mean Fisher z of the contrasts, shape (C, V).
    errors
        Their error covariance, lower triangles, shape (C (C + 1) / 2, V).
    design
        Columns of the model, shape (C, q).
    """
    basis = nuisance_basis(design)
    left = without(basis, effects)
    projection = np.eye(len(effects)) - basis @ basis.T
    first, second = np.tril_indices(len(effects))
    weights = projection[first, second] * np.where(first == second, 1.0, 2.0)
    df = len(effects) - basis.shape[1]
    return np.maximum((np.einsum("cv,cv->v", left, left) - weights @ errors) / df, 0.0)


def fit_random_studies(
    effects: NDArray[np.float64],
    errors: NDArray[np.float64],
    moderators: NDArray[np.float64],
    permutations: Sequence[BlockPermutations],
) -> RandomStudies:
    """Fit the mean, the variance between seeds and moderators at every voxel.

    Parameters
    ----------
    effects
        Mean Fisher z of the contrasts, shape (C, V); a voxel with NaN stays NaN.
    errors
        Their error covariance, lower triangles, shape (C (C + 1) / 2, V).
    moderators
        Values of the contrasts, shape (C, M); M may be 0.
    permutations
        Of the first moderators over studies, as `study_permutations` makes them; those are
        tested, and the others are covariates.

    Raises
    ------
    ValueError
        Moderators that determine each other, or leave no degree of freedom.
    """
    n_contrasts, n_voxels = effects.shape
    centred = moderators - moderators.mean(axis=0)
    constant = np.ones((n_contrasts, 1))
    whole = np.hstack([constant, centred])
    if nuisance_basis(whole).shape[1] < whole.shape[1] or n_contrasts <= whole.shape[1]:
        raise ValueError("moderators that determine each other, or as many as contrasts")
    mean, error, tau2 = np.full((3, n_voxels), np.nan)
    slopes, z = np.full((2, len(permutations), n_voxels), np.nan)
    largest = [np.zeros(len(own.rows)) for own in permutations]
    usable = np.flatnonzero(np.isfinite(effects).all(axis=0) & np.isfinite(errors).all(axis=0))
    pairs = np.tril_indices(n_contrasts)
    twice = np.where(pairs[0] == pairs[1], 1.0, 2.0)
    widest = max([n_contrasts**2, *(len(own.rows) for own in permutations)])
    tile = max(16, _TILE_NUMBERS // widest)
    for start in range(0, usable.size, tile):
        voxels = usable[start : start + tile]
        m, s = effects[:, voxels], errors[:, voxels]
        tau2[voxels] = between_seed_variance(m, s, whole)
        precision = _precision(s, tau2[voxels])
        gram = np.einsum("ci,vcd,dj->vij", whole, precision, whole)
        right = np.einsum("ci,vcd,dv->vi", whole, precision, m)
        inverse = np.linalg.inv(gram)
        mean[voxels] = np.einsum("vi,vi->v", inverse[:, 0], right)
        error[voxels] = np.sqrt(inverse[:, 0, 0])
        for number, permuted in enumerate(permutations):
            reduced = np.delete(whole, number + 1, axis=1)
            precision = _precision(s, between_seed_variance(m, s, reduced))
            across = np.einsum("vcd,di->vci", precision, reduced)
            gram = np.einsum("ci,vcj->vij", reduced, across)
            precision = precision - across @ np.linalg.inv(gram) @ across.transpose(0, 2, 1)
            score = np.einsum("vcd,dv->cv", precision, m)
            values = centred[permuted.rows, number]
            packed = precision[:, pairs[0], pairs[1]] * twice
            information = (values[:, pairs[0]] * values[:, pairs[1]]) @ packed.T
            product = values @ score
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = product / np.sqrt(np.where(information > 0, information, np.nan))
            slopes[number, voxels] = product[0] / information[0]
            z[number, voxels] = ratio[0]
            own = np.nan_to_num(np.abs(ratio)).max(axis=1)
            np.maximum(largest[number], own, out=largest[number])
    exhaustive = tuple(own.exhaustive for own in permutations)
    return RandomStudies(mean, error, tau2, slopes, z, tuple(largest), exhaustive)


def _precision(errors: NDArray[np.float64], tau2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse covariance of the effects at each voxel, shape (v, C, C)."""
    n_pairs, n_voxels = errors.shape
    n_contrasts = int((np.sqrt(8 * n_pairs + 1) - 1) / 2)
    first, second = np.tril_indices(n_contrasts)
    covariance = np.empty((n_voxels, n_contrasts, n_contrasts))
    covariance[:, first, second] = covariance[:, second, first] = errors.T
    diagonal = np.arange(n_contrasts)
    covariance[:, diagonal, diagonal] += tau2[:, None]
    values, vectors = np.linalg.eigh(covariance)
    # without variance between seeds, as many contrasts as participants have no inverse
    singular = values[:, :1] <= _SINGULAR * values[:, -1:]
    inverse = np.where(singular, np.nan, 1 / np.where(singular, 1.0, values))
    return (vectors * inverse[:, None, :]) @ vectors.transpose(0, 2, 1)


def without_covariates(
    moderator: NDArray[np.float64], covariates: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Take intercept and covariates out of a moderator, whose rest is what studies exchange.

    Contrasts that are alike in all of them keep the same rest to the bit (Smith's permutation:
    Winkler et al. 2014, NeuroImage 92:381).

    Parameters
    ----------
    moderator
        Shape (C,).
    covariates
        Shape (C, q).
    """
    rows = np.column_stack([moderator, covariates])
    _, first, alike = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    basis = nuisance_basis(np.column_stack([np.ones(moderator.size), covariates]))
    rest = without(basis, moderator)
    if not varies(rest, moderator - moderator.mean()).all():
        return np.zeros_like(rest)
    return rest[first][alike.ravel()]


def study_permutations(
    study: NDArray[np.intp], moderator: NDArray[np.float64], n_permutations: int, seed: int
) -> BlockPermutations:
    """Permute a moderator over studies, all contrasts of a study together.

    Studies exchange their values if each has one value for all its contrasts; otherwise studies
    of as many contrasts exchange theirs in the order of the contrasts.

    Parameters
    ----------
    study
        Number of the study of each contrast, shape (C,).
    moderator
        Its values, shape (C,).
    n_permutations, seed
        As for `block_permutations`.
    """
    members = [np.flatnonzero(study == number) for number in np.unique(study)]
    constant = all(np.ptp(moderator[own]) == 0 for own in members)
    block = np.array([0 if constant else own.size for own in members])
    kinds = [tuple(moderator[own[:1] if constant else own].tolist()) for own in members]
    alike = [sorted(set(kinds)).index(kind) for kind in kinds]
    studies = block_permutations(block, n_permutations, seed, alike=alike)
    rows = np.empty((len(studies.rows), study.size), dtype=np.intp)
    for number, own in enumerate(members):
        for row, source in zip(rows, studies.rows[:, number], strict=True):
            row[own] = members[source][0] if constant else members[source]
    return BlockPermutations(rows, np.zeros(study.size, dtype=np.intp), studies.exhaustive)
