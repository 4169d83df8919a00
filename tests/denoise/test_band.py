"""The band of a run, and strategies within it, against least squares and kept-row regression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn.signal import clean
from scipy import linalg
from scipy.fft import dct

from fcnm_bids.denoise import (
    StrategyDirections,
    band_basis,
    keep_volumes,
    load_strategy,
    nuisance_columns,
    read_confounds,
    strategy_directions,
)
from tests.kept_rows import build_projection, stop_band_cosines

BAND = {"high_pass": 0.01, "low_pass": 0.1}
NO_BAND = {"high_pass": 0.0, "low_pass": 0.0}
BANDS = [BAND, {"high_pass": 0.008, "low_pass": 0.0}, {"high_pass": 0.0, "low_pass": 0.1}]
TR = 2.0

seeds = st.integers(0, 2**31)


def confounds(n: int, k: int = 27, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, k)).cumsum(axis=0) * 10 + 500


def counted(n: int, n_left_out: int, seed: int = 2) -> np.ndarray:
    chosen = np.ones(n, dtype=bool)
    chosen[np.random.default_rng(seed).choice(n, n_left_out, replace=False)] = False
    return chosen


def every(n: int) -> np.ndarray:
    return np.ones(n, dtype=bool)


def trend(n: int) -> np.ndarray:
    return np.linspace(-1, 1, n)[:, None]


def fixed_columns(n: int, tr: float, band: dict[str, float]) -> np.ndarray:
    return np.column_stack([np.ones(n), trend(n), stop_band_cosines(n, tr, **band)])


def denoising(nuisance: np.ndarray, own: np.ndarray, tr: float = TR, **band: float) -> np.ndarray:
    """The matrix that takes all volumes to denoised ones."""
    basis = band_basis(len(own), tr, **band)
    return basis.T @ strategy_directions(basis, nuisance, own).remove(basis)


def dof(nuisance: np.ndarray, own: np.ndarray, tr: float = TR, **band: float) -> int:
    return strategy_directions(band_basis(len(own), tr, **band), nuisance, own).dof


@settings(max_examples=40, deadline=None)
@given(n=st.integers(20, 400), tr=st.sampled_from([0.72, 2.0, 3.0]), band=st.sampled_from(BANDS))
def test_the_basis_is_what_intercept_trend_and_stop_band_leave(
    n: int, tr: float, band: dict[str, float]
) -> None:
    basis = band_basis(n, tr, **band)
    fixed = fixed_columns(n, tr, band)
    fixed /= np.linalg.norm(fixed, axis=0)
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-13)
    np.testing.assert_allclose(basis @ fixed, 0, atol=1e-13)
    assert len(basis) == n - np.linalg.matrix_rank(fixed)


def test_the_basis_is_the_reflection_that_the_method_states() -> None:
    """Householder with u + sign(u_1) e_1, u the trend's components; its first row is left out."""
    n = 120
    order = np.arange(5, 49)  # 0.01 to 0.1 Hz of 240 s
    cosines = dct(np.eye(n), norm="ortho", axis=0)[order]
    u = cosines @ trend(n)[:, 0]
    u /= np.linalg.norm(u)
    w = u + np.where(u[0] >= 0, 1, -1) * np.eye(len(u))[0]
    reflection = np.eye(len(u)) - 2 * np.outer(w, w) / (w @ w)
    basis = band_basis(n, TR, **BAND)
    np.testing.assert_allclose(basis, (reflection @ cosines)[1:], atol=1e-14)


def test_a_band_without_a_trend_keeps_all_of_its_functions() -> None:
    """The function of order 2 is even about the middle, a trend is odd."""
    basis = band_basis(100, 2.0, high_pass=0.003, low_pass=0.005)
    expected = np.cos(2 * np.pi * (np.arange(100) + 0.5) / 100) * np.sqrt(2 / 100)
    np.testing.assert_allclose(basis, expected[None], atol=1e-15)


def test_an_empty_band_leaves_nothing() -> None:
    basis = band_basis(100, 2.0, high_pass=0.1, low_pass=0.05)
    assert basis.shape == (0, 100)
    assert strategy_directions(basis, confounds(100, 3), every(100)).dof == 0


@pytest.mark.parametrize("n_left_out", [0, 1, 5, 35])
@pytest.mark.parametrize("band", [*BANDS, NO_BAND])
def test_a_strategy_is_least_squares_on_all_volumes(
    band: dict[str, float], n_left_out: int
) -> None:
    n = 300
    basis, nuisance, own = band_basis(n, TR, **band), confounds(n), counted(n, n_left_out)
    found = strategy_directions(basis, nuisance, own)
    series = np.random.default_rng(3).standard_normal((n, 20)).cumsum(axis=0)
    vectors, size, _ = np.linalg.svd(basis[:, ~own], full_matrices=False)
    columns = [fixed_columns(n, TR, band), basis.T @ vectors[:, size > 1e-3], nuisance]
    design = np.column_stack(columns)
    design /= np.linalg.norm(design, axis=0)
    expected = series - design @ np.linalg.lstsq(design, series, rcond=1e-13)[0]
    residual = basis.T @ found.remove(basis @ series)
    scale = np.linalg.norm(series, axis=0)
    np.testing.assert_allclose(residual / scale, expected / scale, atol=4e-13)


@pytest.mark.parametrize(("n_left_out", "m"), [(0, 80), (1, 79), (5, 75), (35, 45)])
def test_without_dropped_directions_it_is_regression_of_the_counted_volumes(
    n_left_out: int, m: int
) -> None:
    n = 300
    basis, nuisance, own = band_basis(n, TR, **BAND), confounds(n), counted(n, n_left_out)
    found = strategy_directions(basis, nuisance, own)
    expected = build_projection(nuisance, own, TR, **BAND)
    assert (len(basis), found.n_dropped) == (107, 0)
    assert found.dof == expected.dof == m
    cleaned = basis.T @ found.remove(basis)
    assert found.leakage < 1e-12
    np.testing.assert_allclose(cleaned[:, ~own], 0, atol=1e-12)
    np.testing.assert_allclose(
        cleaned[np.ix_(own, own)], expected.basis.T @ expected.basis, atol=1e-11
    )


@pytest.mark.parametrize("run", ["01", "02", "03"])
@pytest.mark.parametrize("strategy", ["24P", "27P", "36P"])
def test_correlations_are_nilearns_with_real_confounds(
    shared_data: Path, run: str, strategy: str
) -> None:
    name = f"sub-01_task-mixedgamblestask_run-{run}_desc-preproc_timeseries.tsv"
    table = read_confounds(shared_data / "confounds/pybids_ds005" / name)
    nuisance = nuisance_columns(table, load_strategy(strategy).columns(table.names, {}))
    kept = keep_volumes(table, dummy_scans="auto", fd_threshold=0.5).kept
    n = len(table)
    series = np.random.default_rng(0).standard_normal((n, 30))
    left = denoising(nuisance, kept, **BAND) @ series
    norm = np.linalg.norm(left, axis=0)
    cleaned = clean(
        series,
        confounds=np.column_stack([trend(n), nuisance, stop_band_cosines(n, TR, **BAND)]),
        sample_mask=np.flatnonzero(kept),
        detrend=False,
        filter=False,
        standardize=None,
    )
    expected = np.corrcoef(cleaned, rowvar=False)[0]
    np.testing.assert_allclose(left[:, 0] @ left / norm / norm[0], expected, atol=1e-10)


def test_censored_blocks_leave_directions_that_are_counted() -> None:
    own = every(1200)
    for block in range(8):
        own[70 + 150 * block : 80 + 150 * block] = False
    nuisance = np.random.default_rng(1).standard_normal((1200, 26))
    found = strategy_directions(band_basis(1200, 0.72, **BAND), nuisance, own)
    assert (found.dof, found.n_dropped) == (88, 40)
    assert 0 < found.leakage <= 1e-3


def test_a_confound_in_the_stop_band_removes_nothing() -> None:
    basis = band_basis(200, TR, **BAND)
    cosines = stop_band_cosines(200, TR, **BAND)[:, :5]
    none = strategy_directions(basis, np.column_stack([cosines, np.ones(200)]), every(200))
    assert none.dof == len(basis)
    twice = confounds(200, 3)
    assert strategy_directions(basis, np.hstack([twice, twice]), every(200)).q.shape[1] == 3


def test_without_confounds_and_with_all_volumes_nothing_is_removed() -> None:
    basis = band_basis(120, TR, **BAND)
    found = strategy_directions(basis, np.empty((120, 0)), every(120))
    assert (found.dof, found.n_dropped, found.leakage) == (len(basis), 0, 0.0)
    np.testing.assert_array_equal(found.remove(basis), basis)
    assert StrategyDirections(np.empty((7, 0))).dof == 7


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 90), k=st.integers(0, 10), share=st.floats(0, 0.4), seed=seeds)
def test_directions_are_orthonormal(n: int, k: int, share: float, seed: int) -> None:
    nuisance = np.random.default_rng(seed).standard_normal((n, k))
    own = counted(n, round(share * n), seed)
    found = strategy_directions(band_basis(n, TR, **BAND), nuisance, own)
    np.testing.assert_allclose(found.q.T @ found.q, np.eye(found.q.shape[1]), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 90), k=st.integers(1, 8), seed=seeds)
def test_nothing_is_left_of_intercept_trend_confounds_and_stop_band(
    n: int, k: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    nuisance = rng.standard_normal((n, k)) * 10.0 ** rng.integers(-6, 6, k) + rng.integers(0, 9, k)
    columns = np.column_stack([fixed_columns(n, TR, BAND), nuisance])
    left = denoising(nuisance, every(n), **BAND) @ (columns / np.linalg.norm(columns, axis=0))
    np.testing.assert_allclose(left, 0, atol=1e-11)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 90), high=st.floats(0, 0.05), low=st.floats(0.1, 0.3))
def test_the_pass_band_is_kept(n: int, high: float, low: float) -> None:
    order = np.arange(n)
    frequency = order / (2 * n * TR)
    passed = (frequency > high + 1e-6) & (frequency <= low)
    # an odd cosine shares something with the trend, an even one does not
    even = dct(np.eye(n), norm="ortho", axis=0)[passed & (order % 2 == 0)].T
    cleaned = denoising(np.empty((n, 0)), every(n), high_pass=high, low_pass=low)
    np.testing.assert_allclose(cleaned @ even, even, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(k=st.integers(1, 9), share=st.floats(0, 0.3), seed=seeds)
def test_the_order_and_scale_of_confounds_do_not_matter(k: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    nuisance = rng.standard_normal((80, k)).cumsum(axis=0)
    own = counted(80, round(share * 80), seed)
    scale = rng.choice([-1, 1], k) * 10.0 ** rng.integers(-5, 5, k)
    shuffled = (nuisance * scale)[:, rng.permutation(k)]
    np.testing.assert_allclose(
        denoising(shuffled, own, **BAND), denoising(nuisance, own, **BAND), atol=1e-10
    )


@pytest.mark.parametrize(
    "spare",
    [
        lambda x, own: x[:, :1],
        lambda x, own: x @ np.array([[1.0], [-2.0], [0.5]]),
        lambda x, own: np.zeros((len(x), 1)),
        lambda x, own: np.full((len(x), 3), [1e4, 0.1, 1e3 / 7]),
        lambda x, own: 3 * trend(len(x)) - 7,
        lambda x, own: stop_band_cosines(len(x), TR, **BAND)[:, :3],
        lambda x, own: np.where(own, 0.0, 1.0)[:, None],
        lambda x, own: np.eye(len(x))[:, ~own],
    ],
    ids=["twice", "sum", "zero", "constant", "trend", "cosine", "uncounted", "spikes"],
)
@pytest.mark.parametrize("n_left_out", [0, 30])
def test_a_confound_that_adds_nothing_changes_nothing(spare: object, n_left_out: int) -> None:
    nuisance = np.random.default_rng(2).standard_normal((200, 3))
    own = counted(200, n_left_out)
    more = np.column_stack([nuisance, spare(nuisance, own)])  # type: ignore[operator]
    assert dof(more, own, **BAND) == dof(nuisance, own, **BAND)
    np.testing.assert_allclose(
        denoising(more, own, **BAND), denoising(nuisance, own, **BAND), atol=1e-9
    )


def test_values_in_uncounted_volumes_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    own = counted(90, 18)
    nuisance = rng.standard_normal((90, 4))
    other = np.where(own[:, None], nuisance, 1e3 * rng.standard_normal((90, 4)))
    found = strategy_directions(band_basis(90, TR, **NO_BAND), nuisance, own)
    assert found.n_dropped == 0
    np.testing.assert_allclose(
        denoising(other, own, **NO_BAND), denoising(nuisance, own, **NO_BAND), atol=1e-10
    )


@pytest.mark.parametrize(("n_left_out", "m"), [(0, 80), (30, 50), (60, 20), (90, 0)])
def test_what_censoring_leaves_of_ten_minutes(n_left_out: int, m: int) -> None:
    nuisance = np.random.default_rng(1).standard_normal((300, 27))
    assert dof(nuisance, counted(300, n_left_out, 1), **BAND) == m


def test_what_is_left_at_the_timing_of_the_human_connectome_project() -> None:
    nuisance = np.random.default_rng(1).standard_normal((1200, 27))
    assert dof(nuisance, every(1200), 0.72, **BAND) == 127


@pytest.mark.parametrize("n_left_out", [0, 25])
@pytest.mark.parametrize("k", [0, 5])
def test_without_a_band_each_confound_and_volume_costs_one(n_left_out: int, k: int) -> None:
    nuisance = np.random.default_rng(1).standard_normal((100, k))
    assert dof(nuisance, counted(100, n_left_out), **NO_BAND) == 98 - n_left_out - k


def test_more_confounds_than_volumes_leave_nothing() -> None:
    nuisance = np.random.default_rng(1).standard_normal((20, 30))
    assert dof(nuisance, every(20), **BAND) == 0


@pytest.mark.parametrize("n_counted", [0, 1, 2, 3])
def test_next_to_no_volumes(n_counted: int) -> None:
    own = np.arange(10) < n_counted
    assert dof(np.empty((10, 0)), own, **NO_BAND) == max(0, n_counted - 2)
    assert linalg.norm(denoising(np.empty((10, 0)), own, **NO_BAND)[:, ~own]) < 1e-12
