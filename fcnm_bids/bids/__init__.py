"""BIDS: finding runs, naming and writing outputs."""

from fcnm_bids.bids.absent import absent_line
from fcnm_bids.bids.dataset import (
    InputDataset,
    describe_dataset,
    holds_other_dataset,
    recognise,
)
from fcnm_bids.bids.filters import bold_filters, matches
from fcnm_bids.bids.index import FoundRuns, RunFiles, find_runs, holds_denoised, search_runs
from fcnm_bids.bids.locks import at_work, own_folder
from fcnm_bids.bids.manifest import Manifest, digest
from fcnm_bids.bids.names import PYBIDS_CONFIG, build_name, parse_entities, to_label, to_labels
from fcnm_bids.bids.outputs import (
    OutputNames,
    figure_name,
    report_name,
    sidecar_files,
    sources,
    stored_entities,
    stored_files,
    stored_image_name,
    stored_run_name,
    volumes_name,
)
from fcnm_bids.bids.participants import (
    Participants,
    describe_columns,
    find_participants,
    read_participants,
)
from fcnm_bids.bids.read import read_json
from fcnm_bids.bids.write import replaced, write_image, write_json, write_table, write_text

__all__ = [
    "PYBIDS_CONFIG",
    "FoundRuns",
    "InputDataset",
    "Manifest",
    "OutputNames",
    "Participants",
    "RunFiles",
    "absent_line",
    "at_work",
    "bold_filters",
    "build_name",
    "describe_columns",
    "describe_dataset",
    "digest",
    "figure_name",
    "find_participants",
    "find_runs",
    "holds_denoised",
    "holds_other_dataset",
    "matches",
    "own_folder",
    "parse_entities",
    "read_json",
    "read_participants",
    "recognise",
    "replaced",
    "report_name",
    "search_runs",
    "sidecar_files",
    "sources",
    "stored_entities",
    "stored_files",
    "stored_image_name",
    "stored_run_name",
    "to_label",
    "to_labels",
    "volumes_name",
    "write_image",
    "write_json",
    "write_table",
    "write_text",
]
