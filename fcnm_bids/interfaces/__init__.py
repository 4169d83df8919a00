"""Nipype interfaces: read files, call one function of a numeric room, write files."""

from fcnm_bids.interfaces.analysis_mask import find_analysis_mask, read_analysis_mask
from fcnm_bids.interfaces.atlas import find_atlas
from fcnm_bids.interfaces.connectome import ProjectRuns, is_stored
from fcnm_bids.interfaces.effects import CompareEffects
from fcnm_bids.interfaces.group import MapContrast, MapEffect, SumOverPeople
from fcnm_bids.interfaces.locate import LocateNetwork
from fcnm_bids.interfaces.manifest import WriteManifest
from fcnm_bids.interfaces.people import DescribePeople
from fcnm_bids.interfaces.person import MapPerson
from fcnm_bids.interfaces.report import ReportGroup, ReportPerson
from fcnm_bids.interfaces.robustness import CheckRobustness, VaryContrast
from fcnm_bids.interfaces.rule import contrast_weights, height_rule
from fcnm_bids.interfaces.run_input import PreparedRun, RunInput, denoising_record, prepare_run
from fcnm_bids.interfaces.seeds import (
    MakeSeeds,
    check_masks,
    contrast_names,
    make_seeds,
    mask_files,
    read_contrasts,
)
from fcnm_bids.interfaces.validation import MapValidation
from fcnm_bids.interfaces.variants import other_radii

__all__ = [
    "CheckRobustness",
    "CompareEffects",
    "DescribePeople",
    "LocateNetwork",
    "MakeSeeds",
    "MapContrast",
    "MapEffect",
    "MapPerson",
    "MapValidation",
    "PreparedRun",
    "ProjectRuns",
    "ReportGroup",
    "ReportPerson",
    "RunInput",
    "SumOverPeople",
    "VaryContrast",
    "WriteManifest",
    "check_masks",
    "contrast_names",
    "contrast_weights",
    "denoising_record",
    "find_analysis_mask",
    "find_atlas",
    "height_rule",
    "is_stored",
    "make_seeds",
    "mask_files",
    "other_radii",
    "prepare_run",
    "read_analysis_mask",
    "read_contrasts",
]
