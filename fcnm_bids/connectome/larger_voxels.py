"""Runs on a coarser grid: averages over the volume of larger voxels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from fcnm_bids.errors import RunError
from fcnm_bids.grid import Grid

_SAME = 1e-3
"""Voxel sizes that differ by a smaller share are the same (headers round)."""

_LEAST_SHARE = 0.5
"""Share of a larger voxel's volume that voxels with a value have to fill."""

_NOTHING = 1e-9


def larger_grid(grid: Grid, voxel_size: float | None) -> Grid:
    """Return the grid of cubic voxels of a larger size that covers the same box.

    The axes keep their directions and the first voxel its centre, as where nilearn resamples to a
    voxel size: the 91 x 109 x 91 voxels of 2 mm in MNI152NLin6Asym become 61 x 73 x 61 of 3 mm, the
    grid of SPM's and DPABI's usual images.

    Parameters
    ----------
    grid
        The grid of the images.
    voxel_size
        Edge length in mm; None for the grid as it is.

    Raises
    ------
    RunError
        An edge of the voxels is longer than that.
    """
    if voxel_size is None:
        return grid
    steps = voxel_size / grid.voxel_sizes
    if (np.abs(steps - 1) < _SAME).all():
        return grid
    if (steps < 1 - _SAME).any():
        own = " x ".join(f"{size:.3g}" for size in grid.voxel_sizes)
        raise RunError(
            f"--store-voxel-size {voxel_size:g}: the voxels of the images ({own} mm) can only be "
            "averaged over larger ones; give a larger size, or leave it out"
        )
    steps = np.maximum(steps, 1)
    nx, ny, nz = (int(n) for n in np.ceil((np.array(grid.shape) - 1) / steps - _SAME) + 1)
    affine = grid.affine.copy()
    affine[:3, :3] *= steps
    return Grid((nx, ny, nz), affine, grid.space)


def volume_shares(index: NDArray[np.intp], grid: Grid, larger: Grid) -> NDArray[np.float64]:
    """Return the share of each larger voxel's volume that some voxels fill.

    Parameters
    ----------
    index
        Numbers of the voxels on `grid`.
    grid, larger
        A grid, and one that `larger_grid` made of it.

    Returns
    -------
    shares
        Shape (larger.n_voxels,), 0 to 1.
    """
    filled = np.zeros(larger.n_voxels)
    for place, _, volume in _overlaps(index, grid, larger):
        filled += np.bincount(place, volume, larger.n_voxels)
    return filled * (grid.voxel_volume / larger.voxel_volume)


def filled_voxels(index: NDArray[np.intp], grid: Grid, larger: Grid) -> NDArray[np.intp]:
    """Return the numbers of the larger voxels at least half of whose volume some voxels fill."""
    return np.flatnonzero(volume_shares(index, grid, larger) >= _LEAST_SHARE - _NOTHING)


def average_voxels(
    components: NDArray[np.float32], index: NDArray[np.intp], grid: Grid, larger: Grid
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Average maps over the volume of larger voxels: first-order conservative remapping.

    A value holds throughout its voxel, and counts by the volume that its voxel shares with the
    larger one (Jones 1999, doi 10.1175/1520-0493(1999)127<2204:FASOCR>2.0.CO;2). Voxels without a
    value do not count. Averaging over space and projecting in time commute, so this is the
    projection of the averaged volumes.

    Parameters
    ----------
    components
        Shape (m, voxels); its memory is used for the result.
    index
        Numbers of its voxels on `grid`, sorted.
    grid, larger
        A grid, and one that `larger_grid` made of it.

    Returns
    -------
    averages
        Shape (m, larger voxels).
    index
        Their numbers on `larger`: those that `filled_voxels` gives.
    """
    kept = filled_voxels(index, grid, larger)
    row = np.full(larger.n_voxels, -1, dtype=np.int32)
    row[kept] = np.arange(kept.size)
    parts = [
        (row[place[used]], own[used].astype(np.int32), volume[used])
        for place, own, volume in _overlaps(index, grid, larger)
        for used in [row[place] >= 0]
    ]
    rows, columns, volumes = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    del parts
    volumes /= np.bincount(rows, volumes, kept.size)[rows]
    # entries in the order of the voxels, so that every sum has one order
    weights = csr_array((volumes, (rows, columns)), shape=(kept.size, index.size))
    weights.sort_indices()
    n = len(components)
    flat = components.reshape(-1) if kept.size <= index.size else np.empty(n * kept.size, "f4")
    averages = flat[: n * kept.size].reshape(n, kept.size)
    for number, component in enumerate(components):
        averages[number] = weights @ component.astype(np.float64)
    return averages, kept


def _overlaps(
    index: NDArray[np.intp], grid: Grid, larger: Grid
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """Yield numbers of larger voxels, places of voxels in `index`, and shares of their volume."""
    steps = larger.voxel_sizes / grid.voxel_sizes
    subscripts = grid.subscripts(index)
    first, shared = [], []
    for axis in range(3):
        own = subscripts[:, axis]
        # a voxel reaches from own - 1/2 to own + 1/2, and lies in two larger ones at most
        low = np.floor((own - 0.5) / steps[axis] + 0.5).astype(np.intp)
        edge = np.minimum((low + 0.5) * steps[axis], own + 0.5)
        before = np.clip(edge - (own - 0.5), 0, 1)
        first.append(low)
        shared.append((before, 1 - before))
    for corner in np.ndindex(2, 2, 2):
        volume = np.prod([shared[axis][side] for axis, side in enumerate(corner)], axis=0)
        used = np.flatnonzero(volume > _NOTHING)
        place = [first[axis][used] + side for axis, side in enumerate(corner)]
        yield np.ravel_multi_index(place, larger.shape, order="F"), used, volume[used]
