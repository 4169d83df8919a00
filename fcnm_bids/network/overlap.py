"""Similarity of two networks, or of two maps."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Twice the voxels in both over the sum of the two sizes (Dice 1945); NaN for two empty ones.

    Parameters
    ----------
    a, b
        Masks of one shape.
    """
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"masks of shapes {a.shape} and {b.shape}")
    size = np.count_nonzero(a) + np.count_nonzero(b)
    return 2 * np.count_nonzero(a & b) / size if size else math.nan


def spatial_correlation(a: ArrayLike, b: ArrayLike, where: NDArray[np.bool_]) -> float:
    """Pearson correlation of two maps over voxels.

    Parameters
    ----------
    a, b
        Maps of one shape.
    where
        Voxels that may enter; those where a map is not finite do not.

    Returns
    -------
    r
        NaN where fewer than two voxels are left, or a map does not vary over them.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    where = np.asarray(where, dtype=bool)
    if not first.shape == second.shape == where.shape:
        raise ValueError(f"maps of shapes {first.shape} and {second.shape} over {where.shape}")
    entered = where & np.isfinite(first) & np.isfinite(second)
    x, y = first[entered], second[entered]
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / math.sqrt((x @ x) * (y @ y)), -1, 1))
