"""Masks on another voxel grid, by the share of each voxel's volume that they cover."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid

_PARTS = 6
"""Along each axis, pieces of a source voxel for each voxel of the target that it spans, where
the axes of the two grids are not parallel."""

_PIECES_AT_ONCE = 1 << 20
_PARALLEL = 1e-6


def volume_fraction(values: NDArray[np.float64], source: Grid, target: Grid) -> NDArray[np.float64]:
    """Average an image over the volume of each voxel of another grid.

    A value holds throughout its voxel; beyond the image all is zero. The averages are exact
    where the axes of the grids are parallel, whichever way they point; otherwise source voxels
    are cut into pieces, each of which counts for the voxel that holds its centre.

    Parameters
    ----------
    values
        Shape `source.shape`.
    source, target
        The grids, in one space.

    Returns
    -------
    NDArray
        Shape `target.shape`. For a binary mask, the covered share of each voxel, 0 to 1.
    """
    to_target = np.linalg.inv(target.affine) @ source.affine
    matrix = to_target[:3, :3]
    largest = np.abs(matrix).argmax(axis=0)
    off_axis = np.abs(matrix).copy()
    off_axis[largest, range(3)] = 0
    # what an off-axis step adds up to over the whole image, in voxels of the target
    if len(set(largest)) == 3 and (off_axis @ np.array(source.shape)).max() < _PARALLEL:
        return _exact(values, to_target, largest, target)
    return _in_pieces(values, to_target, target)


def _exact(
    values: NDArray[np.float64],
    to_target: NDArray[np.float64],
    largest: NDArray[np.intp],
    target: Grid,
) -> NDArray[np.float64]:
    turned = np.moveaxis(values, range(3), largest.tolist())
    overlaps = []
    for axis in range(3):
        own = int(np.flatnonzero(largest == axis)[0])
        step, start = to_target[axis, own], to_target[axis, 3]
        centres = start + step * np.arange(turned.shape[axis])
        low, high = centres - abs(step) / 2, centres + abs(step) / 2
        voxels = np.arange(target.shape[axis])[:, None]
        shared = np.minimum(high, voxels + 0.5) - np.maximum(low, voxels - 0.5)
        overlaps.append(np.maximum(shared, 0))
    return reduce(
        lambda image, axis: np.moveaxis(
            np.tensordot(overlaps[axis], image, axes=(1, axis)), 0, axis
        ),
        range(3),
        np.ascontiguousarray(turned),
    )


def _in_pieces(
    values: NDArray[np.float64], to_target: NDArray[np.float64], target: Grid
) -> NDArray[np.float64]:
    matrix = to_target[:3, :3]
    cuts = np.ceil(_PARTS * np.abs(matrix).max(axis=0)).astype(int)
    offsets = np.stack(
        np.meshgrid(*[(np.arange(n) + 0.5) / n - 0.5 for n in cuts], indexing="ij"), axis=-1
    ).reshape(-1, 3)
    share = abs(np.linalg.det(matrix)) / len(offsets)
    total = np.zeros(target.n_voxels)
    inside = np.argwhere(values != 0)
    weights = values[values != 0]
    for start in range(0, len(inside), max(1, _PIECES_AT_ONCE // len(offsets))):
        part = slice(start, start + max(1, _PIECES_AT_ONCE // len(offsets)))
        pieces = (inside[part, None] + offsets).reshape(-1, 3) @ matrix.T + to_target[:3, 3]
        voxel = np.floor(pieces + 0.5).astype(np.int64)
        held = ((voxel >= 0) & (voxel < target.shape)).all(axis=1)
        numbers = np.ravel_multi_index(tuple(voxel[held].T), target.shape, order="F")
        carried = np.repeat(weights[part] * share, len(offsets))[held]
        total += np.bincount(numbers, carried, target.n_voxels)
    return target.unflatten(total)
