"""Outcomes of seeds: association, cases and controls, prediction, contrasts as a sample."""

from fcnm_bids.outcomes.association import Association, associate
from fcnm_bids.outcomes.groups import (
    MASK_TESTS,
    MaskTest,
    conjunction,
    fisher_exact,
    liebermeister,
    mask_test,
    sensitivity,
)
from fcnm_bids.outcomes.model import OutcomeModel
from fcnm_bids.outcomes.permutation import BlockPermutations, block_permutations
from fcnm_bids.outcomes.prediction import (
    DamageScores,
    OutOfSample,
    Prediction,
    leave_one_out,
    predict,
    roc_area,
)
from fcnm_bids.outcomes.random_studies import (
    FEWEST_CONTRASTS,
    CrossProducts,
    RandomStudies,
    between_seed_variance,
    fit_random_studies,
    slab_voxels,
    study_permutations,
    without_covariates,
)

__all__ = [
    "FEWEST_CONTRASTS",
    "MASK_TESTS",
    "Association",
    "BlockPermutations",
    "CrossProducts",
    "DamageScores",
    "MaskTest",
    "OutOfSample",
    "OutcomeModel",
    "Prediction",
    "RandomStudies",
    "associate",
    "between_seed_variance",
    "block_permutations",
    "conjunction",
    "fisher_exact",
    "fit_random_studies",
    "leave_one_out",
    "liebermeister",
    "mask_test",
    "predict",
    "roc_area",
    "sensitivity",
    "slab_voxels",
    "study_permutations",
    "without_covariates",
]
