"""Memory that nodes declare, in GB, from what their functions allocate."""

from __future__ import annotations

from collections.abc import Sequence

from fcnm_bids.config import ROBUSTNESS
from fcnm_bids.connectome import projection_bytes
from fcnm_bids.grid import Grid
from fcnm_bids.workflows.plan import PlannedRun

_PROCESS_GB = 0.25
"""A worker process with its libraries, beyond what it shares with its parent."""

_MASKED = 0.35
"""Share of the box that a brain mask fills, at most, before the mask is read."""


def project_gb(grid: Grid, runs: Sequence[PlannedRun]) -> float:
    """Projecting runs one after the other."""
    n_masked = int(_MASKED * grid.n_voxels)
    peaks = [
        projection_bytes(grid.n_voxels, n_masked, run.n_volumes, run.dof, run.itemsize)
        + 2 * run.dof * n_masked
        for run in runs
    ]
    return _PROCESS_GB + 1e-9 * max(peaks, default=0)


def map_gb(grid: Grid, runs: Sequence[PlannedRun], n_contrasts: int) -> float:
    """Mapping all seeds of a person."""
    n_masked = int(_MASKED * grid.n_voxels)
    stored = sum(2 * run.dof * n_masked for run in runs)
    maps = n_contrasts * n_masked * (4 * 8 + 2)
    return _PROCESS_GB + 1e-9 * (stored + maps + 3 * 8 * (1 << 22))


def group_gb(
    n_voxels: int,
    n_contrasts: int,
    *,
    smoothness: bool,
    n_covariates: int = 0,
    n_radii: int = 0,
) -> float:
    """Summing over people; the number of people does not matter."""
    n_masked = int(_MASKED * n_voxels)
    sums = 21
    if n_covariates:
        # a tenth of the voxels, at most, is not everybody's
        sums += 8 * n_covariates + 4 + 4 * (n_covariates + 1) * (n_covariates + 2) // 10
    per_voxel = sums + (48 if smoothness else 0) + 4 * 8 + 2
    per_voxel = per_voxel * (1 + n_radii) + sums * ROBUSTNESS.people_blocks
    return _PROCESS_GB + 1e-9 * (n_contrasts * n_masked * per_voxel + 4 * 8 * (1 << 22))


def contrast_gb(n_voxels: int) -> float:
    """Testing one contrast and writing its maps."""
    return _PROCESS_GB + 1e-9 * n_voxels * 8 * 16


def variants_gb(n_voxels: int) -> float:
    """Mapping one contrast over parts of the people."""
    return contrast_gb(n_voxels) + 1e-9 * _MASKED * n_voxels * 60 * ROBUSTNESS.people_blocks


def robustness_gb(n_voxels: int, n_contrasts: int) -> float:
    """Comparing the variants of one effect's network."""
    return contrast_gb(n_voxels) + 1e-9 * (4 * n_contrasts * n_voxels + 3 * 8 * (1 << 23))


def report_gb(n_voxels: int) -> float:
    """Drawing figures of one image after the other, with the plotting libraries loaded."""
    return 2 * _PROCESS_GB + 1e-9 * n_voxels * 8 * 4
