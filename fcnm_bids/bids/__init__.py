"""BIDS: finding runs, naming and writing outputs."""

from fcnm_bids.bids.dataset import (
    InputDataset,
    describe_dataset,
    holds_other_dataset,
    recognise,
)
from fcnm_bids.bids.filters import bold_filters, matches
from fcnm_bids.bids.index import RunFiles, find_runs, holds_denoised
from fcnm_bids.bids.locks import at_work
from fcnm_bids.bids.manifest import Manifest, digest
from fcnm_bids.bids.names import PYBIDS_CONFIG, build_name, parse_entities, to_label, to_labels
from fcnm_bids.bids.outputs import (
    OutputNames,
    figure_name,
    report_name,
    sidecar_files,
    sources,
    stored_entities,
    stored_run_name,
    volumes_name,
)
from fcnm_bids.bids.participants import Participants, find_participants, read_participants
from fcnm_bids.bids.read import read_json
from fcnm_bids.bids.write import replaced, write_image, write_json, write_table, write_text

__all__ = [
    "PYBIDS_CONFIG",
    "InputDataset",
    "Manifest",
    "OutputNames",
    "Participants",
    "RunFiles",
    "at_work",
    "bold_filters",
    "build_name",
    "describe_dataset",
    "digest",
    "figure_name",
    "find_participants",
    "find_runs",
    "holds_denoised",
    "holds_other_dataset",
    "matches",
    "parse_entities",
    "read_json",
    "read_participants",
    "recognise",
    "replaced",
    "report_name",
    "sidecar_files",
    "sources",
    "stored_entities",
    "stored_run_name",
    "to_label",
    "to_labels",
    "volumes_name",
    "write_image",
    "write_json",
    "write_table",
    "write_text",
]
