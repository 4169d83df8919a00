"""Agreement of a variant with its network, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import dice as scipy_dissimilarity

from fcnm_bids.grid import Grid
from fcnm_bids.robustness.agreement import (
    ROBUSTNESS_COLUMNS,
    Reference,
    compared,
    effects_compared,
)

GRID = Grid((6, 1, 1), np.diag([2.0, 3.0, 4.0, 1.0]), "MNI")
P = np.array([0.8, 0.6, 0.0, 0.7, 0.2, np.nan])


def reference(probability: NDArray[np.float64], volume: float = 0.0) -> Reference:
    return Reference(probability, 0.6, volume, GRID, np.arange(6))


def test_the_network_is_what_reaches_the_threshold_and_the_volume() -> None:
    np.testing.assert_array_equal(reference(P).network, [1, 1, 0, 1, 0, 0])
    np.testing.assert_array_equal(reference(P, 48.0).network, [1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(reference(P).network_of(P, 0.75), [1, 0, 0, 0, 0, 0])


def test_measures_by_hand() -> None:
    other = np.array([0.9, 0.1, 0.2, 0.7, 0.6, 0.5])
    found = compared(reference(P), other)
    both = np.isfinite(P)
    assert found == {
        "n_voxels": 3,
        "volume_mm3": pytest.approx(3 * 24.0),
        "dice": pytest.approx(1 - scipy_dissimilarity(reference(P).network, other >= 0.6)),
        "correlation": pytest.approx(np.corrcoef(P[both], other[both])[0, 1]),
        "mean_change": pytest.approx((0.1 + 0.5 + 0.2 + 0.0 + 0.4) / 5),
    }
    assert set(found) < set(ROBUSTNESS_COLUMNS)


def test_a_threshold_of_its_own_changes_the_variant_alone() -> None:
    found = compared(reference(P), P, threshold=0.75)
    assert (found["n_voxels"], found["dice"], found["mean_change"]) == (1, 2 * 1 / (1 + 3), 0)


def test_without_a_tested_voxel_there_is_nothing_to_compare() -> None:
    found = compared(reference(P), np.full(6, np.nan))
    assert found["n_voxels"] == 0
    assert all(math.isnan(found[name]) for name in ("dice", "correlation", "mean_change"))


def test_two_effects_compared_by_hand() -> None:
    a, b = np.zeros(6), np.zeros(6)
    a[:4], b[2:5] = 1.0, 1.0
    found = effects_compared(reference(a), reference(b), a, -a)
    assert (found["n_voxels_a"], found["n_voxels_b"], found["n_voxels_both"]) == (4, 3, 2)
    assert (found["n_voxels_a_only"], found["n_voxels_b_only"]) == (2, 1)
    assert found["dice"] == pytest.approx(4 / 7)
    assert found["correlation_effect"] == pytest.approx(-1)
