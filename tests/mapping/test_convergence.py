"""Convergence without a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from fcnm_bids.grid import Grid
from fcnm_bids.mapping import convergence_map, near_own_seed
from fcnm_bids.seeds import Contrast, Focus, SeedMatrix, sphere_seeds

GRID = Grid((12, 11, 10), np.diag([-3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")
INDEX = np.flatnonzero(np.random.default_rng(0).random(GRID.n_voxels) < 0.7)


def contrast(name: str, positions: np.ndarray) -> Contrast:
    foci = tuple(Focus(*map(float, p), "MNI152", name, name, "e", None, "") for p in positions)
    return Contrast(name, "e", (name,), foci, None)


def test_voxels_are_near_their_own_foci() -> None:
    positions = GRID.positions(INDEX[[5, 400, 700]]) + 0.4
    contrasts = [contrast("a", positions[:2]), contrast("b", positions[2:])]
    near = near_own_seed(sphere_seeds(contrasts, GRID, radius=4, sphere="mm"), INDEX, 7.0)
    apart = np.linalg.norm(GRID.positions(INDEX)[:, None] - positions[None], axis=2)
    np.testing.assert_array_equal(near[0], apart[:, :2].min(axis=1) <= 7)
    np.testing.assert_array_equal(near[1], apart[:, 2] <= 7)


def test_voxels_are_near_the_voxels_of_a_mask() -> None:
    own = np.array([300, 301, 640])
    table = np.zeros((1, GRID.n_voxels))
    table[0, own] = 0.5
    seeds = SeedMatrix(csr_array(table), (Contrast("m", "e", (), (), None),), GRID)
    apart = np.linalg.norm(GRID.positions(INDEX)[:, None] - GRID.positions(own)[None], axis=2)
    np.testing.assert_array_equal(near_own_seed(seeds, INDEX, 6.0)[0], apart.min(axis=1) <= 6)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 5.0])])
def test_convergence_by_hand(weights: np.ndarray | None) -> None:
    means = np.array([[1.0, 1, np.nan, np.nan], [3, 3, 3, 3], [6, 6, 6, 6]])
    near = np.array([[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0]], dtype=bool)
    w = np.ones(3) if weights is None else weights
    expected = [
        (w @ [1, 3, 6]) / w.sum(),
        (w[1:] @ [3, 6]) / w[1:].sum(),
        np.nan,  # one of three counts
        np.nan,  # a counted contrast has no value
    ]
    np.testing.assert_allclose(convergence_map(means, near, weights), expected)


def test_nothing_to_count_converges_nowhere() -> None:
    assert np.isnan(convergence_map([], np.zeros((0, 4), dtype=bool))).all()
