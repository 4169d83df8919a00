"""Robustness over thresholds and studies: from contrast masks alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.mapping import probability_away_from_seeds, probability_map
from fcnm_bids.robustness.agreement import Reference, compared

_TILE_NUMBERS = 1 << 23

_MOST_BITS = 30


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


def studies_alike(
    masks: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    unit: NDArray[np.intp],
    reference: Reference,
) -> list[dict[str, Any]]:
    """Weight the k contrasts of a study by 1/k, so that every study counts once.

    Parameters
    ----------
    masks, counted, weights, reference
        As for `leave_one_study_out`.
    unit
        Number of the study of each contrast, shape (C,).

    Returns
    -------
    rows
        One; none where no study gives several contrasts.
    """
    times = np.bincount(unit)[unit]
    if (times == 1).all():
        return []
    own = (1.0 if weights is None else weights) / times
    probability, kept = probability_map(masks, counted, own)
    row = compared(reference, probability)
    return [{"check": "studies alike", "level": "1/k", "n_contrasts": int(kept.sum()), **row}]


def away_from_seeds(
    masks: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    near: NDArray[np.bool_],
    reference: Reference,
    distance: float,
) -> dict[str, Any]:
    """Count a contrast only at voxels that are not near its own foci.

    Parameters
    ----------
    masks, counted, weights, reference
        As for `leave_one_study_out`.
    near
        Where voxels lie near a contrast's own foci, shape (C, V).
    distance
        How near, in mm.
    """
    probability = probability_away_from_seeds(masks, counted, weights, near)
    n_contrasts = int(np.count_nonzero(counted.any(axis=1)))
    return {
        "check": "away from own foci",
        "level": f"{distance:g}",
        "n_contrasts": n_contrasts,
        **compared(reference, probability),
    }


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A network's bootstrap over studies.

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
    unit: NDArray[np.intp] | None = None,
) -> Bootstrap:
    """Draw studies with replacement, each with all its contrasts (Efron 1979, Ann Stat 7:1).

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
    unit
        Number of the study of each contrast, shape (C,); None for a study each.
    """
    n_contrasts = len(masks)
    unit = np.arange(n_contrasts) if unit is None else np.unique(unit, return_inverse=True)[1]
    n_studies = int(unit.max()) + 1
    picks = np.random.default_rng(seed).integers(0, n_studies, (n_draws, n_studies))
    times = np.stack([np.bincount(pick, minlength=n_studies)[unit] for pick in picks])
    shares = times.astype(np.float64)
    if weights is not None:
        shares *= weights
    shares /= shares.sum(axis=1, keepdims=True)
    undefined = np.isnan(reference.probability)
    patterns, voxels = _patterns(masks)
    limits = np.empty((2, patterns.shape[1]))
    tile = max(1, _TILE_NUMBERS // n_draws)
    levels = ((1 - interval) / 2, (1 + interval) / 2)
    for start in range(0, patterns.shape[1], tile):
        block = slice(start, start + tile)
        drawn = shares @ patterns[:, block]
        limits[:, block] = np.quantile(drawn, levels, axis=0, method="inverted_cdf")
    limits = limits[:, voxels]
    limits[:, undefined] = math.nan
    rows = []
    # few contrasts are drawn the same number of times again and again
    known: dict[bytes, dict[str, Any]] = {}
    for number, (share, drawn) in enumerate(zip(shares, times, strict=True)):
        if (key := drawn.tobytes()) not in known:
            probability = (share @ patterns)[voxels]
            probability[undefined] = math.nan
            known[key] = compared(reference, probability)
        row = {"check": "bootstrap", "draw": number, "n_contrasts": int(drawn.sum())}
        rows.append(row | known[key])
    return Bootstrap(limits[0], limits[1], rows)


def _patterns(masks: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """The different columns of masks, and which one each voxel has."""
    if len(masks) > _MOST_BITS:  # hardly any voxel is like another
        return masks, np.arange(masks.shape[1])
    numbers = np.zeros(masks.shape[1], dtype=np.int64)
    for place, mask in enumerate(masks):
        numbers += mask.astype(np.int64) << place
    _, first, voxels = np.unique(numbers, return_index=True, return_inverse=True)
    return masks[:, first], voxels
