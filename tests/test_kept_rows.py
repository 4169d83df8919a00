"""Kept-row regression, with which tests compare, against nilearn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from nilearn.signal import clean
from scipy.fft import dct

from tests.kept_rows import Projection, build_projection, stop_band_cosines

BAND = {"high_pass": 0.01, "low_pass": 0.1}
NO_BAND = {"high_pass": 0.0, "low_pass": 0.0}
TR = 2.0


def all_kept(n: int) -> np.ndarray:
    return np.ones(n, dtype=bool)


def censored(n: int, share: float, seed: int = 0) -> np.ndarray:
    kept = all_kept(n)
    dropped = np.random.default_rng(seed).choice(n, round(share * n), replace=False)
    kept[dropped] = False
    return kept


def trend(n: int) -> np.ndarray:
    return np.arange(n, dtype=float)[:, None]


def carried_correlations(projection: Projection, series: np.ndarray) -> np.ndarray:
    """Correlations of all series with the first, from what the projection carries."""
    carried = projection.basis @ series[projection.kept]
    norm = np.linalg.norm(carried, axis=0)
    return carried[:, 0] @ carried / norm / norm[0]


def nilearn_correlations(
    series: np.ndarray, nuisance: np.ndarray, kept: np.ndarray, cosines: np.ndarray
) -> np.ndarray:
    cleaned = clean(
        series,
        confounds=np.column_stack([trend(len(kept)), nuisance, cosines]),
        sample_mask=np.flatnonzero(kept),
        detrend=False,
        filter=False,
        standardize=None,
    )
    return np.corrcoef(cleaned, rowvar=False)[0]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("band", [BAND, NO_BAND, {"high_pass": 0.008, "low_pass": 0.0}])
def test_correlations_are_nilearns(share: float, band: dict[str, float]) -> None:
    n = 300
    rng = np.random.default_rng(7)
    series = 1000 + rng.standard_normal((n, 40)).cumsum(axis=0) + rng.standard_normal((n, 1))
    nuisance = rng.standard_normal((n, 12)) + 50
    kept = censored(n, share, seed=1)
    projection = build_projection(nuisance, kept, TR, **band)
    expected = nilearn_correlations(series, nuisance, kept, stop_band_cosines(n, TR, **band))
    np.testing.assert_allclose(carried_correlations(projection, series), expected, atol=1e-10)


@pytest.mark.parametrize("n", [7, 30])
def test_cosines_are_those_of_the_discrete_cosine_transform(n: int) -> None:
    every = stop_band_cosines(n, TR, high_pass=1.0, low_pass=0)
    expected = dct(np.eye(n), norm="ortho", axis=0)[1:].T
    np.testing.assert_allclose(every, expected, atol=1e-14)


@pytest.mark.parametrize(
    ("n", "tr", "edge"), [(300, 2.0, 0.01), (300, 2.0, 0.008), (1200, 0.72, 0.01), (50, 3.0, 0.02)]
)
def test_slow_cosines_are_nilearns_drift(n: int, tr: float, edge: float) -> None:
    drift = create_cosine_drift(edge, np.arange(n) * tr)[:, :-1]
    slow = stop_band_cosines(n, tr, high_pass=edge, low_pass=0)
    np.testing.assert_allclose(slow, drift, atol=1e-12)


@pytest.mark.parametrize(
    ("high", "low", "orders"),
    [
        (0.0, 0.0, []),
        (0.0249, 0.0, []),
        (0.025, 0.0, [1]),
        (0.0, 0.2, [9]),
        (0.0, 0.2251, []),
        (0.05, 0.15, [1, 2, 7, 8, 9]),
        (0.3, 0.0, list(range(1, 10))),
        (0.0, 0.4, []),
    ],
)
def test_which_orders_are_stopped(high: float, low: float, orders: list[int]) -> None:
    every = stop_band_cosines(10, TR, high_pass=1.0, low_pass=0)
    stopped = stop_band_cosines(10, TR, high_pass=high, low_pass=low)
    np.testing.assert_array_equal(stopped, every[:, np.array(orders, dtype=int) - 1])
