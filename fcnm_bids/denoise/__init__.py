"""Band, confounds and kept volumes of a run, as one orthogonal projection in time."""

from fcnm_bids.denoise.band import StrategyDirections, band_basis, strategy_directions
from fcnm_bids.denoise.confounds import (
    Confounds,
    complete_confounds,
    nuisance_columns,
    read_confounds,
    reduce_confounds,
    restore_confounds,
)
from fcnm_bids.denoise.degrees_of_freedom import median_dof
from fcnm_bids.denoise.run import (
    CHOSEN,
    RunDenoising,
    check_length,
    choose_within_band,
    plan_denoising,
)
from fcnm_bids.denoise.strategy import Strategy, load_strategy, strategy_names
from fcnm_bids.denoise.volumes import KeptVolumes, keep_volumes

__all__ = [
    "CHOSEN",
    "Confounds",
    "KeptVolumes",
    "RunDenoising",
    "Strategy",
    "StrategyDirections",
    "band_basis",
    "check_length",
    "choose_within_band",
    "complete_confounds",
    "keep_volumes",
    "load_strategy",
    "median_dof",
    "nuisance_columns",
    "plan_denoising",
    "read_confounds",
    "reduce_confounds",
    "restore_confounds",
    "strategy_directions",
    "strategy_names",
]
