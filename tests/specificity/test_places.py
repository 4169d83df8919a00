"""Voxels in which foci of a null may fall."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.specificity.places import FocusPlaces

OBLIQUE = np.array(
    [[2.9, 0.4, 0.0, -14.0], [-0.3, 3.1, 0.2, -12.0], [0.1, 0.0, 3.5, -10.0], [0, 0, 0, 1]]
)
GRID = Grid((10, 9, 8), OBLIQUE, "MNI152NLin6Asym")
INDEX = np.flatnonzero(np.random.default_rng(1).random(GRID.n_voxels) < 0.5)
PLACES = FocusPlaces(GRID, INDEX)


def test_the_nearest_place_is_that_of_all_distances() -> None:
    positions = np.random.default_rng(2).uniform(-40, 40, (50, 3))
    distances = np.linalg.norm(positions[:, None] - PLACES.centres, axis=2)
    np.testing.assert_array_equal(PLACES.nearest(positions), distances.argmin(axis=1))


def test_shares_follow_the_rate() -> None:
    rate = np.arange(INDEX.size, dtype=float)
    share = FocusPlaces(GRID, INDEX, rate).share_of(np.array([0, 1, 3]))
    np.testing.assert_allclose(share, [0, 0.25, 0.75])
    assert PLACES.share_of(np.array([0, 1])) is None


def test_within_a_voxel_foci_are_uniform() -> None:
    rng = np.random.default_rng(6)
    chosen = np.full(4000, 7)
    inverse = np.linalg.inv(GRID.affine)
    found = PLACES.within(chosen, rng) @ inverse[:3, :3].T + inverse[:3, 3]
    found -= np.array(np.unravel_index(INDEX[7], GRID.shape, order="F"))
    for axis in found.T:
        assert stats.kstest(axis, stats.uniform(-0.5, 1).cdf).pvalue > 1e-3


def test_places_and_rates_that_cannot_be_are_refused() -> None:
    with pytest.raises(RequestError, match="no voxel"):
        FocusPlaces(GRID, INDEX[:0])
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(RequestError, match="base rate"):
            FocusPlaces(GRID, INDEX[:2], np.array([1.0, wrong]))
