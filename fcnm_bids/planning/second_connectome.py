"""Plan the second connectome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.errors import RequestError, RunError, StoreError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.dataset import identify_dataset
from fcnm_bids.inputs.runs.prepare import what_projects
from fcnm_bids.inputs.store import stored_files
from fcnm_bids.planning.design import covariate_design
from fcnm_bids.planning.exclusion import moved_too_much
from fcnm_bids.planning.plan import Validation


def plan_validation(
    folder: str | None,
    grid: Grid,
    settings: Mapping[str, Any],
    *,
    covariates: Sequence[str] = (),
    max_mean_fd: float | None = None,
) -> Validation:
    """Find the runs of a second connectome.

    Parameters
    ----------
    folder
        A store of projected runs, or an output folder with one; None for none.
    grid
        The grid that it has to share.
    settings
        Denoising settings of the first connectome.
    covariates, max_mean_fd
        The group model and the limit of motion of the first connectome. Without a table that
        has all of the covariates for everybody, the second is mapped without any.

    Raises
    ------
    RequestError
        It cannot be used.
    """
    if folder is None:
        return Validation()
    try:
        dataset = identify_dataset(Path(folder))
    except RequestError as error:
        raise RequestError(f"--validation-dir {error}") from error
    if dataset.kind != "connectome":
        raise RequestError(
            f"--validation-dir {folder}: neither a store of projected runs nor an output folder "
            "with one; run the participant level on it first (--connectome-only)"
        )
    runs: dict[str, list[StoredRun]] = {}
    notes: list[str] = []
    other_grids: list[str] = []
    for path in stored_files(dataset.root):
        try:
            run = open_run(path).under(settings)
            run.attributes  # noqa: B018  (a strategy that the run cannot have is found here)
        except (RunError, StoreError) as error:
            notes.append(f"--validation-dir: {error}; excluded")
            continue
        difference = grid.difference(run.grid)
        if difference:
            other_grids.append(f"--validation-dir {folder}: {path.name} has {difference}")
            continue
        label = path.relative_to(dataset.root).parts[0].removeprefix("sub-")
        runs.setdefault(label, []).append(run)
        if not notes and what_projects(run.header["settings"]) != what_projects(settings):
            notes.append(
                "--validation-dir: projected with a different band, smoothing, voxel size or "
                "precision from the first connectome"
            )
    moved = moved_too_much(runs, max_mean_fd)
    for label, reason in moved.items():
        del runs[label]
        notes.append(f"--validation-dir: sub-{label}: {reason}; excluded")
    if len(runs) < 2:
        raise RequestError(
            [
                f"--validation-dir {folder}: fewer than two usable participants",
                *other_grids[:3],
            ]
        )
    notes += [f"{line}; excluded" for line in other_grids]
    try:
        design = covariate_design(covariates, (Path(folder), dataset.root), runs)
    except RequestError as error:
        why = "; ".join(error.problems)
        notes.append(
            f"--validation-dir: mapped without covariates, because {why}; correct its "
            "participants.tsv, or leave --covariates out"
        )
        design = covariate_design((), (), runs)
    participants = tuple((label, tuple(own)) for label, own in runs.items())
    return Validation(participants, design, tuple(notes))
