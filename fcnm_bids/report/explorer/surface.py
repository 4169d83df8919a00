"""The surface of the ICBM 2009a template, for maps on a brain that can be turned."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from fcnm_bids.report.explorer.packing import pack_positions
from fcnm_bids.report.figures.template_slices import template_volume

_BOX = ((-76, 76), (-112, 80), (-74, 88))
_STEP = 2.0
_LEVEL = 0.5
_SMOOTHING_MM = 0.8
_DEPTH_MM = 2.5
_POSITION_STEP = 0.05


@cache
def template_surface() -> dict[str, Any]:
    """Mesh both hemispheres: vertices, triangles, and where maps are read below each vertex.

    Returns
    -------
    surface
        For "left" and "right": `points` (mm), `inner` (mm, 2.5 mm below the surface, within the
        cortex), `faces` (numbers of vertices, three a triangle) and their numbers, `n` and
        `triangles`.
    """
    axes = [np.arange(low, high + _STEP / 2, _STEP) for low, high in _BOX]
    brain = sum(np.nan_to_num(template_volume(kind).between(axes)) for kind in ("gm", "wm"))
    brain = gaussian_filter(np.clip(brain, 0, 1), _SMOOTHING_MM / _STEP)
    sides = {}
    for side, sign in (("left", -1), ("right", 1)):
        half = np.where(sign * axes[0][:, None, None] >= 0, brain, 0)
        vertices, faces, outward = surface_nets(half, _LEVEL)
        place = np.array([low for low, _ in _BOX]) + _STEP * vertices
        sides[side] = {
            "n": len(place),
            "triangles": len(faces),
            "points": pack_positions(place, _POSITION_STEP),
            "inner": pack_positions(place - _DEPTH_MM * outward, _POSITION_STEP),
            "faces": pack_positions(faces, 1),
        }
    return sides


def surface_nets(
    field: NDArray[np.floating], level: float
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Mesh where a field crosses a level, one vertex in each cell that it crosses.

    Parameters
    ----------
    field
        Shape (X, Y, Z); below the level all over its border.
    level
        Height of the surface.

    Returns
    -------
    vertices
        Shape (N, 3), in voxels.
    faces
        Triangles, shape (M, 3), counter-clockwise seen from outside (where the field is lower).
    outward
        Unit normals of the vertices, shape (N, 3).

    Notes
    -----
    Naive surface nets (Gibson 1998, MERL TR99-24): a vertex is the mean of the crossings on the
    edges of its cell.
    """
    field = np.asarray(field, dtype=np.float64)
    inside = field >= level
    shape = tuple(n - 1 for n in field.shape)
    total, number = np.zeros((*shape, 3)), np.zeros(shape)
    for axis in range(3):
        across, up = [a for a in range(3) if a != axis]
        for one, two in product((0, 1), repeat=2):
            start = [0, 0, 0]
            start[across], start[up] = one, two
            low = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
            start[axis] = 1
            high = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
            crossed = inside[low] != inside[high]
            with np.errstate(divide="ignore", invalid="ignore"):
                share = (level - field[low]) / (field[high] - field[low])
            number += crossed
            total[..., across] += one * crossed
            total[..., up] += two * crossed
            total[..., axis] += np.where(crossed, share, 0)
    cells = np.argwhere(number > 0)
    vertices = cells + total[number > 0] / number[number > 0][:, None]
    index = np.full(shape, -1, dtype=np.intp)
    index[number > 0] = np.arange(len(cells))
    faces = np.concatenate([_faces(inside, index, axis) for axis in range(3)])
    return vertices, faces, _normals(vertices, faces)


def _faces(inside: NDArray[np.bool_], index: NDArray[np.intp], axis: int) -> NDArray[np.intp]:
    """Two triangles for each edge along an axis that crosses the surface."""
    low, high = (np.take(inside, np.arange(s, s + inside.shape[axis] - 1), axis) for s in (0, 1))
    edges = np.argwhere(low != high)
    leaves = low[tuple(edges.T)]
    second, third = (axis + 1) % 3, (axis + 2) % 3
    corners = []
    for back, down in ((1, 1), (0, 1), (0, 0), (1, 0)):
        cell = edges.copy()
        cell[:, second] -= back
        cell[:, third] -= down
        corners.append(index[tuple(cell.T)])
    square = np.stack(corners, axis=1)
    square[~leaves] = square[~leaves][:, ::-1]
    return np.concatenate([square[:, [0, 1, 2]], square[:, [0, 2, 3]]])


def _normals(vertices: NDArray[np.float64], faces: NDArray[np.intp]) -> NDArray[np.float64]:
    one, two, three = (vertices[faces[:, n]] for n in range(3))
    normal = np.cross(two - one, three - one)
    summed = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(summed, faces[:, corner], normal)
    return summed / np.maximum(np.linalg.norm(summed, axis=1), 1e-12)[:, None]
