"""Finding the runs of a data set by the entities in their names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError

_IMAGES = (".nii.gz", ".nii")
_CONFOUND_SUFFIXES = ("timeseries", "regressors")
_RUN_ENTITIES = (
    "subject",
    "session",
    "task",
    "acquisition",
    "ceagent",
    "reconstruction",
    "direction",
    "run",
)
"""What tells the runs of a data set apart, before space, resolution and description."""


@dataclass(frozen=True)
class RunFiles:
    """The files of one preprocessed run.

    Parameters
    ----------
    subject
        Participant label, without ``sub-``.
    entities
        Entities of the image's name.
    bold, mask, confounds
        Preprocessed image, its brain mask, and the confound table; None where not found.
    confounds_metadata, metadata
        JSON sidecars of the confound table and of the image.
    """

    subject: str
    entities: Mapping[str, Any] = field(hash=False)
    bold: Path
    mask: Path | None
    confounds: Path | None
    confounds_metadata: Path | None
    metadata: Path | None


@dataclass(frozen=True)
class _Found:
    path: Path
    entities: dict[str, Any]

    def identity(self, *further: str) -> tuple[str, ...]:
        return tuple(str(self.entities.get(name, "")) for name in (*_RUN_ENTITIES, *further))


def find_runs(root: Path, selection: SelectionSettings) -> list[RunFiles]:
    """The preprocessed runs of a data set that a selection names, in a fixed order.

    Parameters
    ----------
    root
        An fMRIPrep derivatives folder.
    selection
        Participants, sessions, task, space and resolution.

    Raises
    ------
    RequestError
        Nothing matches, or it is left open which of several spaces, resolutions or tasks is
        meant; the text lists what there is.
    """
    files = list(_files(root, selection.participant_label))
    images = [f for f in files if _is_preprocessed(f)]
    if not images:
        raise RequestError(_nothing_found(root, selection))
    missing = set(selection.participant_label) - {f.entities["subject"] for f in images}
    if missing:
        raise RequestError(
            f"--participant-label {' '.join(sorted(missing))}: no preprocessed run in {root}"
        )
    filters = _bold_filters(selection)
    chosen = [f for f in images if _matches(f.entities, filters)]
    if not chosen:
        raise RequestError(
            f"no run matches {_shown(filters)}; there is "
            + "; ".join(f"{name}: {_values(images, name)}" for name in filters)
        )
    for entity, option in (("space", "--space"), ("res", "--resolution"), ("task", "--task-id")):
        values = {str(f.entities.get(entity, "")) for f in chosen}
        if len(values) > 1:
            raise RequestError(
                f"the runs differ in {entity}: {_values(chosen, entity)}; choose one with {option}"
            )
    return sorted(_assemble(chosen, files), key=lambda run: (run.subject, run.bold.as_posix()))


def read_json(path: Path | None) -> dict[str, Any]:
    """A JSON sidecar; nothing where there is none.

    Raises
    ------
    RequestError
        The file is there and is not a JSON object.
    """
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise RequestError(f"{path}: not a JSON object")
    return content


def _files(root: Path, labels: Sequence[str]) -> Iterator[_Found]:
    try:
        people = sorted(
            e.name for e in os.scandir(root) if e.name.startswith("sub-") and e.is_dir()
        )
    except OSError as error:
        raise RequestError(f"{root}: cannot be read ({error.strerror})") from error
    for person in people:
        if labels and person.removeprefix("sub-") not in labels:
            continue
        folders = [root / person / "func"]
        with os.scandir(root / person) as entries:
            sessions = sorted(e.name for e in entries if e.name.startswith("ses-") and e.is_dir())
        folders += [root / person / session / "func" for session in sessions]
        for folder in folders:
            if not folder.is_dir():
                continue
            for path in sorted(folder.iterdir()):
                if _may_matter(path.name):
                    yield _Found(path, parse_entities(path))


def _may_matter(name: str) -> bool:
    image = name.endswith(_IMAGES) and ("_bold." in name or "_desc-brain_mask." in name)
    return name.startswith("sub-") and (
        image or "_desc-confounds_" in name or name.endswith("_bold.json")
    )


def _is_preprocessed(found: _Found) -> bool:
    entities = found.entities
    return (
        entities.get("suffix") == "bold"
        and entities.get("extension") in _IMAGES
        and entities.get("desc") == "preproc"
        and str(entities.get("space", "")).startswith("MNI")
        # single echoes, phases and such are not the run
        and "echo" not in entities
        and entities.get("part", "mag") == "mag"
    )


def _assemble(chosen: Sequence[_Found], files: Sequence[_Found]) -> Iterator[RunFiles]:
    masks = {
        f.identity("space", "cohort", "res"): f.path
        for f in files
        if f.entities.get("suffix") == "mask" and f.entities.get("desc") == "brain"
    }
    tables: dict[tuple[str, ...], dict[str, Path]] = {}
    for f in files:
        if f.entities.get("desc") == "confounds" and f.entities.get("suffix") in _CONFOUND_SUFFIXES:
            tables.setdefault(f.identity(), {})[f.entities["extension"]] = f.path
    sidecars = {f.path.name: f.path for f in files if f.path.suffix == ".json"}
    for f in chosen:
        table = tables.get(f.identity(), {})
        stem = f.path.name.removesuffix(f.entities["extension"])
        yield RunFiles(
            subject=f.entities["subject"],
            entities=f.entities,
            bold=f.path,
            mask=masks.get(f.identity("space", "cohort", "res")),
            confounds=table.get(".tsv"),
            confounds_metadata=table.get(".json"),
            metadata=sidecars.get(f"{stem}.json"),
        )


def _bold_filters(selection: SelectionSettings) -> dict[str, Any]:
    filters: dict[str, Any] = {}
    if selection.bids_filter_file:
        content = read_json(Path(selection.bids_filter_file))
        query = content.get("bold", {})
        if not isinstance(query, dict):
            raise RequestError(f'{selection.bids_filter_file}: "bold" is an object of entities')
        filters |= query
    if selection.session_id:
        filters["session"] = list(selection.session_id)
    for entity, value in (
        ("task", selection.task_id),
        ("space", selection.space),
        ("res", selection.resolution),
    ):
        if value is not None:
            filters[entity] = value
    return filters


def _matches(entities: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    for name, wanted in filters.items():
        value = entities.get(name)
        if wanted is None:
            matched = value is None
        elif wanted == "*":
            matched = value is not None
        else:
            options = wanted if isinstance(wanted, list) else [wanted]
            matched = value is not None and str(value) in {str(option) for option in options}
        if not matched:
            return False
    return True


def _values(found: Sequence[_Found], entity: str) -> str:
    values = sorted({str(f.entities.get(entity, "none")) for f in found})
    return ", ".join(values[:12]) + (f" and {len(values) - 12} more" if len(values) > 12 else "")


def _shown(filters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in filters.items()) or "the request"


def _nothing_found(root: Path, selection: SelectionSettings) -> str:
    looked = "sub-*/[ses-*/]func/*_space-MNI*_desc-preproc_bold.nii[.gz]"
    people = " ".join(selection.participant_label)
    return (
        f"{root}: no preprocessed run in MNI space"
        + (f" of {people}" if people else "")
        + f" ({looked}); BIDS_DIR is the folder that fMRIPrep wrote its derivatives to"
    )
