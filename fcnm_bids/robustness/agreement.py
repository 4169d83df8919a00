"""Agreement between a variant of a network and the network itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.network import dice, network_mask, spatial_correlation

ROBUSTNESS_COLUMNS = {
    "check": "What was varied",
    "level": "Its value: radius in mm, threshold, study left out, share of the participants, "
    "weight of a study's k contrasts, distance in mm within which a contrast is not counted",
    "draw": "Number of the random draw; n/a where nothing is random",
    "n_contrasts": "Contrasts counted",
    "n_voxels": "Voxels of the resulting network",
    "volume_mm3": "Volume of the resulting network in cubic mm",
    "dice": "Dice overlap with the network (split-half: of the two halves' networks); n/a where no "
    "contrast could be tested, or both networks are empty",
    "correlation": "Pearson correlation over voxels with the probability map (split-half: of the "
    "two halves' maps)",
    "mean_change": "Mean over voxels of the absolute difference of the two probability maps",
}
"""Columns of the table of robustness and what they hold."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A network, and the rule that made it of its probability map.

    Parameters
    ----------
    probability
        Shape (V,).
    threshold, min_cluster_volume
        As for :func:`~fcnm_bids.network.threshold.network_mask`.
    grid
        The voxel grid.
    index
        Voxel numbers, shape (V,).
    """

    probability: NDArray[np.float64]
    threshold: float
    min_cluster_volume: float
    grid: Grid
    index: NDArray[np.intp]

    @cached_property
    def network(self) -> NDArray[np.bool_]:
        """The network, shape (V,)."""
        return self.network_of(self.probability)

    def network_of(
        self, probability: NDArray[np.float64], threshold: float | None = None
    ) -> NDArray[np.bool_]:
        """The network of another probability map by the same rule."""
        return network_mask(
            probability,
            threshold=self.threshold if threshold is None else threshold,
            min_cluster_volume=self.min_cluster_volume,
            grid=self.grid,
            index=self.index,
        )


def compared(
    reference: Reference, probability: NDArray[np.float64], *, threshold: float | None = None
) -> dict[str, Any]:
    """Size of a variant's network and its agreement with the reference.

    Parameters
    ----------
    reference
        The network.
    probability
        The variant's probability map, shape (V,).
    threshold
        Another threshold for the variant.

    Returns
    -------
    measures
        The columns n_voxels to mean_change of :data:`ROBUSTNESS_COLUMNS`. Where a map has no
        tested voxel there is nothing to compare, and Dice is NaN.
    """
    network = reference.network_of(probability, threshold)
    n_voxels = int(np.count_nonzero(network))
    everywhere = np.ones(network.shape, dtype=bool)
    change = np.abs(probability - reference.probability)
    defined = np.isfinite(change)
    mapped = all(np.isfinite(map_).any() for map_ in (probability, reference.probability))
    return {
        "n_voxels": n_voxels,
        "volume_mm3": n_voxels * reference.grid.voxel_volume,
        "dice": dice(network, reference.network) if mapped else math.nan,
        "correlation": spatial_correlation(probability, reference.probability, everywhere),
        "mean_change": float(change[defined].mean()) if defined.any() else math.nan,
    }


def effects_compared(
    first: Reference,
    second: Reference,
    first_mean: NDArray[np.float64],
    second_mean: NDArray[np.float64],
) -> dict[str, Any]:
    """Two effects' networks and maps compared.

    Parameters
    ----------
    first, second
        The networks, on the same voxels.
    first_mean, second_mean
        Means over contrasts of their mean z, shape (V,).
    """
    a, b = first.network, second.network
    everywhere = np.ones(a.shape, dtype=bool)
    return {
        "n_voxels_a": int(a.sum()),
        "n_voxels_b": int(b.sum()),
        "n_voxels_both": int((a & b).sum()),
        "n_voxels_a_only": int((a & ~b).sum()),
        "n_voxels_b_only": int((b & ~a).sum()),
        "dice": dice(a, b),
        "correlation_probability": spatial_correlation(
            first.probability, second.probability, everywhere
        ),
        "correlation_effect": spatial_correlation(first_mean, second_mean, everywhere),
    }
