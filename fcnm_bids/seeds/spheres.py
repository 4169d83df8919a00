"""Contrast seeds from foci: the union of a sphere around each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fcnm_bids.grid import Grid
from fcnm_bids.seeds.cells import refuse
from fcnm_bids.seeds.foci import TALAIRACH, Contrast, Focus
from fcnm_bids.seeds.matrix import SeedMatrix

SPHERES = ("mm", "voxel-rounded")

_SURFACE_MM2 = 1e-3
"""Added to the squared radius, so that centres on the surface count whatever the rounding."""

_TIE_VOXELS = 1e-4
"""A focus this close to the middle between two voxels is a tie: headers hold float32."""

_PAIRS_AT_ONCE = 4_000_000
"""Focus-voxel pairs worked on at a time, which bounds the memory."""

_Array = NDArray[np.float64]
_Indices = NDArray[np.int64]


def sphere_seeds(
    contrasts: Sequence[Contrast], grid: Grid, *, radius: float, sphere: str
) -> SeedMatrix:
    """The voxels of each contrast: the union of the spheres around its foci, each of weight 1.

    Parameters
    ----------
    contrasts
        Contrasts with foci in an MNI space; foci are not moved between MNI templates.
    grid
        Any affine: oblique, flipped, anisotropic.
    radius
        In mm.
    sphere
        ``mm``: the voxels whose centres lie within `radius` of the focus, a squared distance
        of up to 1e-3 mm2 more included; where there is none, the voxel that holds the focus.
        ``voxel-rounded``: the voxels whose indices lie within round(radius / mean voxel size)
        of those of the nearest voxel, as ``ROI_ball_gen_combined.m`` of the FCNM scripts makes
        them (Mo et al. 2024, doi:10.1093/schbul/sbae020).
        In both, a focus midway between two voxels belongs to the one farther from the origin of
        the template along that axis, which is what MATLAB's round does to (-x, y, z) divided by
        the voxel size, and does not depend on how the image is stored.

    Returns
    -------
    SeedMatrix
        The parts of spheres outside of the grid are left off; a contrast that lies wholly
        outside is an empty row.

    Raises
    ------
    SeedError
        Foci are still in Talairach space.
    """
    contrasts = tuple(contrasts)
    foci = [focus for contrast in contrasts for focus in contrast.foci]
    _refuse_talairach(foci)
    rows = np.repeat(
        np.arange(len(contrasts)), [len(contrast.foci) for contrast in contrasts]
    ).astype(np.int64)
    focus, voxel = _spheres(_positions(foci), grid, radius, sphere)
    weights = sparse.csr_array(
        (np.ones(len(voxel)), (rows[focus], voxel)), shape=(len(contrasts), grid.n_voxels)
    )
    # Voxels that several spheres hold were added up on the way.
    weights.sum_duplicates()
    weights.data[:] = 1
    return SeedMatrix(weights, contrasts, grid)


def voxels_of_spheres(
    contrasts: Sequence[Contrast], grid: Grid, *, radius: float, sphere: str
) -> NDArray[np.intp]:
    """Return the number of voxels of the sphere around each focus, in the order of the contrasts.

    Parameters
    ----------
    contrasts, grid, radius, sphere
        As for `sphere_seeds`.
    """
    foci = [focus for contrast in contrasts for focus in contrast.foci]
    focus, _ = _spheres(_positions(foci), grid, radius, sphere)
    return np.bincount(focus, minlength=len(foci))


def foci_outside(contrasts: Sequence[Contrast], grid: Grid) -> list[Focus]:
    """The foci that no voxel of the grid holds; their spheres may still reach into it."""
    foci = [focus for contrast in contrasts for focus in contrast.foci]
    _refuse_talairach(foci)
    inside = _in_box(_nearest_voxel(_positions(foci), grid), grid)
    return [focus for focus, within in zip(foci, inside, strict=True) if not within]


def _refuse_talairach(foci: Sequence[Focus]) -> None:
    refuse(
        [
            f"{focus.origin}: the focus is in Talairach space: transform it to MNI first"
            for focus in foci
            if focus.space == TALAIRACH
        ]
    )


def _positions(foci: Sequence[Focus]) -> _Array:
    return np.array([(focus.x, focus.y, focus.z) for focus in foci], dtype=float).reshape(-1, 3)


def _nearest_voxel(positions: _Array, grid: Grid) -> _Indices:
    """Indices of the voxels that hold positions, inside of the box or not; shape (n, 3)."""
    inverse = np.linalg.inv(grid.affine)
    outward = positions @ inverse[:3, :3].T
    place = outward + inverse[:3, 3]
    lower = np.floor(place)
    above = place - lower
    up = np.where(np.abs(above - 0.5) < _TIE_VOXELS, outward >= 0, above > 0.5)
    nearest: _Indices = (lower + up).astype(np.int64)
    return nearest


def _in_box(indices: _Indices, grid: Grid) -> NDArray[np.bool_]:
    inside = (indices >= 0) & (indices < np.array(grid.shape))
    return np.asarray(inside.all(axis=-1))


def _voxel_numbers(indices: _Indices, grid: Grid) -> _Indices:
    steps = np.array([1, grid.shape[0], grid.shape[0] * grid.shape[1]], dtype=np.int64)
    return indices @ steps


def _spheres(
    positions: _Array, grid: Grid, radius: float, sphere: str
) -> tuple[_Indices, _Indices]:
    """Pairs of focus and voxel number for spheres of either kind."""
    if sphere not in SPHERES:
        raise ValueError(f"sphere {sphere!r} is none of {', '.join(SPHERES)}")
    if not (np.isfinite(radius) and radius >= 0):
        raise ValueError(f"a radius of {radius} mm is not a length")
    within = _within_mm if sphere == "mm" else _within_voxels
    return within(positions, grid, radius)


def _within_mm(positions: _Array, grid: Grid, radius: float) -> tuple[_Indices, _Indices]:
    """Pairs of focus and voxel number for spheres in world space."""
    matrix = grid.affine[:3, :3]
    centres = _nearest_voxel(positions, grid)
    missed = positions - (centres @ matrix.T + grid.affine[:3, 3])
    largest2 = radius**2 + _SURFACE_MM2
    half_voxel = (0.5 + _TIE_VOXELS) * np.abs(matrix).sum(axis=1)
    steps = _steps_in_reach(matrix, float(np.sqrt(largest2) + np.linalg.norm(half_voxel)))
    offsets = steps @ matrix.T
    found = []
    for chunk in _chunks(len(positions), len(steps)):
        # |offset - missed|^2, expanded so that the only large array is a matrix product.
        distance2 = missed[chunk] @ (-2 * offsets.T)
        distance2 += (offsets**2).sum(axis=1)
        distance2 += (missed[chunk] ** 2).sum(axis=1)[:, None]
        focus, step = np.nonzero(distance2 <= largest2)
        found.append(_pairs_in_box(focus + chunk.start, step, centres, steps, grid))
    alone = np.ones(len(positions), dtype=bool)
    for focus, _ in found:
        alone[focus] = False
    (focus,) = np.nonzero(alone)
    here = np.zeros((1, 3), dtype=np.int64)
    found.append(_pairs_in_box(focus, np.zeros(len(focus), dtype=np.int64), centres, here, grid))
    return _joined(found)


def _within_voxels(positions: _Array, grid: Grid, radius: float) -> tuple[_Indices, _Indices]:
    """Pairs of focus and voxel number for spheres in index space."""
    reach = np.floor(radius / grid.voxel_sizes.mean() + 0.5)
    centres = _nearest_voxel(positions, grid)
    steps = _steps_in_reach(np.eye(3), float(reach))
    found = []
    for chunk in _chunks(len(positions), len(steps)):
        focus = np.repeat(np.arange(chunk.start, chunk.stop), len(steps))
        step = np.tile(np.arange(len(steps)), chunk.stop - chunk.start)
        found.append(_pairs_in_box(focus, step, centres, steps, grid))
    return _joined(found)


def _steps_in_reach(matrix: _Array, reach: float) -> _Indices:
    """Steps in voxels, shape (n, 3), that lead no farther than `reach` mm."""
    extent = np.floor(np.linalg.norm(np.linalg.inv(matrix), axis=1) * reach + 1e-9).astype(int)
    steps = np.stack(
        np.meshgrid(*[np.arange(-n, n + 1, dtype=np.int64) for n in extent], indexing="ij"), axis=-1
    ).reshape(-1, 3)
    near = ((steps @ matrix.T) ** 2).sum(axis=1) <= reach**2 + 1e-9
    within: _Indices = steps[near]
    return within


def _chunks(n_foci: int, n_steps: int) -> list[slice]:
    size = max(1, _PAIRS_AT_ONCE // n_steps)
    return [slice(i, min(i + size, n_foci)) for i in range(0, n_foci, size)]


def _pairs_in_box(
    focus: _Indices, step: _Indices, centres: _Indices, steps: _Indices, grid: Grid
) -> tuple[_Indices, _Indices]:
    """Pairs of focus and voxel number from pairs of focus and step, those in the box."""
    voxel = _voxel_numbers(centres, grid)[focus] + _voxel_numbers(steps, grid)[step]
    margin = np.abs(steps).max(axis=0)
    at_edge = ~(_in_box(centres - margin, grid) & _in_box(centres + margin, grid))
    (doubtful,) = np.nonzero(at_edge[focus])
    inside = np.ones(len(focus), dtype=bool)
    inside[doubtful] = _in_box(centres[focus[doubtful]] + steps[step[doubtful]], grid)
    return focus[inside], voxel[inside]


def _joined(found: list[tuple[_Indices, _Indices]]) -> tuple[_Indices, _Indices]:
    nothing = np.zeros(0, dtype=np.int64)
    focus, voxel = zip(*[(nothing, nothing), *found], strict=True)
    return np.concatenate(focus), np.concatenate(voxel)
