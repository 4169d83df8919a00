"""Masks that keep the analysis to a part of the brain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.readers.volume import read_volume_image

_TOLERANCE = 1e-6


def mask_on_grid(path: Path, grid: Grid) -> NDArray[np.bool_]:
    """A mask image that lies on the grid: True where it is above 0, shape (grid.n_voxels,).

    Raises
    ------
    RequestError
        The image cannot be read, lies on another grid, or is empty.
    """
    image = read_volume_image(path, grid.space)
    difference = grid.difference(image.grid)
    if difference:
        raise RequestError(
            f"{path}: an analysis mask has to be on the grid of the data; resample this one, "
            "which has "
            f"{difference}"
        )
    inside = np.asarray(grid.flatten(np.nan_to_num(image.values) > 0))
    if not inside.any():
        raise RequestError(f"{path}: the analysis mask is empty; make it again")
    return inside


def mean_probability_mask(paths: Sequence[Path], grid: Grid, *, above: float) -> NDArray[np.bool_]:
    """Return where the mean of probability images exceeds a value, shape (grid.n_voxels,).

    The images are averaged on their own grid, which they share, and the mean is interpolated
    linearly at the voxels of the data where that grid is another.

    Parameters
    ----------
    paths
        One image per participant, or one of a template.
    grid
        The grid of the data.
    above
        The probability to be exceeded.

    Raises
    ------
    RequestError
        An image cannot be read or lies on another grid than the first, or nothing is left.
    """
    first = read_volume_image(paths[0], grid.space)
    own, total = first.grid, np.where(np.isnan(first.values), 0, first.values)
    for path in paths[1:]:
        image = read_volume_image(path, grid.space)
        difference = own.difference(image.grid)
        if difference:
            raise RequestError(
                f"{path}: not on the grid of {paths[0].name}: {difference}; give a mask FILE"
            )
        total += np.where(np.isnan(image.values), 0, image.values)
    if not np.isfinite(total).all():
        raise RequestError(
            f"{paths[0].name}: the images contain values that are not probabilities; copy them "
            "again"
        )
    mean = total / len(paths)
    if grid.difference(own) is not None:
        to_own = np.linalg.inv(own.affine) @ grid.affine
        mean = scipy.ndimage.affine_transform(
            mean, to_own, output_shape=grid.shape, order=1, mode="grid-constant", cval=0.0
        )
    inside = np.asarray(grid.flatten(mean > above + _TOLERANCE))
    if not inside.any():
        raise RequestError(
            f"{paths[0].name}: the mean of {len(paths)} images exceeds {above:g} nowhere in the "
            "field of view of the data; give a mask FILE"
        )
    return inside
