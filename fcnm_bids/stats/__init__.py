"""Statistics over participants: moments, t, height thresholds, clusters."""

from fcnm_bids.stats.clusters import label_clusters, remove_small, remove_small_at
from fcnm_bids.stats.contrast_mask import ContrastMap, HeightRule, contrast_mask
from fcnm_bids.stats.design import Design, design_of, is_missing
from fcnm_bids.stats.fdr import FdrResult, benjamini_hochberg, fdr_threshold
from fcnm_bids.stats.height_controls import HeightControl, height_control
from fcnm_bids.stats.moments import (
    PARTICIPANTS_AT_ONCE,
    BlockMoments,
    ContrastMoments,
    CovariateSums,
    Moments,
    bytes_of_sums,
    forward_neighbours,
    summed_moments,
)
from fcnm_bids.stats.permutation import GroupMaps, MaxNull, max_t_null, sign_flips
from fcnm_bids.stats.rft import (
    bonferroni_threshold,
    ec_densities,
    expected_ec,
    fwe_threshold,
    peak_p,
    resel_counts,
    rft_threshold,
)
from fcnm_bids.stats.smoothness import (
    N_ROUGHNESS_SUMS,
    VOXELS_PER_SUM,
    RoughnessSums,
    Smoothness,
    block_roughness,
    estimate_smoothness,
    residual_lengths,
    roughness_sums,
)
from fcnm_bids.stats.ttest import OneSample, TMap, one_sample, t_isf, t_sf, t_to_z

__all__ = [
    "N_ROUGHNESS_SUMS",
    "PARTICIPANTS_AT_ONCE",
    "VOXELS_PER_SUM",
    "BlockMoments",
    "ContrastMap",
    "ContrastMoments",
    "CovariateSums",
    "Design",
    "FdrResult",
    "GroupMaps",
    "HeightControl",
    "HeightRule",
    "MaxNull",
    "Moments",
    "OneSample",
    "RoughnessSums",
    "Smoothness",
    "TMap",
    "benjamini_hochberg",
    "block_roughness",
    "bonferroni_threshold",
    "bytes_of_sums",
    "contrast_mask",
    "design_of",
    "ec_densities",
    "estimate_smoothness",
    "expected_ec",
    "fdr_threshold",
    "forward_neighbours",
    "fwe_threshold",
    "height_control",
    "is_missing",
    "label_clusters",
    "max_t_null",
    "one_sample",
    "peak_p",
    "remove_small",
    "remove_small_at",
    "resel_counts",
    "residual_lengths",
    "rft_threshold",
    "roughness_sums",
    "sign_flips",
    "summed_moments",
    "t_isf",
    "t_sf",
    "t_to_z",
]
