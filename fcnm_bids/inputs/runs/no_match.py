"""Messages on runs that are not found: which entities differ, and which option answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fcnm_bids.config import SelectionSettings
from fcnm_bids.inputs.runs.candidates import FoundFile
from fcnm_bids.inputs.runs.filters import matches
from fcnm_bids.inputs.runs.io_spec import IoSpec


def values_of(found: Sequence[FoundFile], entity: str) -> str:
    """List the values that an entity has in files."""
    values = sorted({str(f.entities.get(entity, "none")) for f in found})
    return ", ".join(values[:12]) + (f" and {len(values) - 12} more" if len(values) > 12 else "")


def shown_filters(filters: Mapping[str, Any]) -> str:
    """Return filters as text."""
    return ", ".join(f"{name}={value}" for name, value in filters.items()) or "the request"


def offered(images: Sequence[FoundFile], filters: Mapping[str, Any]) -> str:
    """List the values that filters could have, or their combinations where each value exists."""
    alone = [
        name
        for name, wanted in filters.items()
        if not any(matches(f.entities, {name: wanted}) for f in images)
    ]
    if alone or len(filters) == 1:
        return "; ".join(f"{name}: {values_of(images, name)}" for name in alone or filters)
    found = sorted({", ".join(f"{n}={f.entities.get(n, 'none')}" for n in filters) for f in images})
    return "; ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")


def of_participants(participants: Iterable[str]) -> str:
    """Return participants named, after a noun; nothing for all."""
    named = " ".join(sorted(participants))
    return f" of {named}" if named else ""


def nothing_found(
    root: Path, selection: SelectionSettings, files: Sequence[FoundFile], spec: IoSpec
) -> str:
    """Explain why a folder holds no run, with what would help."""
    kind = "denoised" if spec.facts.get("denoised") else "preprocessed"
    others = [f for f in files if f.entities.get("suffix") == "bold" and "space" in f.entities]
    near = [f for f in others if str(f.entities["space"]).startswith("MNI")]
    reasons = dict.fromkeys(
        f"{f.entities.get('variant') or f.path.parts[len(root.parts)]}: {f.left_out}"
        for f in files
        if f.left_out and not spec.files
    )
    cifti = next(root.glob("sub-*/**/func/*.dtseries.nii"), None) if spec.files else None
    return (
        f"{root}: no {kind} run in MNI space{of_participants(selection.participant_label)} "
        f"({spec.expects})"
        + (f"; there is {_near_misses(near, spec)}" if near and spec.files else "")
        + (f"; there is space: {values_of(others, 'space')}" if others and not near else "")
        + "".join(f"; {reason}" for reason in reasons)
        + (
            f"; {cifti.name} is CIFTI, which is not supported: run fMRIPrep with --output-spaces "
            "MNI152NLin6Asym to make volumes"
            if cifti
            else ""
        )
        + (
            "; BIDS_DIR has to be the folder with fMRIPrep's derivatives"
            if spec.name == "fmriprep"
            else ""
        )
    )


def _near_misses(near: Sequence[FoundFile], spec: IoSpec) -> str:
    """Name what keeps images in MNI space from being runs, and what answers it."""
    single = [f for f in near if "echo" in f.entities]
    phase = [f for f in near if f.entities.get("part", "mag") != "mag"]
    whole = [f for f in near if f not in single and f not in phase]
    other = [f for f in whole if not spec.is_file("image", f.entities)]
    said = []
    if single:
        first = min(str(f.entities["echo"]) for f in single)
        said.append(
            f"echo: {values_of(single, 'echo')} (single echoes; --bids-filter-file with "
            f'{{"bold": {{"echo": {first}}}}} selects one)'
        )
    if phase:
        said.append(f"part: {values_of(phase, 'part')} (no magnitude)")
    if other:
        answer = "" if spec.facts.get("denoised") else " (--denoised uses images as they are)"
        said.append(f"desc: {values_of(other, 'desc')}{answer}")
    return "; ".join(said) or f"space: {values_of(near, 'space')}"
