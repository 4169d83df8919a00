"""From published coordinates or masks to contrast seeds, one sparse matrix on a voxel grid."""

from fcnm_bids.seeds.foci import (
    SPACES,
    UNITS,
    Contrast,
    Focus,
    focus_positions,
    group_foci,
    parse_space,
    study_units,
)
from fcnm_bids.seeds.masks import mask_name, mask_seeds
from fcnm_bids.seeds.matrix import SeedMatrix, coverage, read_seed_matrix, write_seed_matrix
from fcnm_bids.seeds.nimads import read_nimads
from fcnm_bids.seeds.sleuth import read_sleuth
from fcnm_bids.seeds.spheres import SPHERES, foci_outside, sphere_seeds, voxels_of_spheres
from fcnm_bids.seeds.tables import read_foci, unread_columns, write_foci
from fcnm_bids.seeds.talairach import TRANSFORMS, talairach_to_mni, to_mni

__all__ = [
    "SPACES",
    "SPHERES",
    "TRANSFORMS",
    "UNITS",
    "Contrast",
    "Focus",
    "SeedMatrix",
    "coverage",
    "foci_outside",
    "focus_positions",
    "group_foci",
    "mask_name",
    "mask_seeds",
    "parse_space",
    "read_foci",
    "read_nimads",
    "read_seed_matrix",
    "read_sleuth",
    "sphere_seeds",
    "study_units",
    "talairach_to_mni",
    "to_mni",
    "unread_columns",
    "voxels_of_spheres",
    "write_foci",
    "write_seed_matrix",
]
