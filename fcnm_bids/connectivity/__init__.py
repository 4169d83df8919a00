"""Seed-to-voxel connectivity of a participant."""

from fcnm_bids.connectivity.blocks import (
    BLOCKS_AT_ONCE,
    BlockMaps,
    Clipped,
    MappedBlock,
    map_buffer,
    mapped_blocks,
    n_blocks,
)
from fcnm_bids.connectivity.correlation import correlate, fisher_z, seed_series
from fcnm_bids.connectivity.participant import ParticipantMaps, participant_maps

__all__ = [
    "BLOCKS_AT_ONCE",
    "BlockMaps",
    "Clipped",
    "MappedBlock",
    "ParticipantMaps",
    "correlate",
    "fisher_z",
    "map_buffer",
    "mapped_blocks",
    "n_blocks",
    "participant_maps",
    "seed_series",
]
