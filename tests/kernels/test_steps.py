"""Whole numbers of steps by the compiled library, against NumPy."""

from __future__ import annotations

import platform

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as random_arrays

from fcnm_bids.kernels import arrays, library
from fcnm_bids.kernels.steps import in_steps, largest

VARIANTS = library.usable_variants(platform.machine(), library.processor_features())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("shape", [(1, 1), (7, 4096), (20, 9001), (107, 33)])
def test_every_variant_gives_the_bits_of_numpy(
    shape: tuple[int, int], dtype: type, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "load", lambda: library.load_variant(variant))
    arrays.function.cache_clear()
    rng = np.random.default_rng(0)
    values = (rng.standard_normal(shape) * 10 ** rng.uniform(-9, 9, shape[1])).astype(np.float32)
    found = largest(values)
    np.testing.assert_array_equal(found, np.abs(values).max(axis=0))
    scale = found / np.float32(np.iinfo(dtype).max)
    steps = np.empty(shape, dtype)
    in_steps(values, scale, steps)
    np.testing.assert_array_equal(steps, np.rint(values / scale))
    assert (np.abs(steps).max(axis=0) == np.iinfo(dtype).max).all()
    monkeypatch.undo()
    arrays.function.cache_clear()


@given(random_arrays(np.float32, (3, 5), elements=st.floats(-4e4, 4e4, width=32)))
def test_numbers_beyond_the_largest_become_the_largest(values: np.ndarray) -> None:
    for dtype in (np.int8, np.int16):
        steps, most = np.empty(values.shape, dtype), np.iinfo(dtype).max
        in_steps(values, np.ones(5, np.float32), steps)
        np.testing.assert_array_equal(steps, np.rint(values.clip(-most, most)))


def test_halves_are_rounded_to_even_numbers() -> None:
    values = np.array([[0.5, 1.5, -0.5, -2.5, 2.5, 32766.5]], np.float32)
    steps = np.empty(values.shape, np.int16)
    in_steps(values, np.ones(6, np.float32), steps)
    assert steps.tolist() == [[0, 2, 0, -2, 2, 32766]]


def test_a_step_of_zero_gives_zeros() -> None:
    steps = np.full((2, 3), 9, np.int16)
    in_steps(np.zeros((2, 3), np.float32), np.array([0, 1, 0], np.float32), steps)
    assert not steps.any()


def test_without_any_row_the_largest_is_zero() -> None:
    assert largest(np.empty((0, 3), np.float32)).tolist() == [0, 0, 0]


def test_arrays_that_do_not_fit_are_refused() -> None:
    values, scale = np.zeros((2, 3), np.float32), np.ones(3, np.float32)
    with pytest.raises(ValueError, match=r"steps of int16, \(3, 2\)"):
        in_steps(values, scale, np.zeros((3, 2), np.int16))
    with pytest.raises(ValueError, match="steps of int32"):
        in_steps(values, scale, np.zeros((2, 3), np.int32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="instead of 3 contiguous float32"):
        in_steps(values, scale[:2], np.zeros((2, 3), np.int16))
    with pytest.raises(ValueError, match="float64 of shape"):
        largest(values.astype(np.float64))
