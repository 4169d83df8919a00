"""Finding the runs of a data set by the entities in their names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fcnm_bids.bids.names import RUN_ENTITIES
from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.runs.absence import Absent
from fcnm_bids.inputs.runs.candidates import IMAGES, FoundFile, found_files
from fcnm_bids.inputs.runs.filters import bold_filters, matches

_CONFOUND_SUFFIXES = ("timeseries", "regressors")


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
    left_out
        Why it is not to be used, where that shows in the names of the files; None where it is.
    """

    subject: str
    entities: Mapping[str, Any] = field(hash=False)
    bold: Path
    mask: Path | None
    confounds: Path | None
    confounds_metadata: Path | None
    metadata: Path | None
    left_out: str | None = None


@dataclass(frozen=True)
class FoundRuns:
    """What a search for runs gives.

    Parameters
    ----------
    runs
        The runs in a fixed order, those that are left out included.
    absent
        Why there is no run of the other people of the data set, by their labels.
    """

    runs: tuple[RunFiles, ...]
    absent: Mapping[str, str] = field(hash=False)


def find_runs(
    root: Path, selection: SelectionSettings, *, denoised: bool = False
) -> list[RunFiles]:
    """The preprocessed runs of a data set that a selection names, as `search_runs` finds them."""
    return list(search_runs(root, selection, denoised=denoised).runs)


def search_runs(root: Path, selection: SelectionSettings, *, denoised: bool = False) -> FoundRuns:
    """Look for the preprocessed runs of a data set that a selection names.

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
    absent = Absent(root, selection.participant_label, database=bool(selection.bids_database_dir))
    files = list(found_files(root, selection, absent))
    there = [f for f in files if _is_run(f) and _is_denoised(f) == denoised]
    images = [f for f in there if f.left_out is None]
    if not images:
        raise RequestError(_nothing_found(root, selection, files, denoised))
    missing = set(selection.participant_label) - {f.entities["subject"] for f in images}
    if missing:
        reasons = absent.reasons(files, images, filters)
        why = [f"{label} ({reasons[label]})" for label in sorted(missing) if label in reasons]
        raise RequestError(
            f"--participant-label {' '.join(sorted(missing))}: no preprocessed run in {root}"
            + (f": {', '.join(why)}" if why else "")
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
    if nameless := [f.path for f in chosen if "task" not in f.entities]:
        raise RequestError(
            f"{nameless[0]}: no task-<label> in its name, as BIDS asks for"
            + (f" (and {len(nameless) - 1} more)" if len(nameless) > 1 else "")
        )
    _refuse_twins(chosen)
    if denoised:
        chosen = _mark_concatenated(chosen)
    chosen += [f for f in there if f.left_out is not None and matches(f.entities, filters)]
    return FoundRuns(
        tuple(sorted(_assemble(chosen, files), key=lambda run: (run.subject, run.bold.as_posix()))),
        absent.reasons(files, chosen, filters),
    )


def holds_denoised(root: Path) -> bool:
    """Whether a data set holds XCP-D's denoised runs, and none that only fMRIPrep has seen."""
    denoised = False
    for path in root.glob("sub-*/**/func/*_bold.nii*"):
        if "_desc-preproc_" in path.name:
            return False
        denoised = denoised or "_desc-denoised_" in path.name
    return denoised


def _is_denoised(found: FoundFile) -> bool:
    return found.entities.get("desc") != "preproc"


def _is_run(found: FoundFile) -> bool:
    entities = found.entities
    return (
        entities.get("suffix") == "bold"
        and entities.get("extension") in IMAGES
        and str(entities.get("space", "")).startswith("MNI")
        # single echoes, phases and such are not the run
        and "echo" not in entities
        and entities.get("part", "mag") == "mag"
    )


def _assemble(chosen: Sequence[FoundFile], files: Sequence[FoundFile]) -> Iterator[RunFiles]:
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
            left_out=f.left_out,
        )


def _mark_concatenated(chosen: Sequence[FoundFile]) -> list[FoundFile]:
    """Leave out runs that another program put together from those beside them.

    XCP-D does so with a person's runs of one task, and calls the result as them but for ``run-``
    (and ``dir-``).
    """
    whole = ("run", "direction")
    place = [n for n in (*RUN_ENTITIES, "space", "cohort", "res") if n not in whole]

    def beside(found: FoundFile, *further: str) -> tuple[str, ...]:
        return tuple(str(found.entities.get(name, "")) for name in (*place, *further))

    parts = {beside(f) for f in chosen if "run" in f.entities}
    parts_of_direction = {beside(f, "direction") for f in chosen if "run" in f.entities}

    def is_whole(found: FoundFile) -> bool:
        if "run" in found.entities:
            return False
        if "direction" in found.entities:
            return beside(found, "direction") in parts_of_direction
        return beside(found) in parts

    told = "holds the runs beside it once more"
    return [replace(f, left_out=told) if is_whole(f) else f for f in chosen]


def _refuse_twins(chosen: Sequence[FoundFile]) -> None:
    place = ("space", "cohort", "res")
    times = Counter(f.identity(*place) for f in chosen)
    twins = [f for f in chosen if times[f.identity(*place)] > 1]
    if twins:
        same = [f for f in twins if f.identity(*place) == twins[0].identity(*place)]
        differ = {
            name: values
            for name in sorted({name for f in same for name in f.entities})
            if len(values := {f.entities.get(name) for f in same}) > 1
        }
        answer = "".join(
            f"; they differ in {name}: choose one with --bids-filter-file, such as "
            f'{{"bold": {{"{name}": {json.dumps(min(str(v) for v in values if v is not None))}}}}}'
            for name, values in differ.items()
        )
        raise RequestError(
            f"the same run more than once: {', '.join(f.path.name for f in twins[:6])}"
            + (f" and {len(twins) - 6} more" if len(twins) > 6 else "")
            + (answer or "; which of them is meant?")
        )


def _values(found: Sequence[FoundFile], entity: str) -> str:
    values = sorted({str(f.entities.get(entity, "none")) for f in found})
    return ", ".join(values[:12]) + (f" and {len(values) - 12} more" if len(values) > 12 else "")


def _shown(filters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in filters.items()) or "the request"


def _of(people: Iterable[str]) -> str:
    named = " ".join(sorted(people))
    return f" of {named}" if named else ""


def _nothing_found(
    root: Path, selection: SelectionSettings, files: Sequence[FoundFile], denoised: bool
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
