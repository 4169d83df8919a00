"""Arrays are given to the compiled library only if it may read what it is told of them."""

from __future__ import annotations

import numpy as np
import pytest

from fcnm_bids.kernels.arrays import address, function


def test_the_address_is_that_of_a_value() -> None:
    array = np.arange(6, dtype=np.int32)
    assert address(array, np.int32, 6) == array.ctypes.data
    assert address(array, np.int32, 6, 2) == array[2:].ctypes.data
    assert address(None, np.int32, 6) is None


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(6),
        np.zeros(5, np.int32),
        np.zeros((3, 4), np.int32)[:, :2],
        np.zeros(12, np.int32)[::2],
    ],
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="contiguous int32"):
        address(array, np.int32, 6)


def test_a_function_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AttributeError):
        function("fcnm_nothing")
