"""Specificity of a network: the degree audit, and nulls through the function of the map itself."""

from fcnm_bids.seeds import study_units
from fcnm_bids.specificity.assess import NullAssessment, assess, upper_p
from fcnm_bids.specificity.base_rate import BASE_RATE_FWHM_MM, focus_density
from fcnm_bids.specificity.degree import DEGREE_COLUMNS, DegreeAudit, degree_audit, residual_map
from fcnm_bids.specificity.draws import DRAWS_OF_PART, DrawMapper, DrawnMaps, draw_generator, joined
from fcnm_bids.specificity.foci import (
    kept_strata,
    matched_foci,
    nearest_foci,
    random_foci,
    strength_strata,
)
from fcnm_bids.specificity.interpretation import (
    degree_sentence,
    label_sentence,
    null_sentence,
    similarity_sentence,
    split_sentence,
    withheld_sentence,
)
from fcnm_bids.specificity.labels import (
    LabelledContrasts,
    LabelTest,
    SplitTest,
    label_test,
    relabellings,
    split_test,
    thinned,
)
from fcnm_bids.specificity.map_comparison import (
    FEWEST_VOXELS,
    MapComparison,
    compare_difference,
    compare_maps,
)
from fcnm_bids.specificity.nulls import ALL_NULLS, FOCUS_NULLS, LABEL_NULLS, DrawInputs
from fcnm_bids.specificity.places import FocusPlaces
from fcnm_bids.specificity.rigid_groups import GROUP_DIAMETER_MM, FocusGroup, focus_groups
from fcnm_bids.specificity.strength import (
    Strength,
    choose_targets,
    measure_strength,
    participant_columns,
)
from fcnm_bids.specificity.study_similarity import SimilarityTest, similarity_test
from fcnm_bids.specificity.verdict import ORDER, verdict

__all__ = [
    "ALL_NULLS",
    "BASE_RATE_FWHM_MM",
    "DEGREE_COLUMNS",
    "DRAWS_OF_PART",
    "FEWEST_VOXELS",
    "FOCUS_NULLS",
    "GROUP_DIAMETER_MM",
    "LABEL_NULLS",
    "ORDER",
    "DegreeAudit",
    "DrawInputs",
    "DrawMapper",
    "DrawnMaps",
    "FocusGroup",
    "FocusPlaces",
    "LabelTest",
    "LabelledContrasts",
    "MapComparison",
    "NullAssessment",
    "SimilarityTest",
    "SplitTest",
    "Strength",
    "assess",
    "choose_targets",
    "compare_difference",
    "compare_maps",
    "degree_audit",
    "degree_sentence",
    "draw_generator",
    "focus_density",
    "focus_groups",
    "joined",
    "kept_strata",
    "label_sentence",
    "label_test",
    "matched_foci",
    "measure_strength",
    "nearest_foci",
    "null_sentence",
    "participant_columns",
    "random_foci",
    "relabellings",
    "residual_map",
    "similarity_sentence",
    "similarity_test",
    "split_sentence",
    "split_test",
    "strength_strata",
    "study_units",
    "thinned",
    "upper_p",
    "verdict",
    "withheld_sentence",
]
