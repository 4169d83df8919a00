"""False discovery rate over all tested voxels (Benjamini and Hochberg 1995)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fcnm_bids.stats.ttest import t_sf


@dataclass(frozen=True, eq=False)
class FdrResult:
    """Threshold p values by the Benjamini-Hochberg procedure.

    Parameters
    ----------
    significant
        Voxels admitted, shape (V,).
    p_threshold
        The largest p admitted; NaN where none is.
    threshold
        The lowest t (absolute value) admitted; infinite where none is. Where the degrees of
        freedom differ between voxels, a voxel above it may still not be admitted.
    """

    significant: NDArray[np.bool_]
    p_threshold: float
    threshold: float


def benjamini_hochberg(p: NDArray[np.float64], alpha: float) -> float:
    """The largest p that the procedure rejects at level `alpha`; NaN where it rejects none.

    Rejecting all p up to it, ties included, rejects exactly those whose adjusted p, as
    ``scipy.stats.false_discovery_control`` computes it, is at most `alpha`.
    """
    # No p above alpha can be rejected. The arithmetic is SciPy's, so that p exactly at the level
    # fall on the same side.
    ordered = np.sort(p[p <= alpha])
    scaled = ordered * (p.size / np.arange(1, ordered.size + 1))
    rejected = np.flatnonzero(scaled <= alpha)
    return float(ordered[rejected[-1]]) if rejected.size else math.nan


def fdr_threshold(t: NDArray[np.floating], df: ArrayLike, *, alpha: float, tail: str) -> FdrResult:
    """Control the false discovery rate of a t map over all of its tested voxels.

    Parameters
    ----------
    t
        t values, shape (V,); NaN where a voxel was not tested.
    df
        Degrees of freedom of each voxel.
    alpha
        False discovery rate.
    tail
        ``positive``, ``negative`` or ``two-sided`` (on two-sided p).
    """
    df = np.broadcast_to(np.asarray(df), t.shape)
    tested = ~np.isnan(t)
    values = t[tested]
    if tail == "two-sided":
        p = 2 * t_sf(np.abs(values), df[tested])
    elif tail in ("positive", "negative"):
        p = t_sf(values if tail == "positive" else -values, df[tested])
    else:
        raise ValueError(f"no tail {tail!r}")
    p_threshold = benjamini_hochberg(p, alpha)
    admitted = p <= p_threshold
    significant = np.zeros(t.shape, dtype=bool)
    significant[tested] = admitted
    lowest = float(np.abs(values[admitted]).min()) if admitted.any() else math.inf
    return FdrResult(significant=significant, p_threshold=p_threshold, threshold=lowest)
