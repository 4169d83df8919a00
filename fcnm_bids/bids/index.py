"""Finding the runs of a data set by the entities in their names."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcnm_bids.bids.database import indexed_files
from fcnm_bids.bids.filters import bold_filters, matches
from fcnm_bids.bids.names import parse_entities
from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError

_IMAGES = (".nii.gz", ".nii")
_CONFOUND_SUFFIXES = ("timeseries", "regressors")

_OLD_NAMES = (
    (re.compile(r"_bold_(space-[^_]+)_preproc\."), r"_\1_desc-preproc_bold."),
    (re.compile(r"_bold_(space-[^_]+)_brainmask\."), r"_\1_desc-brain_mask."),
    (re.compile(r"_bold_confounds\."), "_desc-confounds_regressors."),
)
"""How fMRIPrep called its outputs before version 1.2, and how it has called them since."""
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
        Preprocessed (or denoised) image, its brain mask, and the confound table; None where not
        found.
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


def find_runs(
    root: Path, selection: SelectionSettings, *, denoised: bool = False
) -> list[RunFiles]:
    """The preprocessed runs of a data set that a selection names, in a fixed order.

    Parameters
    ----------
    root
        An fMRIPrep derivatives folder.
    selection
        Participants, sessions, task, space and resolution.
    denoised
        Whether denoised images are looked for: any ``bold`` in MNI space but fMRIPrep's own.

    Raises
    ------
    RequestError
        Nothing matches, or it is left open which of several spaces, resolutions or tasks is
        meant; the text lists what there is.
    """
    filters = bold_filters(selection)
    files = list(_files(root, selection))
    images = [f for f in files if _is_run(f) and _is_denoised(f) == denoised]
    if not images:
        raise RequestError(_nothing_found(root, selection, files, denoised))
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
    for entity, option in (
        ("space", "--space"),
        ("cohort", "--space SPACE:cohort-N"),
        ("res", "--resolution"),
        ("task", "--task-id"),
        ("desc", '--bids-filter-file ({"bold": {"desc": ...}})'),
    ):
        values = {str(f.entities.get(entity, "")) for f in chosen}
        if len(values) > 1:
            raise RequestError(
                f"the runs differ in {entity}: {_values(chosen, entity)}; choose one with {option}"
            )
    _refuse_twins(chosen)
    return sorted(_assemble(chosen, files), key=lambda run: (run.subject, run.bold.as_posix()))


def _files(root: Path, selection: SelectionSettings) -> Iterator[_Found]:
    """Files that may matter, of the people who are asked for."""
    labels = selection.participant_label
    if selection.bids_database_dir:
        paths = _in_database(root, labels, Path(selection.bids_database_dir))
    else:
        paths = _in_folders(root, labels)
    for path in paths:
        name = _modern(path.name)
        entities = parse_entities(Path(name)) if _may_matter(name) else {}
        if "subject" in entities:
            yield _Found(path, entities)


def _in_database(root: Path, labels: Sequence[str], database: Path) -> Iterator[Path]:
    for path in indexed_files(root, database):
        folders = path.relative_to(root).parts[:-1]
        if folders[-1:] != ("func",) or not folders[0].startswith("sub-"):
            continue
        if labels and folders[0].removeprefix("sub-") not in labels:
            continue
        if _may_matter(_modern(path.name)) and not path.is_file():
            raise RequestError(
                f"--bids-database-dir {database}: lists {path}, which is not there any more; "
                "remove the database, and it is made anew"
            )
        yield path


def _in_folders(root: Path, labels: Sequence[str]) -> Iterator[Path]:
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
            yield from sorted(folder.iterdir())


def _may_matter(name: str) -> bool:
    image = name.endswith(_IMAGES) and ("_bold." in name or "_desc-brain_mask." in name)
    return name.startswith("sub-") and (
        image or "_desc-confounds_" in name or name.endswith("_bold.json")
    )


def _modern(name: str) -> str:
    for old, new in _OLD_NAMES:
        name = old.sub(new, name)
    return name


def holds_denoised(root: Path) -> bool:
    """Whether a data set holds XCP-D's denoised runs, and none that only fMRIPrep has seen."""
    denoised = False
    for path in root.glob("sub-*/**/func/*_bold.nii*"):
        if "_desc-preproc_" in path.name:
            return False
        denoised = denoised or "_desc-denoised_" in path.name
    return denoised


def _is_denoised(found: _Found) -> bool:
    return found.entities.get("desc") != "preproc"


def _is_run(found: _Found) -> bool:
    entities = found.entities
    return (
        entities.get("suffix") == "bold"
        and entities.get("extension") in _IMAGES
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


def _values(found: Sequence[_Found], entity: str) -> str:
    values = sorted({str(f.entities.get(entity, "none")) for f in found})
    return ", ".join(values[:12]) + (f" and {len(values) - 12} more" if len(values) > 12 else "")


def _shown(filters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in filters.items()) or "the request"


def _of(people: Iterable[str]) -> str:
    named = " ".join(sorted(people))
    return f" of {named}" if named else ""


def _nothing_found(
    root: Path, selection: SelectionSettings, files: Sequence[_Found], denoised: bool
) -> str:
    kind = "denoised" if denoised else "preprocessed"
    desc = "*" if denoised else "preproc"
    looked = f"sub-*/[ses-*/]func/*_space-MNI*_desc-{desc}_bold.nii[.gz]"
    others = [f for f in files if f.entities.get("suffix") == "bold" and "space" in f.entities]
    return (
        f"{root}: no {kind} run in MNI space{_of(selection.participant_label)} ({looked})"
        + (f"; there is space: {_values(others, 'space')}" if others else "")
        + "; BIDS_DIR is the folder that fMRIPrep wrote its derivatives to"
    )
