"""Separable smoothing of components in the box around their voxels (``smoothing.c``)."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import c_int64, c_void_p

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.kernels.arrays import address, function


def smooth(
    components: NDArray[np.float32],
    firsts: NDArray[np.intp],
    lengths: NDArray[np.intp],
    kernels: Sequence[NDArray[np.float32]],
) -> None:
    """Convolve components with a kernel along each axis, in place; outside them all is zero.

    Parameters
    ----------
    components
        Shape (m, voxels).
    firsts, lengths
        Subscripts of the first voxel of each span of voxels that lie side by side in a row, shape
        (spans, 3), and its number of voxels; in Fortran order.
    kernels
        Of the three axes, each from its middle outwards.

    Raises
    ------
    ValueError
        The arrays do not fit each other, or the voxels are in another order.
    """
    m, n_voxels = components.shape
    if firsts.shape != (lengths.size, 3) or lengths.sum() != n_voxels:
        raise ValueError(f"{n_voxels} voxels, and spans of {lengths.sum()}")
    if len(kernels) != 3 or min(kernel.size for kernel in kernels) < 1:
        raise ValueError(f"{len(kernels)} kernels, or an empty one")
    if components.size == 0:
        return
    radius = np.array([kernel.size - 1 for kernel in kernels], dtype=np.int64)
    x, y, z = (firsts - firsts.min(axis=0)).T
    n_row = int((x + lengths).max() + radius[0])
    n_rows, n_slices = int(y.max()) + 1, int(z.max()) + 1
    place = x + y * n_row
    number = place + z * (n_row * n_rows)
    if lengths.min() < 1 or (number[:-1] + lengths[:-1] > number[1:]).any():
        raise ValueError("voxels that are not in Fortran order")
    spans = np.column_stack([place, np.cumsum(lengths) - lengths, lengths])
    spans = np.ascontiguousarray(spans, np.int64)
    slices = np.searchsorted(z, np.arange(n_slices + 1)).astype(np.int64)
    weights = np.concatenate(kernels).astype(np.float32)
    n_work: int = function("fcnm_smooth_work", c_int64, c_int64, c_void_p, returns=c_int64)(
        n_row, n_rows, radius.ctypes.data
    )
    work = np.zeros(n_work, np.float32)
    lines = np.empty(2 * int(radius.max()) + 1, np.intp)
    function(
        "fcnm_smooth",
        *(c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int64, c_int64, c_int64),
        *(c_void_p, c_void_p, c_void_p, c_void_p),
    )(
        address(components, np.float32, components.size),
        m,
        n_voxels,
        spans.ctypes.data,
        slices.ctypes.data,
        n_slices,
        n_row,
        n_rows,
        radius.ctypes.data,
        weights.ctypes.data,
        work.ctypes.data,
        lines.ctypes.data,
    )
