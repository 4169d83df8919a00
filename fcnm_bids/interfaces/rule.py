"""What the settings of the group level mean for the numeric rooms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.config import GroupSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.mapping import probability_map
from fcnm_bids.seeds import Contrast
from fcnm_bids.stats import HeightRule


def height_rule(settings: GroupSettings) -> HeightRule:
    """The height rule that the settings ask for."""
    return HeightRule(
        control=settings.height_control,
        alpha=settings.alpha,
        tail=settings.tail,
        min_effect=settings.min_effect,
        min_cluster_voxels=settings.contrast_min_cluster,
        min_subjects=settings.min_subjects,
        n_permutations=settings.n_permutations,
        random_seed=settings.random_seed,
    )


def contrast_weights(
    settings: GroupSettings, contrasts: Sequence[Contrast]
) -> NDArray[np.float64] | None:
    """What each contrast counts for in a probability map; None for the same.

    Raises
    ------
    RequestError
        Sample sizes are asked for that are not known; names the contrasts.
    """
    if settings.weights == "none":
        return None
    unknown = [c.name for c in contrasts if not c.n]
    if unknown:
        raise RequestError(
            f"--weights {settings.weights}: no sample size n for {', '.join(unknown)}"
        )
    n = np.array([c.n for c in contrasts], dtype=np.float64)
    return n if settings.weights == "n" else np.sqrt(n)


def effect_map(
    masks: NDArray[np.bool_], counted: NDArray[np.bool_], weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The probability map of an effect and the contrasts in its count; NaN where there are none."""
    if not counted.any():
        return np.full(masks.shape[1], np.nan), np.zeros(len(masks), dtype=bool)
    return probability_map(masks, counted, weights)
