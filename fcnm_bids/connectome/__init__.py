"""Streaming runs through their projections, and the store of projected runs."""

from fcnm_bids.connectome.image import RunImage, VolumeStream, open_image, read_volume
from fcnm_bids.connectome.project import Projected, project_run, projection_bytes
from fcnm_bids.connectome.projected import ProjectedRun
from fcnm_bids.connectome.smoothing import smooth_components
from fcnm_bids.connectome.store import StoredRun, content_key, open_run, read_stored, write_run

__all__ = [
    "Projected",
    "ProjectedRun",
    "RunImage",
    "StoredRun",
    "VolumeStream",
    "content_key",
    "open_image",
    "open_run",
    "project_run",
    "projection_bytes",
    "read_stored",
    "read_volume",
    "smooth_components",
    "write_run",
]
