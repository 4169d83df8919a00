from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.mapping import probability_map
from fcnm_bids.network import dice, network_mask
from fcnm_bids.robustness import (
    Reference,
    bootstrap,
    leave_one_study_out,
    studies_alike,
    threshold_sweep,
)

GRID = Grid((8, 7, 6), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")
INDEX = np.arange(GRID.n_voxels)
STUDIES = [("A",), ("A",), ("B",), ("C",), ("D", "E")]
RULE = {"threshold": 0.6, "min_cluster_volume": 54.0}


def contrast_masks(seed: int = 0) -> NDArray[np.bool_]:
    rng = np.random.default_rng(seed)
    common = rng.random(GRID.n_voxels) < 0.4
    return np.stack([np.where(common, rng.random(INDEX.size) < 0.8, False) for _ in STUDIES])


def reference(masks: NDArray[np.bool_], weights: NDArray[np.float64] | None = None) -> Reference:
    probability, _ = probability_map(masks, np.ones_like(masks), weights)
    return Reference(probability, grid=GRID, index=INDEX, **RULE)


def test_the_sweep_shrinks_and_meets_the_network_at_its_own_threshold() -> None:
    masks = contrast_masks()
    rows = threshold_sweep(reference(masks), 5, (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9))
    sizes = [row["n_voxels"] for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]
    own = next(row for row in rows if row["level"] == "0.6")
    assert own["dice"] == own["correlation"] == pytest.approx(1)
    assert own["mean_change"] == 0


@pytest.mark.parametrize("weights", [None, np.array([10.0, 20.0, 5.0, 40.0, 12.0])])
def test_each_study_left_out_equals_brute_force(weights: NDArray[np.float64] | None) -> None:
    masks = contrast_masks()
    whole = reference(masks, weights)
    rows = leave_one_study_out(masks, np.ones_like(masks), weights, STUDIES, whole)
    assert [row["level"] for row in rows] == ["A", "B", "C", "D", "E"]
    for row in rows:
        rest = [i for i, names in enumerate(STUDIES) if row["level"] not in names]
        share = np.ones(5) if weights is None else weights
        probability = sum(share[i] * masks[i] for i in rest) / share[rest].sum()
        network = network_mask(probability, grid=GRID, index=INDEX, **RULE)
        assert row["n_contrasts"] == len(rest)
        assert row["n_voxels"] == network.sum()
        assert row["dice"] == dice(network, whole.network)
        assert row["mean_change"] == pytest.approx(np.abs(probability - whole.probability).mean())


def test_the_only_study_cannot_be_left_out() -> None:
    masks = contrast_masks()[:2]
    (row,) = leave_one_study_out(
        masks, np.ones_like(masks), None, [("A",), ("A",)], reference(masks)
    )
    assert row["n_contrasts"] == 0
    assert "dice" not in row


def test_duplicating_every_study_leaves_everything_unchanged() -> None:
    masks = contrast_masks()
    once, twice = reference(masks), reference(np.repeat(masks, 2, axis=0))
    np.testing.assert_array_equal(once.probability, twice.probability)
    np.testing.assert_array_equal(once.network, twice.network)
    rows = leave_one_study_out(masks, np.ones_like(masks), None, STUDIES, once)
    doubled = leave_one_study_out(
        np.repeat(masks, 2, axis=0),
        np.ones((10, INDEX.size), dtype=bool),
        None,
        [names for names in STUDIES for _ in range(2)],
        twice,
    )
    for row, other in zip(rows, doubled, strict=True):
        assert row["n_voxels"] == other["n_voxels"]
        assert row["dice"] == other["dice"]


def test_the_interval_of_equal_contrasts_is_binomial() -> None:
    from scipy import stats

    masks = contrast_masks()
    whole = reference(masks)
    drawn = bootstrap(masks, None, whole, n_draws=4000, seed=1, interval=0.9)
    levels = np.unique(whole.probability)
    for p in levels:
        here = whole.probability == p
        expected = stats.binom(5, p).ppf([0.05, 0.95]) / 5
        # 4,000 draws may fall on either side where the level is met almost exactly
        low, high = np.median(drawn.lower[here]), np.median(drawn.upper[here])
        assert abs(low - expected[0]) <= 0.2 + 1e-9
        assert abs(high - expected[1]) <= 0.2 + 1e-9
        assert low <= p + 1e-9 <= high + 2e-9
    assert len(drawn.rows) == 4000
    certain = (whole.probability == 0) | (whole.probability == 1)
    np.testing.assert_allclose(drawn.lower[certain], whole.probability[certain])


def test_a_bootstrap_of_one_contrast_is_that_contrast() -> None:
    masks = contrast_masks()[:1]
    drawn = bootstrap(masks, None, reference(masks), n_draws=3, seed=0, interval=0.95)
    assert all(row["dice"] == 1 for row in drawn.rows)


@pytest.mark.parametrize("weights", [None, np.array([10.0, 20.0, 5.0, 40.0, 12.0])])
def test_voxels_are_drawn_alike_with_and_without_others(
    weights: NDArray[np.float64] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = contrast_masks()
    whole = reference(masks, weights)
    some = bootstrap(masks, weights, whole, n_draws=200, seed=1, interval=0.9)
    monkeypatch.setattr("fcnm_bids.robustness.contrasts._MOST_BITS", 0)
    every = bootstrap(masks, weights, whole, n_draws=200, seed=1, interval=0.9)
    np.testing.assert_array_equal(some.lower, every.lower)
    np.testing.assert_array_equal(some.upper, every.upper)
    assert repr(some.rows) == repr(every.rows)
    assert [row["draw"] for row in some.rows] == list(range(200))


def test_contrasts_of_a_study_are_drawn_together() -> None:
    once = contrast_masks()[:3]
    unit = np.array([4, 4, 7, 9, 9, 9])
    masks = once[[0, 0, 1, 2, 2, 2]]
    own = 1 / np.bincount(unit)[unit]
    whole = reference(masks, own)
    drawn = bootstrap(masks, own, whole, n_draws=40, seed=3, interval=0.9, unit=unit)
    single = bootstrap(once, None, whole, n_draws=40, seed=3, interval=0.9)
    np.testing.assert_allclose(drawn.lower, single.lower, atol=1e-12)
    np.testing.assert_allclose(drawn.upper, single.upper, atol=1e-12)
    assert {row["n_contrasts"] for row in drawn.rows} > {6}


@pytest.mark.parametrize("weights", [None, np.array([10.0, 20.0, 5.0, 40.0, 12.0])])
def test_studies_alike_count_once_each(weights: NDArray[np.float64] | None) -> None:
    masks, unit = contrast_masks(), np.array([0, 0, 1, 2, 3])
    (row,) = studies_alike(masks, np.ones_like(masks), weights, unit, reference(masks))
    share = (np.ones(5) if weights is None else weights) * np.array([0.5, 0.5, 1, 1, 1])
    network = network_mask(share @ masks / share.sum(), grid=GRID, index=INDEX, **RULE)
    assert row["dice"] == dice(network, reference(masks).network)
    assert (row["n_contrasts"], row["n_voxels"]) == (5, network.sum())
    lone = np.arange(5)
    assert studies_alike(masks, np.ones_like(masks), weights, lone, reference(masks)) == []


def test_undefined_voxels_stay_undefined() -> None:
    masks = contrast_masks()
    whole = reference(masks)
    probability = whole.probability.copy()
    probability[3] = math.nan
    drawn = bootstrap(
        masks,
        None,
        Reference(probability, grid=GRID, index=INDEX, **RULE),
        n_draws=5,
        seed=0,
        interval=0.95,
    )
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(drawn.lower)), [3])
