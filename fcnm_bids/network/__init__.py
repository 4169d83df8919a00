"""What can be said about a network probability map: threshold, clusters, overlap."""

from fcnm_bids.network.clusters import CLUSTER_COLUMNS, cluster_table
from fcnm_bids.network.overlap import dice, spatial_correlation
from fcnm_bids.network.threshold import min_cluster_voxels, network_mask

__all__ = [
    "CLUSTER_COLUMNS",
    "cluster_table",
    "dice",
    "min_cluster_voxels",
    "network_mask",
    "spatial_correlation",
]
