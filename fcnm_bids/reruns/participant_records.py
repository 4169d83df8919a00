"""Participants and stored runs that are finished."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fcnm_bids.connectome import open_run
from fcnm_bids.errors import RequestError, StoreError

LOGGER = logging.getLogger("fcnm_bids")

GONE = "the participant level stored it, but it no longer exists; run the participant level again"

NO_LONGER = "the participant level no longer has this run"

UNFINISHED = "its participant level has not finished; run it again"

_COLUMNS = ("run", "stored", "included", "reason")


@dataclass(frozen=True)
class ParticipantRecord:
    """Record of one participant in an output folder.

    Parameters
    ----------
    runs
        Why a run is left out, by its name in the store; None for those that are used.
    refused
        Why none of them counts; None where they do.
    """

    runs: Mapping[str, str | None]
    refused: str | None = None

    def refuses(self, name: str) -> str | None:
        """Return why a stored run is not in the group; None where it is."""
        return self.refused or self.runs.get(name, NO_LONGER)

    @property
    def out_files(self) -> list[str]:
        """The runs that the store should hold, by their names in it."""
        return [name for name, reason in self.runs.items() if reason is None]


def participant_records(
    output_dir: Path, source: Path | None = None
) -> dict[str, ParticipantRecord]:
    """Return the records of the participants that an output folder's participant level worked on.

    Parameters
    ----------
    output_dir
        Output folder.
    source
        Root of the data set that was read; participants whose folder is not in it any more do not
        count. None where that is not known.

    Returns
    -------
    records
        By participant label. Whose runs another output folder's participant level stored is not
        among them.

    Raises
    ------
    RequestError
        A table of runs cannot be read; one line per table.
    """
    records: dict[str, ParticipantRecord] = {}
    problems: list[str] = []
    for folder in sorted(output_dir.glob("sub-*")):
        if not folder.is_dir():
            continue
        images: list[str] = []
        runs: dict[str, str | None] = {}
        tables = sorted(folder.glob("func/*_desc-qc_metrics.tsv"))
        for path in tables:
            try:
                for image, stored, reason in _runs_of(path):
                    images.append(image)
                    runs[stored] = reason
            except RequestError as error:
                problems += error.problems
        refused = None
        if not tables or not all((folder / f"manifest.{end}").is_file() for end in ("tsv", "json")):
            refused = UNFINISHED
        elif source is not None and not any(
            os.path.lexists(source / name) for name in (folder.name, *images)
        ):
            refused = f"BIDS_DIR no longer has {folder.name}"
        records[folder.name.removeprefix("sub-")] = ParticipantRecord(runs, refused)
    if problems:
        raise RequestError(problems)
    return records


def _runs_of(path: Path) -> list[tuple[str, str, str | None]]:
    """Return the image, the name in the store, and why it is left out, of each run of a table."""
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        rows = table[list(_COLUMNS)].itertuples(index=False, name=None)
        return [
            (image, stored, None if included == "True" else reason)
            for image, stored, included, reason in rows
        ]
    except (OSError, ValueError, KeyError) as error:
        raise RequestError(
            f"{path}: not a table of runs with the columns {', '.join(_COLUMNS)}; remove it, and "
            "the participant level makes it again"
        ) from error


def is_reusable(path: Path, key: str, *, thoroughly: bool = False) -> bool:
    """Return True if the store holds a run with this content key.

    Parameters
    ----------
    path
        The stored run.
    key
        Content key of the request.
    thoroughly
        Whether all of the file is read, or its header alone.
    """
    if not path.exists():
        return False
    try:
        found = open_run(path)
        if thoroughly:
            found.verify()
    except StoreError as error:
        if thoroughly:
            LOGGER.warning("%s; it is made again", error)
        return False
    return found.content_key == key
