"""Identify the kind of a data set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from fcnm_bids.bids.read import read_json
from fcnm_bids.errors import RequestError


@dataclass(frozen=True)
class InputDataset:
    """A folder to read from.

    Parameters
    ----------
    root
        The folder that holds the ``sub-`` folders.
    kind
        "derivatives" of fMRIPrep, or a "connectome" of projected runs.
    """

    root: Path
    kind: Literal["derivatives", "connectome"]


def recognise(folder: Path) -> InputDataset:
    """Find out what a ``BIDS_DIR`` is.

    Raises
    ------
    RequestError
        It is none of the kinds that can be used; the text says what it is.
    """
    if not folder.is_dir():
        raise RequestError(f"{folder}: there is no such folder")
    content = _description(folder)
    if _is_ours(content):
        if content.get("ProjectedRuns"):
            return InputDataset(folder, "connectome")
        if (folder / "connectome" / "dataset_description.json").is_file():
            return InputDataset(folder / "connectome", "connectome")
        raise RequestError(f"{folder}: an output folder of fcnm_bids without a connectome in it")
    if _has_people(folder) and content.get("DatasetType") == "derivative":
        return InputDataset(folder, "derivatives")
    inside = [
        path
        for path in sorted((folder / "derivatives").glob("*"))
        if _has_people(path) and "fmriprep" in path.name.lower()
    ]
    if len(inside) == 1:
        return InputDataset(inside[0], "derivatives")
    if len(inside) > 1:
        raise RequestError(
            f"{folder}: several fMRIPrep derivatives ({', '.join(p.name for p in inside)}); "
            "give one of them as BIDS_DIR"
        )
    if folder.name.startswith("sub-") and _has_images(folder):
        label = folder.name.removeprefix("sub-")
        raise RequestError(
            f"{folder}: the folder of one person; give {folder.parent} as BIDS_DIR, and "
            f"--participant-label {label}"
        )
    if _is_raw(folder, content):
        raise RequestError(
            f"{folder}: raw data, and there is no derivatives/fmriprep in it; BIDS_DIR is the "
            "folder that fMRIPrep wrote its derivatives to (or name that with --derivatives)"
        )
    if _has_people(folder):
        # fMRIPrep's early outputs, and copies of them, come without a description
        return InputDataset(folder, "derivatives")
    near = [
        path
        for pattern in ("*", "derivatives/*", "*/derivatives/*")
        for path in sorted(folder.glob(pattern))
        if "fmriprep" in path.name.lower() and _has_people(path)
    ]
    if near:
        raise RequestError(
            f"{folder}: no sub-* folders in it; {near[0]} looks like what fMRIPrep wrote: give "
            "that as BIDS_DIR"
        )
    raise RequestError(
        f"{folder}: no sub-* folders in it; BIDS_DIR is the folder that fMRIPrep wrote its "
        "derivatives to, a raw data set with derivatives/fmriprep inside, or a connectome "
        "that fcnm_bids stored"
    )


def holds_other_dataset(folder: Path) -> bool:
    """Whether a folder is a data set that another program made, and so not to be written to."""
    content = _description(folder)
    return bool(content) and not _is_ours(content)


def _description(folder: Path) -> dict[str, Any]:
    path = folder / "dataset_description.json"
    return read_json(path) if path.is_file() else {}


def _is_ours(description: dict[str, Any]) -> bool:
    generators = description.get("GeneratedBy")
    return isinstance(generators, list) and any(
        isinstance(g, dict) and g.get("Name") == "fcnm_bids" for g in generators
    )


def _is_raw(folder: Path, content: dict[str, Any]) -> bool:
    """Whether a data set says that it is raw, and its first people have nothing preprocessed."""
    if content.get("DatasetType") != "raw":
        return False
    first = islice(sorted(folder.glob("sub-*/")), 3)
    return not any(any(person.rglob("*preproc*")) for person in first)


def _has_images(folder: Path) -> bool:
    return (folder / "func").is_dir() or any(folder.glob("ses-*/func"))


def _has_people(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(e.name.startswith("sub-") and e.is_dir() for e in entries)
    except OSError:
        return False
