"""Contrasts as a sample of contrasts: variance between seeds, and moderators.

All contrasts are mapped on the same participants, so that their errors covary. At a voxel the
effects of C contrasts have the covariance S / N + tau2 I, where S is their covariance over the N
participants. tau2 is the moment estimator for correlated errors (Chen et al. 2012, Biometrics
68:1278); it is a variance between seeds, not of one true effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.outcomes.model import nuisance_basis, without
from fcnm_bids.outcomes.permutation import BlockPermutations, block_permutations
from fcnm_bids.stats import MaxNull

_TILE_NUMBERS = 1 << 22
"""Numbers (pairs of contrasts or permutations, times voxels) of one tile."""

_SINGULAR = 1e-12
"""Smallest eigenvalue of a covariance, as a share of the largest, from which it is inverted."""


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
        Coefficient of each moderator, and the coefficient over its standard error, with the
        tau2 of the model without this moderator, shape (moderators, V).
    p_fwe
        Two-sided p of each moderator's z, by the largest of every permutation of the moderator
        over studies, shape (moderators, V).
    nulls
        Largest absolute z of every permutation, one for each moderator.
    """

    mean: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    tau2: NDArray[np.float64]
    slopes: NDArray[np.float64]
    z: NDArray[np.float64]
    p_fwe: NDArray[np.float64]
    nulls: tuple[MaxNull, ...]


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
        Of each moderator over studies, as `study_permutations` makes them.

    Raises
    ------
    ValueError
        Moderators that determine each other, or leave no degree of freedom.
    """
    n_contrasts, n_voxels = effects.shape
    n_moderators = moderators.shape[1]
    centred = moderators - moderators.mean(axis=0)
    constant = np.ones((n_contrasts, 1))
    whole = np.hstack([constant, centred])
    if nuisance_basis(whole).shape[1] < whole.shape[1] or n_contrasts <= whole.shape[1]:
        raise ValueError("moderators that determine each other, or as many as contrasts")
    mean, error, tau2 = np.full((3, n_voxels), np.nan)
    slopes, z = np.full((2, n_moderators, n_voxels), np.nan)
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
    nulls = tuple(
        MaxNull(np.sort(own)[::-1], permuted.exhaustive)
        for own, permuted in zip(largest, permutations, strict=True)
    )
    p_fwe = np.array([null.p(np.abs(own)) for null, own in zip(nulls, z, strict=True)])
    return RandomStudies(mean, error, tau2, slopes, z, p_fwe.reshape(z.shape), nulls)


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
