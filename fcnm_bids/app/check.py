"""Compare finished outputs with what was written."""

from __future__ import annotations

import logging
from itertools import chain
from pathlib import Path

from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.inputs.dataset import identify_dataset
from fcnm_bids.inputs.store import stored_files
from fcnm_bids.readers.files import file_sha256
from fcnm_bids.reruns.manifest import Manifest

LOGGER = logging.getLogger("fcnm_bids")


def check_outputs(config: Config) -> bool:
    """Read all outputs of a level, and at participant level the store; True if all are whole.

    An image that is not compressed is compared with the hash that was taken when it was projected,
    because a rerun knows it by its size, time of change and inode alone.

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
            "that level first, without --check"
        )
    for table in manifests:
        faults += Manifest(table.parent, root).faults()
    images = None if of_group else _image_root(config)
    for stored in [] if of_group else stored_files(config.connectome_path):
        try:
            run = open_run(stored)
            run.verify()
            faults += _changed_image(run, images)
        except StoreError as error:
            faults.append(f"{error} ({stored})")
    for fault in faults:
        LOGGER.error("%s", fault)
    LOGGER.info("checked: manifests %d, faults %d", len(manifests), len(faults))
    if faults:
        LOGGER.info("remove these outputs; the same command without --check makes them again")
    return not faults


def _image_root(config: Config) -> Path | None:
    """Return the folder of the images; None where they are not there any more."""
    try:
        return identify_dataset(config.source_path, config.selection.input_type).root
    except RequestError:
        return None


def _changed_image(run: StoredRun, root: Path | None) -> list[str]:
    """Return a line where an uncompressed image is not the one that was projected."""
    image = None if root is None else root / str(run.header["source"])
    if image is None or "bold_state" not in run.header or not image.is_file():
        return []
    if file_sha256(image) == run.header["bold_sha256"]:
        return []
    return [
        f"{run.path} was made before the content of {image} changed; remove the stored run, or "
        "restore the image if it is damaged"
    ]
