"""The one way from seeds and participants to contrast masks and network probability maps."""

from fcnm_bids.mapping.analysis_mask import mask_on_grid, mean_probability_mask
from fcnm_bids.mapping.assembly import AssembledNetwork, assemble_network
from fcnm_bids.mapping.convergence import OWN_SEED_MM, convergence_map, near_own_seed
from fcnm_bids.mapping.many_networks import bytes_of_contrast, map_networks
from fcnm_bids.mapping.network_map import (
    GroupMoments,
    MappedContrast,
    MappingRule,
    NetworkMap,
    kept_maps,
    map_contrast,
    map_network,
    sum_over_participants,
)
from fcnm_bids.mapping.participants import Participant, analysis_voxels, stored_participant
from fcnm_bids.mapping.probability import probability_away_from_seeds, probability_map
from fcnm_bids.mapping.sides import effect_and_sign, network_names, signs
from fcnm_bids.mapping.slabs import Slab, n_slabs, slabs_of
from fcnm_bids.mapping.strategies import Sample, Strategy, sum_over_strategies

__all__ = [
    "OWN_SEED_MM",
    "AssembledNetwork",
    "GroupMoments",
    "MappedContrast",
    "MappingRule",
    "NetworkMap",
    "Participant",
    "Sample",
    "Slab",
    "Strategy",
    "analysis_voxels",
    "assemble_network",
    "bytes_of_contrast",
    "convergence_map",
    "effect_and_sign",
    "kept_maps",
    "map_contrast",
    "map_network",
    "map_networks",
    "mask_on_grid",
    "mean_probability_mask",
    "n_slabs",
    "near_own_seed",
    "network_names",
    "probability_away_from_seeds",
    "probability_map",
    "signs",
    "slabs_of",
    "stored_participant",
    "sum_over_participants",
    "sum_over_strategies",
]
