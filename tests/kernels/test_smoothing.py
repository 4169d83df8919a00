"""Separable smoothing by the compiled library, against NumPy in the same order of operations."""

from __future__ import annotations

import platform

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fcnm_bids.kernels import arrays, library
from fcnm_bids.kernels.smoothing import smooth

VARIANTS = library.usable_variants(platform.machine(), library.processor_features())


class Masked:
    """Random components at some voxels of a box."""

    def __init__(self, inside: NDArray[np.bool_], m: int = 2, seed: int = 0) -> None:
        self.inside = inside
        self.voxels = np.argwhere(inside.T)[:, ::-1]
        rng = np.random.default_rng(seed)
        self.components = rng.standard_normal((m, len(self.voxels))).astype(np.float32)
        first = np.ones(len(self.voxels), dtype=bool)
        first[1:] = (np.diff(self.voxels, axis=0) != [1, 0, 0]).any(axis=1)
        starts = np.flatnonzero(first)
        self.firsts, self.lengths = self.voxels[starts], np.diff(starts, append=len(self.voxels))

    def smoothed(self, kernels: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        components = self.components.copy()
        smooth(components, self.firsts, self.lengths, kernels)
        return components

    def by_numpy(self, kernels: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        expected = np.empty_like(self.components)
        for row, component in zip(expected, self.components, strict=True):
            volume = np.zeros(self.inside.shape, np.float32)
            volume[tuple(self.voxels.T)] = component
            for axis, kernel in enumerate(kernels):
                gap = kernel.size - 1
                around = np.pad(volume, [(gap, gap) if a == axis else (0, 0) for a in range(3)])
                around, n = np.moveaxis(around, axis, 0), volume.shape[axis]
                total = around[gap : gap + n] * kernel[0]
                for lag in range(1, kernel.size):
                    pair = around[gap - lag : gap - lag + n] + around[gap + lag : gap + lag + n]
                    total = total + pair * kernel[lag]
                volume = np.moveaxis(total, 0, axis)
            row[:] = volume[tuple(self.voxels.T)]
        return expected


def random_kernels(sizes: tuple[int, ...], seed: int = 3) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(size).astype(np.float32) for size in sizes]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((1, 1, 1), (1, 1, 1)),
        ((13, 11, 9), (6, 6, 6)),
        ((40, 30, 7), (3, 5, 9)),
        ((5, 64, 3), (1, 4, 2)),
        ((70, 2, 20), (9, 1, 4)),
    ],
)
def test_every_variant_gives_the_bits_of_numpy(
    shape: tuple[int, int, int],
    sizes: tuple[int, ...],
    variant: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrays, "load", lambda: library.load_variant(variant))
    arrays.function.cache_clear()
    kernels = random_kernels(sizes)
    for share in (0.05, 0.6, 1.0):
        inside = np.random.default_rng(1).random(shape) < share
        inside[0, 0, 0] = True
        masked = Masked(inside, m=3)
        np.testing.assert_array_equal(masked.smoothed(kernels), masked.by_numpy(kernels))
    monkeypatch.undo()
    arrays.function.cache_clear()


@settings(max_examples=60)
@given(
    shape=st.tuples(*[st.integers(1, 20)] * 3),
    sizes=st.tuples(*[st.integers(1, 9)] * 3),
    seed=st.integers(0, 1000),
)
def test_any_box_and_any_kernels(
    shape: tuple[int, int, int], sizes: tuple[int, int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    masked = Masked(rng.random(shape) < rng.random())
    kernels = random_kernels(sizes)
    np.testing.assert_array_equal(masked.smoothed(kernels), masked.by_numpy(kernels))


def test_a_slice_without_voxels_is_crossed() -> None:
    inside = np.ones((6, 5, 9), dtype=bool)
    inside[..., 3:6] = False
    inside[2:, :, 7] = False
    masked = Masked(inside)
    kernels = random_kernels((3, 3, 6))
    np.testing.assert_array_equal(masked.smoothed(kernels), masked.by_numpy(kernels))


def test_the_box_begins_at_the_first_voxel() -> None:
    inside = np.random.default_rng(2).random((8, 7, 6)) < 0.5
    masked, kernels = Masked(inside), random_kernels((3, 2, 4))
    expected = masked.smoothed(kernels)
    masked.firsts += np.array([100, 2, 31])
    np.testing.assert_array_equal(masked.smoothed(kernels), expected)


def test_what_is_no_number_spreads_as_far_as_the_kernels() -> None:
    masked = Masked(np.ones((12, 12, 12), dtype=bool), m=1)
    kernels = random_kernels((3, 2, 4))
    expected = masked.smoothed(kernels)
    masked.components[0, 5 + 6 * 12 + 6 * 144] = np.nan
    found = masked.smoothed(kernels)
    distance = np.abs(masked.voxels - [5, 6, 6])
    reached = (distance <= [2, 1, 3]).all(axis=1)
    assert np.isnan(found[0, reached]).all()
    np.testing.assert_array_equal(found[0, ~reached], expected[0, ~reached])


@pytest.mark.parametrize("shape", [(0, 5), (3, 0)])
def test_nothing_to_smooth(shape: tuple[int, int]) -> None:
    firsts = np.array([[0, 0, 0]])[: shape[1]]
    nothing = np.empty(shape, np.float32)
    smooth(nothing, firsts, np.array([shape[1]])[: len(firsts)], random_kernels((2, 2, 2)))
    assert nothing.size == 0


def test_arrays_that_do_not_fit_are_refused() -> None:
    components = np.zeros((2, 4), np.float32)
    firsts, lengths = np.array([[0, 0, 0], [3, 0, 0]]), np.array([2, 2])
    kernels = random_kernels((2, 2, 2))
    with pytest.raises(ValueError, match="4 voxels, and spans of 3"):
        smooth(components, firsts, np.array([2, 1]), kernels)
    with pytest.raises(ValueError, match="2 kernels"):
        smooth(components, firsts, lengths, kernels[:2])
    with pytest.raises(ValueError, match="not in Fortran order"):
        smooth(components, firsts[::-1], lengths, kernels)
    with pytest.raises(ValueError, match="not in Fortran order"):
        smooth(components, firsts - [[0, 0, 0], [2, 0, 0]], lengths, kernels)
    with pytest.raises(ValueError, match="instead of 8 contiguous float32"):
        smooth(components.astype(np.float64), firsts, lengths, kernels)
