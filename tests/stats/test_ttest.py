from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from fcnm_bids.stats import one_sample, t_isf, t_sf, t_to_z
from tests.stats.exact_sums import exact_sums


def normal(n: int, n_voxels: int, mean: float = 0.3, seed: int = 0) -> NDArray:
    return np.random.default_rng(seed).normal(mean, 0.2, (n, n_voxels))


def test_t_is_scipys() -> None:
    z = normal(12, 50)
    result = one_sample(exact_sums(z), min_subjects=1.0)
    np.testing.assert_allclose(result.t, stats.ttest_1samp(z, 0).statistic, rtol=1e-11)
    np.testing.assert_allclose(result.mean, z.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(result.variance, z.var(axis=0, ddof=1), rtol=1e-11)
    assert (result.df == 11).all()
    assert result.tested.all()


def test_with_missing_values_t_is_scipys_over_those_there_are() -> None:
    z = normal(20, 200)
    z[np.random.default_rng(1).random(z.shape) < 0.1] = np.nan
    result = one_sample(exact_sums(z), min_subjects=0.5)
    expected = stats.ttest_1samp(z, 0, nan_policy="omit")
    np.testing.assert_allclose(result.t, np.asarray(expected.statistic), rtol=1e-11)
    np.testing.assert_array_equal(result.df, expected.df)


@pytest.mark.parametrize(
    ("n_participants", "share", "needed"),
    [(10, 0.9, 9), (10, 0.7, 7), (11, 0.9, 10), (10, 1.0, 10), (10, 0.0, 2), (3, 0.1, 2)],
)
def test_how_many_participants_a_voxel_needs(
    n_participants: int, share: float, needed: int
) -> None:
    z = normal(n_participants, n_participants + 1)
    for absent in range(n_participants + 1):
        z[:absent, absent] = np.nan
    z = np.column_stack([z, np.ones(n_participants) + normal(n_participants, 1)[:, 0]])
    result = one_sample(exact_sums(z), min_subjects=share)
    present = np.append(n_participants - np.arange(n_participants + 1), n_participants)
    np.testing.assert_array_equal(result.tested, present >= needed)
    np.testing.assert_array_equal(np.isfinite(result.t), result.tested)


@pytest.mark.parametrize("value", [0.0, 0.1, 8.4, -1e-3, 1e6])
@pytest.mark.parametrize("n_participants", [2, 7, 300])
def test_a_voxel_that_does_not_vary_is_not_tested(value: float, n_participants: int) -> None:
    result = one_sample(exact_sums(np.full((n_participants, 3), value)), min_subjects=0.9)
    assert not result.tested.any()
    assert np.isnan(result.t).all()
    np.testing.assert_allclose(result.mean, value, rtol=1e-12)


def test_small_variation_around_a_large_mean_is_tested() -> None:
    z = 1.0 + 1e-3 * normal(30, 5)
    result = one_sample(exact_sums(z), min_subjects=0.9)
    np.testing.assert_allclose(result.t, stats.ttest_1samp(z, 0).statistic, rtol=1e-6)


def test_a_voxel_clipped_in_anybody_is_not_tested() -> None:
    z, clipped = normal(6, 4), np.zeros((6, 4), dtype=bool)
    clipped[5, 2] = True
    result = one_sample(exact_sums(z, clipped=clipped), min_subjects=0.9)
    np.testing.assert_array_equal(result.tested, [True, True, False, True])
    assert np.isnan(result.t[2])


def test_nobody_at_all() -> None:
    result = one_sample(exact_sums(np.zeros((0, 3))), min_subjects=0.9)
    assert not result.tested.any()
    assert np.isnan(result.mean).all()
    np.testing.assert_array_equal(result.df, 0)


@pytest.mark.parametrize("df", [1, 4, 29, 655, 2000])
@pytest.mark.parametrize("t", [-3.0, 0.0, 0.4, 2.1, 5.0, 20.0])
def test_tail_probability_is_scipys(t: float, df: float) -> None:
    np.testing.assert_allclose(t_sf(t, df), stats.t.sf(t, df), rtol=1e-11)


@pytest.mark.parametrize("df", [1, 4, 29, 655, 2000])
@pytest.mark.parametrize("p", [0.4, 0.05, 1e-4, 1e-8, 1e-12])
def test_the_quantile_inverts_the_tail(p: float, df: float) -> None:
    np.testing.assert_allclose(t_sf(t_isf(p, df), df), p, rtol=1e-10)


def incomplete_beta(x: mpmath.mpf, a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
    """I_x(a, b) by its series of positive terms (Abramowitz and Stegun 26.5.4)."""
    term = total = mpmath.mpf(1)
    n = 0
    while term > total * mpmath.mpf(10) ** -mpmath.mp.dps:
        term *= x * (a + b + n) / (a + 1 + n)
        total += term
        n += 1
    return x**a * (1 - x) ** b / (a * mpmath.beta(a, b)) * total


def exact_error(t: float, df: float, z: float) -> float:
    """Relative error of z, by one Newton step on the exact tail probabilities."""
    with mpmath.workdps(700):
        t_exact, nu, half = mpmath.mpf(t), mpmath.mpf(df), mpmath.mpf("0.5")
        x = nu / (nu + t_exact**2)
        if x < half:
            tail = incomplete_beta(x, nu / 2, half) / 2
        else:
            tail = (1 - incomplete_beta(1 - x, half, nu / 2)) / 2
        normal_tail = mpmath.erfc(mpmath.mpf(z) / mpmath.sqrt(2)) / 2
        slope = mpmath.npdf(mpmath.mpf(z))
        if abs(normal_tail / tail - 1) < 1e-3:
            step = (normal_tail - tail) / slope
        else:
            step = mpmath.log(normal_tail / tail) * normal_tail / slope
        return float(abs(step / mpmath.mpf(z)))


@pytest.mark.parametrize("df", [1, 2, 3, 4.5, 10, 29, 100, 655, 1112, 2000])
@pytest.mark.parametrize("t", [1e-12, 1e-3, 0.5, 0.68, 0.7, 3, 12, 36.5, 38, 39, 45, 120, 500])
def test_z_of_t_to_thirteen_digits(t: float, df: float) -> None:
    z = float(t_to_z(t, df))
    assert exact_error(t, df, z) < 1e-13
    assert float(t_to_z(-t, df)) == -z


def test_z_where_the_tail_underflows() -> None:
    assert stats.t.sf(100, 1112) == 0
    z = float(t_to_z(100.0, 1112))
    assert z == pytest.approx(50.6, abs=0.5)


def test_z_of_nothing_and_of_the_limits() -> None:
    np.testing.assert_array_equal(
        t_to_z([0.0, np.nan, np.inf, -np.inf], 20), [0, np.nan, np.inf, -np.inf]
    )
    assert t_to_z(np.zeros((2, 3)), np.array([5, 6, 7])).shape == (2, 3)


@given(
    st.floats(1, 2000),
    st.lists(st.floats(-500, 500), min_size=2, max_size=20),
)
def test_z_is_monotone_and_not_beyond_t(df: float, values: list[float]) -> None:
    t = np.sort(values)
    z = t_to_z(t, df)
    assert (np.diff(z) >= -1e-13 * np.abs(z[1:])).all()
    assert (np.abs(z) <= np.abs(t) * (1 + 1e-12)).all()
    np.testing.assert_array_equal(t_to_z(-t, df), -z)


@pytest.mark.parametrize("df", [5, 60, 700, 1800])
def test_z_has_no_seam(df: float) -> None:
    t = np.linspace(0.01, 500, 200_001)
    steps = np.diff(t_to_z(t, df))
    assert (steps > 0).all()
    assert np.abs(np.diff(np.log(steps))).max() < 0.6
    assert math.isclose(steps[0], 0.0025 * stats.t.pdf(0, df) / stats.norm.pdf(0), rel_tol=1e-3)
