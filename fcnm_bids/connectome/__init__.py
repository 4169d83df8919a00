"""Streaming runs through their projections, and the store of projected runs."""

from fcnm_bids.connectome.content_key import content_key, image_state
from fcnm_bids.connectome.header_cache import HeaderCache
from fcnm_bids.connectome.image import (
    RunImage,
    VolumeStream,
    check_complete,
    open_image,
    read_volume,
)
from fcnm_bids.connectome.larger_voxels import larger_grid
from fcnm_bids.connectome.project import (
    Projected,
    carpet_voxels,
    project_run,
    projection_bytes,
)
from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.connectome.signal_mask import read_first, varying_voxels
from fcnm_bids.connectome.smoothing import smooth_components
from fcnm_bids.connectome.store import (
    StoredRun,
    open_run,
    read_stored,
    strategy_key,
    write_run,
)
from fcnm_bids.connectome.subsample import coarser_grid, coarser_run, read_coarser, write_coarser

__all__ = [
    "HeaderCache",
    "Projected",
    "ProjectedRun",
    "RunImage",
    "StoredRun",
    "VolumeStream",
    "carpet_voxels",
    "check_complete",
    "coarser_grid",
    "coarser_run",
    "content_key",
    "image_state",
    "larger_grid",
    "open_image",
    "open_run",
    "project_run",
    "projection_bytes",
    "read_coarser",
    "read_first",
    "read_stored",
    "read_volume",
    "smooth_components",
    "strategy_key",
    "varying_voxels",
    "write_coarser",
    "write_run",
]
