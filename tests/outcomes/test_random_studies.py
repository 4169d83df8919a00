from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from fcnm_bids.outcomes.random_studies import (
    CrossProducts,
    RandomStudies,
    between_seed_variance,
    fit_random_studies,
    study_permutations,
    without_covariates,
)

Array = NDArray[np.float64]


def participants(
    n: int, c: int, v: int, *, tau: float = 0.0, seed: int = 0
) -> tuple[Array, Array, CrossProducts]:
    """Maps of participants who share what all contrasts have, and the true effects."""
    rng = np.random.default_rng(seed)
    truth = 0.3 + tau * rng.standard_normal((c, v))
    shared = rng.standard_normal((n, 1, v))
    z = truth + 0.3 * (shared + rng.standard_normal((n, c, v)))
    sums = CrossProducts(c, v)
    for own in z:
        sums.add(own)
    return z, truth, sums


def full(packed: Array, c: int) -> Array:
    square = np.empty((c, c))
    square[np.tril_indices(c)] = packed
    return np.tril(square) + np.tril(square, -1).T


def test_the_error_covariance_is_that_over_participants() -> None:
    z, _, sums = participants(9, 4, 5)
    for voxel in range(5):
        wanted = np.cov(z[:, :, voxel].T) / 9
        np.testing.assert_allclose(full(sums.error_covariance()[:, voxel], 4), wanted, rtol=1e-10)


def test_participants_without_a_contrast_do_not_enter_there() -> None:
    z, _, _ = participants(9, 4, 5)
    z[2, 1, 3] = np.nan
    sums = CrossProducts(4, 5)
    for own in z:
        sums.add(own)
    wanted = np.cov(np.delete(z, 2, axis=0)[:, :, 3].T) / 8
    np.testing.assert_allclose(full(sums.error_covariance()[:, 3], 4), wanted, rtol=1e-10)
    assert sums.n.tolist() == [9, 9, 9, 8, 9]


def test_generalised_least_squares_by_brute_force() -> None:
    c, v = 8, 6
    z, _, sums = participants(20, c, v, tau=0.1)
    rng = np.random.default_rng(1)
    moderators = rng.standard_normal((c, 2))
    effects, errors = z.mean(axis=0), sums.error_covariance()
    study = np.arange(c)
    permutations = [study_permutations(study, m, 15, 0) for m in moderators.T]
    found = fit_random_studies(effects, errors, moderators, permutations)
    x = np.column_stack([np.ones(c), moderators - moderators.mean(axis=0)])
    for voxel in range(v):
        s, m = full(errors[:, voxel], c), effects[:, voxel]

        def tau2(design: Array, s: Array = s, m: Array = m) -> float:
            r = np.eye(c) - design @ np.linalg.pinv(design)
            return max(0.0, (m @ r @ m - np.trace(r @ s)) / np.trace(r))

        def gls(design: Array, variance: float, s: Array = s, m: Array = m) -> tuple[Array, Array]:
            w = np.linalg.inv(s + variance * np.eye(c))
            inverse = np.linalg.inv(design.T @ w @ design)
            return inverse @ design.T @ w @ m, np.sqrt(np.diag(inverse))

        beta, error = gls(x, tau2(x))
        assert found.tau2[voxel] == pytest.approx(tau2(x), abs=1e-12)
        assert found.mean[voxel] == pytest.approx(beta[0], rel=1e-9)
        assert found.standard_error[voxel] == pytest.approx(error[0], rel=1e-9)
        for number in (0, 1):
            variance = tau2(np.delete(x, number + 1, axis=1))
            beta, error = gls(x, variance)
            assert found.slopes[number, voxel] == pytest.approx(beta[number + 1], rel=1e-8)
            z_value = beta[number + 1] / error[number + 1]
            assert found.z[number, voxel] == pytest.approx(z_value, rel=1e-8)
    for number, permuted in enumerate(permutations):
        largest = []
        for row in permuted.rows:
            other = moderators.copy()
            other[:, number] = moderators[row, number]
            refit = fit_random_studies(effects, errors, other, permutations)
            largest.append(np.abs(refit.z[number]).max())
        np.testing.assert_allclose(found.nulls[number].maxima, np.sort(largest)[::-1], rtol=1e-8)


def test_independent_errors_would_find_variance_that_is_not_there() -> None:
    z, _, sums = participants(200, 10, 400)
    effects, errors = z.mean(axis=0), sums.error_covariance()
    found = between_seed_variance(effects, errors, np.ones((10, 1)))
    first, second = np.tril_indices(10)
    independent = np.where((first == second)[:, None], errors, 0.0)
    without_covariance = between_seed_variance(effects, independent, np.ones((10, 1)))
    assert found.mean() > without_covariance.mean()  # shared errors move all contrasts together
    assert found.mean() < 2e-4


def test_the_variance_between_seeds_is_found() -> None:
    z, _, sums = participants(200, 40, 300, tau=0.1)
    found = between_seed_variance(z.mean(axis=0), sums.error_covariance(), np.ones((40, 1)))
    assert found.mean() == pytest.approx(0.01, rel=0.05)


def test_more_contrasts_than_participants_without_variance_have_no_inverse() -> None:
    _, _, sums = participants(5, 8, 3)
    effects = np.full((8, 3), 0.3)
    found = fit_random_studies(effects, sums.error_covariance(), np.zeros((8, 0)), [])
    assert (found.tau2 == 0).all()
    assert np.isnan(found.mean).all()


def test_whole_studies_move() -> None:
    study = np.array([0, 0, 1, 2, 2])
    dose = np.array([1.0, 1.0, 2.0, 3.0, 3.0])
    found = study_permutations(study, dose, 100, 0)
    assert found.exhaustive
    assert len(found.rows) == math.factorial(3)
    values = {tuple(dose[row]) for row in found.rows}
    assert (2.0, 2.0, 1.0, 3.0, 3.0) in values
    varying = np.array([1.0, 1.5, 2.0, 3.0, 3.5])
    moved = study_permutations(study, varying, 100, 0)
    assert {tuple(varying[row]) for row in moved.rows} == {
        (1.0, 1.5, 2.0, 3.0, 3.5),
        (3.0, 3.5, 2.0, 1.0, 1.5),
    }


def test_moderators_that_determine_each_other_are_refused() -> None:
    _, _, sums = participants(9, 4, 2)
    same = np.column_stack([np.arange(4.0)] * 2)
    with pytest.raises(ValueError, match="determine each other"):
        fit_random_studies(np.ones((4, 2)), sums.error_covariance(), same, [])


def test_slabs_of_voxels_joined_are_one_fit() -> None:
    z, _, sums = participants(20, 7, 50, tau=0.1)
    effects, errors = z.mean(axis=0), sums.error_covariance()
    dose = np.arange(7.0) ** 2
    permuted = [study_permutations(np.arange(7), dose, 60, 0)]
    whole = fit_random_studies(effects, errors, dose[:, None], permuted)
    slabs = [
        fit_random_studies(effects[:, part], errors[:, part], dose[:, None], permuted)
        for part in (slice(0, 20), slice(20, 50))
    ]
    joined = RandomStudies.join(slabs)
    np.testing.assert_allclose(joined.tau2, whole.tau2, rtol=1e-12)
    np.testing.assert_allclose(joined.z, whole.z, rtol=1e-10)
    np.testing.assert_array_equal(joined.p_fwe, whole.p_fwe)


def test_covariates_adjust_and_are_not_tested() -> None:
    z, _, sums = participants(20, 9, 5, tau=0.1)
    effects, errors = z.mean(axis=0), sums.error_covariance()
    rng = np.random.default_rng(2)
    year = np.repeat(rng.standard_normal(3), 3)
    dose = year + np.repeat(rng.standard_normal(3), 3)
    rest = without_covariates(dose, year[:, None])
    assert [np.ptp(rest[3 * i : 3 * i + 3]) for i in range(3)] == [0, 0, 0]
    np.testing.assert_allclose([rest.sum(), rest @ year], 0, atol=1e-12)
    study = np.repeat(np.arange(3), 3)
    permuted = [study_permutations(study, rest, 100, 0)]
    assert len(permuted[0].rows) == 6
    found = fit_random_studies(effects, errors, np.column_stack([rest, year]), permuted)
    both = [study_permutations(study, own, 1, 0) for own in (dose, year)]
    plain = fit_random_studies(effects, errors, np.column_stack([dose, year]), both)
    assert found.z.shape == (1, 5)
    np.testing.assert_allclose(found.z[0], plain.z[0], rtol=1e-9)
    np.testing.assert_allclose(found.slopes[0], plain.slopes[0], rtol=1e-9)


def test_a_moderator_that_covariates_determine_has_no_rest() -> None:
    year = np.array([1.0, 2.0, 4.0])
    assert (without_covariates(3 * year + 1, year[:, None]) == 0).all()
