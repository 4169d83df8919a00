from __future__ import annotations

import io
import math
from fractions import Fraction

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.mapping import probability_map
from fcnm_bids.network import min_cluster_voxels, network_mask


def grid_of(shape: tuple[int, int, int], size: float = 2.0) -> Grid:
    return Grid(shape, np.diag([-size, size, size, 1.0]), "MNI152NLin6Asym")


def above(probability: NDArray, threshold: float) -> NDArray[np.bool_]:
    grid = grid_of((probability.size, 1, 1))
    return network_mask(
        probability,
        threshold=threshold,
        min_cluster_volume=0,
        grid=grid,
        index=np.arange(probability.size),
    )


def shares(n_contrasts: int) -> NDArray[np.float64]:
    """Every share that this many contrasts can give, by way of the probability map."""
    masks = np.arange(n_contrasts)[:, None] < np.arange(n_contrasts + 1)
    return probability_map(masks, np.ones_like(masks), None)[0]


@pytest.mark.parametrize("threshold", ["0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"])
@pytest.mark.parametrize("n_contrasts", [1, 3, 5, 6, 7, 10, 11, 20, 30, 43])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_counts_by_exact_arithmetic(threshold: str, n_contrasts: int, dtype: type) -> None:
    expected = [
        Fraction(count, n_contrasts) >= Fraction(threshold) for count in range(n_contrasts + 1)
    ]
    found = above(shares(n_contrasts).astype(dtype), float(threshold))
    assert found.tolist() == expected


@pytest.mark.parametrize(("count", "of", "threshold"), [(3, 5, 0.6), (7, 10, 0.7), (9, 10, 0.9)])
def test_a_share_at_the_threshold_is_in_also_when_read_back(
    count: int, of: int, threshold: float
) -> None:
    levels = shares(of)
    image = nib.Nifti1Image(levels.astype(np.float32)[:, None, None], np.eye(4))
    stream = io.BytesIO(image.to_bytes())
    again = nib.Nifti1Image.from_bytes(stream.read()).get_fdata().ravel()
    assert again.dtype == np.float64
    for probability in (levels, levels.astype(np.float32), again):
        np.testing.assert_array_equal(above(probability, threshold), np.arange(of + 1) >= count)


def test_weighted_sums_at_the_threshold() -> None:
    masks = np.array([[1, 1], [1, 1], [1, 0], [0, 0]], dtype=bool)
    probability, _ = probability_map(masks, np.ones_like(masks), [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(above(probability, 0.6), [True, False])


def test_just_below_stays_out_in_double_precision() -> None:
    np.testing.assert_array_equal(
        above(np.array([0.6, 0.6 - 1e-8, 0.6 - 1e-10]), 0.6), [True, False, True]
    )


def test_a_voxel_without_probability_is_not_in_the_network() -> None:
    for dtype in (np.float64, np.float32):
        found = above(np.array([np.nan, 0.9, np.nan], dtype=dtype), 0.3)
        np.testing.assert_array_equal(found, [False, True, False])


@pytest.mark.parametrize(("size", "fewest"), [(2.0, 102), (3.0, 30), (4.0, 13)])
@pytest.mark.parametrize("missing", [0, 1])
def test_810_cubic_millimetres(size: float, fewest: int, missing: int) -> None:
    assert min_cluster_voxels(810, size**3) == fewest
    grid = grid_of((12, 12, 12), size)
    probability = np.zeros(grid.n_voxels)
    probability[: fewest - missing] = 1.0
    found = network_mask(
        probability,
        threshold=0.6,
        min_cluster_volume=810,
        grid=grid,
        index=np.arange(grid.n_voxels),
    )
    assert found.sum() == (0 if missing else fewest)


def test_a_rounded_header_does_not_cost_a_voxel() -> None:
    assert min_cluster_voxels(810, float(np.float32(2.99999)) ** 3) == 30
    assert min_cluster_voxels(810, float(np.float32(3.00001)) ** 3) == 30


@given(st.floats(0, 5000), st.floats(0.5, 100))
def test_the_fewest_voxels_reach_the_volume_and_one_less_does_not(
    volume: float, voxel: float
) -> None:
    fewest = min_cluster_voxels(volume, voxel)
    assert fewest * voxel >= volume - 1.01e-3 * voxel
    assert fewest == 0 or (fewest - 1) * voxel < volume
    assert fewest <= math.ceil(volume / voxel)


def test_voxels_are_placed_by_their_numbers() -> None:
    """Two voxels adjoining along an edge only count as one cluster; a third lies apart."""
    grid = grid_of((4, 4, 4), 1.0)
    corners = np.array([[0, 0, 0], [1, 1, 0], [3, 3, 3]])
    index = np.sort(np.ravel_multi_index(tuple(corners.T), grid.shape, order="F"))
    found = network_mask(np.ones(3), threshold=0.5, min_cluster_volume=2, grid=grid, index=index)
    np.testing.assert_array_equal(found, [True, True, False])
