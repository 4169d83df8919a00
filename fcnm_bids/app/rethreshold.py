"""Networks of a finished group level at another threshold, beside those that it made."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from fcnm_bids.app.reports import log_report_paths
from fcnm_bids.bids.locks import lock_outputs
from fcnm_bids.bids.outputs import bids_uris
from fcnm_bids.bids.write import write_image, write_table
from fcnm_bids.config import Config
from fcnm_bids.connectome import read_volume
from fcnm_bids.derivatives.network import locate_network
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.atlas import network_atlas
from fcnm_bids.network import CLUSTER_COLUMNS, DESCRIBED_COLUMNS, dice, network_mask
from fcnm_bids.readers.volume import read_volume_image
from fcnm_bids.report.results.group import (
    PROBABILITY_DIGEST,
    ContrastOutputs,
    GroupOutputs,
    NetworkOutputs,
    file_digest,
)

LOGGER = logging.getLogger("fcnm_bids")


def rethreshold(config: Config) -> bool:
    """Cut all networks of an output folder at another share of contrasts.

    Raises
    ------
    RequestError
        There is no network, or it has this threshold already.
    """
    from fcnm_bids.report.pages.group import write_group_page

    threshold, root = config.running.rethreshold, Path(config.output_dir)
    assert threshold is not None
    results = GroupOutputs(root)
    if not results.networks:
        raise RequestError(f"--rethreshold: {root} contains no network; run the group level first")
    if all(float(own.sidecar.get("Threshold", 0)) == threshold for own in results.networks):
        raise RequestError(f"--rethreshold {threshold:g}: the networks have this threshold already")
    atlas = results.record.config.group.network_atlas if results.record else ()
    with lock_outputs([root], ["group"]):
        for network in results.networks:
            write_variant(root, network, results.members(network.effect), threshold, atlas)
        if config.running.reports != "none":
            write_group_page(root)
    log_report_paths(root, (), group=True)
    return True


def write_variant(
    root: Path,
    network: NetworkOutputs,
    contrasts: list[ContrastOutputs],
    threshold: float,
    atlas: tuple[str, ...] = (),
) -> list[Path]:
    """Write mask and clusters of a network at another threshold; returns their paths.

    Parameters
    ----------
    root
        Output folder.
    network, contrasts
        The network, and its contrasts.
    threshold
        Least share of contrasts. The smallest volume of a cluster is that of the network.
    atlas
        Files that name regions; TemplateFlow's where there are none.
    """
    space = network.mask.name.partition("_space-")[2].partition("_")[0]
    image = read_volume_image(network.probability, space)
    grid, shares = image.grid, image.values.astype(np.float32).ravel(order="F")
    index = np.flatnonzero(np.isfinite(shares))
    smallest = float(network.sidecar.get("MinimumClusterVolume", 0))
    found = np.zeros(grid.n_voxels, dtype=bool)
    found[index] = network_mask(
        shares[index], threshold=threshold, min_cluster_volume=smallest, grid=grid, index=index
    )
    sign = -1 if network.sidecar.get("ConnectivitySign") == "negative" else 1
    t_maps = (read_volume(own.map("t"), grid) for own in contrasts)
    names = network_atlas(atlas, grid)[1]
    rounded = np.round(shares.astype(np.float64), 6)
    clusters, _ = locate_network(found, rounded, t_maps, grid, sign=sign, atlas=names)
    same = dice(found, read_volume(network.mask, grid) > 0.5)
    about = {
        **network.sidecar,
        "Description": "The network at another threshold, chosen when its result was known",
        "Sources": bids_uris(root, [network.probability]),
        "Threshold": threshold,
        "PrimaryThreshold": network.sidecar.get("Threshold"),
        "DiceWithPrimary": same,
        "Voxels": int(found.sum()),
        "Clusters": int(clusters["cluster"].nunique()),
        PROBABILITY_DIGEST: file_digest(network.probability),
    }
    desc = f"threshold{threshold:g}".replace(".", "p")
    mask = network.mask.with_name(
        network.mask.name.replace("_mask.nii.gz", f"_desc-{desc}_mask.nii.gz")
    )
    table = mask.with_name(f"network-{network.label}_desc-{desc}_clusters.tsv")
    write_image(mask, found[index], grid, about, index=index)
    labels = names.columns() if names else {}
    write_table(table, clusters, {**CLUSTER_COLUMNS, **DESCRIBED_COLUMNS, **labels}, about)
    LOGGER.info(
        "%s at %g instead of %g: %d voxels (%.1f cm3), clusters %d, Dice with the network %.3f; %s",
        network.effect,
        threshold,
        float(network.sidecar.get("Threshold", np.nan)),
        about["Voxels"],
        found.sum() * grid.voxel_volume / 1000,
        about["Clusters"],
        same,
        mask,
    )
    return [mask, table]
