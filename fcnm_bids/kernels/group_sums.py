"""Sums over participants of Fisher z maps, for blocks of 16 seeds (``group_sums.c``).

A map of a block has the shape (voxels, 16): the values of the seeds at a voxel lie side by side.
"""

from __future__ import annotations

from ctypes import c_float, c_int, c_int64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.kernels.arrays import SERIES_TYPES, address, function

SEEDS_PER_BLOCK = 16

VOXELS_PER_CALL = 16 * 492
"""Voxels for one call of `correlate`, a multiple of its tiles."""

_TILE_STRIDE = 496

_LARGEST_LIMIT = 0.95

N_PRODUCTS = 6
"""Products of neighbours: see ``fcnm_bids.stats.moments.NEIGHBOUR_PAIRS``."""

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


def correlate(
    values: NDArray[Any],
    voxels: slice,
    factors: Float32,
    series: Float32,
    weights: Float32,
    place: Int32,
    maps: Float32,
    *,
    add: bool,
    limit: float,
) -> Int32:
    """Correlate blocks of seeds with voxels of a run, and set or add their weighted Fisher z.

    Parameters
    ----------
    values
        Series of all voxels of the run, shape (m, voxels of the run): int8, int16, float32 or
        float64.
    voxels
        The voxels.
    factors
        What makes a voxel's series of unit length, shape (voxels of the run,).
    series
        Series of the seeds, of unit length, shape (blocks, m, 16).
    weights
        Shape (blocks, 16).
    place
        Row of each voxel in the maps, shape (voxels of the run,); -1 for none.
    maps
        Shape (blocks, rows, 16).
    add
        Whether the values are added to those of the maps.
    limit
        Correlations beyond it, at most 0.95, are left out, as 0.

    Returns
    -------
    near
        Block, voxel and seed of each correlation beyond the limit, shape (n, 3).

    Raises
    ------
    ValueError
        The arrays do not fit each other, or the limit is above 0.95.
    """
    if values.dtype not in SERIES_TYPES or series.shape[1:] != (len(values), SEEDS_PER_BLOCK):
        raise ValueError(f"values of {values.dtype}, {values.shape}; series of {series.shape}")
    if limit > _LARGEST_LIMIT:
        raise ValueError(f"Fisher's z is approximated up to {_LARGEST_LIMIT}, not {limit}")
    if (
        not 0 <= voxels.start <= voxels.stop <= values.shape[1]
        or place.max(initial=-1) >= maps.shape[1]
    ):
        raise ValueError(f"{voxels} of {values.shape[1]} voxels, for {maps.shape[1]} rows")
    n_blocks, m, _ = series.shape
    n_rows, n_voxels = maps.shape[1], voxels.stop - voxels.start
    near = np.empty((n_blocks * n_voxels * SEEDS_PER_BLOCK, 3), np.int32)
    columns = np.zeros((m, _TILE_STRIDE), np.float32)
    n_near: int = function(
        "fcnm_correlate",
        *(c_void_p, c_int, c_int64, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_int64),
        *(c_void_p, c_void_p, c_int64, c_int, c_float, c_void_p, c_void_p),
        returns=c_int64,
    )(
        address(values, values.dtype.type, m * values.shape[1], voxels.start),
        values.itemsize,
        values.shape[1],
        m,
        n_voxels,
        address(factors, np.float32, voxels.stop, voxels.start),
        address(series, np.float32, n_blocks * m * SEEDS_PER_BLOCK),
        address(weights, np.float32, n_blocks * SEEDS_PER_BLOCK),
        n_blocks,
        address(place, np.int32, voxels.stop, voxels.start),
        address(maps, np.float32, n_blocks * n_rows * SEEDS_PER_BLOCK),
        n_rows,
        add,
        limit,
        near.ctypes.data,
        columns.ctypes.data,
    )
    near = near[:n_near]
    near[:, 1] += voxels.start
    return near


def positive_sums(columns: Float32, targets: Float32) -> Float64:
    """Sum max(r, 0) over some columns, for each column, shape (voxels,).

    Parameters
    ----------
    columns
        Of unit length, or 0, shape (m, voxels).
    targets
        Columns to sum over, shape (m, targets).
    """
    m, n_voxels = columns.shape
    n_blocks = -(-targets.shape[1] // SEEDS_PER_BLOCK)
    padded = np.zeros((m, n_blocks * SEEDS_PER_BLOCK), np.float32)
    padded[:, : targets.shape[1]] = targets
    blocks = np.ascontiguousarray(padded.reshape(m, n_blocks, SEEDS_PER_BLOCK).swapaxes(0, 1))
    total, tile = np.empty(n_voxels), np.zeros((m, _TILE_STRIDE), np.float32)
    function(
        "fcnm_positive_sums",
        *(c_void_p, c_int64, c_int64, c_int64, c_void_p, c_int64, c_void_p, c_void_p),
    )(
        address(columns, np.float32, columns.size),
        n_voxels,
        m,
        n_voxels,
        blocks.ctypes.data,
        n_blocks,
        total.ctypes.data,
        tile.ctypes.data,
    )
    return total


def mean_map(maps: Float32) -> Float32:
    """Mean over participants of the maps of a block, shape (voxels, 16).

    Parameters
    ----------
    maps
        Shape (participants, voxels, 16), those of a participant contiguous; NaN where there is no
        value, and the mean 0 where nobody has one.
    """
    n_participants, n_voxels, n_seeds = maps.shape
    if n_seeds != SEEDS_PER_BLOCK:
        raise ValueError(f"{n_seeds} seeds in a block")
    mean = np.empty(maps.shape[1:], np.float32)
    function("fcnm_mean", c_void_p, c_int64, c_int64, c_int64, c_void_p)(
        address(maps[0], np.float32, mean.size),
        n_participants,
        maps.strides[0] // maps.itemsize,
        n_voxels,
        mean.ctypes.data,
    )
    return mean


def subtract_centre(
    maps: Float32, centre: Float32, deviations: Float32, lacking: Int32
) -> NDArray[np.int64]:
    """Subtract the centre from one participant's maps of a block.

    Parameters
    ----------
    maps
        Shape (voxels, 16); NaN where there is no value.
    centre
        Shape (voxels, 16).
    deviations
        Receives the differences, 0 where there is no value.
    lacking
        Shape (voxels, 16); 1 is added where there is no value.

    Returns
    -------
    found
        Number of voxels with a value, of each seed, shape (16,).
    """
    if maps.shape[1:] != (SEEDS_PER_BLOCK,):
        raise ValueError(f"maps of shape {maps.shape}")
    found = np.empty(SEEDS_PER_BLOCK, np.int64)
    function("fcnm_deviations", c_void_p, c_void_p, c_int64, c_void_p, c_void_p, c_void_p)(
        address(maps, np.float32, maps.size),
        address(centre, np.float32, maps.size),
        len(maps),
        address(deviations, np.float32, maps.size),
        address(lacking, np.int32, maps.size),
        found.ctypes.data,
    )
    return found


def add_group(
    deviations: Float32,
    voxels: slice,
    neighbours: Int32 | None,
    sums: Float64,
    products: Float32 | None,
) -> None:
    """Add a group of participants to the sums of a block, at some voxels.

    Parameters
    ----------
    deviations
        Shape (participants, voxels + 1, 16); the last row is 0.
    voxels
        The voxels whose sums are added to.
    neighbours
        Row of the next voxel along each axis, shape (3, voxels), the last row for none; None, like
        `products`, to leave the products out.
    sums
        Of deviations and their squares, shape (voxels, 2, 16).
    products
        Of neighbours, shape (voxels, 6, 16); those behind the last of `voxels` may lack.

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """
    n_participants, n_rows, _ = deviations.shape
    n_voxels = n_rows - 1
    if not 0 <= voxels.start <= voxels.stop <= n_voxels:
        raise ValueError(f"{voxels} of {n_voxels} voxels")
    if (neighbours is None) != (products is None):
        raise ValueError("neighbours and their products are given together")
    function(
        "fcnm_add",
        *(c_void_p, c_int64, c_int64, c_int64, c_int64, c_void_p, c_void_p, c_void_p),
    )(
        address(deviations, np.float32, n_participants * n_rows * SEEDS_PER_BLOCK),
        n_participants,
        n_voxels,
        voxels.start,
        voxels.stop,
        address(neighbours, np.int32, 3 * n_voxels),
        address(sums, np.float64, n_voxels * 2 * SEEDS_PER_BLOCK),
        address(products, np.float32, voxels.stop * N_PRODUCTS * SEEDS_PER_BLOCK),
    )


def comoments(
    products: Float32,
    sums: Float64,
    lacking: Int32,
    neighbours: Int32,
    n: Int64,
    voxels: slice | None = None,
) -> Float64:
    """Return sums over participants of products of neighbours about their means.

    Parameters
    ----------
    products
        Of deviations from any centre, shape (voxels, 6, 16).
    sums
        As for `add_group`, of these voxels and more behind them, shape (rows, 2, 16).
    lacking
        How many participants lack a value, shape (rows, 16).
    neighbours
        As for `add_group`, shape (3, rows).
    n
        Participants with a map of each contrast, shape (16,).
    voxels
        The voxels that are wanted; all by default.

    Returns
    -------
    comoments
        Shape (voxels that are wanted, 6, 16); 0 where anybody lacks a value at one of two voxels.

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """
    n_voxels, n_rows = len(products), len(sums)
    voxels = voxels or slice(0, n_voxels)
    if not 0 <= voxels.start <= voxels.stop <= n_voxels <= n_rows:
        raise ValueError(f"{voxels} of {n_voxels} voxels, sums of {n_rows} rows")
    counts = n.astype(np.float64)
    found = np.empty((voxels.stop - voxels.start, N_PRODUCTS, SEEDS_PER_BLOCK))
    function(
        "fcnm_comoments",
        *(c_void_p, c_void_p, c_void_p, c_void_p),
        *(c_int64, c_int64, c_int64, c_void_p, c_void_p),
    )(
        address(products, np.float32, n_voxels * N_PRODUCTS * SEEDS_PER_BLOCK),
        address(sums, np.float64, n_rows * 2 * SEEDS_PER_BLOCK),
        address(lacking, np.int32, n_rows * SEEDS_PER_BLOCK),
        address(neighbours, np.int32, 3 * n_rows),
        voxels.start,
        voxels.stop,
        n_rows,
        address(counts, np.float64, SEEDS_PER_BLOCK),
        found.ctypes.data,
    )
    return found


def roughness(
    comoments: Float64,
    fitted: Float64,
    length: Float64,
    usable: NDArray[np.bool_],
    neighbours: Int32,
    voxels: slice,
    first: int = 0,
) -> Float64:
    """Sum the roughness of residuals over the usable voxels with three usable neighbours.

    Parameters
    ----------
    comoments
        Of one contrast, shape (6, voxels), or of 16, shape (voxels, 6, 16), from voxel `first` on.
    fitted
        Coordinates of the maps in the columns of the design beside the intercept, shape (k, rows)
        or (k, rows, 16).
    length
        Length of the residuals, shape (rows,) or (rows, 16).
    usable
        Of the same shape.
    neighbours
        As for `add_group`, shape (3, rows).
    voxels
        The voxels to sum over.
    first
        Voxel of the first comoments.

    Returns
    -------
    total
        The number of those voxels, and sums of the root of the determinant, of the roots of the
        diagonal entries along x, y and z, and of these entries; shape (8,) or (8, 16).

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """
    n_rows, lanes = len(length), 1 if length.ndim == 1 else SEEDS_PER_BLOCK
    n_voxels = first + (comoments.shape[1] if lanes == 1 else len(comoments))
    steps = (n_voxels - first, 1) if lanes == 1 else (SEEDS_PER_BLOCK, N_PRODUCTS * SEEDS_PER_BLOCK)
    if fitted.shape[1:] != length.shape or length.shape[1:] not in ((), (SEEDS_PER_BLOCK,)):
        raise ValueError(f"fitted of shape {fitted.shape}, lengths of shape {length.shape}")
    if not 0 <= first <= voxels.start <= voxels.stop <= n_voxels <= n_rows:
        raise ValueError(f"{voxels} of {n_voxels} voxels and {n_rows} rows")
    total = np.empty((8, *length.shape[1:]))
    function(
        "fcnm_roughness",
        *(c_void_p, c_int64, c_int64, c_void_p, c_int64, c_void_p, c_void_p, c_void_p),
        *(c_int64, c_int64, c_int64, c_void_p, c_int),
    )(
        address(
            comoments,
            np.float64,
            N_PRODUCTS * (n_voxels - first) * lanes,
            (voxels.start - first) * steps[1],
        ),
        *steps,
        address(fitted, np.float64, fitted.size),
        len(fitted),
        address(length, np.float64, n_rows * lanes),
        address(usable, np.bool_, n_rows * lanes),
        address(neighbours, np.int32, 3 * n_rows),
        voxels.start,
        voxels.stop,
        n_rows,
        total.ctypes.data,
        lanes,
    )
    return total
