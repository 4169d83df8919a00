"""Files of a data set that may belong to a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcnm_bids.bids.names import (
    RUN_ENTITIES,
    modern_name,
    parse_entities,
    subject_label,
)
from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.runs.absence import MissingParticipants
from fcnm_bids.inputs.runs.io_spec import IoSpec, laid_out_images
from fcnm_bids.inputs.runs.pybids_database import indexed_files

IMAGES = (".nii.gz", ".nii")


@dataclass(frozen=True)
class FoundFile:
    """A file with the entities of its name.

    Parameters
    ----------
    path
        The file.
    entities
        Entities of its name, the participant being that of its folder.
    left_out
        Why it is not to be used; None where it is.
    companions
        The files beside it, where the layout has no BIDS names to find them by.
    """

    path: Path
    entities: dict[str, Any]
    left_out: str | None = None
    companions: Mapping[str, Path] = field(default_factory=dict)

    def identity(self, *further: str) -> tuple[str, ...]:
        """Entities that tell the run apart, and further ones."""
        return tuple(str(self.entities.get(name, "")) for name in (*RUN_ENTITIES, *further))


def laid_out_files(root: Path, spec: IoSpec, selection: SelectionSettings) -> list[FoundFile]:
    """Return the images of a layout without BIDS names, of the participants who are asked for.

    Raises
    ------
    RequestError
        Two participants have names that become one label.
    """
    images = list(laid_out_images(root, spec))
    wanted = {subject_label(name) for name in selection.participant_label}
    originals: dict[str, str] = {}
    for image in images:
        name = image.groups["subject"]
        other = originals.setdefault(subject_label(name).lower(), name)
        if other != name and (not wanted or subject_label(name) in wanted):
            raise RequestError(
                f"{root}: participants {other} and {name} have the same label "
                f"{subject_label(name)!r} (only letters and digits count); rename one of them in "
                "all folders and tables"
            )
    sessions = any("session" in image.groups for image in images)
    found = []
    for image in images:
        original = image.groups["subject"]
        entities: dict[str, Any] = {
            **image.groups,
            "subject": subject_label(original),
            "original_id": original,
            "suffix": "bold",
            **({"session": image.groups.get("session", "1")} if sessions else {}),
            **({"run": int(image.groups["run"])} if image.groups.get("run") else {}),
        }
        if selection.space and "space" not in image.groups:
            entities["space"] = selection.space
        unusable = spec.facts_of(entities["variant"]).get("unusable")
        if not wanted or entities["subject"] in wanted:
            found.append(FoundFile(image.path, entities, unusable, image.companions))
    return found


def found_files(
    root: Path, selection: SelectionSettings, absent: MissingParticipants
) -> Iterator[FoundFile]:
    """Files that may matter, of the participants who are asked for."""
    labels, depth = selection.participant_label, len(root.parts)
    if selection.bids_database_dir:
        paths = _in_database(root, labels, Path(selection.bids_database_dir))
    else:
        paths = _in_folders(root, labels, absent)
    for path in paths:
        name = modern_name(path.name)
        entities = parse_entities(Path(name))
        if "subject" not in entities:
            continue
        own = path.parts[depth].removeprefix("sub-")
        if entities["subject"] == own:
            yield FoundFile(path, entities)
        elif name.endswith(IMAGES) and "_bold." in name:
            told = (
                f"its name has sub-{entities['subject']}, but its folder is sub-{own}; move or "
                "rename it"
            )
            yield FoundFile(path, {**entities, "subject": own}, told)


def _in_database(root: Path, labels: Sequence[str], database: Path) -> Iterator[Path]:
    for path in indexed_files(root, database):
        folders = path.relative_to(root).parts[:-1]
        if folders[-1:] != ("func",) or not folders[0].startswith("sub-"):
            continue
        if labels and folders[0].removeprefix("sub-") not in labels:
            continue
        if not _may_matter(path.name):
            continue
        if not path.is_file():
            raise RequestError(
                f"--bids-database-dir {database}: lists {path}, which no longer exists; delete "
                "the database, and it will be made again"
            )
        yield path


def _in_folders(root: Path, labels: Sequence[str], absent: MissingParticipants) -> Iterator[Path]:
    try:
        participants = sorted(
            e.name for e in os.scandir(root) if e.name.startswith("sub-") and e.is_dir()
        )
    except OSError as error:
        raise RequestError(f"{root}: cannot be read ({error.strerror})") from error
    for participant in participants:
        if labels and participant.removeprefix("sub-") not in labels:
            continue
        try:
            yield from _of_participant(root / participant)
        except OSError as error:
            absent.unreadable[participant.removeprefix("sub-")] = (
                f"cannot be read: {error.strerror}"
            )


def _of_participant(participant: Path) -> list[Path]:
    with os.scandir(participant) as entries:
        sessions = sorted(e.name for e in entries if e.name.startswith("ses-") and e.is_dir())
    folders = [participant / "func", *(participant / session / "func" for session in sessions)]
    return [
        folder / name
        for folder in folders
        if folder.is_dir()
        for name in sorted(entry.name for entry in os.scandir(folder))
        if _may_matter(name)
    ]


def _may_matter(name: str) -> bool:
    name = modern_name(name)
    image = name.endswith(IMAGES) and ("_bold." in name or "_desc-brain_mask." in name)
    return name.startswith("sub-") and (
        image or "_desc-confounds_" in name or name.endswith(("_bold.json", "_design.tsv"))
    )
