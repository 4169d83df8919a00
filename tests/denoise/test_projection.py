"""Regression, filtering and censoring as one orthogonal projection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from nilearn.signal import clean
from scipy.fft import dct

from fcnm_bids.denoise import (
    Projection,
    build_projection,
    canonical_basis,
    keep_volumes,
    load_strategy,
    nuisance_columns,
    read_confounds,
    stop_band_cosines,
)

BAND = {"high_pass": 0.01, "low_pass": 0.1}
NO_BAND = {"high_pass": 0.0, "low_pass": 0.0}
TR = 2.0

seeds = st.integers(0, 2**31)


def all_kept(n: int) -> np.ndarray:
    return np.ones(n, dtype=bool)


def censored(n: int, share: float, seed: int = 0) -> np.ndarray:
    kept = all_kept(n)
    dropped = np.random.default_rng(seed).choice(n, round(share * n), replace=False)
    kept[dropped] = False
    return kept


def denoising(projection: Projection) -> np.ndarray:
    """The matrix that takes kept volumes to denoised ones."""
    return projection.basis.T @ projection.basis


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


@pytest.mark.parametrize("run", ["01", "02", "03"])
@pytest.mark.parametrize("strategy", ["24P", "27P", "36P"])
def test_correlations_are_nilearns_with_real_confounds(
    shared_data: Path, run: str, strategy: str
) -> None:
    name = f"sub-01_task-mixedgamblestask_run-{run}_desc-preproc_timeseries.tsv"
    table = read_confounds(shared_data / "confounds/pybids_ds005" / name)
    nuisance = nuisance_columns(table, load_strategy(strategy).columns(table.names, {}))
    kept = keep_volumes(table, dummy_scans="auto", fd_threshold=0.5).kept
    series = np.random.default_rng(0).standard_normal((len(table), 30))
    projection = build_projection(nuisance, kept, TR, **BAND)
    cosines = stop_band_cosines(len(table), TR, **BAND)
    expected = nilearn_correlations(series, nuisance, kept, cosines)
    np.testing.assert_allclose(carried_correlations(projection, series), expected, atol=1e-10)


def test_the_denoising_is_the_residual_of_least_squares() -> None:
    n = 120
    rng = np.random.default_rng(3)
    nuisance = rng.standard_normal((n, 6)) * 10.0 ** np.arange(-3, 3) + 100
    series = rng.standard_normal((n, 5))
    columns = [np.ones((n, 1)), trend(n), nuisance, stop_band_cosines(n, TR, **BAND)]
    design = np.column_stack(columns)
    design /= np.linalg.norm(design, axis=0)
    residual = series - design @ np.linalg.lstsq(design, series)[0]
    projection = build_projection(nuisance, all_kept(n), TR, **BAND)
    np.testing.assert_allclose(denoising(projection) @ series, residual, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 90), k=st.integers(0, 10), share=st.floats(0, 0.4), seed=seeds)
def test_rows_are_orthonormal_and_the_denoising_is_idempotent(
    n: int, k: int, share: float, seed: int
) -> None:
    nuisance = np.random.default_rng(seed).standard_normal((n, k))
    projection = build_projection(nuisance, censored(n, share, seed), TR, **BAND)
    gram = projection.basis @ projection.basis.T
    np.testing.assert_allclose(gram, np.eye(projection.dof), atol=1e-12)
    matrix = denoising(projection)
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 90), k=st.integers(1, 8), share=st.floats(0, 0.4), seed=seeds)
def test_nothing_is_left_of_intercept_trend_and_confounds(
    n: int, k: int, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    nuisance = rng.standard_normal((n, k)) * 10.0 ** rng.integers(-6, 6, k) + rng.integers(0, 9, k)
    kept = censored(n, share, seed)
    projection = build_projection(nuisance, kept, TR, **BAND)
    columns = np.column_stack([np.ones(n), trend(n), nuisance])[kept]
    left = projection.basis @ (columns / np.linalg.norm(columns, axis=0))
    np.testing.assert_allclose(left, 0, atol=1e-11)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(40, 90),
    k=st.integers(0, 5),
    high=st.floats(0.005, 0.02),
    low=st.floats(0.15, 0.24),
    seed=seeds,
)
def test_nothing_is_left_of_the_stop_band(
    n: int, k: int, high: float, low: float, seed: int
) -> None:
    nuisance = np.random.default_rng(seed).standard_normal((n, k))
    projection = build_projection(nuisance, all_kept(n), TR, high_pass=high, low_pass=low)
    stopped = stop_band_cosines(n, TR, high_pass=high, low_pass=low)
    np.testing.assert_allclose(projection.basis @ stopped, 0, atol=1e-10)
    assert projection.dof == n - 2 - k - stopped.shape[1]


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 90), k=st.integers(0, 6), share=st.floats(0, 0.5), seed=seeds)
def test_censoring_leaves_at_most_a_thousandth_in_the_stop_band(
    n: int, k: int, share: float, seed: int
) -> None:
    nuisance = np.random.default_rng(seed).standard_normal((n, k)).cumsum(axis=0)
    kept = censored(n, share, seed)
    projection = build_projection(nuisance, kept, TR, **BAND)
    stopped = stop_band_cosines(n, TR, **BAND)[kept]
    # every direction that is free of intercept, trend and confounds, by another way
    columns = np.column_stack([np.ones(n), trend(n), nuisance])[kept]
    free = np.linalg.svd(columns / np.linalg.norm(columns, axis=0))[0][:, columns.shape[1] :]
    leak = np.linalg.svd(free.T @ stopped)[1]
    assert projection.dof == free.shape[1] - (leak > 1e-3 * leak[:1]).sum()
    if projection.dof:
        assert np.linalg.norm(projection.basis @ stopped, 2) <= 1.001e-3


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 90), high=st.floats(0, 0.05), low=st.floats(0.1, 0.3))
def test_the_pass_band_is_kept(n: int, high: float, low: float) -> None:
    projection = build_projection(np.empty((n, 0)), all_kept(n), TR, high_pass=high, low_pass=low)
    order = np.arange(n)
    frequency = order / (2 * n * TR)
    passed = (frequency > high + 1e-6) & (frequency <= low)
    # an odd cosine shares something with the trend, an even one does not
    even = dct(np.eye(n), norm="ortho", axis=0)[passed & (order % 2 == 0)].T
    np.testing.assert_allclose(denoising(projection) @ even, even, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(k=st.integers(1, 9), share=st.floats(0, 0.3), seed=seeds)
def test_the_order_and_scale_of_confounds_do_not_matter(k: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    nuisance = rng.standard_normal((80, k)).cumsum(axis=0)
    kept = censored(80, share, seed)
    scale = rng.choice([-1, 1], k) * 10.0 ** rng.integers(-5, 5, k)
    shuffled = (nuisance * scale)[:, rng.permutation(k)]
    np.testing.assert_allclose(
        denoising(build_projection(shuffled, kept, TR, **BAND)),
        denoising(build_projection(nuisance, kept, TR, **BAND)),
        atol=1e-10,
    )


@pytest.mark.parametrize(
    "spare",
    [
        lambda x: x[:, :1],
        lambda x: x @ np.array([[1.0], [-2.0], [0.5]]),
        lambda x: np.zeros((len(x), 1)),
        lambda x: np.full((len(x), 3), [1e4, 0.1, 1e3 / 7]),
        lambda x: 3 * trend(len(x)) - 7,
        lambda x: stop_band_cosines(len(x), TR, **BAND)[:, :3],
    ],
    ids=["twice", "sum", "zero", "constant", "trend", "cosine"],
)
@pytest.mark.parametrize("share", [0.0, 0.15])
def test_a_confound_that_adds_nothing_changes_nothing(spare: object, share: float) -> None:
    nuisance = np.random.default_rng(2).standard_normal((200, 3))
    kept = censored(200, share)
    plain = build_projection(nuisance, kept, TR, **BAND)
    more = np.column_stack([nuisance, spare(nuisance)])  # type: ignore[operator]
    extended = build_projection(more, kept, TR, **BAND)
    assert extended.dof == plain.dof
    np.testing.assert_allclose(denoising(extended), denoising(plain), atol=1e-9)


def test_a_confound_that_is_constant_where_volumes_are_kept_costs_nothing() -> None:
    kept = censored(60, 0.2)
    spike = (~kept).astype(float)[:, None]
    assert build_projection(spike, kept, TR, **NO_BAND).dof == kept.sum() - 2


def test_values_in_dropped_volumes_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    kept = censored(90, 0.2)
    nuisance = rng.standard_normal((90, 4))
    other = np.where(kept[:, None], nuisance, 1e6 * rng.standard_normal((90, 4)))
    np.testing.assert_array_equal(
        build_projection(other, kept, TR, **BAND).basis,
        build_projection(nuisance, kept, TR, **BAND).basis,
    )


@pytest.mark.parametrize(("share", "dof"), [(0.0, 80), (0.1, 50), (0.2, 20), (0.3, 0)])
def test_what_censoring_leaves_of_ten_minutes(share: float, dof: int) -> None:
    nuisance = np.random.default_rng(1).standard_normal((300, 27))
    assert build_projection(nuisance, censored(300, share, 1), TR, **BAND).dof == dof


def test_what_is_left_at_the_timing_of_the_human_connectome_project() -> None:
    nuisance = np.random.default_rng(1).standard_normal((1200, 27))
    projection = build_projection(nuisance, all_kept(1200), 0.72, **BAND)
    assert projection.dof == 127


def test_censored_blocks_take_whole_directions_not_their_rounding() -> None:
    kept = all_kept(1200)
    for block in range(8):
        kept[70 + 150 * block : 80 + 150 * block] = False
    nuisance = np.random.default_rng(1).standard_normal((1200, 26))
    assert build_projection(nuisance, kept, 0.72, **BAND).dof == 88


@pytest.mark.parametrize("share", [0.0, 0.25])
@pytest.mark.parametrize("k", [0, 5])
def test_without_a_band_each_confound_costs_one(share: float, k: int) -> None:
    nuisance = np.random.default_rng(1).standard_normal((100, k))
    kept = censored(100, share)
    assert build_projection(nuisance, kept, TR, **NO_BAND).dof == kept.sum() - 2 - k


def test_more_confounds_than_volumes_leave_nothing() -> None:
    nuisance = np.random.default_rng(1).standard_normal((20, 30))
    assert build_projection(nuisance, all_kept(20), TR, **BAND).basis.shape == (0, 20)


@pytest.mark.parametrize("n_kept", [0, 1, 2, 3])
def test_next_to_no_volumes(n_kept: int) -> None:
    kept = np.arange(10) < n_kept
    projection = build_projection(np.empty((10, 0)), kept, TR, **NO_BAND)
    assert projection.basis.shape == (max(0, n_kept - 2), n_kept)


def test_what_a_projection_remembers() -> None:
    kept = censored(50, 0.1)
    projection = build_projection(np.ones((50, 1)), kept, TR, **BAND, confounds=("csf",))
    np.testing.assert_array_equal(projection.kept, kept)
    assert projection.confounds == ("csf",)
    assert projection.basis.dtype == np.float64
    assert projection.basis.shape == (projection.dof, 45)


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


@pytest.mark.parametrize("share", [0.0, 0.15])
@pytest.mark.parametrize("band", [BAND, NO_BAND])
def test_the_basis_depends_on_the_space_alone(band: dict[str, float], share: float) -> None:
    rng = np.random.default_rng(1)
    kept = censored(200, share)
    basis = build_projection(rng.standard_normal((200, 6)), kept, TR, **band).basis
    turn, _ = np.linalg.qr(rng.standard_normal((len(basis), len(basis))))
    np.testing.assert_allclose(canonical_basis(turn @ basis), basis, atol=1e-12)
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-13)


def test_equal_columns_are_taken_in_their_order() -> None:
    """Without confounds a run is alike forwards and backwards: rounding must not choose."""
    basis = build_projection(np.empty((100, 0)), all_kept(100), TR, **BAND).basis
    found = canonical_basis(basis * (1 + 1e-14 * np.arange(100)))
    np.testing.assert_allclose(found, basis, atol=1e-10)


@pytest.mark.parametrize("m", [0, 1])
def test_a_basis_of_no_or_one_row(m: int) -> None:
    basis = np.eye(5)[3 : 3 + m] * -1
    np.testing.assert_array_equal(canonical_basis(basis), np.abs(basis))
