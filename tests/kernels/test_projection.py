"""Products of a basis with volumes by the compiled library, against NumPy."""

from __future__ import annotations

import platform

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fcnm_bids.kernels import arrays, library
from fcnm_bids.kernels.projection import (
    VOLUME_TYPES,
    add_last_volumes,
    add_volumes,
    spans_of,
    take_spans,
)

VARIANTS = library.usable_variants(platform.machine(), library.processor_features())
WITH_FUSED = [variant for variant in VARIANTS if variant != "x86_64"]


def volumes_of(n: int, n_voxels: int, dtype: np.dtype, seed: int = 0) -> NDArray:
    rng = np.random.default_rng(seed)
    if dtype.kind == "f":
        return (900 + 50 * rng.standard_normal((n, n_voxels))).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (n, n_voxels), dtype=dtype, endpoint=True)


def basis_of(m: int, n: int) -> NDArray[np.float64]:
    return np.random.default_rng(m).standard_normal((m, n))


def assert_added(
    values: NDArray, origin: NDArray | None, basis: NDArray[np.float64], slope: float
) -> None:
    """Compare what is added in two steps, and after the last volumes, with float64 NumPy."""
    m, n_voxels = len(basis), values.shape[1]
    before = np.random.default_rng(1).standard_normal((m, n_voxels)).astype(np.float32)
    differences = values.astype(np.float64) - (0 if origin is None else origin)
    expected = before + basis @ differences
    tolerance = 1e-6 * np.abs(expected).max(initial=1)
    components, energy = before.copy(), np.full(n_voxels, 3.0)
    add_volumes(values, origin, basis, components, energy)
    np.testing.assert_allclose(components, expected, atol=tolerance)
    np.testing.assert_allclose(energy, 3 + (differences**2).sum(axis=0), rtol=1e-12)

    again, same = before.copy(), np.full(n_voxels, 3.0)
    left, largest = add_last_volumes(values, origin, basis, again, same, slope)
    np.testing.assert_array_equal(again, components * np.float32(slope))
    np.testing.assert_array_equal(same, energy)
    squares = np.square(components, dtype=np.float64)
    np.testing.assert_allclose(left, squares.sum(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(largest, np.abs(again).max(axis=0, initial=0))


@pytest.mark.parametrize("dtype", VOLUME_TYPES, ids=str)
@pytest.mark.parametrize("with_origin", [True, False])
@pytest.mark.parametrize(
    ("m", "n", "n_voxels"), [(1, 1, 1), (8, 4, 24), (9, 31, 485), (107, 64, 1000), (3, 128, 7)]
)
def test_volumes_are_added_as_by_numpy(
    m: int, n: int, n_voxels: int, with_origin: bool, dtype: np.dtype
) -> None:
    values = volumes_of(n, n_voxels, dtype)
    assert_added(values, values[0].copy() if with_origin else None, basis_of(m, n), -0.37)


@given(
    m=st.integers(0, 20),
    n=st.integers(0, 40),
    n_voxels=st.integers(0, 1000),
    dtype=st.sampled_from(VOLUME_TYPES),
    slope=st.floats(-100, 100, width=32),
)
def test_any_number_of_volumes_voxels_and_components(
    m: int, n: int, n_voxels: int, dtype: np.dtype, slope: float
) -> None:
    values = volumes_of(n, n_voxels, dtype)
    assert_added(values, values[-1].copy() if n else None, basis_of(m, n), slope)


def test_volumes_that_do_not_vary_add_exactly_nothing() -> None:
    values = np.full((64, 100), 31_777, np.int16)
    components, energy = np.zeros((13, 100), np.float32), np.zeros(100)
    left, largest = add_last_volumes(
        values, values[0].copy(), basis_of(13, 64), components, energy, 0.5
    )
    for array in (components, energy, left, largest):
        assert not array.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_changes_no_other_voxel(value: float) -> None:
    values = volumes_of(20, 50, np.dtype(np.float32))
    basis = basis_of(11, 20)
    expected, energy = np.zeros((11, 50), np.float32), np.zeros(50)
    add_volumes(values, values[0].copy(), basis, expected, energy)
    for place in (0, 7):
        broken = values.copy()
        broken[place, 23] = value
        found, own = np.zeros((11, 50), np.float32), np.zeros(50)
        left, _ = add_last_volumes(broken, broken[0].copy(), basis, found, own, 1.0)
        assert not np.isfinite(left[23])
        assert not left[23] > 1e-10 * own[23]
        others = np.arange(50) != 23
        np.testing.assert_array_equal(found[:, others], expected[:, others])
        np.testing.assert_array_equal(own[others], energy[others])


def test_a_voxel_s_bits_do_not_depend_on_the_others() -> None:
    values, basis = volumes_of(40, 1000, np.dtype(np.float32)), basis_of(21, 40)
    together, energy = np.zeros((21, 1000), np.float32), np.zeros(1000)
    add_volumes(values, None, basis, together, energy)
    for first, last in ((0, 1), (3, 50), (479, 483), (100, 999)):
        own, some = np.zeros((21, last - first), np.float32), np.zeros(last - first)
        add_volumes(values[:, first:last].copy(), None, basis, own, some)
        np.testing.assert_array_equal(own, together[:, first:last])
        np.testing.assert_array_equal(some, energy[first:last])


def added_in(variant: str, monkeypatch: pytest.MonkeyPatch) -> list[NDArray]:
    """Everything that the functions write, with a variant of the library."""
    monkeypatch.setattr(arrays, "load", lambda: library.load_variant(variant))
    arrays.function.cache_clear()
    found: list[NDArray] = []
    for dtype in VOLUME_TYPES:
        values, basis = volumes_of(31, 1003, dtype), basis_of(45, 31)
        components, energy = np.zeros((45, 1003), np.float32), np.zeros(1003)
        add_volumes(values, values[0].copy(), basis, components, energy)
        found += [components.copy(), energy.copy()]
        found += add_last_volumes(values, None, basis, components, energy, 0.3)
        found += [components, energy]
    monkeypatch.undo()
    arrays.function.cache_clear()
    return found


@pytest.mark.skipif(len(WITH_FUSED) < 2, reason="this processor runs one variant at most")
def test_variants_with_fused_operations_give_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, *others = (added_in(variant, monkeypatch) for variant in WITH_FUSED)
    for other in others:
        for one, two in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.skipif(len(VARIANTS) < 2, reason="this processor runs one variant only")
def test_the_variant_without_them_differs_by_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    fused, plain = added_in(VARIANTS[0], monkeypatch), added_in("x86_64", monkeypatch)
    for one, two in zip(fused, plain, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6 * np.abs(one).max())


def test_arrays_that_do_not_fit_are_refused() -> None:
    values, components, energy = (
        np.zeros((3, 2), np.int16),
        np.zeros((4, 2), np.float32),
        np.ones(2),
    )
    with pytest.raises(ValueError, match="volumes of int64"):
        add_volumes(values.astype(np.int64), None, np.ones((4, 3)), components, energy)
    with pytest.raises(ValueError, match=r"basis of shape \(4, 2\)"):
        add_volumes(values, None, np.ones((4, 2)), components, energy)
    with pytest.raises(ValueError, match=r"components of shape \(4, 2\)"):
        add_volumes(values, None, np.ones((5, 3)), components, energy)
    with pytest.raises(ValueError, match="instead of 2 contiguous int16"):
        add_volumes(values, np.zeros(2), np.ones((4, 3)), components, energy)
    with pytest.raises(ValueError, match="instead of 2 contiguous float64"):
        add_volumes(values, None, np.ones((4, 3)), components, np.ones(1))


@given(st.lists(st.booleans(), max_size=80), st.sampled_from(["i1", ">i2", "<f4", ">f8", "<i8"]))
def test_the_values_of_an_index_are_taken(chosen: list[bool], dtype: str) -> None:
    index = np.flatnonzero(chosen)
    values = (np.arange(len(chosen)) - 40).astype(dtype)
    out = np.empty(index.size, np.dtype(dtype))
    take_spans(values, spans_of(index), out)
    np.testing.assert_array_equal(out, values[index])


def test_the_rows_of_a_table_close_up_in_their_own_memory() -> None:
    index = np.flatnonzero(np.random.default_rng(3).random(300) < 0.97)
    table = np.arange(1200, dtype=np.float32).reshape(4, 300)
    expected, flat = table[:, index], table.reshape(-1)
    for row, values in enumerate(table):
        take_spans(values, spans_of(index), flat[row * index.size : (row + 1) * index.size])
    np.testing.assert_array_equal(flat[: expected.size].reshape(expected.shape), expected)


def test_spans_are_as_long_as_they_can_be() -> None:
    index = np.array([0, 1, 4, 5, 6, 9])
    assert spans_of(index).tolist() == [[0, 0, 2], [4, 2, 3], [9, 5, 1]]
    assert spans_of(index[:0]).shape == (0, 3)


def test_spans_beyond_the_arrays_are_refused() -> None:
    values, out = np.zeros(5, np.int16), np.zeros(5, np.int16)
    with pytest.raises(ValueError, match="spans beyond 5 values"):
        take_spans(values, spans_of(np.array([4, 5])), out)
    with pytest.raises(ValueError, match="or 1 places"):
        take_spans(values, spans_of(np.array([0, 1])), out[:1])
    with pytest.raises(ValueError, match="int16 copied to float32"):
        take_spans(values, spans_of(np.array([0])), out.astype(np.float32))
    with pytest.raises(ValueError, match="not contiguous"):
        take_spans(np.zeros(10, np.int16)[::2], spans_of(np.array([0])), out)
