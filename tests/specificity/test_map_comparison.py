"""Other maps against a network's and those of a null."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fcnm_bids.specificity import compare_maps

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
    used = np.setdiff1d(np.arange(V), [7, 9])
    r = stats.spearmanr if spearman else stats.pearsonr
    every = np.vstack([found.observed, found.draws])
    for values, row in zip(own, every, strict=True):
        assert row[0] == pytest.approx(r(values[used], first[used])[0])
        high = inside[used] > 0
        assert row[1] == pytest.approx(values[used][high].mean() - values[used][~high].mean())
    assert found.statistic == ("spearman" if spearman else "pearson", "inside minus outside")
    assert found.n_voxels == V - 2
    for number in range(2):
        above = (every[:, number] >= every[0, number] - 1e-9).mean()
        below = (every[:, number] <= every[0, number] + 1e-9).mean()
        assert found.p[number] == pytest.approx(min(1, 2 * min(above, below)))
    size = np.abs(stats.zscore(every, axis=0))
    np.testing.assert_allclose(
        found.p_fwe, (size.max(axis=1)[:, None] >= size[0] - 1e-9).mean(axis=0)
    )


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


def test_too_few_voxels_are_refused() -> None:
    few = np.arange(V) < 150
    with pytest.raises(ValueError, match="150 voxels in common"):
        compare_maps(maps(0, 1)[0], lambda: [maps(1, 2)], {"a": maps(2, 1)[0]}, few)
