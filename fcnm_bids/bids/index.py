"""Finding the runs of a data set by the entities in their names."""

from __future__ import annotations

import difflib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcnm_bids.bids.names import entity_names, parse_entities
from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError

_IMAGES = (".nii.gz", ".nii")
_CONFOUND_SUFFIXES = ("timeseries", "regressors")
RUN_ENTITIES = (
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
        return tuple(str(self.entities.get(name, "")) for name in (*RUN_ENTITIES, *further))


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
    filters = bold_filters(selection)
    files = list(_files(root, selection.participant_label))
    images = [f for f in files if _is_preprocessed(f)]
    if not images:
        raise RequestError(_nothing_found(root, selection, files))
    missing = set(selection.participant_label) - {f.entities["subject"] for f in images}
    if missing:
        raise RequestError(
            f"--participant-label {' '.join(sorted(missing))}: no preprocessed run in {root}"
        )
    chosen = [f for f in images if matches(f.entities, filters)]
    unmatched = set(selection.participant_label) - {f.entities["subject"] for f in chosen}
    if not chosen or unmatched:
        raise RequestError(
            f"no run{_of(unmatched)} matches {_shown(filters)}; there is "
            + "; ".join(f"{name}: {_values(images, name)}" for name in filters)
        )
    for entity, option in (("space", "--space"), ("res", "--resolution"), ("task", "--task-id")):
        values = {str(f.entities.get(entity, "")) for f in chosen}
        if len(values) > 1:
            raise RequestError(
                f"the runs differ in {entity}: {_values(chosen, entity)}; choose one with {option}"
            )
    _refuse_twins(chosen)
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
                entities = parse_entities(path) if _may_matter(path.name) else {}
                if "subject" in entities:
                    yield _Found(path, entities)


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


def _refuse_twins(chosen: Sequence[_Found]) -> None:
    place = ("space", "cohort", "res")
    times = Counter(f.identity(*place) for f in chosen)
    twins = [f for f in chosen if times[f.identity(*place)] > 1]
    if twins:
        raise RequestError(
            f"the same run more than once: {', '.join(f.path.name for f in twins[:6])}"
            + (f" and {len(twins) - 6} more" if len(twins) > 6 else "")
            + "; which of them is meant?"
        )


def bold_filters(selection: SelectionSettings) -> dict[str, Any]:
    """What the entities of a run must be: a value, one of several, None (absent) or "*" (any).

    Raises
    ------
    RequestError
        The filter file cannot be used.
    """
    filters: dict[str, Any] = {}
    if selection.bids_filter_file:
        content = read_json(Path(selection.bids_filter_file))
        query = content.get("bold", {})
        if not isinstance(query, dict):
            raise RequestError(f'{selection.bids_filter_file}: "bold" is an object of entities')
        unknown = [
            f"{selection.bids_filter_file}: there is no entity {name!r}"
            + "".join(f"; {near!r}?" for near in difflib.get_close_matches(name, entity_names(), 1))
            for name in query
            if name not in entity_names()
        ]
        if unknown:
            raise RequestError(unknown)
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


def matches(entities: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Whether the entities of a run are those that `bold_filters` asks for."""
    known = {"datatype": "func", **entities}
    return all(
        any(_is(known.get(name), one) for one in (wanted if isinstance(wanted, list) else [wanted]))
        for name, wanted in filters.items()
    )


def _is(value: Any, wanted: Any) -> bool:
    if value is None or wanted is None:
        return value is wanted
    if isinstance(value, int) and str(wanted).isdecimal():
        return value == int(wanted)  # run-01 is run 1
    return wanted == "*" or str(value) == str(wanted)


def _values(found: Sequence[_Found], entity: str) -> str:
    values = sorted({str(f.entities.get(entity, "none")) for f in found})
    return ", ".join(values[:12]) + (f" and {len(values) - 12} more" if len(values) > 12 else "")


def _shown(filters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in filters.items()) or "the request"


def _of(people: Iterable[str]) -> str:
    named = " ".join(sorted(people))
    return f" of {named}" if named else ""


def _nothing_found(root: Path, selection: SelectionSettings, files: Sequence[_Found]) -> str:
    looked = "sub-*/[ses-*/]func/*_space-MNI*_desc-preproc_bold.nii[.gz]"
    others = [f for f in files if f.entities.get("suffix") == "bold" and "space" in f.entities]
    return (
        f"{root}: no preprocessed run in MNI space{_of(selection.participant_label)} ({looked})"
        + (f"; there is space: {_values(others, 'space')}" if others else "")
        + "; BIDS_DIR is the folder that fMRIPrep wrote its derivatives to"
    )
