"""Products of a basis with volumes, added to components (``projection.c``)."""

from __future__ import annotations

from ctypes import c_float, c_int, c_int64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.kernels.arrays import address, function

VOLUME_TYPES = tuple(np.dtype(name) for name in ("int8", "uint8", "int16", "uint16", "float32"))
"""Types of the stored numbers that the library reads."""

TILE_BYTES = 8 * (480 + 8)
"""Bytes that are worked in, for each volume that is added at once."""


def spans_of(index: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return the spans of consecutive numbers of a sorted index, shape (spans, 3).

    Each row holds the first number, its place in the index, and how many follow each other.
    """
    starts = np.flatnonzero(np.diff(index, prepend=-2) != 1)
    lengths = np.diff(starts, append=index.size)
    return np.column_stack([index[starts], starts, lengths]).astype(np.int64)


def take_spans(values: NDArray[Any], spans: NDArray[np.int64], out: NDArray[Any]) -> None:
    """Copy the values of an index to `out`, as ``values.take(index, out=out)`` does.

    Parameters
    ----------
    values
        Contiguous.
    spans
        Of the index, as `spans_of` returns them.
    out
        Shape of the index, and of the type of `values` in either byte order; it may lie in the same
        memory, if no place is behind the value that goes there.

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """
    if spans.size == 0:
        return
    ends = spans[:, :2] + spans[:, 2:]
    if spans.min() < 0 or ends[:, 0].max() > values.size or ends[:, 1].max() > out.size:
        raise ValueError(f"spans beyond {values.size} values, or {out.size} places")
    if values.dtype.newbyteorder("=") != out.dtype.newbyteorder("="):
        raise ValueError(f"{values.dtype} copied to {out.dtype}")
    function("fcnm_take_spans", c_void_p, c_int64, c_void_p, c_int64, c_void_p)(
        _bytes(values),
        values.itemsize,
        address(spans, np.int64, spans.size),
        len(spans),
        _bytes(out),
    )


def _bytes(array: NDArray[Any]) -> int | None:
    """Return the address of a contiguous array of any type."""
    if not array.flags.c_contiguous:
        raise ValueError(f"an array of shape {array.shape} that is not contiguous")
    return address(array.reshape(-1).view(np.uint8), np.uint8, array.nbytes)


def add_volumes(
    values: NDArray[Any],
    origin: NDArray[Any] | None,
    basis: NDArray[np.float64],
    components: NDArray[np.float32],
    energy: NDArray[np.float64],
) -> None:
    """Add ``basis @ (values - origin)`` to components, and the sums of squares to energy.

    Parameters
    ----------
    values
        Shape (volumes, voxels), of one of `VOLUME_TYPES`.
    origin
        Of the same type, shape (voxels,); None for 0.
    basis
        Shape (m, volumes).
    components
        Shape (m, voxels).
    energy
        Shape (voxels,): sums over volumes of ``(values - origin) ** 2``.

    Raises
    ------
    ValueError
        The arrays do not fit each other, or the values are of another type.
    """
    _add(values, origin, basis, components, energy, None, None, 1.0)


def add_last_volumes(
    values: NDArray[Any],
    origin: NDArray[Any] | None,
    basis: NDArray[np.float64],
    components: NDArray[np.float32],
    energy: NDArray[np.float64],
    slope: float,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Add the last volumes as `add_volumes` does, and multiply the components by a factor.

    Returns
    -------
    left
        Each voxel's sum of squares of its components before they are multiplied, shape (voxels,).
    largest
        Each voxel's largest absolute component afterwards, shape (voxels,); NaN is passed over.

    Raises
    ------
    ValueError
        The arrays do not fit each other, or the values are of another type.
    """
    left, largest = np.empty(energy.size), np.empty(energy.size, np.float32)
    _add(values, origin, basis, components, energy, left, largest, slope)
    return left, largest


def _add(
    values: NDArray[Any],
    origin: NDArray[Any] | None,
    basis: NDArray[np.float64],
    components: NDArray[np.float32],
    energy: NDArray[np.float64],
    left: NDArray[np.float64] | None,
    largest: NDArray[np.float32] | None,
    slope: float,
) -> None:
    n, n_voxels = values.shape
    m = len(basis)
    if values.dtype not in VOLUME_TYPES or basis.shape != (m, n):
        raise ValueError(f"{n} volumes of {values.dtype}, and a basis of shape {basis.shape}")
    if components.shape != (m, n_voxels):
        raise ValueError(f"components of shape {components.shape} instead of {(m, n_voxels)}")
    if n == 0 and left is None:
        return
    own = np.ascontiguousarray(basis)
    unsigned = values.dtype.kind == "u"
    work = np.empty(n * TILE_BYTES // 8 + 8)
    function(
        "fcnm_add_volumes",
        *(c_void_p, c_int, c_int64, c_int64, c_void_p, c_int64, c_void_p, c_int64),
        *(c_void_p, c_void_p, c_void_p, c_void_p, c_float, c_void_p),
    )(
        address(values, values.dtype.type, n * n_voxels),
        -values.itemsize if unsigned else values.itemsize,
        n_voxels,
        n,
        address(origin, values.dtype.type, n_voxels),
        n_voxels,
        address(own, np.float64, m * n),
        m,
        address(components, np.float32, m * n_voxels),
        address(energy, np.float64, n_voxels),
        address(left, np.float64, n_voxels),
        address(largest, np.float32, n_voxels),
        slope,
        work.ctypes.data,
    )
