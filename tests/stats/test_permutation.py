from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.stats import (
    GroupMaps,
    HeightRule,
    MaxNull,
    contrast_mask,
    max_t_null,
    one_sample,
    sign_flips,
)
from tests.stats.exact_sums import exact_sums

RULE = HeightRule(
    control="permutation",
    alpha=0.05,
    tail="positive",
    min_mean_z=0.0,
    min_cluster_voxels=0,
    min_subjects=0.5,
    n_permutations=200,
    random_seed=0,
)


def maps(n: int, v: int, k: int = 0, *, missing: float = 0.0, seed: int = 0) -> GroupMaps:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, v)).astype(np.float32)
    z[:, : v // 10] += 1.2
    z[rng.random(z.shape) < missing] = np.nan
    columns = rng.standard_normal((n, k))
    return GroupMaps(z, columns - columns.mean(axis=0))


def t_by_least_squares(z: NDArray[np.float64], columns: NDArray[np.float64]) -> float:
    design = np.column_stack([np.ones(len(z)), columns])
    beta, residual, *_ = np.linalg.lstsq(design, z, rcond=None)
    df = len(z) - design.shape[1]
    return float(beta[0] / np.sqrt(residual[0] / df * np.linalg.inv(design.T @ design)[0, 0]))


def freedman_lane(kept: GroupMaps, signs: NDArray[np.int8]) -> NDArray[np.float64]:
    """t of every flip and voxel, one regression after the other, the fit added back."""
    found = np.empty((len(signs), kept.values.shape[1]))
    for voxel in range(kept.values.shape[1]):
        has = np.isfinite(kept.values[:, voxel])
        z, columns = kept.values[has, voxel].astype(float), kept.covariates[has]
        fit = columns @ np.linalg.lstsq(columns, z, rcond=None)[0]
        for number, flip in enumerate(signs):
            found[number, voxel] = t_by_least_squares(fit + flip[has] * (z - fit), columns)
    return found


@pytest.mark.parametrize("tail", ["positive", "negative", "two-sided"])
@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("k", [0, 2])
def test_maxima_are_those_of_one_regression_after_the_other(
    k: int, missing: float, tail: str
) -> None:
    kept = maps(13, 25, k, missing=missing)
    signs, exact = sign_flips(13, 40, 3)
    t = freedman_lane(kept, signs)
    largest = {"positive": t, "negative": -t, "two-sided": np.abs(t)}[tail].max(axis=1)
    null = max_t_null(kept, np.ones(25, dtype=bool), tail=tail, n_permutations=40, seed=3)
    assert not exact
    assert not null.exact
    np.testing.assert_allclose(null.maxima, np.sort(largest)[::-1], rtol=1e-5)


@pytest.mark.parametrize("k", [0, 2])
def test_threshold_agrees_with_nilearn(k: int) -> None:
    from nilearn.mass_univariate import permuted_ols

    kept = maps(30, 400, k, seed=5)
    theirs = permuted_ols(
        np.ones((30, 1)),
        kept.values.astype(float),
        confounding_vars=kept.covariates if k else None,
        model_intercept=False,
        n_perm=2000,
        two_sided_test=False,
        random_state=1,
        output_type="dict",
    )
    ours = max_t_null(kept, np.ones(400, dtype=bool), tail="positive", n_permutations=2000, seed=2)
    one, two = (
        np.array([t_by_least_squares(kept.values[:, v], kept.covariates) for v in range(400)]),
        theirs["t"].ravel(),
    )
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    # standard error of a 95th percentile of 2,000 maxima: below 0.05 here
    h0 = np.quantile(theirs["h0_max_t"], 0.95)
    assert ours.threshold(0.05) == pytest.approx(h0, abs=0.15)
    p, q = ours.p(one), 10.0 ** -theirs["logp_max_t"].ravel()
    standard_error = np.sqrt(np.maximum(p * (1 - p), 1 / 2001) / 2000)
    assert (np.abs(p - q) < 4 * math.sqrt(2) * standard_error).all()


def test_few_participants_are_enumerated() -> None:
    signs, exact = sign_flips(4, 1000, 0)
    assert exact
    assert {tuple(row) for row in signs} == set(itertools.product((1, -1), repeat=4))
    assert (signs[0] == 1).all()
    assert sign_flips(10, 1000, 0)[0].shape == (1001, 10)
    assert sign_flips(10, 1024, 0)[0].shape == (1024, 10)


def test_random_flips_follow_the_seed() -> None:
    first, again, other = (sign_flips(40, 99, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first[0] == 1).all()


def test_p_is_never_zero_and_its_threshold_is_consistent() -> None:
    kept = maps(20, 300)
    t = np.array([t_by_least_squares(kept.values[:, v], kept.covariates) for v in range(300)])
    null = max_t_null(kept, np.ones(300, dtype=bool), tail="positive", n_permutations=99, seed=0)
    p = null.p(np.append(t, [100.0, np.nan]))
    assert p[-2] == 1 / 100
    assert math.isnan(p[-1])
    assert p[:-1].min() > 0
    np.testing.assert_array_equal(t >= null.threshold(0.05), p[:-2] <= 0.05)


def test_too_few_flips_reach_no_alpha() -> None:
    assert MaxNull(np.array([3.0, 2.0, 1.0]), exact=True).threshold(0.05) == math.inf
    with pytest.raises(RequestError, match="cannot be reached with 18 permutations"):
        dataclasses.replace(RULE, n_permutations=18)
    assert dataclasses.replace(RULE, n_permutations=19).n_permutations == 19


def test_only_tested_voxels_enter_the_maximum() -> None:
    kept = maps(15, 30)
    tested = np.arange(30) >= 10
    rest = GroupMaps(kept.values[:, 10:], kept.covariates)
    first = max_t_null(kept, tested, tail="positive", n_permutations=50, seed=0)
    second = max_t_null(rest, np.ones(20, bool), tail="positive", n_permutations=50, seed=0)
    np.testing.assert_array_equal(first.maxima, second.maxima)


@pytest.mark.parametrize("tail", ["positive", "negative", "two-sided"])
def test_contrast_mask_by_permutation(tail: str) -> None:
    kept = maps(16, 120, seed=7)
    moments = exact_sums(kept.values, (6, 5, 4))
    test = one_sample(moments, min_subjects=0.5)
    rule = dataclasses.replace(RULE, tail=tail)
    found = contrast_mask(test, moments, rule, maps=kept)
    assert found.null is not None
    size = {"positive": test.t, "negative": -test.t, "two-sided": np.abs(test.t)}[tail]
    np.testing.assert_array_equal(found.significant, found.null.p(size) <= 0.05)
    assert found.significant.any() == (tail != "negative")


def test_false_positives_are_controlled() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for seed in range(200):
        kept = GroupMaps(rng.standard_normal((12, 30)), np.zeros((12, 0)))
        t = kept.values.mean(axis=0) / (kept.values.std(axis=0, ddof=1) / math.sqrt(12))
        null = max_t_null(kept, np.ones(30, bool), tail="positive", n_permutations=99, seed=seed)
        hits += bool((t >= null.threshold(0.05)).any())
    # 200 draws of 0.05: 10, standard deviation 3.1
    assert hits <= 20
