"""Identify the kind of a data set."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from fcnm_bids.bids.read import read_json
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.runs.find import holds_denoised
from fcnm_bids.inputs.runs.io_spec import IoSpec, io_specs, layout_names

_LISTED, _COMPARED = 12, 1000
"""Names that a message lists, and names in folders of a folder that are compared."""


@dataclass(frozen=True)
class InputDataset:
    """A folder to read from.

    Parameters
    ----------
    root
        The folder that holds the ``sub-`` folders.
    kind
        "derivatives" of another program, or a "connectome" of projected runs.
    layout
        Name of the derivatives' layout, a file of ``data/io_spec``.
    """

    root: Path
    kind: Literal["derivatives", "connectome"]
    layout: str = "fmriprep"

    @property
    def spec(self) -> IoSpec:
        """The derivatives' layout."""
        return io_specs()[self.layout]


def identify_dataset(folder: Path, input_type: str = "auto") -> InputDataset:
    """Find out what a ``BIDS_DIR`` is.

    Parameters
    ----------
    folder
        The folder.
    input_type
        Name of its layout; "auto" finds it out.

    Raises
    ------
    RequestError
        It is none of the kinds that can be used; the text says what it is.
    """
    if not folder.is_dir():
        raise RequestError(f"{folder}: there is no such folder")
    if input_type not in ("auto", *layout_names()):
        raise RequestError(
            f"--input-type {input_type}: there is no such layout; choose from auto, "
            f"{', '.join(layout_names())}"
        )
    named = None if input_type == "auto" else io_specs()[input_type]
    if named and not named.files:
        if not named.is_in(folder):
            raise RequestError(f"--input-type {input_type}: {_unlike(folder, named)}")
        return InputDataset(folder, "derivatives", input_type)
    # a store of our own has thousands of folders, in which no other layout is looked for
    dataset = None if named or _is_ours(_description(folder)) else _laid_out(folder)
    dataset = dataset or _with_bids_names(folder)
    if dataset.kind == "connectome":
        return dataset
    if named is None and dataset.layout == "fmriprep" and holds_denoised(dataset.root):
        return replace(dataset, layout="xcpd")
    return replace(dataset, layout=named.name) if named else dataset


def _laid_out(folder: Path) -> InputDataset | None:
    """Return a folder whose layout has no BIDS names, if it is one.

    Raises
    ------
    RequestError
        It is two layouts at once, or one that is refused.
    """
    found = [spec for spec in io_specs().values() if spec.is_in(folder)]
    if not found:
        return None
    titles = [f"{spec.title} (--input-type {spec.name})" for spec in found]
    fmriprep = [folder, *sorted((folder / "derivatives").glob("*fmriprep*"))]
    titles += [
        f"{path} (fMRIPrep; --input-type fmriprep)"
        for path in fmriprep
        if any(path.glob("sub-*/**/func/*_desc-preproc_bold.nii*"))
    ]
    if len(titles) > 1:
        raise RequestError(
            f"{folder} matches several layouts at once: {'; '.join(titles)}; choose one"
        )
    if found[0].refuse:
        raise RequestError(f"{folder} is {found[0].title}: {found[0].refuse}")
    return InputDataset(folder, "derivatives", found[0].name)


def _unlike(folder: Path, spec: IoSpec) -> str:
    """Describe what a folder has in place of what its layout expects."""
    near = _nearby(folder, [spec]) or _misspelled(folder, [spec])
    expected = f"{folder} has no {spec.expects} ({spec.title})"
    return f"{expected}; {_content(folder)}" + (f"; {near}" if near else "")


def _content(folder: Path) -> str:
    """List what a folder holds."""
    there = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    shown = ", ".join(there[:_LISTED]) + (" ..." if len(there) > _LISTED else "")
    return f"there is only {shown}" if there else "it is empty"


def _nearby(folder: Path, specs: Iterable[IoSpec]) -> str | None:
    """Describe the layouts above a folder and in it."""
    below = (path for path in sorted(folder.glob("*/")) if path.is_dir())
    places = [folder.parent, folder.parent.parent, *islice(below, _LISTED)]
    found = [f"{at} looks like {spec.title}" for at in places for spec in specs if spec.is_in(at)]
    if not found:
        return None
    return f"{'; '.join(found)}: give {'that' if len(found) == 1 else 'one of them'} as BIDS_DIR"


def _misspelled(folder: Path, specs: Iterable[IoSpec]) -> str | None:
    """Describe a name in a folder, or in a folder of it, that is nearly one of a layout."""
    below = sorted(islice(folder.glob("*/*"), _COMPARED))
    names = [path.name for path in (*sorted(folder.iterdir()), *below)]
    there = dict.fromkeys([*names, *(path.relative_to(folder).as_posix() for path in below)])
    for spec in specs:
        landmarks = {name.lower(): name for name in spec.landmarks}
        for name in there:
            close = difflib.get_close_matches(name.lower(), landmarks, 1, 0.85)
            if close and name not in spec.landmarks:
                meant = landmarks[close[0]]
                return f"{name} looks like a misspelled {meant} of {spec.title}; rename it"
    for name in there:
        word = re.match(r"[A-Za-z]*", name)
        if word and difflib.get_close_matches(word[0].lower(), ["sub"], 1, 0.6):
            label = name[word.end() :].lstrip("-_ ")
            if not name.startswith("sub-") and re.fullmatch(r"[A-Za-z0-9]+", label):
                return f"{name} looks like a misspelled sub-{label}; rename it"
    return None


def _with_bids_names(folder: Path) -> InputDataset:
    content = _description(folder)
    if _is_ours(content):
        if content.get("ProjectedRuns"):
            return InputDataset(folder, "connectome")
        if (folder / "connectome" / "dataset_description.json").is_file():
            return InputDataset(folder / "connectome", "connectome")
        raise RequestError(
            f"{folder}: this is an output folder of fcnm_bids without a connectome; run the "
            "participant level into it first"
        )
    if _has_participants(folder) and content.get("DatasetType") == "derivative":
        return InputDataset(folder, "derivatives")
    inside = [
        path
        for path in sorted((folder / "derivatives").glob("*"))
        if _has_participants(path) and "fmriprep" in path.name.lower()
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
            f"{folder}: this is the folder of one participant; give {folder.parent} as BIDS_DIR, "
            "and "
            f"--participant-label {label}"
        )
    if _is_raw(folder, content):
        raise RequestError(
            f"{folder}: this is a raw data set without derivatives/fmriprep; give the folder "
            "with fMRIPrep's derivatives as BIDS_DIR (or name it with --derivatives)"
        )
    if _has_participants(folder):
        # fMRIPrep's early outputs, and copies of them, come without a description
        return InputDataset(folder, "derivatives")
    near = [
        path
        for pattern in ("*", "derivatives/*", "*/derivatives/*")
        for path in sorted(folder.glob(pattern))
        if "fmriprep" in path.name.lower() and _has_participants(path)
    ]
    specs = list(io_specs().values())
    if near:
        others = _nearby(folder, [spec for spec in specs if not spec.files])
        raise RequestError(
            f"{folder}: it contains no sub-* folders; {near[0]} looks like fMRIPrep's output: "
            "give that as BIDS_DIR" + (f"; or {others}" if others else "")
        )
    if said := _nearby(folder, specs) or _misspelled(folder, specs):
        raise RequestError(f"{folder}: it contains no sub-* folders ({_content(folder)}); {said}")
    raise RequestError(
        f"{folder}: it contains no sub-* folders ({_content(folder)}); BIDS_DIR has to be the "
        "folder with fMRIPrep's derivatives, a raw data set with derivatives/fmriprep inside, a "
        "connectome that fcnm_bids stored, or one of "
        + ", ".join(io_specs()[name].title for name in layout_names())
    )


def holds_other_dataset(folder: Path) -> bool:
    """Return True if a folder is a data set of another program, and so not to be written to."""
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
    """Return True if a data set is raw by its description and its first participants."""
    if content.get("DatasetType") != "raw":
        return False
    first = islice(sorted(folder.glob("sub-*/")), 3)
    return not any(any(participant.rglob("*preproc*")) for participant in first)


def _has_images(folder: Path) -> bool:
    return (folder / "func").is_dir() or any(folder.glob("ses-*/func"))


def _has_participants(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(e.name.startswith("sub-") and e.is_dir() for e in entries)
    except OSError:
        return False
