"""The network probability map: how many of the contrasts' masks hold a voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def probability_map(
    masks: NDArray[np.bool_], tested: NDArray[np.bool_], weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Share of the contrasts whose mask holds each voxel.

    A contrast that was tested and shows nothing counts as 0. A contrast with no tested voxel at
    all leaves the count. A voxel that is untested in any contrast left is NaN, as is the whole map
    where no contrast is left.

    Parameters
    ----------
    masks
        Contrast masks, shape (C, V).
    tested
        Where each contrast could have shown something, shape (C, V). Voxels left out of the t
        test because a seed met itself there (a clipped correlation) are to be passed as tested:
        they count as 0 instead of making the map NaN.
    weights
        Positive weight of each contrast, shape (C,); None for equal ones.

    Returns
    -------
    probability
        Shape (V,), 0 to 1 or NaN.
    kept
        Which contrasts are in the count, shape (C,).
    """
    masks, tested = np.asarray(masks, dtype=bool), np.asarray(tested, dtype=bool)
    if masks.ndim != 2 or masks.shape != tested.shape:
        raise ValueError(f"masks of shape {masks.shape}, tested of shape {tested.shape}")
    if (masks & ~tested).any():
        raise ValueError("a contrast mask holds voxels that were not tested")
    kept = np.asarray(tested.any(axis=1))
    if not kept.any():
        return np.full(masks.shape[1], np.nan), kept
    if weights is None:
        probability = np.count_nonzero(masks[kept], axis=0) / np.count_nonzero(kept)
    else:
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != kept.shape or not (np.isfinite(weights) & (weights > 0)).all():
            raise ValueError("weights are positive, one for each contrast")
        probability = weights[kept] @ masks[kept] / weights[kept].sum()
    probability[~tested[kept].all(axis=0)] = np.nan
    return probability, kept


def probability_away_from_seeds(
    masks: NDArray[np.bool_],
    tested: NDArray[np.bool_],
    weights: ArrayLike | None,
    near: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Share of the contrasts without an own focus nearby whose mask holds each voxel.

    Parameters
    ----------
    masks, tested, weights
        As for `probability_map`.
    near
        Where a contrast is not counted, shape (C, V).

    Returns
    -------
    probability
        Shape (V,); NaN where the probability map is, and where fewer than half of the contrasts in
        its count are counted.
    """
    plain, kept = probability_map(masks, tested, weights)
    share = np.ones(kept.size) if weights is None else np.asarray(weights, dtype=np.float64)
    counts = ~near[kept]
    total = share[kept] @ counts
    enough = 2 * counts.sum(axis=0) >= max(1, np.count_nonzero(kept))
    probability: NDArray[np.float64] = np.divide(
        share[kept] @ (masks[kept] & counts),
        total,
        out=np.full(plain.size, np.nan),
        where=enough & np.isfinite(plain) & (total > 0),
    )
    return probability
