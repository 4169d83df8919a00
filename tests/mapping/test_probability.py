from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.mapping import probability_map

MASKS = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0]], dtype=bool)
EVERYWHERE = np.ones((3, 4), dtype=bool)


def test_the_share_of_contrasts_at_each_voxel() -> None:
    probability, kept = probability_map(MASKS, EVERYWHERE, None)
    np.testing.assert_array_equal(probability, [1, 1 / 3, 1 / 3, 0])
    assert kept.all()


@given(st.integers(1, 40), st.integers(0, 2**31))
def test_a_share_is_a_count_over_the_number_of_contrasts(n_contrasts: int, seed: int) -> None:
    masks = np.random.default_rng(seed).random((n_contrasts, 12)) < 0.6
    probability, _ = probability_map(masks, np.ones_like(masks), None)
    assert probability.tolist() == [int(k) / n_contrasts for k in masks.sum(axis=0)]


def test_a_contrast_that_shows_nothing_counts_as_zero() -> None:
    masks = MASKS.copy()
    masks[2] = False
    probability, kept = probability_map(masks, EVERYWHERE, None)
    np.testing.assert_array_equal(probability, [2 / 3, 1 / 3, 1 / 3, 0])
    assert kept.all()


def test_a_contrast_without_a_tested_voxel_leaves_the_count() -> None:
    masks, tested = MASKS.copy(), EVERYWHERE.copy()
    masks[2], tested[2] = False, False
    probability, kept = probability_map(masks, tested, None)
    np.testing.assert_array_equal(probability, [1, 0.5, 0.5, 0])
    np.testing.assert_array_equal(kept, [True, True, False])


def test_a_voxel_untested_in_a_remaining_contrast_has_no_probability() -> None:
    tested = EVERYWHERE.copy()
    tested[0, 2] = False
    probability, _ = probability_map(MASKS, tested, None)
    np.testing.assert_array_equal(probability, [1, 1 / 3, np.nan, 0])


@pytest.mark.parametrize("weights", [[3.0, 2.0, 1.0], np.array([6, 4, 2])])
def test_weights(weights: np.ndarray) -> None:
    probability, _ = probability_map(MASKS, EVERYWHERE, weights)
    np.testing.assert_allclose(probability, [1, 1 / 2, 1 / 3, 0], rtol=1e-15)


def test_the_weight_of_a_contrast_that_left_does_not_count() -> None:
    masks, tested = MASKS.copy(), EVERYWHERE.copy()
    masks[0], tested[0] = False, False
    probability, _ = probability_map(masks, tested, [100.0, 3.0, 1.0])
    np.testing.assert_allclose(probability, [1, 0, 0.75, 0], rtol=1e-15)


@given(st.integers(0, 2**31))
def test_equal_weights_change_nothing(seed: int) -> None:
    masks = np.random.default_rng(seed).random((7, 20)) < 0.5
    plain, _ = probability_map(masks, np.ones_like(masks), None)
    weighted, _ = probability_map(masks, np.ones_like(masks), np.full(7, 0.1))
    np.testing.assert_allclose(weighted, plain, rtol=1e-14)


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 3.0]])
def test_no_contrast_left(weights: list[float] | None) -> None:
    nothing = np.zeros_like(MASKS)
    probability, kept = probability_map(nothing, nothing, weights)
    assert np.isnan(probability).all()
    assert not kept.any()


@pytest.mark.parametrize("weights", [[1.0, 2.0], [1.0, 0.0, 1.0], [1.0, -1.0, 1.0], [1, np.nan, 1]])
def test_weights_that_are_none(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        probability_map(MASKS, EVERYWHERE, weights)


def test_a_mask_outside_what_was_tested() -> None:
    tested = EVERYWHERE.copy()
    tested[0, 0] = False
    with pytest.raises(ValueError, match="not tested"):
        probability_map(MASKS, tested, None)


def test_masks_and_tested_of_different_shapes() -> None:
    with pytest.raises(ValueError, match="shape"):
        probability_map(MASKS, EVERYWHERE[:2], None)
