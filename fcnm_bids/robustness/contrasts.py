"""Robustness over thresholds, studies and contrasts: from contrast masks alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.mapping import probability_map
from fcnm_bids.robustness.agreement import Reference, compared

_TILE_NUMBERS = 1 << 23


def threshold_sweep(
    reference: Reference, n_contrasts: int, thresholds: Sequence[float]
) -> list[dict[str, Any]]:
    """The network at other thresholds; it shrinks as they rise."""
    return [
        {
            "check": "threshold",
            "level": f"{threshold:g}",
            "n_contrasts": n_contrasts,
            **compared(reference, reference.probability, threshold=threshold),
        }
        for threshold in thresholds
    ]


def leave_one_study_out(
    masks: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    studies: Sequence[Sequence[str]],
    reference: Reference,
) -> list[dict[str, Any]]:
    """The network without each study's contrasts in turn.

    A study's influence is how far the map moves without it: the mean change and one minus Dice.

    Parameters
    ----------
    masks, counted
        Contrast masks and where each contrast counts as tested, shape (C, V).
    weights
        Weight of each contrast; None for equal ones.
    studies
        Studies of each contrast.
    reference
        The network of all contrasts.
    """
    rows = []
    for study in dict.fromkeys(name for names in studies for name in names):
        rest = np.array([study not in names for names in studies])
        row: dict[str, Any] = {"check": "leave-one-study-out", "level": study, "n_contrasts": 0}
        if counted[rest].any():
            own = None if weights is None else weights[rest]
            probability, kept = probability_map(masks[rest], counted[rest], own)
            row |= {"n_contrasts": int(kept.sum()), **compared(reference, probability)}
        rows.append(row)
    return rows


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A network's bootstrap over contrasts.

    Parameters
    ----------
    lower, upper
        Limits of the percentile interval of the probability, shape (V,); NaN where it is.
    rows
        One per draw.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    rows: list[dict[str, Any]]


def bootstrap(
    masks: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    reference: Reference,
    *,
    n_draws: int,
    seed: int,
    interval: float,
) -> Bootstrap:
    """Draw contrasts with replacement (Efron 1979, Ann Stat 7:1).

    Parameters
    ----------
    masks
        Masks of the contrasts in the count, shape (C, V).
    weights
        Weight of each; None for equal ones.
    reference
        The network of these contrasts.
    n_draws, seed
        Draws, and the seed of their random numbers.
    interval
        Coverage of the interval, such as 0.95.
    """
    n_contrasts, n_voxels = masks.shape
    picks = np.random.default_rng(seed).integers(0, n_contrasts, (n_draws, n_contrasts))
    shares = np.stack([np.bincount(pick, minlength=n_contrasts) for pick in picks]).astype(float)
    if weights is not None:
        shares *= weights
    shares /= shares.sum(axis=1, keepdims=True)
    undefined = np.isnan(reference.probability)
    limits = np.empty((2, n_voxels))
    tile = max(1, _TILE_NUMBERS // n_draws)
    levels = ((1 - interval) / 2, (1 + interval) / 2)
    for start in range(0, n_voxels, tile):
        block = slice(start, start + tile)
        drawn = shares @ masks[:, block]
        limits[:, block] = np.quantile(drawn, levels, axis=0, method="inverted_cdf")
    limits[:, undefined] = math.nan
    rows = []
    for number, share in enumerate(shares):
        probability = share @ masks
        probability[undefined] = math.nan
        row = compared(reference, probability)
        rows.append({"check": "bootstrap", "draw": number, "n_contrasts": n_contrasts, **row})
    return Bootstrap(limits[0], limits[1], rows)
