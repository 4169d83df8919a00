"""Sums of squares of voxels' series, and what of them a strategy leaves (``energies.c``)."""

from __future__ import annotations

from ctypes import c_int, c_int64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.kernels.arrays import SERIES_TYPES, address, function

_VOXELS = 16


def energies(
    values: NDArray[Any], directions: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each voxel's sum of squares, and that without what is removed, shape (voxels,) each.

    Parameters
    ----------
    values
        Shape (m, voxels): int8, int16, float32 or float64.
    directions
        Orthonormal columns that are removed, shape (m, rank); None for none.

    Raises
    ------
    ValueError
        The arrays do not fit each other, or the values are of another type.
    """
    m, n_voxels = values.shape
    rows = np.zeros((0, m)) if directions is None else np.ascontiguousarray(directions.T)
    if values.dtype not in SERIES_TYPES or rows.shape[1] != m:
        raise ValueError(f"series of {values.dtype} with {m} values, directions of {rows.shape[1]}")
    own = np.ascontiguousarray(values)
    band, left = np.empty((2, n_voxels))
    columns = np.zeros((m, _VOXELS))
    function(
        "fcnm_energies",
        *(c_void_p, c_int, c_int64, c_int64, c_int64, c_void_p, c_int64),
        *(c_void_p, c_void_p, c_void_p),
    )(
        address(own, own.dtype.type, own.size),
        own.itemsize,
        n_voxels,
        m,
        n_voxels,
        address(rows, np.float64, rows.size),
        len(rows),
        band.ctypes.data,
        left.ctypes.data,
        columns.ctypes.data,
    )
    return band, left
