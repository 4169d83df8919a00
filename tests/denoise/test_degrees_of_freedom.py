from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, detrend, sosfiltfilt

from fcnm_bids.denoise import median_dof
from fcnm_bids.denoise.degrees_of_freedom import effective_dof, upper_band_edge
from tests.kept_rows import build_projection

Filter = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@pytest.mark.parametrize(
    ("dofs", "said"), [([31], "31"), ([31, 34], "32.5"), ([31, 34, 40], "34"), ([80.0, 82.0], "81")]
)
def test_the_median_is_said_to_one_decimal(dofs: list[float], said: str) -> None:
    assert median_dof(dofs) == said


def ideal(values: NDArray[np.float64], tr: float, low: float, high: float) -> NDArray[np.float64]:
    """Remove the Fourier components outside a band, as DPABI and 3dBandpass do."""
    spectrum = np.fft.rfft(values - values.mean(axis=0), axis=0)
    frequency = np.fft.rfftfreq(len(values), tr)
    spectrum[(frequency < low) | (frequency > high)] = 0
    return np.fft.irfft(spectrum, len(values), axis=0)


def test_the_trend_is_removed_as_scipy_removes_it() -> None:
    noise = np.random.default_rng(0).standard_normal((240, 6))
    series = ideal(noise, 2.0, 0.0, 0.08) + 50 + 3 * np.arange(240)[:, None]
    edge = upper_band_edge(series, 2.0)
    assert edge == upper_band_edge(detrend(series, axis=0), 2.0)
    assert edge == pytest.approx(0.08, abs=0.01)


def _basis(n: int, tr: float, low: float = 0.0, high: float = 0.0) -> NDArray[np.float64]:
    return build_projection(
        np.empty((n, 0)), np.ones(n, dtype=bool), tr, high_pass=low, low_pass=high
    ).basis


def _null_ratio(filtered: Filter, basis: NDArray[np.float64], m: float) -> float:
    """Return the mean of z^2 (m - 2) over 200 pairs of runs of white noise."""
    squares = []
    for seed in range(200):
        noise = np.random.default_rng(seed).standard_normal((basis.shape[1], 100))
        components = basis @ filtered(noise)
        components /= np.sqrt((components**2).sum(axis=0))
        z = np.arctanh(components[:, 0] @ components[:, 1:])
        squares.append(np.mean(z**2))
    return float(np.mean(squares) * (m - 2))


@pytest.mark.parametrize(
    ("n", "tr", "low", "high"), [(120, 3.0, 0.0001, 0.08), (230, 2.0, 0.01, 0.1)]
)
def test_z_of_filtered_noise_has_the_variance_that_the_declared_band_promises(
    n: int, tr: float, low: float, high: float
) -> None:
    def band(noise: NDArray[np.float64]) -> NDArray[np.float64]:
        return ideal(noise, tr, low, high)

    declared, undeclared = _basis(n, tr, low, high), _basis(n, tr)
    assert _null_ratio(band, declared, len(declared)) == pytest.approx(1, abs=0.05)
    assert _null_ratio(band, undeclared, len(undeclared)) > 1.3


@pytest.mark.parametrize("order", [1, 2])
def test_a_filter_with_a_slope_leaves_fewer_degrees_than_its_band_has_cosines(order: int) -> None:
    sos = butter(order, [0.01, 0.08], "band", fs=0.5, output="sos")

    def band(noise: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(sosfiltfilt(sos, noise, axis=0))

    basis = _basis(240, 2.0, 0.01, 0.08)
    m = effective_dof(basis @ band(np.eye(240)))
    assert m < len(basis) - 4
    assert _null_ratio(band, basis, m) == pytest.approx(1, abs=0.05)


def test_a_projection_leaves_its_rank() -> None:
    basis = _basis(60, 2.0, 0.01, 0.1)
    assert effective_dof(basis) == pytest.approx(len(basis), abs=1e-9)
    assert effective_dof(basis.T @ basis) == pytest.approx(len(basis), abs=1e-9)


@pytest.mark.parametrize("high", [0.03, 0.08, 0.12, 0.19])
def test_the_edge_of_a_band_shows_in_the_spectrum(high: float) -> None:
    noise = np.random.default_rng(1).standard_normal((200, 40)) * np.geomspace(1, 1e4, 40) + 1e5
    edge = upper_band_edge(ideal(noise, 2.0, 0.01, high), 2.0)
    assert edge == pytest.approx(high, abs=0.006)


@pytest.mark.parametrize(("high", "reason"), [(0.25, "no filter"), (0.22, "above 0.8 Nyquist")])
def test_no_edge_is_found_where_there_is_no_band(high: float, reason: str) -> None:
    noise = np.random.default_rng(2).standard_normal((200, 40))
    assert upper_band_edge(ideal(noise, 2.0, 0.0, high), 2.0) is None, reason


def test_slow_fluctuations_over_white_noise_are_no_band() -> None:
    rng = np.random.default_rng(3)
    slow = ideal(rng.standard_normal((240, 60)), 2.0, 0.005, 0.05)
    noise = 0.3 * slow.std() * rng.standard_normal(slow.shape)
    assert upper_band_edge(slow + noise, 2.0) is None


@pytest.mark.parametrize("series", [np.zeros((50, 3)), np.ones((50, 0)), np.full((50, 2), np.nan)])
def test_series_that_do_not_vary_have_no_edge(series: NDArray[np.float64]) -> None:
    assert upper_band_edge(series, 2.0) is None
