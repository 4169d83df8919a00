from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from fcnm_bids.stats import (
    bonferroni_threshold,
    ec_densities,
    fwe_threshold,
    peak_p,
    resel_counts,
    rft_threshold,
)

WHOLE_BRAIN = (-80, -60.7, 1131.5, 438.4)
BLOB = (1, 30, 300, 900)


@pytest.mark.parametrize(
    ("resels", "df", "alpha", "threshold"),
    [
        (WHOLE_BRAIN, 655, 0.05, 4.633066),
        (WHOLE_BRAIN, 29, 0.05, 5.844845),
        (BLOB, 1112, 0.05, 4.665624),
        (BLOB, 254, 0.01, 5.156435),
    ],
)
def test_thresholds_that_spm12_gives(
    resels: tuple[float, ...], df: float, alpha: float, threshold: float
) -> None:
    assert rft_threshold(alpha, df, resels) == pytest.approx(threshold, abs=2e-6)
    assert float(peak_p(threshold, df, resels)) == pytest.approx(alpha, rel=1e-5)


def test_the_lower_of_two_thresholds_as_in_spm12() -> None:
    assert fwe_threshold(0.05, 29, WHOLE_BRAIN, 40_879) == pytest.approx(5.843907, abs=2e-6)
    assert fwe_threshold(0.05, 655, WHOLE_BRAIN, 40_879) == rft_threshold(0.05, 655, WHOLE_BRAIN)


@given(
    st.floats(1e-4, 0.2),
    st.floats(4, 2000),
    st.floats(0, 200),
    st.floats(0, 2000),
    st.floats(0.1, 5000),
)
def test_the_threshold_is_the_last_place_where_p_exceeds_alpha(
    alpha: float, df: float, length: float, area: float, volume: float
) -> None:
    resels = (1, length, area, volume)
    threshold = rft_threshold(alpha, df, resels)
    assert float(peak_p(threshold, df, resels)) == pytest.approx(alpha, rel=1e-6)
    beyond = threshold * np.geomspace(1 + 1e-6, 1e4, 200)
    assert (peak_p(beyond, df, resels) < alpha).all()


def test_a_negative_euler_characteristic_does_not_mislead_the_root() -> None:
    resels = (-50, -20, 100, 50)
    assert peak_p(-1.0, 50, resels) == 0
    threshold = rft_threshold(0.05, 50, resels)
    assert float(peak_p(threshold, 50, resels)) == pytest.approx(0.05, rel=1e-6)
    assert (peak_p(threshold + np.linspace(0.01, 20, 100), 50, resels) < 0.05).all()


@pytest.mark.parametrize("df", [1, 2, 3])
def test_too_few_degrees_of_freedom_leave_bonferroni(df: int) -> None:
    assert rft_threshold(0.05, df, BLOB) == math.inf
    assert fwe_threshold(0.05, df, BLOB, 500) == bonferroni_threshold(0.05, df, 500)


def test_an_expectation_that_never_reaches_the_level_leaves_bonferroni() -> None:
    assert rft_threshold(0.05, 20, (-1, 0, 0, 1e-9)) == math.inf
    assert fwe_threshold(0.05, 20, (-1, 0, 0, 1e-9), 9) == bonferroni_threshold(0.05, 20, 9)


@pytest.mark.parametrize("df", [4, 20, 655])
def test_bonferroni_is_the_quantile(df: int) -> None:
    threshold = bonferroni_threshold(0.05, df, 200_000)
    assert stats.t.sf(threshold, df) * 200_000 == pytest.approx(0.05, rel=1e-9)


def test_densities_tend_to_those_of_a_gaussian_field() -> None:
    t = np.linspace(0, 6, 7)
    a, decay = 4 * math.log(2), np.exp(-(t**2) / 2)
    gaussian = [
        stats.norm.sf(t),
        a**0.5 / (2 * math.pi) * decay,
        a / (2 * math.pi) ** 1.5 * t * decay,
        a**1.5 / (2 * math.pi) ** 2 * (t**2 - 1) * decay,
    ]
    np.testing.assert_allclose(ec_densities(t, 1e7), gaussian, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("df", [5, 30])
def test_densities_obey_the_kinematic_recursion_in_the_tail(df: int) -> None:
    """A density of one dimension is the rate of change of the one two below, up to its factor.

    For a t field rho_2 is proportional to -d/dt of rho_1 times (1 + t^2 / df).
    """
    t, step = np.linspace(0.5, 5, 10), 1e-5
    rate = (ec_densities(t + step, df) - ec_densities(t - step, df))[1] / (2 * step)
    scaled = -rate * (1 + t**2 / df) / ec_densities(t, df)[2]
    np.testing.assert_allclose(scaled, scaled[0], rtol=1e-6)


@pytest.mark.parametrize("df", [4, 30])
def test_the_density_in_no_dimension_is_a_probability(df: int) -> None:
    density = integrate.quad(lambda t: stats.t.pdf(t, df), 2, np.inf)[0]
    assert ec_densities(2.0, df)[0] == pytest.approx(density, rel=1e-7)


def test_peak_p_is_a_probability() -> None:
    p = peak_p(np.linspace(-10, 60, 300), 20, WHOLE_BRAIN)
    assert ((p >= 0) & (p <= 1)).all()


@given(st.tuples(*[st.integers(1, 6)] * 3), st.tuples(*[st.floats(0.5, 10)] * 3))
def test_resels_of_a_box(shape: tuple[int, ...], fwhm: tuple[float, ...]) -> None:
    mask = np.pad(np.ones(shape, dtype=bool), 1)
    x, y, z = (np.array(shape) - 1) / np.array(fwhm)
    expected = [1, x + y + z, x * y + x * z + y * z, x * y * z]
    np.testing.assert_allclose(resel_counts(mask, fwhm), expected, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 2**31))
def test_resels_by_counting_cells_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask, fwhm = rng.random((4, 3, 5)) < 0.8, np.array([2.0, 3.0, 5.0])
    cells = dict.fromkeys(itertools.product((0, 1), repeat=3), 0)
    for extent, corner in itertools.product(cells, np.ndindex(mask.shape)):
        last = np.add(corner, extent)
        if (last < mask.shape).all():
            block = tuple(slice(a, b + 1) for a, b in zip(corner, last, strict=True))
            cells[extent] += bool(mask[block].all())
    counts = np.zeros(4)
    for extent, dimension in itertools.product(cells, range(4)):
        for part in itertools.product((0, 1), repeat=3):
            # Every cell contributes its own lower-dimensional measure with alternating sign.
            if sum(part) == dimension and all(p <= e for p, e in zip(part, extent, strict=True)):
                sign = (-1) ** (sum(extent) - dimension)
                counts[dimension] += sign * cells[extent] / np.prod(fwhm ** np.array(part))
    np.testing.assert_allclose(resel_counts(mask, fwhm), counts, rtol=1e-10, atol=1e-10)


def test_a_hollow_box_has_euler_characteristic_two() -> None:
    shell = np.ones((7, 7, 7), dtype=bool)
    shell[3, 3, 3] = False
    assert resel_counts(shell, (1, 1, 1))[0] == 2


def test_rotating_mask_and_smoothness_changes_nothing() -> None:
    mask = np.random.default_rng(5).random((6, 7, 8)) < 0.9
    turned = resel_counts(mask.transpose(2, 0, 1), (5, 2, 3))
    np.testing.assert_allclose(resel_counts(mask, (2, 3, 5)), turned, rtol=1e-12)
