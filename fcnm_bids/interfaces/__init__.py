"""Nipype interfaces: read files, call one function of a numeric room, write files."""

from fcnm_bids.interfaces.analysis_mask import find_analysis_mask, read_analysis_mask
from fcnm_bids.interfaces.atlas import find_atlas
from fcnm_bids.interfaces.connectome import ProjectRuns, is_stored
from fcnm_bids.interfaces.contrast import MapContrast
from fcnm_bids.interfaces.effects import CompareEffects
from fcnm_bids.interfaces.kept import RecallContrast, is_kept
from fcnm_bids.interfaces.label_tests import CompareLabels
from fcnm_bids.interfaces.labels import compared_contrasts, nulls_wanted
from fcnm_bids.interfaces.locate import LocateNetwork
from fcnm_bids.interfaces.manifest import WriteManifest
from fcnm_bids.interfaces.network import MapEffect
from fcnm_bids.interfaces.null_data import PrepareNulls
from fcnm_bids.interfaces.nulls import OBSERVED, MapDraws, measure_draw
from fcnm_bids.interfaces.people import DescribePeople, mean_displacement
from fcnm_bids.interfaces.person import MapPerson
from fcnm_bids.interfaces.report import DrawEffect, ReportGroup, ReportPerson
from fcnm_bids.interfaces.robustness import CheckRobustness, VaryContrast
from fcnm_bids.interfaces.rule import contrast_weights, height_rule
from fcnm_bids.interfaces.run_input import (
    PreparedRun,
    RunInput,
    denoising_record,
    prepare_run,
    what_projects,
)
from fcnm_bids.interfaces.seeds import (
    MakeSeeds,
    check_masks,
    contrast_names,
    make_seeds,
    mask_files,
    read_contrasts,
)
from fcnm_bids.interfaces.specificity import AssessSpecificity
from fcnm_bids.interfaces.strength import MeasureStrength, read_base_rate
from fcnm_bids.interfaces.sums import SumOverPeople
from fcnm_bids.interfaces.validation import MapValidation
from fcnm_bids.interfaces.variants import other_radii

__all__ = [
    "OBSERVED",
    "AssessSpecificity",
    "CheckRobustness",
    "CompareEffects",
    "CompareLabels",
    "DescribePeople",
    "DrawEffect",
    "LocateNetwork",
    "MakeSeeds",
    "MapContrast",
    "MapDraws",
    "MapEffect",
    "MapPerson",
    "MapValidation",
    "MeasureStrength",
    "PrepareNulls",
    "PreparedRun",
    "ProjectRuns",
    "RecallContrast",
    "ReportGroup",
    "ReportPerson",
    "RunInput",
    "SumOverPeople",
    "VaryContrast",
    "WriteManifest",
    "check_masks",
    "compared_contrasts",
    "contrast_names",
    "contrast_weights",
    "denoising_record",
    "find_analysis_mask",
    "find_atlas",
    "height_rule",
    "is_kept",
    "is_stored",
    "make_seeds",
    "mask_files",
    "mean_displacement",
    "measure_draw",
    "nulls_wanted",
    "other_radii",
    "prepare_run",
    "read_analysis_mask",
    "read_base_rate",
    "read_contrasts",
    "what_projects",
]
