"""Contrast seeds from lesion or region masks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fcnm_bids.errors import SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds.cells import refuse, shown
from fcnm_bids.seeds.foci import Contrast
from fcnm_bids.seeds.matrix import SeedMatrix

_HALF = 0.5 - 1e-6
"""From this interpolated value on, a voxel belongs to a resampled binary mask."""


def mask_seeds(paths: Iterable[str | os.PathLike[str]], grid: Grid, *, effect: str) -> SeedMatrix:
    """One contrast for each NIfTI mask, named after its file.

    A mask that lies on the grid is copied exactly. Others are interpolated linearly at the
    centres of the grid's voxels, with zeros beyond their field of view; a binary mask stays
    binary (1 where at least half of the interpolation is inside), other masks keep their
    weights. NaN counts as 0.

    Parameters
    ----------
    paths
        Files ``.nii`` or ``.nii.gz``, three-dimensional, in the space of the grid.
    grid
        Where the seeds are needed.
    effect
        The effect of all masks.

    Returns
    -------
    SeedMatrix
        Contrasts without foci and without a sample size; their study is their name.

    Raises
    ------
    SeedError
        For each file that cannot be used: unreadable, four-dimensional, not finite, empty on
        the grid, or of the same name as another.
    """
    rows: list[sparse.csr_array] = []
    names: list[str] = []
    problems: list[str] = []
    for path in map(Path, paths):
        try:
            rows.append(sparse.csr_array(grid.flatten(_on_grid(path, grid))[None, :]))
            names.append(mask_name(path))
        except SeedError as error:
            problems += error.problems
    problems += [
        f"{times} masks are called {shown(name)}: rename them"
        for name, times in Counter(names).items()
        if times > 1
    ]
    refuse(problems)
    if not rows:
        raise SeedError("there are no masks")
    contrasts = tuple(Contrast(name, effect, (name,), (), None) for name in names)
    return SeedMatrix(sparse.vstack(rows, format="csr"), contrasts, grid)


def mask_name(path: Path) -> str:
    """The name of the contrast that a mask file stands for.

    Raises
    ------
    SeedError
        The file is not called as NIfTI files are.
    """
    for extension in (".nii.gz", ".nii"):
        if path.name.lower().endswith(extension) and len(path.name) > len(extension):
            return path.name[: -len(extension)]
    raise SeedError(f"{path.name}: a mask is a NIfTI file (.nii or .nii.gz)")


def _on_grid(path: Path, grid: Grid) -> NDArray[np.float64]:
    mask_name(path)
    values, source = _load(path, grid.space)
    values = np.where(np.isnan(values), 0.0, values)
    if not np.isfinite(values).all():
        raise SeedError(f"{path.name}: the mask has infinite values")
    if not values.any():
        raise SeedError(f"{path.name}: the mask is empty")
    if grid.difference(source) is None:
        return values
    to_source = np.linalg.inv(source.affine) @ grid.affine
    # a seventh of a second that tables of foci need not pay
    from scipy import ndimage

    resampled: NDArray[np.float64] = ndimage.affine_transform(
        values, to_source, output_shape=grid.shape, order=1, mode="grid-constant", cval=0.0
    )
    if np.isin(values, (0, 1)).all():
        resampled = (resampled >= _HALF).astype(np.float64)
    if not resampled.any():
        raise SeedError(
            f"{path.name}: nothing of the mask is left on the grid of the images: is it in"
            f" {grid.space}, and larger than a voxel?"
        )
    return resampled


def _load(path: Path, space: str) -> tuple[NDArray[np.float64], Grid]:
    try:
        image = nib.load(path)
        shape = image.shape
        extra = shape[3:]
        if len(shape) < 3 or any(n != 1 for n in extra):
            raise SeedError(f"{path.name}: the image has shape {shape}, a mask is 3-D")
        # before the values are read: a damaged header may ask for any amount of memory
        grid = _grid(path, (shape[0], shape[1], shape[2]), image.affine, space)
        return image.get_fdata(caching="unchanged").reshape(grid.shape), grid
    except FileNotFoundError as error:
        raise SeedError(f"{path}: there is no such file") from error
    except SeedError:
        raise
    except Exception as error:  # nibabel lets the errors of zlib, NumPy and the header through
        raise SeedError(f"{path.name}: cannot be read as an image ({error})") from error


def _grid(path: Path, shape: tuple[int, int, int], affine: NDArray[np.float64], space: str) -> Grid:
    try:
        return Grid(shape, affine, space)
    except ValueError as error:
        raise SeedError(f"{path.name}: {error}") from error
