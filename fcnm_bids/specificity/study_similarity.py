"""Similarity of each left-out study with the other studies of its effect."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.specificity.labels import LabelledContrasts, relabellings

FEWEST_VOXELS = 200
"""Voxels away from the foci of both sides that a correlation needs."""

_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class SimilarityTest:
    """Similarity of studies to the others of their own effect and of the other one.

    Parameters
    ----------
    within, between
        For each study and effect that it reports: r with the other studies of that effect, and
        with those of the other effect.
    study, is_first
        Number of the study, and whether the effect is the first, of each.
    statistic
        Mean of within less between, over all that have both.
    p
        One-sided p when studies exchange their labels; NaN where nothing could be compared.
    n_labellings, n_possible, exact
        Labellings compared, the observed one included; how many there are; whether all were taken.
    """

    within: NDArray[np.float64]
    between: NDArray[np.float64]
    study: NDArray[np.intp]
    is_first: NDArray[np.bool_]
    statistic: float
    p: float
    n_labellings: int
    n_possible: int
    exact: bool


def similarity_test(
    labelled: LabelledContrasts,
    means: NDArray[np.floating],
    near: NDArray[np.bool_],
    *,
    n_draws: int,
    seed: int,
) -> SimilarityTest:
    """Compare every left-out study with the convergence of the others, by effect.

    The map of a study is the mean of its contrasts of an effect. It is correlated with the mean
    over the contrasts of all other studies of the same effect, and with that of the other effect,
    over voxels that are near no focus of either side.

    Parameters
    ----------
    labelled
        The contrasts of both effects.
    means
        Mean Fisher z of each contrast over participants, at grey-matter voxels, shape (C, V).
    near
        Where a voxel lies near a contrast's own foci, shape (C, V).
    n_draws, seed
        As for :func:`~fcnm_bids.specificity.labels.relabellings`.
    """
    rows, exact = relabellings(labelled, n_draws, seed)
    usable = np.isfinite(means).all(axis=0)
    kept: NDArray[np.float64] = means[:, usable].astype(np.float64)
    near = near[:, usable]
    weights = np.ones(len(kept)) if labelled.weights is None else labelled.weights
    found = [_similarities(row, labelled.unit, kept, near, weights) for row in rows]
    values = np.array([_statistic(each[0], each[1]) for each in found])
    values = values[np.isfinite(values)] if np.isfinite(values[0]) else values[:0]
    p = float((values >= values[0] - _TOLERANCE).mean()) if values.size else math.nan
    within, between, study, first = found[0]
    statistic = _statistic(within, between)
    n = max(1, values.size)
    return SimilarityTest(
        within, between, study, first, statistic, p, n, labelled.n_relabellings, exact
    )


def _statistic(within: NDArray[np.float64], between: NDArray[np.float64]) -> float:
    apart = within - between
    return float(apart[np.isfinite(apart)].mean()) if np.isfinite(apart).any() else math.nan


def _similarities(
    is_first: NDArray[np.bool_],
    unit: NDArray[np.intp],
    means: NDArray[np.float64],
    near: NDArray[np.bool_],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.bool_]]:
    """Correlations within and between, study and effect of each."""
    sums = {label: weights[is_first == label] @ means[is_first == label] for label in (True, False)}
    crowd = {label: near[is_first == label].sum(axis=0) for label in (True, False)}
    within, between, study, first = [], [], [], []
    for number in np.unique(unit):
        own = unit == number
        for label in np.unique(is_first[own]):
            mine = own & (is_first == label)
            r = []
            for other in (label, not label):
                # the whole study is left out, its contrasts of the other effect too
                gone = own & (is_first == other)
                rest = sums[bool(other)] - weights[gone] @ means[gone]
                left = (is_first == other) & ~own
                beside = crowd[bool(other)] - near[gone].sum(axis=0)
                where = ~near[mine].any(axis=0) & (beside == 0)
                r.append(_r(means[mine].mean(axis=0), rest, where) if left.any() else math.nan)
            within.append(r[0])
            between.append(r[1])
            study.append(number)
            first.append(label)
    return np.array(within), np.array(between), np.array(study), np.array(first, dtype=bool)


def _r(a: NDArray[np.float64], b: NDArray[np.float64], where: NDArray[np.bool_]) -> float:
    if np.count_nonzero(where) < FEWEST_VOXELS:
        return math.nan
    x, y = a[where] - a[where].mean(), b[where] - b[where].mean()
    length = math.sqrt(float((x @ x) * (y @ y)))
    return float(x @ y) / length if length > 0 else math.nan
