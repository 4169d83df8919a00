"""Seed-to-voxel connectivity of a participant."""

from fcnm_bids.connectivity.blocks import (
    BLOCKS_AT_ONCE,
    BlockMaps,
    Clipped,
    MappedBlock,
    RunSeeds,
    map_buffer,
    mapped_blocks,
    n_blocks,
    participant_seeds,
)
from fcnm_bids.connectivity.correlation import correlate, fisher_z, seed_series
from fcnm_bids.connectivity.participant import ParticipantMaps, participant_maps

__all__ = [
    "BLOCKS_AT_ONCE",
    "BlockMaps",
    "Clipped",
    "MappedBlock",
    "ParticipantMaps",
    "RunSeeds",
    "correlate",
    "fisher_z",
    "map_buffer",
    "mapped_blocks",
    "n_blocks",
    "participant_maps",
    "participant_seeds",
    "seed_series",
]
