"""Components as whole numbers of steps, as the store holds them (``steps.c``)."""

from __future__ import annotations

from ctypes import c_int, c_int64, c_void_p

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.kernels.arrays import address, function


def largest(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest absolute value of each column of (m, voxels), 0 without any row."""
    m, n_voxels = values.shape
    found = np.empty(n_voxels, np.float32)
    function("fcnm_largest", c_void_p, c_int64, c_int64, c_void_p)(
        address(values, np.float32, values.size), m, n_voxels, found.ctypes.data
    )
    return found


def in_steps(
    values: NDArray[np.float32],
    scale: NDArray[np.float32],
    steps: NDArray[np.int8] | NDArray[np.int16],
) -> None:
    """Round values to whole numbers of steps.

    Parameters
    ----------
    values
        Shape (m, voxels).
    scale
        Step of each voxel, shape (voxels,); where it is 0, the values are 0.
    steps
        Receives the numbers of steps, shape (m, voxels); halves are rounded to even numbers, and
        numbers beyond the largest of the type become the largest.

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """
    m, n_voxels = values.shape
    if steps.shape != (m, n_voxels) or steps.dtype not in (np.int8, np.int16):
        raise ValueError(f"steps of {steps.dtype}, {steps.shape}, of values {values.shape}")
    function("fcnm_in_steps", c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int)(
        address(values, np.float32, values.size),
        m,
        n_voxels,
        address(scale, np.float32, n_voxels),
        address(steps, steps.dtype.type, steps.size),
        steps.itemsize,
    )
