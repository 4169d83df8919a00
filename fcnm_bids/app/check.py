"""Compare finished outputs with what was written."""

from __future__ import annotations

import logging
from itertools import chain
from pathlib import Path

from fcnm_bids.bids.manifest import Manifest
from fcnm_bids.config import Config
from fcnm_bids.connectome import open_run
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.inputs.store import stored_files

LOGGER = logging.getLogger("fcnm_bids")


def check_outputs(config: Config) -> bool:
    """Read all outputs of a level, and at participant level the store; True if all are whole.

    Raises
    ------
    RequestError
        Nothing of the level is finished in the output folder.
    """
    root, faults = Path(config.output_dir), []
    of_group = config.analysis_level == "group"
    folders = ["group"] if of_group else [f"sub-{s}" for s in config.selection.participant_label]
    tables = (root.glob(f"{folder}/manifest.tsv") for folder in folders or ["sub-*"])
    manifests = sorted(chain.from_iterable(tables))
    if not manifests:
        raise RequestError(
            f"--check: {root} holds no finished output of the {config.analysis_level} level; run "
            "it first, without --check"
        )
    for table in manifests:
        faults += Manifest(table.parent, root).faults()
    for stored in [] if of_group else stored_files(config.connectome_path):
        try:
            open_run(stored).verify()
        except StoreError as error:
            faults.append(f"{error} ({stored})")
    for fault in faults:
        LOGGER.error("%s", fault)
    LOGGER.info("checked: manifests %d, faults %d", len(manifests), len(faults))
    if faults:
        LOGGER.info("remove these files; the same command without --check makes them again")
    return not faults
