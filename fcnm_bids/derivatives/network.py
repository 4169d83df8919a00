"""Images and tables of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.outputs import OutputNames, bids_uris
from fcnm_bids.bids.write import write_image
from fcnm_bids.config import GroupSettings
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.rules import describe_network_rule
from fcnm_bids.intermediates.maps import EffectMaps
from fcnm_bids.mapping import OWN_SEED_MM

EFFECTS_COLUMNS = {
    "effect_a": "First effect",
    "effect_b": "Second effect",
    "n_voxels_a": "Voxels of the first network",
    "n_voxels_b": "Voxels of the second network",
    "n_voxels_both": "Voxels in both networks",
    "n_voxels_a_only": "Voxels in the first network alone",
    "n_voxels_b_only": "Voxels in the second network alone",
    "dice": "Dice overlap of the two networks",
    "correlation_probability": "Pearson correlation over voxels of the two probability maps",
    "correlation_effect": "Pearson correlation over voxels of the two means of Fisher z",
}


@dataclass(frozen=True, eq=False)
class Network:
    """Content of a network's outputs: maps, mask, labels of the contrasts, shared sidecar entries.

    The weights of the contrasts belong to all maps but the mean, which has none.
    """

    maps: EffectMaps
    network: NDArray[np.bool_]
    contrasts: Sequence[str]
    said: Mapping[str, Any]
    weighted: Mapping[str, Any]


def write_network(
    found: Network, label: str, names: OutputNames, grid: Grid, settings: GroupSettings
) -> list[Path]:
    """Write the images of a network; returns their paths."""
    probseg, mask = names.network(label, "probseg"), names.network(label, "mask")
    mean, convergence = names.network_mean(label), names.network_convergence(label)
    index = found.maps.index
    contrast_masks = [names.contrast_mask(own) for own in found.contrasts]
    contrast_means = [names.contrast_map(own, "effect") for own in found.contrasts]
    write_image(
        probseg,
        found.maps.probability,
        grid,
        {
            "Description": "Share of the contrasts whose mask holds the voxel",
            "Units": "share of contrasts",
            **found.said,
            **found.weighted,
            "Sources": bids_uris(names.root, contrast_masks),
        },
        index=index,
    )
    write_image(
        mask,
        found.network,
        grid,
        {
            "Description": "The network: voxels that enough contrasts share",
            **found.said,
            **found.weighted,
            "Sources": bids_uris(names.root, [probseg]),
            **describe_network_rule(settings),
            "Voxels": int(found.network.sum()),
        },
        index=index,
    )
    write_image(
        mean,
        found.maps.mean,
        grid,
        {
            "Description": "Unweighted mean over the contrasts of their mean Fisher z, "
            "unthresholded",
            "Units": "Fisher z",
            **found.said,
            "Sources": bids_uris(names.root, contrast_means),
        },
        index=index,
    )
    write_image(
        convergence,
        found.maps.convergence,
        grid,
        {
            "Description": "Mean over the contrasts of their mean Fisher z, each away from its own "
            "foci, unthresholded",
            "Units": "Fisher z",
            "DistanceToFoci": OWN_SEED_MM,
            **found.said,
            **found.weighted,
            "Sources": bids_uris(names.root, contrast_means),
        },
        index=index,
    )
    return [probseg, mask, mean, convergence]
