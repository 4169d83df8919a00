"""Nipype interfaces: read files, call one function of a numeric room, write files."""

from fcnm_bids.interfaces.connectome import ProjectRuns, is_stored
from fcnm_bids.interfaces.group import DescribePeople, MapContrast, MapEffect, SumOverPeople
from fcnm_bids.interfaces.manifest import WriteManifest
from fcnm_bids.interfaces.person import MapPerson
from fcnm_bids.interfaces.run_input import PreparedRun, RunInput, denoising_record, prepare_run
from fcnm_bids.interfaces.seeds import MakeSeeds, contrast_names, mask_files, read_contrasts

__all__ = [
    "DescribePeople",
    "MakeSeeds",
    "MapContrast",
    "MapEffect",
    "MapPerson",
    "PreparedRun",
    "ProjectRuns",
    "RunInput",
    "SumOverPeople",
    "WriteManifest",
    "contrast_names",
    "denoising_record",
    "is_stored",
    "mask_files",
    "prepare_run",
    "read_contrasts",
]
