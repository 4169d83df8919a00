"""Choose the volumes of a run that are kept: non-steady-state volumes and motion are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.denoise.confounds import Confounds
from fcnm_bids.errors import RunError

_FRAMEWISE_DISPLACEMENT = "framewise_displacement"
_NON_STEADY = "non_steady_state_outlier"


@dataclass(frozen=True)
class KeptVolumes:
    """Volumes that enter the analysis.

    Parameters
    ----------
    kept
        Shape (volumes,), True where a volume is kept.
    n_dummy
        Volumes dropped at the start (non-steady state).
    n_censored
        Further volumes censored for motion.
    mean_fd
        Mean framewise displacement in mm over all volumes that have one; NaN without.
    blank
        Numbers of further volumes dropped because they hold no measurement.
    """

    kept: NDArray[np.bool_]
    n_dummy: int
    n_censored: int
    mean_fd: float
    blank: tuple[int, ...] = ()

    @property
    def n_blank(self) -> int:
        """Number of volumes dropped because they hold no measurement."""
        return len(self.blank)


def volume_columns(names: Sequence[str]) -> list[str]:
    """Return the names of the columns, among those of a table, that `keep_volumes` reads."""
    return [n for n in names if n.startswith(_NON_STEADY) or n == _FRAMEWISE_DISPLACEMENT]


def keep_volumes(
    table: Confounds,
    *,
    dummy_scans: int | str,
    fd_threshold: float,
    blank: Sequence[int] = (),
) -> KeptVolumes:
    """Choose the volumes of a run to keep.

    Parameters
    ----------
    table
        Confound table, one row per volume.
    dummy_scans
        Number of first volumes to drop, or "auto": all up to the last one that fMRIPrep marked
        as non-steady state.
    fd_threshold
        Framewise displacement (Power et al. 2012) in mm above which a volume is dropped; 0
        censors nothing.
    blank
        Numbers of volumes, from 0, that hold no measurement.

    Raises
    ------
    RunError
        Censoring is asked for and the table has no framewise displacement, or it has holes.
    """
    n_volumes = len(table)
    marks = [name for name in table.names if name.startswith(_NON_STEADY)]
    marks = marks if dummy_scans == "auto" else []
    moved = [_FRAMEWISE_DISPLACEMENT] if _FRAMEWISE_DISPLACEMENT in table else []
    values = table.select([*marks, *moved])
    if dummy_scans == "auto":
        marked = np.flatnonzero((values[:, : len(marks)] > 0).any(axis=1))
        n_dummy = int(marked[-1]) + 1 if marked.size else 0
    else:
        n_dummy = int(dummy_scans)
    steady = np.arange(n_volumes) >= n_dummy

    still = np.ones(n_volumes, dtype=bool)
    mean_fd = float("nan")
    if moved:
        displacement = values[:, -1]
        finite = displacement[np.isfinite(displacement)]
        if finite.size:
            mean_fd = float(finite.mean())
    elif fd_threshold > 0:
        raise RunError(
            f"no column {_FRAMEWISE_DISPLACEMENT}, which censoring needs; use --fd-threshold 0 "
            "to run without censoring"
        )
    if fd_threshold > 0:
        # the first volume has no predecessor to move against
        first = np.where(np.isnan(displacement[:1]), 0.0, displacement[:1])
        displacement = np.concatenate([first, displacement[1:]])
        if np.isnan(displacement).any():
            row = int(np.isnan(displacement).argmax()) + 2
            raise RunError(
                f"{_FRAMEWISE_DISPLACEMENT} has no value in row {row}; correct it, or "
                "use --fd-threshold 0"
            )
        still = displacement <= fd_threshold
    measured = ~np.isin(np.arange(n_volumes), blank)
    n_censored = int((steady & ~still).sum())
    dropped = tuple(np.flatnonzero(steady & still & ~measured).tolist())
    kept = steady & still & measured
    return KeptVolumes(kept, min(n_dummy, n_volumes), n_censored, mean_fd, dropped)
