"""Denoising of one run: a strategy within its band, put together and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.denoise.band import StrategyDirections, band_basis, strategy_directions
from fcnm_bids.denoise.confounds import Confounds, nuisance_columns
from fcnm_bids.denoise.strategy import Strategy
from fcnm_bids.denoise.volumes import KeptVolumes, keep_volumes, volume_columns
from fcnm_bids.errors import RunError

CHOSEN = ("nuisance_regressors", "dummy_scans", "fd_threshold")
"""Denoising settings that a mapping chooses: a stored run serves all of their values."""


@dataclass(frozen=True, eq=False)
class RunDenoising:
    """Denoise one run in time.

    Parameters
    ----------
    basis
        Of the band, orthonormal rows, shape (m_b, volumes).
    directions
        What confounds and uncounted volumes remove within the band.
    volumes
        The volumes kept, and why the others were not.
    confounds
        Names of the confound columns that are removed.
    applied_regressors
        Degrees of freedom that the series had lost before.
    """

    basis: NDArray[np.float64]
    directions: StrategyDirections
    volumes: KeptVolumes
    confounds: tuple[str, ...] = ()
    applied_regressors: int = 0

    @property
    def n_components(self) -> int:
        """Dimensions of the band, m_b."""
        return int(self.basis.shape[0])

    @property
    def dof(self) -> int:
        """Residual degrees of freedom, m."""
        return self.directions.dof - self.applied_regressors

    def describe(self) -> dict[str, Any]:
        """Return what tables and sidecars state of the strategy in this run, as JSON holds it."""
        volumes = self.volumes
        return {
            "dof": self.dof,
            "n_kept": int(volumes.kept.sum()),
            "n_dummy": volumes.n_dummy,
            "n_censored": volumes.n_censored,
            "n_blank": volumes.n_blank,
            "mean_fd": None if np.isnan(volumes.mean_fd) else volumes.mean_fd,
            "confounds": list(self.confounds),
            "n_dropped": self.directions.n_dropped,
            # further digits are the processor's, and the same run has to be the same bytes
            "leakage": float(f"{self.directions.leakage:.3g}"),
        }

    def clean(self, series: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return denoised series, shape (volumes, ...); NaN in the volumes that are not kept."""
        kept = self.volumes.kept
        # what stands in volumes that do not count changes nothing but may not be NaN
        filled = np.where(kept.reshape(-1, *[1] * (series.ndim - 1)), series, series[kept].mean(0))
        denoised = self.basis.T @ self.directions.remove(self.basis @ filled)
        denoised[~kept] = np.nan
        return denoised


def plan_denoising(
    table: Confounds,
    metadata: Mapping[str, Any],
    strategy: Strategy,
    *,
    n_volumes: int,
    repetition_time: float,
    high_pass: float,
    low_pass: float,
    dummy_scans: int | str,
    fd_threshold: float,
    min_time: float,
    min_dof: int,
    blank: Sequence[int] = (),
    applied_regressors: int = 0,
) -> RunDenoising:
    """Plan the denoising of one run.

    Parameters
    ----------
    table, metadata, strategy, dummy_scans, fd_threshold, blank, applied_regressors
        As in `choose_within_band`.
    n_volumes, repetition_time, high_pass, low_pass
        As in `band_basis`.
    min_time, min_dof
        As in `check_length`.

    Raises
    ------
    RunError
        The run cannot be used; the text says why and what would help.
    """
    if len(table) != n_volumes:
        raise RunError(
            f"{n_volumes} volumes, but {len(table)} rows in the confound table; copy both again"
        )
    found = choose_within_band(
        band_basis(n_volumes, repetition_time, high_pass=high_pass, low_pass=low_pass),
        table,
        metadata,
        strategy,
        dummy_scans=dummy_scans,
        fd_threshold=fd_threshold,
        blank=blank,
        applied_regressors=applied_regressors,
    )
    check_length(
        found.describe(),
        n_volumes=n_volumes,
        repetition_time=repetition_time,
        min_time=min_time,
        min_dof=min_dof,
        low_pass=low_pass,
    )
    return found


def choose_within_band(
    basis: NDArray[np.float64],
    table: Confounds,
    metadata: Mapping[str, Any],
    strategy: Strategy,
    *,
    dummy_scans: int | str,
    fd_threshold: float,
    blank: Sequence[int] = (),
    applied_regressors: int = 0,
) -> RunDenoising:
    """Apply a strategy to the band of a run.

    Parameters
    ----------
    basis
        Of the band, shape (m_b, volumes).
    table, metadata
        The confound table, one row per volume, and its JSON sidecar.
    strategy
        The confounds to remove.
    dummy_scans, fd_threshold, blank
        As in `keep_volumes`.
    applied_regressors
        Regressors that were removed from the series before, each a degree of freedom less.

    Raises
    ------
    RunError
        The table lacks what the strategy needs; the text names it.
    """
    problems = []
    try:
        names = strategy.columns(table.names, metadata)
        table = table.read([*names, *volume_columns(table.names)])
    except RunError as error:
        problems.append(str(error))
    try:
        volumes = keep_volumes(
            table, dummy_scans=dummy_scans, fd_threshold=fd_threshold, blank=blank
        )
    except RunError as error:
        problems.append(str(error))
    if problems:
        raise RunError("; ".join(problems))
    directions = strategy_directions(basis, nuisance_columns(table, names), volumes.kept)
    return RunDenoising(basis, directions, volumes, tuple(names), applied_regressors)


def check_length(
    found: Mapping[str, Any],
    *,
    n_volumes: int,
    repetition_time: float,
    min_time: float,
    min_dof: int,
    low_pass: float,
) -> None:
    """Refuse a run of which too little is left.

    Parameters
    ----------
    found
        As `RunDenoising.describe` gives it.
    n_volumes, repetition_time
        Length of the run; TR in seconds.
    min_time
        Seconds of kept volumes below which the run is refused.
    min_dof
        Residual degrees of freedom below which the run is refused.
    low_pass
        Upper edge of the band in Hz; 0 for none.

    Raises
    ------
    RunError
        The run cannot be used; the text says why and what would help.
    """
    seconds = found["n_kept"] * repetition_time
    if seconds < min_time:
        raise RunError(
            f"{seconds:.0f} s are left ({found['n_kept']} of {n_volumes} volumes; "
            f"{found['n_dummy']} dummy scans, {found['n_censored']} censored for motion), "
            f"but --min-time asks for {min_time:g} s; lower it, or censor less (--fd-threshold)"
        )
    if found["dof"] < min_dof:
        ways = ["--low-pass 0"] if low_pass > 0 else []
        ways += ["--fd-threshold 0"] if found["n_censored"] else []
        raise RunError(
            f"{found['dof']} residual degrees of freedom of {found['n_kept']} kept volumes, "
            f"but --min-dof asks for {min_dof}"
            + (f"; {' or '.join(ways)} would leave more" if ways else "")
        )
