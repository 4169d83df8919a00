"""Calling the compiled library with arrays."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.kernels.library import load

SERIES_TYPES = (np.dtype("int8"), np.dtype("int16"), np.dtype("float32"), np.dtype("float64"))
"""Types of the values of a run that the library reads."""


@cache
def function(name: str, *types: Any, returns: Any = None) -> Any:
    """Return a function of the library that takes arguments of these types."""
    found = getattr(load(), name)
    found.argtypes, found.restype = types, returns
    return found


def address(
    array: NDArray[Any] | None, dtype: type[np.generic], n_values: int, first: int = 0
) -> int | None:
    """Return the address of a value of an array of `n_values` contiguous ones of a type, or more.

    None stays None, C's null.

    Raises
    ------
    ValueError
        The array is of another type, smaller, or not contiguous.
    """
    if array is None:
        return None
    if array.dtype != dtype or not array.flags.c_contiguous or array.size < n_values:
        raise ValueError(
            f"{array.dtype} of shape {array.shape} instead of {n_values} contiguous "
            f"{np.dtype(dtype)}"
        )
    return int(array.ctypes.data) + first * array.itemsize
