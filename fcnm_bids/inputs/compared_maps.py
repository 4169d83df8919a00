"""Other maps that networks are compared with, on the grid of the draws."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.readers.volume import read_volume_image, space_of_name
from fcnm_bids.specificity import FEWEST_VOXELS

LOGGER = logging.getLogger("fcnm_bids")


def read_compared_maps(config: Config, grid: Grid) -> dict[str, NDArray[np.float64]]:
    """Read the maps of ``--compare-maps`` at the voxels of a grid.

    Maps of two values are taken from the nearest voxel, others interpolated linearly; outside of
    their field of view they are NaN.

    Parameters
    ----------
    config
        The request.
    grid
        Grid of the data or of the draws.

    Returns
    -------
    maps
        Values, shape (grid.n_voxels,), by the name of the file.

    Raises
    ------
    RequestError
        A map cannot be read, is in another space, is flat, or hardly overlaps with the grid; or
        two are called the same. One line per problem.
    """
    found: dict[str, NDArray[np.float64]] = {}
    problems = []
    for path in map(Path, config.specificity.compare_maps):
        name = path.name.removesuffix(".gz").removesuffix(".nii")
        try:
            if note := space_of_name(path, grid.space):
                LOGGER.warning("--compare-maps %s", note)
            image = read_volume_image(path, grid.space)
        except RequestError as error:
            problems += [f"--compare-maps: {problem}" for problem in error.problems]
            continue
        if name.endswith("_dseg"):
            problems.append(
                f"--compare-maps {path.name}: this is an atlas, whose numbers are labels; give "
                "it to --network-atlas, or name a map of one region"
            )
            continue
        values = image.values
        if grid.difference(image.grid) is not None:
            binary = np.unique(values[np.isfinite(values)]).size == 2
            values = scipy.ndimage.affine_transform(
                values,
                np.linalg.inv(image.grid.affine) @ grid.affine,
                output_shape=grid.shape,
                order=0 if binary else 1,
                mode="constant",
                cval=np.nan,
            )
        flat = np.asarray(grid.flatten(values))
        finite = flat[np.isfinite(flat)]
        if name in found:
            problems.append(
                f"--compare-maps {path.name}: another map is also called {name}; rename one"
            )
        elif finite.size < FEWEST_VOXELS:
            problems.append(
                f"--compare-maps {path.name}: has a value in {finite.size} voxels of the data, "
                f"but at least {FEWEST_VOXELS} are needed; name a map that covers the brain"
            )
        elif np.ptp(finite) == 0:
            problems.append(
                f"--compare-maps {path.name}: holds {finite[0]:g} in every voxel of the data; "
                "name a map whose values vary"
            )
        else:
            found[name] = flat
    if problems:
        raise RequestError(problems)
    return found
