"""Sums of squares and kept columns by the compiled library, against NumPy."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fcnm_bids.kernels import arrays, library
from fcnm_bids.kernels.energies import energies, kept_columns

TYPES = [np.int8, np.int16, np.float32, np.float64]
VARIANTS = library.usable_variants(platform.machine(), library.processor_features())
WITH_FUSED = [variant for variant in VARIANTS if variant != "x86_64"]


def orthonormal(m: int, rank: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(rank).standard_normal((m, rank)))[0]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("m", "n_voxels", "rank"), [(1, 1, 0), (9, 16, 1), (20, 37, 4), (89, 500, 27), (154, 33, 40)]
)
def test_energies_are_sums_of_squares_with_and_without_the_directions(
    m: int, n_voxels: int, rank: int, dtype: type
) -> None:
    values = (100 * np.random.default_rng(m).standard_normal((m, n_voxels))).clip(-127, 127)
    values = values.astype(dtype)
    directions = orthonormal(m, rank)
    band, left = energies(values, directions)
    exact = values.astype(np.float64)
    np.testing.assert_allclose(band, (exact**2).sum(axis=0), rtol=1e-13)
    rest = exact - directions @ (directions.T @ exact)
    np.testing.assert_allclose(left, (rest**2).sum(axis=0), atol=1e-12 * band.max())


def test_nothing_is_removed_without_directions() -> None:
    values = np.arange(12, dtype=np.int16).reshape(3, 4)
    band, left = energies(values, None)
    np.testing.assert_array_equal(band, [80, 107, 140, 179])
    np.testing.assert_array_equal(left, band)


def test_a_voxel_s_bits_do_not_depend_on_the_others() -> None:
    values = np.random.default_rng(0).standard_normal((62, 100)).astype(np.float32)
    directions = orthonormal(62, 13)
    _, together = energies(values, directions)
    for first, last in ((0, 1), (3, 50), (17, 33), (99, 100)):
        _, own = energies(values[:, first:last], directions)
        np.testing.assert_array_equal(own, together[first:last])


def test_series_that_it_does_not_read_are_refused() -> None:
    with pytest.raises(ValueError, match="series of int64"):
        energies(np.zeros((3, 2), np.int64), None)
    with pytest.raises(ValueError, match="directions of 4"):
        energies(np.zeros((3, 2), np.int16), np.zeros((4, 1)))


class Kept:
    """Random arguments of `kept_columns`, and what it has to find."""

    def __init__(self, m_b: int, n_voxels: int, m: int, dtype: type = np.float32) -> None:
        rng = np.random.default_rng(m_b + n_voxels)
        values = (100 * rng.standard_normal((m_b, n_voxels))).clip(-127, 127)
        self.values = values.astype(dtype)
        self.basis = np.ascontiguousarray(orthonormal(m_b, m).T)
        exact = self.values.astype(np.float64)
        length = np.linalg.norm(exact, axis=0)
        self.factors = np.where(length > 0, 1 / np.maximum(length, 1e-9), 0)
        self.exact = self.basis @ exact * self.factors
        self.n_voxels = n_voxels

    def found(self, *voxels: slice) -> NDArray[np.float32]:
        """Columns, 7 where none are set."""
        kept = np.full(self.exact.shape, 7, np.float32)
        for own in voxels:
            kept_columns(self.values, own, self.basis, self.factors, kept)
        return kept

    def arguments(self) -> dict[str, Any]:
        kept = np.zeros(self.exact.shape, np.float32)
        return {
            "values": self.values,
            "voxels": slice(0, self.n_voxels),
            "basis": self.basis,
            "factors": self.factors,
            "kept": kept,
        }


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("m_b", "n_voxels", "m"), [(1, 1, 1), (9, 16, 1), (20, 37, 4), (89, 500, 62), (154, 129, 7)]
)
def test_kept_columns_are_those_in_the_basis(m_b: int, n_voxels: int, m: int, dtype: type) -> None:
    own = Kept(m_b, n_voxels, m, dtype)
    # columns of length 1 at most, rounded to single precision once
    np.testing.assert_allclose(own.found(slice(0, n_voxels)), own.exact, rtol=2.0**-24, atol=1e-14)


@pytest.mark.parametrize("n_voxels", [1, 15, 16, 17, 127, 128, 129, 143, 144, 145, 257])
@pytest.mark.parametrize("m", [1, 3, 4, 5])
def test_rows_and_voxels_need_not_fill_vectors_and_tiles(n_voxels: int, m: int) -> None:
    own = Kept(11, n_voxels, m)
    np.testing.assert_allclose(own.found(slice(0, n_voxels)), own.exact, rtol=2.0**-24, atol=1e-14)


@given(st.lists(st.integers(0, 300), min_size=2, max_size=6))
def test_parts_of_the_voxels_have_the_same_bits_and_others_are_left_alone(
    edges: list[int],
) -> None:
    own = Kept(9, 300, 6)
    first, *_, last = edges = sorted(edges)
    found = own.found(*map(slice, edges[:-1], edges[1:]))
    expected = np.full(found.shape, 7, np.float32)
    expected[:, first:last] = own.found(slice(0, 300))[:, first:last]
    np.testing.assert_array_equal(found, expected)


def test_a_row_s_bits_do_not_depend_on_the_others() -> None:
    own = Kept(62, 150, 13)
    together = own.found(slice(0, 150))
    for first, last in ((0, 1), (3, 9), (12, 13)):
        kept = np.zeros((last - first, 150), np.float32)
        kept_columns(own.values, slice(0, 150), own.basis[first:last].copy(), own.factors, kept)
        np.testing.assert_array_equal(kept, together[first:last])


def test_a_voxel_with_another_that_is_not_finite_has_the_same_bits() -> None:
    own = Kept(9, 40, 6)
    expected = own.found(slice(0, 40))
    own.values[:, 33] = np.nan
    found = own.found(slice(0, 40))
    np.testing.assert_array_equal(np.delete(found, 33, axis=1), np.delete(expected, 33, axis=1))
    assert np.isnan(found[:, 33]).all()


def test_no_dimension_and_no_voxel_set_nothing() -> None:
    assert Kept(5, 20, 0).found(slice(0, 20)).shape == (0, 20)
    assert (Kept(5, 20, 3).found(slice(4, 4)) == 7).all()


def test_kept_columns_refuses_other_arrays() -> None:
    arguments = Kept(5, 20, 3).arguments()
    kept_columns(**arguments)
    for name in ("values", "basis", "factors", "kept"):
        array = arguments[name]
        apart = np.repeat(array, 2, axis=-1)[..., ::2]
        for other in (array.astype(np.uint8), apart, array[..., :-1].copy()):
            with pytest.raises(ValueError, match=r"contiguous|values of|columns of shape"):
                kept_columns(**{**arguments, name: other})
    with pytest.raises(ValueError, match="columns of shape"):
        kept_columns(**{**arguments, "kept": np.zeros((4, 20), np.float32)})
    for voxels in (slice(-1, 5), slice(6, 5), slice(0, 21)):
        with pytest.raises(ValueError, match="of 20 voxels"):
            kept_columns(**{**arguments, "voxels": voxels})


@pytest.fixture
def in_variant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], list[NDArray]]]:
    """Everything that the functions find, with a variant of the library."""

    def everything(variant: str) -> list[NDArray]:
        monkeypatch.setattr(arrays, "load", lambda: library.load_variant(variant))
        arrays.function.cache_clear()
        found: list[NDArray] = []
        for dtype in TYPES:
            own = Kept(89, 300, 41, dtype)
            found += [own.found(slice(3, 290)), *energies(own.values, orthonormal(89, 17))]
        return found

    yield everything
    arrays.function.cache_clear()


@pytest.mark.skipif(len(WITH_FUSED) < 2, reason="this processor runs one variant at most")
def test_variants_with_fused_operations_give_the_same_bits(
    in_variant: Callable[[str], list[NDArray]],
) -> None:
    first, *others = (in_variant(variant) for variant in WITH_FUSED)
    for other in others:
        for one, two in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.skipif(len(VARIANTS) < 2, reason="this processor runs one variant only")
def test_the_variant_without_them_differs_by_rounding(
    in_variant: Callable[[str], list[NDArray]],
) -> None:
    fused, plain = in_variant(VARIANTS[0]), in_variant("x86_64")
    for one, two in zip(fused, plain, strict=True):
        # a sum in double precision, of columns once more rounded to single precision
        rtol = 2.0**-23 if one.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(one, two, rtol=rtol, atol=1e-14)
