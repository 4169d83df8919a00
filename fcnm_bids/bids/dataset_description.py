"""Describe an output folder as a BIDS data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fcnm_bids._version import __version__
from fcnm_bids.bids.read import read_json
from fcnm_bids.bids.write import write_json, write_text

BIDS_VERSION = "1.10.0"

BIDSIGNORE = """\
# statistical maps, their masks and tables have no suffix in BIDS 1.10 yet
**/*_statmap.nii.gz
**/*_statmap.json
**/*_metrics.tsv
**/*_metrics.json
**/*_desc-volumes_timeseries.tsv
**/*_desc-volumes_timeseries.json
# a participant's list of promised files
**/manifest.tsv
**/manifest.json
# projected runs: a format of its own, described in the data set inside
/connectome
# seeds and group results belong to no participant
/seeds
/group
# the coordinates as they were used
foci.tsv
# settings, logs and methods text
/logs
# reports and their figures
*.html
/sub-*/figures
"""


def describe_dataset(
    folder: Path,
    name: str,
    source: Path,
    *,
    projected_runs: bool = False,
    connectome: Path | None = None,
) -> None:
    """Write ``dataset_description.json`` and ``.bidsignore`` where they are not there yet.

    Parameters
    ----------
    folder, name
        The data set.
    source
        What it was made from.
    projected_runs
        Whether it is a store.
    connectome
        The store that it reads; linked to where it lies elsewhere.
    """
    links = {"preprocessed": source.resolve().as_uri()}
    if connectome is not None and not connectome.resolve().is_relative_to(folder.resolve()):
        links["connectome"] = connectome.resolve().as_uri()
    description: dict[str, Any] = {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "fcnm_bids", "Version": __version__}],
        "DatasetLinks": links,
    }
    if projected_runs:
        description["ProjectedRuns"] = True
    target = folder / "dataset_description.json"
    if not target.is_file() or read_json(target) != description:
        write_json(target, description)
    ignore = folder / ".bidsignore"
    wanted = "**/*.h5\n" if projected_runs else BIDSIGNORE
    if not ignore.is_file() or ignore.read_text() != wanted:
        write_text(ignore, wanted)
