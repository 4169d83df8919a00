"""BIDS: finding runs, naming and writing outputs."""

from fcnm_bids.bids.dataset import InputDataset, describe_dataset, recognise
from fcnm_bids.bids.index import RunFiles, find_runs, read_json
from fcnm_bids.bids.manifest import Manifest, digest
from fcnm_bids.bids.names import PYBIDS_CONFIG, build_name, parse_entities, to_label, to_labels
from fcnm_bids.bids.outputs import OutputNames, sidecar_files, sources, stored_run_name
from fcnm_bids.bids.write import replaced, write_image, write_json, write_table, write_text

__all__ = [
    "PYBIDS_CONFIG",
    "InputDataset",
    "Manifest",
    "OutputNames",
    "RunFiles",
    "build_name",
    "describe_dataset",
    "digest",
    "find_runs",
    "parse_entities",
    "read_json",
    "recognise",
    "replaced",
    "sidecar_files",
    "sources",
    "stored_run_name",
    "to_label",
    "to_labels",
    "write_image",
    "write_json",
    "write_table",
    "write_text",
]
