"""Turn settings of the group level into arguments of the numeric packages and sidecar entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.config import NULLS, Config, GroupSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.mapping import MappingRule
from fcnm_bids.network import network_mask
from fcnm_bids.robustness import Reference
from fcnm_bids.seeds import Contrast
from fcnm_bids.stats import HeightRule


def height_rule(settings: GroupSettings) -> HeightRule:
    """The height rule that the settings ask for."""
    return HeightRule(
        control=settings.height_control,
        alpha=settings.alpha,
        tail=settings.tail,
        min_mean_z=settings.min_mean_z,
        min_cluster_voxels=settings.contrast_min_cluster,
        min_subjects=settings.min_subjects,
        n_permutations=settings.n_permutations,
        random_seed=settings.random_seed,
    )


def mapping_rule(config: Config) -> MappingRule:
    """Everything that turns participants' maps into contrast masks, as the request says it."""
    return MappingRule(height_rule(config.group), config.seeds.min_coverage)


def network_rule(
    settings: GroupSettings, grid: Grid, index: NDArray[np.intp]
) -> Callable[[NDArray[np.float64]], NDArray[np.bool_]]:
    """The function from a probability map on the voxels `index` to its network, shape (V,) both."""
    return partial(
        network_mask,
        threshold=settings.network_threshold,
        min_cluster_volume=settings.min_cluster_volume,
        grid=grid,
        index=index,
    )


def reference_network(
    settings: GroupSettings, probability: NDArray[np.float64], grid: Grid, index: NDArray[np.intp]
) -> Reference:
    """Return a network that others are compared with, from its probability map, shape (V,)."""
    threshold, smallest = settings.network_threshold, settings.min_cluster_volume
    return Reference(probability, threshold, smallest, grid, index)


def describe_network_rule(settings: GroupSettings) -> dict[str, Any]:
    """Return the sidecar entries on how networks are cut out of probability maps."""
    return {
        "Threshold": settings.network_threshold,
        "MinimumClusterVolume": settings.min_cluster_volume,
        "MinimumClusterVolumeUnits": "mm3",
    }


def null_options(config: Config) -> dict[str, Any]:
    """Return the options of the nulls by their names, with the constants of all analyses."""
    return {**asdict(config.specificity), **asdict(NULLS)}


def contrast_weights(
    settings: GroupSettings, contrasts: Sequence[Contrast]
) -> NDArray[np.float64] | None:
    """Return the weight of each contrast in a probability map; None for equal ones.

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
            f"--weights {settings.weights}: no sample size n for {', '.join(unknown)}; add it"
        )
    n = np.array([c.n for c in contrasts], dtype=np.float64)
    return n if settings.weights == "n" else np.sqrt(n)
