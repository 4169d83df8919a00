"""The second connectome, looked at before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcnm_bids.bids import recognise
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.grid import Grid


@dataclass(frozen=True)
class Validation:
    """The people of a second connectome.

    Parameters
    ----------
    people
        Participant labels with their projected runs; empty where there is none.
    notes
        How its settings differ, and which runs are not used, one line each.
    """

    people: tuple[tuple[str, tuple[StoredRun, ...]], ...] = ()
    notes: tuple[str, ...] = ()


def plan_validation(folder: str | None, grid: Grid, settings: Mapping[str, Any]) -> Validation:
    """Find the runs of a second connectome.

    Parameters
    ----------
    folder
        A store of projected runs, or an output folder with one; None for none.
    grid
        The grid that it has to share.
    settings
        Denoising settings of the first connectome.

    Raises
    ------
    RequestError
        It cannot be used.
    """
    if folder is None:
        return Validation()
    dataset = recognise(Path(folder))
    if dataset.kind != "connectome":
        raise RequestError(
            f"--validation-dir {folder}: not a store of projected runs, nor an output folder with "
            "one; run the participant level on it first (--connectome-only)"
        )
    runs: dict[str, list[StoredRun]] = {}
    notes: list[str] = []
    other_grids: list[str] = []
    for path in sorted(dataset.root.glob("sub-*/**/*_desc-projected_timeseries.h5")):
        try:
            run = open_run(path)
        except StoreError as error:
            notes.append(f"--validation-dir: {error}; left out")
            continue
        difference = grid.difference(run.grid)
        if difference:
            other_grids.append(f"--validation-dir {folder}: {path.name} has {difference}")
            continue
        label = path.relative_to(dataset.root).parts[0].removeprefix("sub-")
        runs.setdefault(label, []).append(run)
        if not notes and run.attributes["settings"] != settings:
            notes.append("--validation-dir: projected with other denoising settings")
    if len(runs) < 2:
        raise RequestError(
            [f"--validation-dir {folder}: fewer than two people that can be used", *other_grids[:3]]
        )
    notes += [f"{line}; left out" for line in other_grids]
    return Validation(tuple((label, tuple(own)) for label, own in runs.items()), tuple(notes))
