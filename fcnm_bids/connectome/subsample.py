"""Projected runs on a coarser grid: some of their voxels, exactly as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.errors import StoreError
from fcnm_bids.grid import Grid


def coarser_grid(grid: Grid, resolution: float) -> tuple[Grid, NDArray[np.intp]]:
    """Every n-th voxel of a grid along each axis.

    Parameters
    ----------
    grid
        The grid.
    resolution
        Voxel size in mm to come close to; n is at least 1.

    Returns
    -------
    coarse
        The grid of the voxels taken.
    numbers
        Their numbers on `grid`, shape (coarse.n_voxels,).
    """
    steps = np.maximum(1, np.rint(resolution / grid.voxel_sizes)).astype(int)
    starts = np.minimum((steps - 1) // 2, np.array(grid.shape) - 1)
    axes = [
        np.arange(start, n, step) for start, n, step in zip(starts, grid.shape, steps, strict=True)
    ]
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ starts
    affine[:3, :3] *= steps
    nx, ny, nz = (len(axis) for axis in axes)
    i, j, k = np.meshgrid(*axes, indexing="ij")
    numbers = np.ravel_multi_index((i, j, k), grid.shape, order="F").ravel(order="F")
    return Grid((nx, ny, nz), affine, grid.space), numbers.astype(np.intp)


def coarser_run(run: ProjectedRun, grid: Grid, numbers: NDArray[np.intp]) -> ProjectedRun:
    """The voxels of a run that a coarser grid has.

    Parameters
    ----------
    run
        The run.
    grid, numbers
        From `coarser_grid`.
    """
    place = np.searchsorted(run.index, numbers)
    place[place == run.n_voxels] = 0
    has = run.index[place] == numbers
    return replace(run.at(place[has]), index=np.flatnonzero(has), grid=grid)


def write_coarser(path: Path, run: ProjectedRun) -> None:
    """Write a run of few voxels to a NumPy archive that needs no pickle."""
    optional = {"scale": run.scale, "directions": run.directions}
    with path.open("wb") as stream:
        np.savez(
            stream,
            allow_pickle=False,
            values=run.values,
            index=run.index,
            shape=np.array(run.grid.shape),
            affine=run.grid.affine,
            space=np.array(run.grid.space),
            applied=np.array(run.applied),
            **{name: values for name, values in optional.items() if values is not None},
        )


def read_coarser(path: Path) -> ProjectedRun:
    """The content of a file that `write_coarser` wrote.

    Raises
    ------
    StoreError
        The file is not there, damaged or foreign.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            nx, ny, nz = (int(n) for n in stored["shape"])
            grid = Grid((nx, ny, nz), stored["affine"], str(stored["space"]))
            return ProjectedRun(
                stored["values"],
                stored["index"],
                grid,
                stored.get("scale", None),
                int(stored["applied"]),
                stored.get("directions", None),
            )
    except Exception as error:  # a damaged archive fails in ways of zip, zlib and NumPy
        raise StoreError(f"{path.name} is damaged: {error}") from error
