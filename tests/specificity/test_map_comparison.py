"""Other maps against a network's and those of a null."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fcnm_bids.specificity import (
    LabelledContrasts,
    compare_difference,
    compare_maps,
    relabellings,
)

V = 500
EVERYWHERE = np.ones(V, dtype=bool)


def maps(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, V))


@pytest.mark.parametrize("spearman", [False, True])
def test_statistics_are_those_of_scipy(spearman: bool) -> None:
    own, (first, second) = maps(0, 12).round(1), maps(1, 2)
    inside = (second > 0.3).astype(float)
    own[3, 7], first[9] = np.nan, np.nan
    others = {"first": first, "inside": inside}
    found = compare_maps(own[0], lambda: [own[1:5], own[5:]], others, EVERYWHERE, spearman=spearman)
    used = {"first": np.setdiff1d(np.arange(V), [7, 9]), "inside": np.setdiff1d(np.arange(V), [7])}
    r = stats.spearmanr if spearman else stats.pearsonr
    every = np.vstack([found.observed, found.draws])
    for values, row in zip(own, every, strict=True):
        assert row[0] == pytest.approx(r(values[used["first"]], first[used["first"]])[0])
        values, high = values[used["inside"]], inside[used["inside"]] > 0
        assert row[1] == pytest.approx(values[high].mean() - values[~high].mean())
    assert found.statistic == ("spearman" if spearman else "pearson", "inside minus outside")
    assert found.n_voxels.tolist() == [V - 2, V - 1]
    for number in range(2):
        above = (every[:, number] >= every[0, number] - 1e-9).mean()
        below = (every[:, number] <= every[0, number] + 1e-9).mean()
        assert found.p[number] == pytest.approx(min(1, 2 * min(above, below)))
    size = np.abs(stats.zscore(every, axis=0))
    reached = (size.max(axis=1)[:, None] >= size[0] - 1e-9).mean(axis=0)
    np.testing.assert_allclose(found.p_fwe, np.maximum(reached, found.p))


def test_p_is_uniform_under_the_null() -> None:
    other = {"a": maps(2, 1)[0], "b": maps(3, 1)[0]}
    drawn = maps(4, 400)
    ps = []
    for i in range(400):
        first = i - i % 20
        others = np.delete(drawn[first : first + 20], i % 20, axis=0)
        found = compare_maps(drawn[i], lambda others=others: [others], other, EVERYWHERE)
        ps.append([found.p.min(), found.p_fwe.min()])
    # 20 maps a set, each of which is the observed one once: exact
    assert (np.array(ps)[:, 1] <= 0.1 + 1e-9).mean() <= 0.1 + 1e-9
    assert (np.array(ps)[:, 0] <= 0.1 + 1e-9).mean() <= 0.2 + 1e-9


def test_flat_maps_are_like_none() -> None:
    found = compare_maps(
        np.zeros(V), lambda: [maps(0, 3)], {"a": maps(1, 1)[0], "flat": np.ones(V)}, EVERYWHERE
    )
    assert found.observed[0] == 0
    assert np.isnan(found.observed[1])
    assert np.isnan(found.p[1])
    assert np.isnan(found.p_fwe[1])


def test_a_map_with_too_few_voxels_leaves_the_others_theirs() -> None:
    small, other = maps(2, 2)
    small[150:] = np.nan
    own = maps(1, 3)
    found = compare_maps(own[0], lambda: [own[1:]], {"small": small, "other": other}, EVERYWHERE)
    assert found.n_voxels.tolist() == [150, V]
    assert np.isnan([found.observed[0], found.p[0], found.p_fwe[0]]).all()
    alone = compare_maps(own[0], lambda: [own[1:]], {"other": other}, EVERYWHERE)
    assert found.observed[1] == alone.observed[0]
    assert found.p_fwe[1] == alone.p_fwe[0]


@pytest.mark.parametrize("n_draws", [1000, 9])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_difference_of_effects_is_compared_in_every_labelling(
    n_draws: int, weighted: bool
) -> None:
    rng = np.random.default_rng(5)
    n = 8
    counted = np.ones((n, V), dtype=bool)
    counted[2, 4], counted[6] = False, False
    weights = rng.uniform(1, 3, n) if weighted else None
    labelled = LabelledContrasts(
        counted & (rng.random((n, V)) < 0.4), counted, np.arange(n) < 4, np.arange(n) % 4, weights
    )
    other = rng.standard_normal(V)
    found = compare_difference(labelled, {"a": other}, EVERYWHERE, n_draws=n_draws, seed=3)
    rows, exact = relabellings(labelled, n_draws, 3)
    assert exact == (n_draws == 1000)
    used = np.arange(V) != 4
    by_hand = []
    for is_first in rows:
        first, second = (labelled.probability(own) for own in (is_first, ~is_first))
        by_hand.append(stats.pearsonr((first - second)[used], other[used])[0])
    assert found.observed[0] == pytest.approx(by_hand[0])
    np.testing.assert_allclose(found.draws[:, 0], by_hand[1:])
    above, below = ((s * np.array(by_hand) >= s * by_hand[0] - 1e-9).mean() for s in (1, -1))
    assert found.p[0] == pytest.approx(min(1, 2 * min(above, below)))


def test_an_effect_without_contrasts_has_no_difference() -> None:
    counted = np.repeat([[True], [False]], V, axis=1)
    labelled = LabelledContrasts(counted, counted, np.array([True, False]), np.arange(2), None)
    found = compare_difference(labelled, {"a": maps(0, 1)[0]}, EVERYWHERE, n_draws=9, seed=0)
    assert found.names == ()
