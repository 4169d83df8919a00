"""Images and tables of a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids.outputs import OutputNames, bids_uris
from fcnm_bids.bids.write import OutputFiles
from fcnm_bids.config import GroupSettings
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.rules import describe_network_rule
from fcnm_bids.intermediates.maps import EffectMaps
from fcnm_bids.mapping import OWN_SEED_MM
from fcnm_bids.network import Atlas, cluster_table, describe_clusters

PEAK_DISTANCE = 8.0
"""Smallest distance in mm between peaks of one cluster."""

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
    out = OutputFiles(grid, found.maps.index)
    masks = [names.contrast_mask(own) for own in found.contrasts]
    means = [names.contrast_map(own, "effect") for own in found.contrasts]
    probseg = out.image(
        names.network(label, "probseg"),
        found.maps.probability,
        "Share of the contrasts whose mask holds the voxel",
        "share of contrasts",
        **found.said,
        **found.weighted,
        Sources=bids_uris(names.root, masks),
    )
    out.image(
        names.network(label, "mask"),
        found.network,
        "The network: voxels that enough contrasts share",
        **found.said,
        **found.weighted,
        Sources=bids_uris(names.root, [probseg]),
        **describe_network_rule(settings),
        Voxels=int(found.network.sum()),
    )
    out.image(
        names.network_mean(label),
        found.maps.mean,
        "Unweighted mean over the contrasts of their mean Fisher z, unthresholded",
        "Fisher z",
        **found.said,
        Sources=bids_uris(names.root, means),
    )
    out.image(
        names.network_convergence(label),
        found.maps.convergence,
        "Mean over the contrasts of their mean Fisher z, each away from its own foci, "
        "unthresholded",
        "Fisher z",
        DistanceToFoci=OWN_SEED_MM,
        **found.said,
        **found.weighted,
        Sources=bids_uris(names.root, means),
    )
    return out.paths


def locate_network(
    network: NDArray[np.bool_],
    probability: NDArray[np.floating],
    t_maps: Iterable[NDArray[np.float64]],
    grid: Grid,
    *,
    sign: int,
    atlas: Atlas | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of clusters and of peaks of a network.

    Parameters
    ----------
    network, probability
        Shape (voxels of the grid,).
    t_maps
        t of each contrast, shape (voxels of the grid,), NaN where there is none.
    grid
        The voxel grid.
    sign
        Sign of the network's connectivity: where peaks tie in probability, t decides.
    atlas
        Names of regions, where there are any.
    """
    total, count = np.zeros(grid.n_voxels), np.zeros(grid.n_voxels)
    for t in t_maps:
        total += np.nan_to_num(t)
        count += np.isfinite(t)
    mean = np.divide(total, count, out=np.full(grid.n_voxels, np.nan), where=count > 0)
    volume, shares = grid.unflatten(network), grid.unflatten(np.nan_to_num(probability))
    mean_t = grid.unflatten(mean)
    height = sign * mean_t
    clusters = cluster_table(volume, shares, grid, height=height)
    return describe_clusters(
        clusters,
        volume,
        mean_t,
        atlas,
        grid,
        min_distance=PEAK_DISTANCE,
        probability=shares,
        height=height,
    )
