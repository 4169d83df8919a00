from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from fcnm_bids.network import dice, spatial_correlation


@given(st.integers(0, 2**31))
def test_dice_is_one_minus_scipys_dissimilarity(seed: int) -> None:
    a, b = np.random.default_rng(seed).random((2, 40)) < 0.4
    a[0] = True
    assert dice(a, b) == pytest.approx(1 - distance.dice(a, b))
    assert dice(a, b) == dice(b, a)
    assert dice(a, a) == 1


def test_dice_of_nothing() -> None:
    nothing, all_of_it = np.zeros(5, dtype=bool), np.ones(5, dtype=bool)
    assert math.isnan(dice(nothing, nothing))
    assert dice(nothing, all_of_it) == 0


def test_dice_of_different_grids() -> None:
    with pytest.raises(ValueError, match="shapes"):
        dice(np.ones((2, 3), dtype=bool), np.ones(6, dtype=bool))


@given(st.integers(0, 2**31))
def test_correlation_is_scipys_over_the_voxels_asked_for(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 4, 5, 6))
    where = rng.random(a.shape) < 0.7
    expected = stats.pearsonr(a[where], b[where]).statistic
    assert spatial_correlation(a, b, where) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_voxels_without_a_value_do_not_enter() -> None:
    a, b = np.random.default_rng(0).random((2, 50))
    a[3], b[7] = np.nan, np.inf
    rest = np.delete(np.arange(50), [3, 7])
    expected = stats.pearsonr(a[rest], b[rest]).statistic
    found = spatial_correlation(a, b, np.ones(50, dtype=bool))
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_voxels", [0, 1])
def test_correlation_of_too_few_voxels(n_voxels: int) -> None:
    where = np.arange(5) < n_voxels
    assert math.isnan(spatial_correlation(np.arange(5), np.arange(5), where))


def test_correlation_of_a_flat_map() -> None:
    everywhere = np.ones(5, dtype=bool)
    assert math.isnan(spatial_correlation(np.full(5, 0.3), np.arange(5), everywhere))


def test_correlation_stays_within_its_bounds() -> None:
    a = np.random.default_rng(1).random(1000)
    everywhere = np.ones(1000, dtype=bool)
    assert spatial_correlation(a, 3 * a + 1, everywhere) == pytest.approx(1, abs=1e-15)
    assert abs(spatial_correlation(a, -a, everywhere)) <= 1


def test_correlation_of_different_grids() -> None:
    with pytest.raises(ValueError, match="shapes"):
        spatial_correlation(np.ones(3), np.ones(4), np.ones(3, dtype=bool))
