"""Density of reported foci, from a table of unrelated studies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.seeds import Contrast, focus_positions

BASE_RATE_FWHM_MM = 20.0

_VOXELS_AT_ONCE = 8192


def focus_density(
    contrasts: Sequence[Contrast],
    centres: NDArray[np.float64],
    *,
    fwhm: float = BASE_RATE_FWHM_MM,
) -> NDArray[np.float64]:
    """Sum a Gaussian around every focus of a literature.

    Every contrast counts the same, however many foci it reports.

    Parameters
    ----------
    contrasts
        Of studies unrelated to those under test.
    centres
        Positions of voxels in mm, shape (V, 3).
    fwhm
        Full width of the Gaussian at half of its maximum, in mm.

    Returns
    -------
    density
        Shape (V,), above 0, with a mean of 1.
    """
    foci = np.concatenate([focus_positions(contrast) for contrast in contrasts])
    weight = np.concatenate([np.full(len(c.foci), 1 / len(c.foci)) for c in contrasts])
    density = np.empty(len(centres))
    for start in range(0, len(centres), _VOXELS_AT_ONCE):
        own = centres[start : start + _VOXELS_AT_ONCE]
        square = ((own[:, None] - foci[None]) ** 2).sum(axis=-1)
        density[start : start + _VOXELS_AT_ONCE] = (
            np.exp(-4 * math.log(2) * square / fwhm**2) @ weight
        )
    # a voxel far from every focus keeps a chance: the rate is estimated, not known
    density += np.finfo(np.float64).tiny + 1e-3 * density.mean()
    return density / density.mean()
