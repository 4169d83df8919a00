"""The one way from seeds and people to contrast masks and network probability maps."""

from fcnm_bids.mapping.analysis_mask import mask_on_grid, mean_probability_mask
from fcnm_bids.mapping.network_map import (
    GroupMoments,
    MappedContrast,
    MappingRule,
    NetworkMap,
    kept_maps,
    map_contrast,
    map_network,
    sum_over_people,
)
from fcnm_bids.mapping.participants import Person, analysis_voxels, stored_person
from fcnm_bids.mapping.probability import probability_map

__all__ = [
    "GroupMoments",
    "MappedContrast",
    "MappingRule",
    "NetworkMap",
    "Person",
    "analysis_voxels",
    "kept_maps",
    "map_contrast",
    "map_network",
    "mask_on_grid",
    "mean_probability_mask",
    "probability_map",
    "stored_person",
    "sum_over_people",
]
