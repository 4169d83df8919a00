"""Masks that keep the analysis to a part of the brain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid

_TOLERANCE = 1e-6


def mask_on_grid(path: Path, grid: Grid) -> NDArray[np.bool_]:
    """A mask image that lies on the grid: True where it is above 0, shape (grid.n_voxels,).

    Raises
    ------
    RequestError
        The image cannot be read, lies on another grid, or is empty.
    """
    values, own = _read(path, grid.space)
    difference = grid.difference(own)
    if difference:
        raise RequestError(
            f"{path}: an analysis mask lies on the grid of the data, this one has {difference}"
        )
    inside = np.asarray(grid.flatten(np.nan_to_num(values) > 0))
    if not inside.any():
        raise RequestError(f"{path}: the analysis mask is empty")
    return inside


def mean_probability_mask(paths: Sequence[Path], grid: Grid, *, above: float) -> NDArray[np.bool_]:
    """Where the mean of probability images exceeds a value, shape (grid.n_voxels,).

    The images are averaged on their own grid, which they share, and the mean is interpolated
    linearly at the voxels of the data where that grid is another.

    Parameters
    ----------
    paths
        One image per person, or one of a template.
    grid
        The grid of the data.
    above
        The probability to be exceeded.

    Raises
    ------
    RequestError
        An image cannot be read or lies on another grid than the first, or nothing is left.
    """
    total, own = _read(paths[0], grid.space)
    total = np.nan_to_num(total)
    for path in paths[1:]:
        values, other = _read(path, grid.space)
        difference = own.difference(other)
        if difference:
            raise RequestError(f"{path}: not on the grid of {paths[0].name}: {difference}")
        total += np.nan_to_num(values)
    mean = total / len(paths)
    if grid.difference(own) is not None:
        to_own = np.linalg.inv(own.affine) @ grid.affine
        mean = ndimage.affine_transform(
            mean, to_own, output_shape=grid.shape, order=1, mode="grid-constant", cval=0.0
        )
    inside = np.asarray(grid.flatten(mean > above + _TOLERANCE))
    if not inside.any():
        raise RequestError(
            f"{paths[0].name}: the mean of {len(paths)} images exceeds {above:g} nowhere in the "
            "field of view of the data"
        )
    return inside


def _read(path: Path, space: str) -> tuple[NDArray[np.float64], Grid]:
    try:
        image = nib.load(path)
        shape = tuple(int(n) for n in image.shape)
        if len(shape) < 3 or any(n != 1 for n in shape[3:]):
            raise RequestError(f"{path}: has shape {shape}; three dimensions were expected")
        own = Grid((shape[0], shape[1], shape[2]), image.affine, space)
        values = np.asarray(image.get_fdata(caching="unchanged"), dtype=np.float64)
        return values.reshape(own.shape), own
    except FileNotFoundError as error:
        raise RequestError(f"{path}: there is no such file") from error
    except RequestError:
        raise
    except Exception as error:  # nibabel lets the errors of zlib, NumPy and the header through
        raise RequestError(f"{path}: cannot be read as an image ({error})") from error
