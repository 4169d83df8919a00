"""Sums of squares by the compiled library, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fcnm_bids.kernels.energies import energies


def orthonormal(m: int, rank: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(rank).standard_normal((m, rank)))[0]


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.float32, np.float64])
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
