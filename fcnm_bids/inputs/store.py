"""Projected runs of a store as participants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.config import DenoisingSettings
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.denoise import check_length
from fcnm_bids.errors import ReplacedRunError
from fcnm_bids.inputs.runs.prepare import denoising_record
from fcnm_bids.mapping import Participant, stored_participant


def open_stored(
    path: Path,
    settings: DenoisingSettings,
    key: str = "",
    *,
    read: Callable[[Path], StoredRun] = open_run,
) -> StoredRun:
    """Open a stored run under the strategy of a request.

    Parameters
    ----------
    path
        The file.
    settings
        The denoising settings of the request.
    key
        `StoredRun.key` that it should have; any by default.
    read
        Reads the header of a run.

    Raises
    ------
    StoreError
        It is not there, is damaged, or was projected again.
    """
    run = read(path)
    run = run.under(denoising_record(settings, run.header.get("settings")))
    if key and run.key != key:
        raise ReplacedRunError(
            f"{path.name} was projected again while it was in use; run the same command again to "
            "use the new version"
        )
    return run


def check_stored(run: StoredRun, settings: DenoisingSettings) -> None:
    """Refuse a stored run of which the strategy of a request leaves too little.

    Raises
    ------
    RunError
        The text says why and what would help.
    StoreError
        It is damaged.
    """
    check_length(
        run.attributes,
        n_volumes=run.header["n_volumes"],
        repetition_time=run.header["repetition_time"],
        min_time=settings.min_time,
        min_dof=settings.min_dof,
        low_pass=settings.low_pass,
    )


def open_participants(
    participants: Sequence[tuple[str, Sequence[tuple[str, str]]]], settings: DenoisingSettings
) -> list[Participant]:
    """The participants of an input `participants`, whose runs are read when they are needed.

    Raises
    ------
    StoreError
        A run is not there, is damaged, or was projected again.
    """
    return [
        stored_participant(label, [open_stored(Path(path), settings, key) for path, key in runs])
        for label, runs in participants
    ]


def design_columns(covariates: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return the design of an input `covariates`, shape (participants, covariates)."""
    return np.array(covariates, dtype=np.float64).reshape(len(covariates), -1)


def run_paths(
    participants: Sequence[tuple[str, Sequence[StoredRun]]],
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return participant labels with paths and content keys of their projected runs."""
    return [(label, [(str(run.path), run.key) for run in runs]) for label, runs in participants]


def mean_displacement(runs: Sequence[StoredRun]) -> float | None:
    """Return the mean over a participant's runs of the mean framewise displacement in mm."""
    known = [run.header["mean_fd"] for run in runs if run.header["mean_fd"] is not None]
    return float(np.mean(known)) if known else None


def stored_files(store: Path) -> list[Path]:
    """The projected runs of a store, in the order of their names.

    What another process is still writing is not among them.
    """
    found = store.glob("sub-*/**/*_desc-projected_timeseries.h5")
    return sorted(path for path in found if not path.name.startswith("."))
