"""Describe a network probability map: threshold, clusters, overlap."""

from fcnm_bids.network.atlas import (
    Atlas,
    describe_region,
    region_name,
    region_shares,
    resample_labels,
)
from fcnm_bids.network.canonical import CANONICAL_COLUMNS, canonical_overlap
from fcnm_bids.network.clusters import CLUSTER_COLUMNS, cluster_table
from fcnm_bids.network.overlap import dice, spatial_correlation
from fcnm_bids.network.peaks import DESCRIBED_COLUMNS, PEAK_COLUMNS, describe_clusters
from fcnm_bids.network.threshold import min_cluster_voxels, network_mask

__all__ = [
    "CANONICAL_COLUMNS",
    "CLUSTER_COLUMNS",
    "DESCRIBED_COLUMNS",
    "PEAK_COLUMNS",
    "Atlas",
    "canonical_overlap",
    "cluster_table",
    "describe_clusters",
    "describe_region",
    "dice",
    "min_cluster_voxels",
    "network_mask",
    "region_name",
    "region_shares",
    "resample_labels",
    "spatial_correlation",
]
