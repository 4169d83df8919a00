"""Seed-to-voxel connectivity of a participant."""

from fcnm_bids.connectivity.correlation import correlate, fisher_z, seed_series
from fcnm_bids.connectivity.participant import ParticipantMaps, participant_maps

__all__ = ["ParticipantMaps", "correlate", "fisher_z", "participant_maps", "seed_series"]
