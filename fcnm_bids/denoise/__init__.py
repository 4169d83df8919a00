"""Confounds, kept volumes and band of a run, as one orthogonal projection in time."""

from fcnm_bids.denoise.confounds import (
    Confounds,
    complete_confounds,
    nuisance_columns,
    read_confounds,
)
from fcnm_bids.denoise.degrees_of_freedom import median_dof
from fcnm_bids.denoise.projection import (
    Projection,
    build_projection,
    canonical_basis,
    stop_band_cosines,
)
from fcnm_bids.denoise.run import RunDenoising, plan_denoising
from fcnm_bids.denoise.strategy import Strategy, load_strategy, strategy_names
from fcnm_bids.denoise.volumes import KeptVolumes, keep_volumes

__all__ = [
    "Confounds",
    "KeptVolumes",
    "Projection",
    "RunDenoising",
    "Strategy",
    "build_projection",
    "canonical_basis",
    "complete_confounds",
    "keep_volumes",
    "load_strategy",
    "median_dof",
    "nuisance_columns",
    "plan_denoising",
    "read_confounds",
    "stop_band_cosines",
    "strategy_names",
]
