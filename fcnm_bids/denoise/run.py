"""One run's denoising, put together and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fcnm_bids.denoise.confounds import Confounds, nuisance_columns
from fcnm_bids.denoise.projection import Projection, build_projection
from fcnm_bids.denoise.strategy import Strategy
from fcnm_bids.denoise.volumes import KeptVolumes, keep_volumes
from fcnm_bids.errors import RunError


@dataclass(frozen=True, eq=False)
class RunDenoising:
    """Denoise one run in time.

    Parameters
    ----------
    projection
        Regression, filtering and censoring as one projection.
    volumes
        The volumes kept, and why the others were not.
    applied_regressors
        Degrees of freedom that the series had lost before.
    """

    projection: Projection
    volumes: KeptVolumes
    applied_regressors: int = 0

    @property
    def dof(self) -> int:
        """Residual degrees of freedom, m."""
        return self.projection.dof - self.applied_regressors


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
    """The projection for one run.

    Parameters
    ----------
    table, metadata
        The confound table, one row per volume, and its JSON sidecar.
    strategy
        The confounds to remove.
    n_volumes, repetition_time
        Length of the run; TR in seconds.
    high_pass, low_pass
        Edges of the pass band in Hz; 0 leaves that side open.
    dummy_scans, fd_threshold
        As in `keep_volumes`.
    min_time
        Seconds of kept volumes below which the run is refused.
    min_dof
        Residual degrees of freedom below which the run is refused.
    blank
        As in `keep_volumes`.
    applied_regressors
        Regressors that were removed from the series before, each a degree of freedom less.

    Raises
    ------
    RunError
        The run cannot be used; the text says why and what would help.
    """
    if len(table) != n_volumes:
        raise RunError(
            f"{n_volumes} volumes, but {len(table)} rows in the confound table; copy both again"
        )
    problems = []
    try:
        names = strategy.columns(table.names, metadata)
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
    n_kept = int(volumes.kept.sum())
    seconds = n_kept * repetition_time
    if seconds < min_time:
        raise RunError(
            f"{seconds:.0f} s are left ({n_kept} of {n_volumes} volumes; {volumes.n_dummy} at "
            f"the start and {volumes.n_censored} for motion dropped), --min-time asks for "
            f"{min_time:g} s"
        )
    projection = build_projection(
        nuisance_columns(table, names),
        volumes.kept,
        repetition_time,
        high_pass=high_pass,
        low_pass=low_pass,
        confounds=tuple(names),
    )
    dof = projection.dof - applied_regressors
    if dof < min_dof:
        ways = ["--low-pass 0"] if low_pass > 0 else []
        ways += ["--fd-threshold 0"] if volumes.n_censored else []
        raise RunError(
            f"{dof} residual degrees of freedom of {n_kept} kept volumes, --min-dof "
            f"asks for {min_dof}" + (f"; {' or '.join(ways)} would leave more" if ways else "")
        )
    return RunDenoising(projection, volumes, applied_regressors)
