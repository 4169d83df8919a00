"""Finding the runs of a data set by the entities in their names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fcnm_bids.bids.names import RUN_ENTITIES, subject_label
from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.runs.absence import MissingParticipants
from fcnm_bids.inputs.runs.candidates import IMAGES, FoundFile, found_files, laid_out_files
from fcnm_bids.inputs.runs.filters import bold_filters, matches
from fcnm_bids.inputs.runs.io_spec import IoSpec, io_specs
from fcnm_bids.inputs.runs.no_match import (
    nothing_found,
    of_participants,
    offered,
    shown_filters,
    values_of,
)

_INFANTS = frozenset({"MNIInfant", "UNCInfant"})


@dataclass(frozen=True)
class RunFiles:
    """The files of one preprocessed run.

    Parameters
    ----------
    subject
        Participant label, without ``sub-``.
    entities
        Entities of the image's name.
    bold
        Preprocessed (or denoised) image.
    beside
        The files beside it that there are, by their names in `RunInput`: its brain mask, the
        confound table, JSON sidecars of both table and image, masks of tissues.
    left_out
        Why it is not to be used, where that shows in the names of the files; None where it is.
    """

    subject: str
    entities: Mapping[str, Any] = field(hash=False)
    bold: Path
    beside: Mapping[str, Path] = field(hash=False)
    left_out: str | None = None


@dataclass(frozen=True)
class FoundRuns:
    """Result of a search for runs.

    Parameters
    ----------
    runs
        The runs in a fixed order, those that are left out included.
    absent
        Why there is no run of the other participants of the data set, by their labels.
    """

    runs: tuple[RunFiles, ...]
    absent: Mapping[str, str] = field(hash=False)


def find_runs(
    root: Path, selection: SelectionSettings, *, layout: str = "fmriprep"
) -> list[RunFiles]:
    """Return the runs of a data set that a selection names, as `search_runs` finds them."""
    return list(search_runs(root, selection, layout=layout).runs)


def search_runs(root: Path, selection: SelectionSettings, *, layout: str = "fmriprep") -> FoundRuns:
    """Find the runs of a data set that a selection names.

    Parameters
    ----------
    root
        A folder of the layout.
    selection
        Participants, sessions, task, space, resolution and variant.
    layout
        Name of the layout. ``xcpd`` takes any denoised ``bold`` in MNI space but fMRIPrep's own.

    Raises
    ------
    RequestError
        Nothing matches, or it is left open which of several spaces, resolutions, tasks or
        variants is meant; the text lists what there is.
    """
    spec = io_specs()[layout]
    filters = bold_filters(selection)
    absent = MissingParticipants(
        root, selection.participant_label, database=bool(selection.bids_database_dir)
    )
    if spec.files:
        files = list(found_files(root, selection, absent))
        there = [f for f in files if _is_run(f, filters) and spec.is_file("image", f.entities)]
        asked = set(selection.participant_label)
    else:
        files = laid_out_files(root, spec, selection)
        there = [f for f in files if f.left_out is None]
        asked = {subject_label(label) for label in selection.participant_label}
        if selection.input_variant:
            filters["variant"] = selection.input_variant
    images = [f for f in there if f.left_out is None]
    _refuse_spaces(images or files, selection)
    if not images:
        raise RequestError(nothing_found(root, selection, files, spec))
    missing = asked - {f.entities["subject"] for f in images}
    if missing:
        reasons = absent.reasons(files, images, filters)
        why = [f"{label} ({reasons[label]})" for label in sorted(missing) if label in reasons]
        raise RequestError(
            f"--participant-label {' '.join(sorted(missing))}: no preprocessed run in {root}"
            + (f": {', '.join(why)}" if why else "")
        )
    chosen = [f for f in images if matches(f.entities, filters)]
    unmatched = asked - {f.entities["subject"] for f in chosen}
    if not chosen or unmatched:
        raise RequestError(
            f"no run{of_participants(unmatched)} matches {shown_filters(filters)}; there is "
            + offered([f for f in images if f.entities["subject"] in unmatched] or images, filters)
        )
    for entity, option in (
        ("space", "--space"),
        ("cohort", "--space SPACE:cohort-N"),
        ("res", "--resolution"),
        ("task", "--task-id"),
        ("variant", "--input-variant"),
        ("desc", '--bids-filter-file ({"bold": {"desc": ...}})'),
    ):
        values = {str(f.entities.get(entity, "")) for f in chosen}
        if len(values) > 1:
            raise RequestError(
                f"the runs differ in {entity}: {values_of(chosen, entity)}; choose one with "
                f"{option}"
            )
    if nameless := [f.path for f in chosen if "task" not in f.entities]:
        raise RequestError(
            f"{nameless[0]}: no task-<label> in its name, which BIDS requires; rename it"
            + (f" (and {len(nameless) - 1} more)" if len(nameless) > 1 else "")
        )
    _refuse_twins(chosen)
    if layout == "xcpd":
        chosen = _mark_concatenated(chosen)
    chosen += [f for f in there if f.left_out is not None and matches(f.entities, filters)]
    beside = _companions(files, spec) if spec.files else lambda found: found.companions
    runs = [
        RunFiles(f.entities["subject"], f.entities, f.path, beside(f), f.left_out) for f in chosen
    ]
    return FoundRuns(
        tuple(sorted(runs, key=lambda run: (run.subject, run.bold.as_posix()))),
        absent.reasons(files, chosen, filters) if spec.files else {},
    )


def holds_denoised(root: Path) -> bool:
    """Return True if a data set holds XCP-D's denoised runs."""
    denoised = False
    for path in root.glob("sub-*/**/func/*_bold.nii*"):
        if "_desc-preproc_" in path.name:
            return False
        denoised = denoised or "_desc-denoised_" in path.name
    return denoised


def _is_run(found: FoundFile, filters: Mapping[str, Any]) -> bool:
    entities = found.entities
    return (
        entities.get("suffix") == "bold"
        and entities.get("extension") in IMAGES
        and str(entities.get("space", "")).startswith("MNI")
        # a single echo is the run for those alone who ask for it, a phase for nobody
        and ("echo" not in entities or "echo" in filters)
        and entities.get("part", "mag") == "mag"
    )


def _refuse_spaces(files: Sequence[FoundFile], selection: SelectionSettings) -> None:
    """Refuse templates of infants, in which coordinates of adults mean nothing, and no template."""
    images = [f for f in files if f.entities.get("suffix") == "bold"]
    spaces = {str(f.entities.get("space", "")) for f in images}
    if selection.space:
        spaces &= {selection.space.split(":")[0]}
    if any(f.companions and "space" not in f.entities for f in images):
        raise RequestError(
            f"{images[0].path}: the layout does not state a template space; name it with --space "
            "(FSL and HCP use MNI152NLin6Asym, fMRIPrep MNI152NLin2009cAsym)"
        )
    if spaces and spaces <= _INFANTS:
        raise RequestError(
            f"{', '.join(sorted(spaces))}: published coordinates do not lie in an infant "
            "template; make the images again with --output-spaces MNI152NLin6Asym"
        )


def _companions(
    files: Sequence[FoundFile], spec: IoSpec
) -> Callable[[FoundFile], Mapping[str, Path]]:
    """Return the function from an image to the files beside it, of a layout with BIDS names."""
    place = ("space", "cohort", "res")
    masks = {f.identity(*place): f.path for f in files if spec.is_file("mask", f.entities)}
    tables: dict[tuple[str, ...], dict[str, Path]] = {}
    for f in files:
        if spec.is_file("confounds", f.entities):
            tables.setdefault(f.identity(), {})[f.entities["extension"]] = f.path
    sidecars = {f.path.name: f.path for f in files if f.path.suffix == ".json"}

    def beside(image: FoundFile) -> Mapping[str, Path]:
        table = tables.get(image.identity(), {})
        stem = image.path.name.removesuffix(image.entities["extension"])
        found = {
            "mask": masks.get(image.identity(*place)),
            "confounds": table.get(".tsv"),
            "confounds_metadata": table.get(".json"),
            "metadata": sidecars.get(f"{stem}.json"),
        }
        return {kind: path for kind, path in found.items() if path}

    return beside


def _mark_concatenated(chosen: Sequence[FoundFile]) -> list[FoundFile]:
    """Leave out runs that another program put together from those beside them.

    XCP-D does so with a participant's runs of one task, and calls the result as them but for
    ``run-`` (and ``dir-``).
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

    told = "contains the separate runs beside it, which are used instead"
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
            f"the same run was found more than once: {', '.join(f.path.name for f in twins[:6])}"
            + (f" and {len(twins) - 6} more" if len(twins) > 6 else "")
            + (answer or "; keep one of them")
        )
