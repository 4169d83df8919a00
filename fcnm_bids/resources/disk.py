"""Disk that outputs and intermediate files take, in bytes, from what they hold."""

from __future__ import annotations

from collections.abc import Sequence

from fcnm_bids.config import ROBUSTNESS
from fcnm_bids.connectome import carpet_voxels
from fcnm_bids.planning.plan import PlannedRun

_MAP_BYTES = 3.4
"""A map of real numbers, per voxel in the brain, compressed: noise packs badly."""

_FLAT_MAP_BYTES = 0.3
"""A map of few different values, such as a mask, the number of participants or a probability."""

_SIDECAR_BYTES = 4e3
_FIGURE_BYTES = 1e5
_RUN_FIGURES_BYTES = 3e5
_PAGE_BYTES, _NETWORK_MAPS_BYTES, _T_BYTES = 3e6, 4.0, 1.0
"""The report of the group with its explorer; in it, per voxel, a network's maps and a t map."""


def stored_bytes(runs: Sequence[PlannedRun]) -> float:
    """Projected runs in the store."""
    return float(
        sum(
            # a compact run has no basis, and a bit of the box for a voxel's number
            run.n_masked * run.stored_itemsize * (run.n_components + 4)
            + 8 * run.n_components * run.n_volumes * (run.stored_itemsize == 2)
            + run.n_volumes * min(carpet_voxels(run.n_volumes), run.n_masked)
            + _SIDECAR_BYTES
            for run in runs
        )
    )


def participant_maps_bytes(n_masked: int, n_contrasts: int) -> float:
    """One participant's map of every contrast, with their sidecars."""
    return n_contrasts * (_MAP_BYTES * n_masked + _SIDECAR_BYTES)


def participant_report_bytes(n_runs: int, n_contrasts: int) -> float:
    """One participant's figures and page."""
    return n_runs * _RUN_FIGURES_BYTES + n_contrasts * _FIGURE_BYTES


def contrast_bytes(n_masked: int) -> float:
    """Maps and mask of one contrast over participants: four of real numbers, two flat."""
    return n_masked * (4 * _MAP_BYTES + 2 * _FLAT_MAP_BYTES) + 6 * _SIDECAR_BYTES


def effect_bytes(n_masked: int) -> float:
    """One network: its mean map, its probabilities with their limits, its mask, its tables."""
    return n_masked * (_MAP_BYTES + 4 * _FLAT_MAP_BYTES) + 20 * _SIDECAR_BYTES


def group_figures_bytes(n_contrasts: int, n_effects: int) -> float:
    """The figures of the group report."""
    return (n_contrasts + 5 * n_effects) * _FIGURE_BYTES


def group_page_bytes(n_masked: int, n_contrasts: int, n_effects: int) -> float:
    """The page of the group, with copies of the figures and the maps that it explores."""
    maps = n_masked * (n_contrasts * _T_BYTES + n_effects * _NETWORK_MAPS_BYTES)
    return _PAGE_BYTES + maps + group_figures_bytes(n_contrasts, n_effects)


def sums_bytes(
    n_masked: int,
    n_contrasts: int,
    n_participants: int,
    *,
    smoothness: bool,
    keeps_maps: bool,
    n_covariates: int = 0,
    n_radii: int = 0,
) -> float:
    """Sums over participants in the work folder, until the level has ended.

    Parameters
    ----------
    n_masked, n_contrasts, n_participants
        Voxels of the analysis, contrasts, participants.
    smoothness
        Whether neighbouring voxels are multiplied.
    keeps_maps
        Whether everybody's maps are kept, for permutations.
    n_covariates, n_radii
        Covariates, and radii beside the one of the analysis.
    """
    plain = 21 + 8 + 12 * bool(n_covariates) + 8 * n_covariates
    own = plain + 48 * smoothness + 4 * n_participants * keeps_maps
    blocks = (
        plain * ROBUSTNESS.participants_blocks * (n_participants >= ROBUSTNESS.participants_blocks)
    )
    return float(n_masked * n_contrasts * (own * (1 + n_radii) + blocks))


def variants_bytes(n_masked: int, n_radii: int) -> float:
    """Masks of one contrast's variants in the work folder, eight voxels a byte."""
    return n_masked / 4 * (n_radii + 3 * ROBUSTNESS.participants_draws)


def mapped_bytes(n_masked: int) -> float:
    """Return the bytes that one contrast's node leaves in the work folder."""
    return 18.0 * n_masked
