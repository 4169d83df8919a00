from __future__ import annotations

import itertools

import numpy as np
import pytest
from nilearn.mass_univariate import permuted_ols
from numpy.typing import NDArray

from fcnm_bids.outcomes.association import associate
from fcnm_bids.outcomes.model import OutcomeModel

Array = NDArray[np.float64]


def simulated(
    k: int = 20, v: int = 60, *, cohorts: int = 2, seed: int = 0, volume: bool = True
) -> tuple[Array, OutcomeModel]:
    rng = np.random.default_rng(seed)
    cohort = np.arange(k) % cohorts
    columns = [np.ones(k), *(cohort == c for c in range(1, cohorts))]
    size = rng.standard_normal(k)
    nuisance = np.column_stack([*columns, size] if volume else columns).astype(float)
    outcome = rng.standard_normal(k) + size
    maps = rng.standard_normal((k, v)) + size[:, None]
    maps[:, :10] += 0.5 * outcome[:, None]
    return maps, OutcomeModel(outcome, nuisance, cohort)


def t_by_least_squares(m: Array, y: Array, nuisance: Array) -> tuple[float, int]:
    """t of the outcome in the regression of a voxel on it and the nuisance columns."""
    design = np.column_stack([y, nuisance])
    beta, residual, rank, _ = np.linalg.lstsq(design, m, rcond=None)
    df = len(m) - int(rank)
    error = np.sqrt(residual[0] / df * np.linalg.inv(design.T @ design)[0, 0])
    return float(beta[0] / error), df


def test_t_is_that_of_least_squares() -> None:
    maps, model = simulated()
    found = associate(maps, model, model.permutations(10, 0))
    for voxel in range(maps.shape[1]):
        t, df = t_by_least_squares(maps[:, voxel], model.outcome, model.nuisance)
        assert found.t[voxel] == pytest.approx(t, rel=1e-8, abs=1e-8)
        assert found.df[voxel] == df
        assert found.r[voxel] == pytest.approx(t / np.sqrt(df + t * t), abs=1e-8)


def test_permutations_are_those_of_freedman_and_lane() -> None:
    maps, model = simulated(k=14)
    permutations = model.permutations(20, 3)
    found = associate(maps, model, permutations)
    fit = model.outcome - model.residuals
    largest = [
        max(
            abs(t_by_least_squares(m, fit + model.residuals[row], model.nuisance)[0])
            for m in maps.T
        )
        for row in permutations.rows
    ]
    np.testing.assert_allclose(found.null.maxima, np.sort(largest)[::-1], rtol=1e-8)
    reached = np.array(largest) >= np.abs(found.t)[:, None] * (1 - 1e-8)
    np.testing.assert_allclose(found.p_fwe, reached.mean(axis=1))


def test_all_permutations_where_they_are_few() -> None:
    maps, model = simulated(k=8, v=5, volume=False)
    found = associate(maps, model, model.permutations(1000, 0))
    largest = []
    for a, b in itertools.product(itertools.permutations(range(4)), repeat=2):
        row = np.empty(8, dtype=int)
        row[::2], row[1::2] = 2 * np.array(a), 2 * np.array(b) + 1
        t = [t_by_least_squares(m, model.outcome[row], model.nuisance)[0] for m in maps.T]
        largest.append(np.abs(t).max())
    assert found.exact
    assert found.null.maxima.size == 24**2
    np.testing.assert_allclose(found.null.maxima, np.sort(largest)[::-1], rtol=1e-8)


def test_p_agrees_with_nilearn() -> None:
    maps, model = simulated(k=30, cohorts=1)
    n = 2000
    found = associate(maps, model, model.permutations(n, 0))
    # nilearn permutes the outcome's side of the model too, both signs, by the largest |t|
    other = permuted_ols(
        model.outcome[:, None],
        maps,
        confounding_vars=model.nuisance[:, 1:],
        model_intercept=True,
        n_perm=n,
        two_sided_test=True,
        random_state=0,
        output_type="dict",
        verbose=0,
    )
    np.testing.assert_allclose(found.t, other["t"][0], rtol=1e-8)
    theirs = 10 ** -other["logp_max_t"][0]
    error = np.sqrt(2 * np.maximum(theirs * (1 - theirs), 1 / n) / n)
    assert (np.abs(found.p_fwe - theirs) < 4 * error).all()


def test_a_voxel_without_some_seeds_has_the_model_of_the_others() -> None:
    maps, model = simulated(k=24)
    maps[3, 5] = maps[[3, 6], 11] = maps[:4, 20] = np.nan
    permutations = model.permutations(10, 0, complete=False)
    found = associate(maps, model, permutations)
    for voxel in (5, 11):
        has = np.isfinite(maps[:, voxel])
        t, df = t_by_least_squares(maps[has, voxel], model.outcome[has], model.nuisance[has])
        assert found.t[voxel] == pytest.approx(t, rel=1e-8)
        assert (found.df[voxel], found.n[voxel]) == (df, has.sum())
    assert found.n[20] == 20
    assert np.isnan([found.t[20], found.r[20], found.p_fwe[20]]).all()


def test_missing_seeds_are_permuted_as_the_others() -> None:
    maps, model = simulated(k=24, v=1)
    maps[3, 0] = np.nan
    permutations = model.permutations(200, 0, complete=False)
    found = associate(maps, model, permutations)
    has = np.arange(24) != 3
    part = OutcomeModel(model.outcome[has], model.nuisance[has], model.block[has])
    largest = []
    for row in permutations.among(has):
        y = part.outcome - part.residuals + part.residuals[row]
        largest.append(abs(t_by_least_squares(maps[has, 0], y, part.nuisance)[0]))
    np.testing.assert_allclose(found.null.maxima, np.sort(largest)[::-1], rtol=1e-8)


def test_both_signs_and_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, model = simulated(v=400)
    permutations = model.permutations(50, 0)
    one = associate(maps, model, permutations)
    turned = associate(-maps, model, permutations)
    np.testing.assert_allclose(turned.t, -one.t)
    np.testing.assert_allclose(turned.p_fwe, one.p_fwe)
    monkeypatch.setattr("fcnm_bids.outcomes.association._TILE_NUMBERS", 1)
    np.testing.assert_allclose(associate(maps, model, permutations).t, one.t, rtol=1e-12)


def test_a_voxel_without_variation_is_not_tested() -> None:
    maps, model = simulated()
    maps[:, 0] = 0.7
    maps[:, 1] = model.nuisance @ [0.1, 0.2, 0.3]
    found = associate(maps, model, model.permutations(5, 0))
    assert np.isnan(found.t[:2]).all()
    assert np.isfinite(found.t[2:]).all()


def test_an_outcome_that_follows_from_the_nuisance_columns_is_refused() -> None:
    maps, model = simulated()
    followed = OutcomeModel(model.nuisance @ [1.0, 2.0, 3.0], model.nuisance, model.block)
    with pytest.raises(ValueError, match="nothing of the outcome"):
        associate(maps, followed, followed.permutations(5, 0))


def test_exact_only_where_permutation_leaves_the_nuisance_columns_alone() -> None:
    _, cohorts_only = simulated(k=8, volume=False)
    _, with_volume = simulated(k=8)
    assert cohorts_only.exact
    assert not with_volume.exact
