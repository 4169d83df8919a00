"""Prediction of an outcome from maps made without the seed whose outcome is predicted.

The map of a fold is the partial correlation map of all other seeds (Horn et al. 2017, Ann Neurol
82:67). Its sums of squares and products follow from those of all seeds (Cook and Weisberg 1982,
Residuals and Influence in Regression, section 2.2), so that each permutation repeats the whole
procedure by matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fcnm_bids.outcomes.model import OutcomeModel, varies, without
from fcnm_bids.outcomes.permutation import BlockPermutations

_TILE_NUMBERS = 1 << 22
"""Numbers (permutations times voxels) of one tile."""

_LEAST_LEFT = 1e-10
"""Share of a voxel's variation over seeds that the other seeds of each fold need to have."""

_ROUNDING = 1e-9
"""Difference of two statistics that is taken for rounding."""

STRONGEST = 0.01
"""Share of the voxels, those of the largest |r| of a fold's map, that the weighted score takes."""

_SINGLE_ROUNDING = 1e-5
"""The same for the weighted score, whose maps are single precision."""

_LOWER = np.float32(0.85)
"""Share of the threshold of one fold above which the strongest voxels of the next are sought."""

_BLOCK = 32
"""Permutations whose maps are in memory together."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Out-of-sample prediction of an outcome by one score of each seed.

    Parameters
    ----------
    scores
        Score of each seed from the map of its fold, shape (K,).
    statistic
        Correlation of scores and outcome, or the area under the ROC curve of a group.
    p
        One-sided p by permutation of the whole procedure: larger statistics are better.
    null
        Statistic of every permutation, the observed one first, shape (B,).
    partial_r
        Correlation of scores and outcome once the nuisance columns are out of both.
    partial_p, partial_null
        Its p, and its value in every permutation.
    """

    scores: NDArray[np.float64]
    statistic: float
    p: float
    null: NDArray[np.float64]
    partial_r: float
    partial_p: float
    partial_null: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DamageScores:
    """Values of a fold's map within the seeds that it was made without, shape (K,) each."""

    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]
    total: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OutOfSample:
    """Predict maps from the other seeds.

    Parameters
    ----------
    similarity
        Prediction by the spatial correlation of a seed's own map with the map of its fold.
    weighted
        Prediction by the mean of a seed's own map over the `STRONGEST` voxels of the map of its
        fold, weighted by that map.
    damage
        Prediction by the mean of the map of its fold within the seed; None without seeds.
    damage_scores
        The same means, the maxima and the sums over voxels, weighted by the seed.
    n_voxels
        Voxels that enter: every seed has a value there, and values vary in every fold.
    """

    similarity: Prediction
    weighted: Prediction
    damage: Prediction | None
    damage_scores: DamageScores | None
    n_voxels: int


def leave_one_out(n_seeds: int) -> NDArray[np.intp]:
    """Return a fold for each seed, shape (n_seeds,)."""
    return np.arange(n_seeds)


def predict(
    maps: NDArray[np.floating[Any]],
    model: OutcomeModel,
    permutations: BlockPermutations,
    folds: NDArray[np.intp],
    *,
    is_group: bool = False,
    seeds: sparse.csr_array | None = None,
) -> OutOfSample:
    """Predict the outcome of each fold's seeds from the map of all other seeds.

    Parameters
    ----------
    maps
        Mean Fisher z of each seed, shape (K, V), NaN where a seed has none; may be mapped from a
        file.
    model
        Outcome, nuisance columns and blocks.
    permutations
        Within blocks: of the residuals, which the fitted values are added to, or of the outcome
        itself if it is a group.
    folds
        Number of the fold of each seed, from 0, shape (K,); at least two folds.
    is_group
        True if the outcome is 1 for cases and 0 for controls: the statistic is the area under
        the ROC curve instead of the correlation.
    seeds
        Weights of the seeds on the voxels, shape (K, V), for the damage score; None without.

    Raises
    ------
    ValueError
        No voxel can be used, or fewer than two folds.
    """
    fold_of = np.unique(folds, return_inverse=True)[1].ravel()
    parts = [_Fold(np.flatnonzero(fold_of == f), model.basis) for f in range(fold_of.max() + 1)]
    if len(parts) < 2:
        raise ValueError("prediction needs at least two folds")
    outcomes = model.outcome[permutations.rows].T
    if not is_group:
        outcomes = (model.outcome - model.residuals)[:, None] + model.residuals[permutations.rows].T
    permuted = without(model.basis, outcomes)
    changes = [part.leave @ permuted[part.seeds] for part in parts]
    own, within = _Sums(parts, permuted.shape[1]), _Sums(parts, permuted.shape[1])
    shape = _MapSums(fold_of, permuted.shape[1])
    extremes = np.full(fold_of.size, -np.inf)
    whole = _Weighted(*maps.shape)
    tile = max(64, _TILE_NUMBERS // max(permuted.shape))
    for start in range(0, maps.shape[1], tile):
        values = np.asarray(maps[:, start : start + tile], dtype=np.float64)
        usable = np.isfinite(values).all(axis=0)
        left = without(model.basis, np.where(usable, values, 0.0))
        squares = np.einsum("kv,kv->v", left, left)
        remaining = np.stack([part.remaining(left[part.seeds], squares) for part in parts])
        usable &= (remaining > _LEAST_LEFT * squares).all(axis=0)
        usable &= varies(left, np.where(usable, values, 0.0))
        places = np.flatnonzero(usable)
        values, left = values[:, places], left[:, places]
        scale = 1 / np.sqrt(remaining[:, places])
        slopes = left.T @ permuted
        own.add(values * scale[fold_of], left, slopes, values.sum(axis=1))
        shape.add(left, scale, slopes, np.einsum("kv,kv->k", values, values))
        whole.add(values, left, squares[places])
        if seeds is not None:
            weights = seeds[:, start + places]
            held = sparse.csr_array(weights.multiply(scale[fold_of]))
            within.add(held, left, slopes, np.asarray(weights.sum(axis=1)))
            observed = np.stack(
                [
                    row * (slopes[:, 0] - change[:, 0] @ left[part.seeds])
                    for row, part, change in zip(scale, parts, changes, strict=True)
                ]
            )
            np.maximum(extremes, _largest_within(weights, observed[fold_of]), out=extremes)
    if not shape.n_voxels:
        raise ValueError("no voxel at which all seeds have values that vary in every fold")
    scores = shape.correlations(own, parts, changes)
    similarity = _prediction(scores, outcomes, model.basis, is_group)
    strongest = whole.scores(parts, permuted, changes)
    weighted = _prediction(strongest, outcomes, model.basis, is_group, rounding=_SINGLE_ROUNDING)
    if seeds is None:
        return OutOfSample(similarity, weighted, None, None, shape.n_voxels)
    squared = np.einsum("kb,kb->b", permuted, permuted)
    lengths = np.empty_like(permuted)
    for part, change in zip(parts, changes, strict=True):
        gone = np.einsum("kb,kb->b", permuted[part.seeds], change)
        lengths[part.seeds] = np.sqrt(np.maximum(squared - gone, _LEAST_LEFT * squared))
    inside = within.without_own(parts, changes) / lengths
    with np.errstate(invalid="ignore", divide="ignore"):
        means = inside / within.totals[:, None]
    extremes = np.where(np.isfinite(extremes), extremes / lengths[:, 0], np.nan)
    return OutOfSample(
        similarity,
        weighted,
        _prediction(means, outcomes, model.basis, is_group) if np.isfinite(means).all() else None,
        DamageScores(means[:, 0], extremes, inside[:, 0]),
        shape.n_voxels,
    )


class _Fold:
    """The seeds of a fold, and what products of residuals lose when they are left out."""

    def __init__(self, seeds: NDArray[np.intp], basis: NDArray[np.float64]) -> None:
        self.seeds = seeds
        own = basis[seeds]
        # a cohort's dummy fits its mean: that direction of the residuals is 0, and stays out
        self.leave = np.linalg.pinv(np.eye(seeds.size) - own @ own.T, rcond=1e-9, hermitian=True)

    def remaining(
        self, own: NDArray[np.floating[Any]], squares: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Residual sum of squares over the other seeds, from the residuals of the fold's own."""
        gone = np.empty(own.shape[1])
        tile = max(64, _TILE_NUMBERS // len(own))
        for start in range(0, gone.size, tile):
            part = own[:, start : start + tile]
            gone[start : start + tile] = np.einsum("iv,iv->v", part, self.leave @ part)
        return squares - gone


class _Sums:
    """Sums over voxels of weights of each seed times the map of its fold."""

    def __init__(self, parts: list[_Fold], n_permutations: int) -> None:
        self.parts = parts
        n_seeds = sum(part.seeds.size for part in parts)
        self.totals = np.zeros(n_seeds)
        self.products = np.zeros((n_seeds, n_permutations))
        self.own = [np.zeros((part.seeds.size, part.seeds.size)) for part in parts]

    def add(
        self,
        weights: NDArray[np.float64] | sparse.csr_array,
        left: NDArray[np.float64],
        slopes: NDArray[np.float64],
        totals: NDArray[np.float64],
    ) -> None:
        """Add a tile: scaled weights (K, v), residuals (K, v), slopes (v, B), sums of weights."""
        self.totals += totals
        self.products += weights @ slopes
        for part, own in zip(self.parts, self.own, strict=True):
            own += weights[part.seeds] @ left[part.seeds].T

    def without_own(
        self, parts: list[_Fold], changes: list[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Return the products with maps made without each seed's fold, shape (K, B)."""
        products = self.products.copy()
        for part, own, change in zip(parts, self.own, changes, strict=True):
            products[part.seeds] -= own @ change
        return products


class _MapSums:
    """Sums and sums of squares over voxels of the folds' maps, and of the seeds' own."""

    def __init__(self, fold_of: NDArray[np.intp], n_permutations: int) -> None:
        self.fold_of = fold_of
        n_seeds, n_folds = fold_of.size, int(fold_of.max()) + 1
        self.n_voxels = 0
        self.squares = np.zeros(n_seeds)
        self.left_totals = np.zeros(n_seeds)
        self.left_products = np.zeros((n_seeds, n_permutations))
        self.left_squares = np.zeros((n_seeds, n_seeds))
        self.map_totals = np.zeros((n_folds, n_permutations))
        self.map_squares = np.zeros((n_folds, n_permutations))

    def add(
        self,
        left: NDArray[np.float64],
        scale: NDArray[np.float64],
        slopes: NDArray[np.float64],
        squares: NDArray[np.float64],
    ) -> None:
        """Add a tile: residuals (K, v), a scale for each fold (F, v), slopes (v, B)."""
        self.n_voxels += left.shape[1]
        self.squares += squares
        scaled = left * scale[self.fold_of]
        self.left_totals += scaled.sum(axis=1)
        self.left_products += (scaled * scale[self.fold_of]) @ slopes
        self.left_squares += scaled @ scaled.T
        self.map_totals += scale @ slopes
        self.map_squares += (scale * scale) @ (slopes * slopes)

    def correlations(
        self, own: _Sums, parts: list[_Fold], changes: list[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Return the correlation over voxels of each seed's values and its fold's map, (K, B)."""
        n = self.n_voxels
        products = own.without_own(parts, changes)
        deviations = self.squares - own.totals**2 / n
        scores = np.empty_like(products)
        for number, (part, change) in enumerate(zip(parts, changes, strict=True)):
            seeds = part.seeds
            total = self.map_totals[number] - self.left_totals[seeds] @ change
            square = self.map_squares[number] + np.einsum(
                "ib,ib->b",
                change,
                self.left_squares[np.ix_(seeds, seeds)] @ change - 2 * self.left_products[seeds],
            )
            spread = np.maximum(square - total * total / n, 0.0)
            product = products[seeds] - own.totals[seeds, None] * total / n
            with np.errstate(invalid="ignore", divide="ignore"):
                scores[seeds] = product / np.sqrt(spread * deviations[seeds, None])
        return scores


class _Weighted:
    """Maps and residuals at all usable voxels, single precision."""

    def __init__(self, n_seeds: int, n_voxels: int) -> None:
        self.values, self.left = np.empty((2, n_seeds, n_voxels), dtype=np.float32)
        self.squares = np.empty(n_voxels)
        self.n_voxels = 0

    def add(
        self,
        values: NDArray[np.float64],
        left: NDArray[np.float64],
        squares: NDArray[np.float64],
    ) -> None:
        """Add a tile: values and residuals (K, v), and sums of squares of residuals (v,)."""
        tile = slice(self.n_voxels, self.n_voxels + squares.size)
        self.values[:, tile], self.left[:, tile], self.squares[tile] = values, left, squares
        self.n_voxels = tile.stop

    def scores(
        self,
        parts: Sequence[_Fold],
        permuted: NDArray[np.float64],
        changes: Sequence[NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Return each seed's weighted mean over the strongest voxels of its fold, shape (K, B).

        Voxels are chosen in the fold, as in connectome-based predictive modelling (Shen et al.
        2017, Nat Protoc 12:506), by their share, so that every permutation has as many.
        """
        n_voxels = self.n_voxels
        values, left = self.values[:, :n_voxels], self.left[:, :n_voxels]
        squares = self.squares[:n_voxels]
        n_strongest = math.ceil(STRONGEST * n_voxels)
        scores = np.empty(permuted.shape)
        row, size = np.empty((2, n_voxels), dtype=np.float32)
        for start in range(0, permuted.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            slopes = permuted[:, block].T.astype(np.float32) @ left
            low = np.zeros(len(slopes), dtype=np.float32)
            for part, change in zip(parts, changes, strict=True):
                own, theirs = left[part.seeds], values[part.seeds]
                remaining = part.remaining(own, squares)
                scale = (1 / np.sqrt(remaining)).astype(np.float32)
                lost = change[:, block].T.astype(np.float32)
                for number, (slope, own_lost) in enumerate(zip(slopes, lost, strict=True)):
                    # one row at a time stays in the processor's cache
                    np.dot(own_lost, own, out=row)
                    np.subtract(slope, row, out=row)
                    np.multiply(row, scale, out=row)
                    np.abs(row, out=size)
                    chosen = _strongest(size, n_strongest, low[number])
                    low[number] = _LOWER * size[chosen].min()
                    weights = row[chosen].astype(np.float64)
                    total = theirs[:, chosen] @ weights
                    with np.errstate(invalid="ignore"):
                        scores[part.seeds, start + number] = total / np.abs(weights).sum()
        return scores


def _strongest(size: NDArray[np.float32], n_strongest: int, low: np.float32) -> NDArray[np.intp]:
    """Return where the largest values are, sorted; quick if as many are at least `low`."""
    places = np.flatnonzero(size >= low)
    if places.size < n_strongest:
        places = np.arange(size.size)
    some = size[places]
    last = places.size - n_strongest
    return places[some >= np.partition(some, last)[last]]


def _largest_within(weights: sparse.csr_array, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest value where each row has a weight, shape (K,); -inf where none has."""
    largest = np.full(weights.shape[0], -np.inf)
    for row in np.flatnonzero(np.diff(weights.indptr)):
        places = weights.indices[weights.indptr[row] : weights.indptr[row + 1]]
        largest[row] = values[row, places].max()
    return largest


def _prediction(
    scores: NDArray[np.float64],
    outcomes: NDArray[np.float64],
    basis: NDArray[np.float64],
    is_group: bool,
    *,
    rounding: float = _ROUNDING,
) -> Prediction:
    """Return the statistics of every permutation, and their p; columns are permutations."""
    null = roc_area(scores, outcomes > 0.5) if is_group else _column_r(scores, outcomes)
    partial = _column_r(without(basis, scores), without(basis, outcomes))
    found = []
    for values in (null, partial):
        values = np.where(np.isfinite(values), values, -np.inf)
        p = np.count_nonzero(values >= values[0] - rounding) / values.size
        found.append((float(values[0]), p, values))
    return Prediction(scores[:, 0], *found[0], *found[1])


def roc_area(scores: NDArray[np.float64], is_case: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of pairs of a case and a control in which the case scores higher.

    Ties count one half.

    Parameters
    ----------
    scores, is_case
        Shape (K, B); a column is one set.
    """
    from scipy.stats import rankdata  # slow to import

    ranks = rankdata(scores, axis=0)
    n_cases = is_case.sum(axis=0)
    above = np.where(is_case, ranks, 0.0).sum(axis=0) - n_cases * (n_cases + 1) / 2
    return above / (n_cases * (len(scores) - n_cases))


def _column_r(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Pearson correlation of each pair of columns."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(axis=0) / np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
