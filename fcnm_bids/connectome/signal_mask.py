"""Compute the mask of voxels that vary over time, for images without a brain mask."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectome.image import RunImage, VolumeStream
from fcnm_bids.errors import RunError

_BLOCK_BYTES = 32 << 20


def varying_voxels(image: RunImage) -> NDArray[np.bool_]:
    """The voxels whose numbers are finite and not the same throughout, read in one pass.

    Parameters
    ----------
    image
        The run.

    Returns
    -------
    mask
        Shape (voxels of the box,).

    Raises
    ------
    RunError
        The file is damaged, or nothing in it varies.
    """
    varies = np.zeros(image.grid.n_voxels, dtype=bool)
    finite = np.ones_like(varies)
    first: NDArray[Any] | None = None
    stream = VolumeStream(image, max(1, _BLOCK_BYTES // image.volume_bytes))
    with closing(iter(stream)) as blocks:
        for _, volumes in blocks:
            if first is None:
                first = volumes[0].copy()
            varies |= (volumes != first).any(axis=0)
            finite &= np.isfinite(volumes).all(axis=0)
    mask: NDArray[np.bool_] = varies & finite
    if not mask.any():
        raise RunError(
            f"{image.path.name} has no brain mask, and none of its voxels varies over time; copy "
            "or convert it again"
        )
    return mask


def read_first(image: RunImage) -> NDArray[np.float64]:
    """The first volume as a vector over voxel numbers.

    Raises
    ------
    RunError
        It cannot be read.
    """
    with closing(iter(VolumeStream(image, 1))) as blocks:
        _, volumes = next(blocks)
        return volumes[0] * np.float64(image.slope) + image.intercept
