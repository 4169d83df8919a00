"""Seed-to-voxel connectivity of a person."""

from fcnm_bids.connectivity.correlation import correlate, fisher_z, seed_series
from fcnm_bids.connectivity.participant import PersonMaps, person_maps

__all__ = ["PersonMaps", "correlate", "fisher_z", "person_maps", "seed_series"]
