"""Voxels' series, what a strategy leaves of them, and its sums of squares (``energies.c``)."""

from __future__ import annotations

from ctypes import c_int, c_int64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.kernels.arrays import SERIES_TYPES, address, function

_TILE = 128


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
    columns = np.zeros((m, _TILE))
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


def kept_columns(
    values: NDArray[Any],
    voxels: slice,
    basis: NDArray[np.float64],
    factors: NDArray[np.float64],
    kept: NDArray[np.float32],
) -> None:
    """Set the scaled columns of voxels in the dimensions that a strategy leaves of the band.

    Parameters
    ----------
    values
        Shape (m_b, voxels of the run): int8, int16, float32 or float64.
    voxels
        The voxels.
    basis
        Orthonormal rows, shape (m, m_b).
    factors
        What each voxel's column is multiplied by, shape (voxels of the run,).
    kept
        Receives the columns, shape (m, voxels of the run).

    Raises
    ------
    ValueError
        The arrays do not fit each other, or the values are of another type.
    """
    m_b, n_voxels = values.shape
    if values.dtype not in SERIES_TYPES or basis.shape[1:] != (m_b,):
        raise ValueError(f"values of {values.dtype}, {values.shape}; basis of {basis.shape}")
    if not 0 <= voxels.start <= voxels.stop <= n_voxels or kept.shape != (len(basis), n_voxels):
        raise ValueError(f"{voxels} of {n_voxels} voxels; columns of shape {kept.shape}")
    columns = np.zeros((m_b, _TILE))
    function(
        "fcnm_kept_columns",
        *(c_void_p, c_int, c_int64, c_int64, c_int64, c_void_p, c_int64),
        *(c_void_p, c_void_p, c_void_p),
    )(
        address(values, values.dtype.type, values.size, voxels.start),
        values.itemsize,
        n_voxels,
        m_b,
        voxels.stop - voxels.start,
        address(basis, np.float64, basis.size),
        len(basis),
        address(factors, np.float64, n_voxels, voxels.start),
        address(kept, np.float32, kept.size, voxels.start),
        columns.ctypes.data,
    )
