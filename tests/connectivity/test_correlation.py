"""Correlation of a seed's mean series with every voxel, and Fisher's z."""

from __future__ import annotations

import importlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from fcnm_bids.connectivity import correlate, fisher_z, seed_series
from fcnm_bids.connectivity.correlation import (
    LARGEST_R,
    band_series,
    correlator,
    in_sixteens,
)
from fcnm_bids.connectome import ProjectedRun, open_image, project_run
from fcnm_bids.grid import Grid
from tests.kept_rows import Projection, build_projection

GRID = Grid((6, 5, 4), np.diag([-2.0, 2.0, 2.0, 1.0]), "MNI152NLin6Asym")
N, TR = 90, 2.0


def projection(seed: int = 1) -> Projection:
    rng = np.random.default_rng(seed)
    kept = rng.random(N) > 0.1
    return build_projection(rng.standard_normal((N, 3)), kept, TR, high_pass=0.01, low_pass=0.0)


def series(seed: int = 2, n_voxels: int = GRID.n_voxels) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((N, 2)) @ rng.standard_normal((2, n_voxels))
    return 50 + rng.standard_normal((N, n_voxels)) + shared


def run_of(raw: np.ndarray, time: Projection) -> ProjectedRun:
    return ProjectedRun(time.basis @ raw[time.kept], np.arange(raw.shape[1]), GRID)


def denoised(raw: np.ndarray, time: Projection) -> np.ndarray:
    return time.basis.T @ (time.basis @ raw[time.kept])


def random_weights(n_seeds: int, n_voxels: int = GRID.n_voxels, seed: int = 3) -> csr_array:
    rng = np.random.default_rng(seed)
    weights = rng.random((n_seeds, n_voxels)) * (rng.random((n_seeds, n_voxels)) < 0.1)
    weights[:, 0] += 0.1
    return csr_array(weights / weights.sum(axis=1, keepdims=True))


def by_corrcoef(mean: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    return np.array([np.corrcoef(mean, voxel)[0, 1] for voxel in voxels.T])


def test_r_is_that_of_the_mean_denoised_series() -> None:
    raw, time, weights = series(), projection(), random_weights(4)
    clean = denoised(raw, time)
    expected = [by_corrcoef(row @ clean.T, clean) for row in weights.toarray()]
    np.testing.assert_allclose(correlate(run_of(raw, time), weights), expected, atol=1e-12)


def test_r_of_the_mean_is_not_the_mean_of_r() -> None:
    rng = np.random.default_rng(5)
    signal = rng.standard_normal(N)
    raw = signal[:, None] + 3 * rng.standard_normal((N, GRID.n_voxels))
    raw[:, 100] = signal + 0.1 * rng.standard_normal(N)
    time = projection()
    weights = csr_array(np.where(np.arange(GRID.n_voxels) < 20, 1 / 20, 0.0)[None])
    clean = denoised(raw, time)
    r_of_mean = np.corrcoef(clean[:, :20].mean(axis=1), clean[:, 100])[0, 1]
    mean_of_r = by_corrcoef(clean[:, 100], clean[:, :20]).mean()
    found = correlate(run_of(raw, time), weights)[0, 100]
    assert found == pytest.approx(r_of_mean, abs=1e-12)
    assert r_of_mean > 2 * mean_of_r


def test_the_seed_is_averaged_as_it_is_not_standardised() -> None:
    raw, time = series(), projection()
    raw[:, 1] = 50 + 100 * (raw[:, 1] - 50)
    weights = csr_array(np.eye(1, GRID.n_voxels) * 0.5 + np.eye(1, GRID.n_voxels, 1) * 0.5)
    loud = correlate(run_of(raw, time), weights)[0]
    assert loud[1] > 0.999
    clean = denoised(raw, time)
    np.testing.assert_allclose(loud, by_corrcoef(clean[:, :2].mean(axis=1), clean), atol=1e-12)


def test_a_constant_in_the_raw_series_does_not_matter() -> None:
    raw, time, weights = series(), projection(), random_weights(2)
    shifted = raw + 1e4 * np.arange(GRID.n_voxels)
    np.testing.assert_allclose(
        correlate(run_of(shifted, time), weights), correlate(run_of(raw, time), weights), atol=1e-8
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 2**31))
def test_seed_series_is_a_matrix_product(n_seeds: int, n_voxels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    run = ProjectedRun(rng.standard_normal((5, n_voxels)), np.arange(n_voxels), GRID)
    dense = rng.standard_normal((n_seeds, n_voxels)) * (rng.random((n_seeds, n_voxels)) < 0.4)
    expected = dense @ run.columns(slice(None)).T
    np.testing.assert_allclose(seed_series(run, csr_array(dense)), expected, atol=1e-12)


def test_band_series_are_those_before_a_strategy() -> None:
    raw, time, weights = series(), projection(), random_weights(20)
    run = run_of(raw, time)
    directions = np.linalg.qr(np.random.default_rng(1).standard_normal((run.dof, 7)))[0]
    cleaned = replace(run, directions=directions)
    in_band = band_series(run, weights)
    np.testing.assert_array_equal(in_band, seed_series(run, weights))
    np.testing.assert_array_equal(in_band, band_series(cleaned, weights))
    np.testing.assert_allclose(
        seed_series(cleaned, weights), cleaned.remove(in_band.T).T, atol=1e-12
    )


@settings(max_examples=30)
@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 20))
def test_products_in_sixteens_are_of_one_shape_and_those_of_all(
    n_seeds: int, n: int, n_out: int
) -> None:
    rng = np.random.default_rng(n_seeds)
    matrix, own = rng.standard_normal((n_out, n)), rng.standard_normal((n_seeds, n))
    shapes = set()

    def product(some: np.ndarray) -> np.ndarray:
        shapes.add(some.shape)
        return matrix @ some

    found = in_sixteens(product, own)
    assert shapes == {(n, 16 if n_seeds else 0)}
    assert found.shape == (n_seeds, n_out)
    np.testing.assert_allclose(found, own @ matrix.T, atol=1e-12)


def test_seeds_without_voxels_have_no_correlation() -> None:
    run = run_of(series(), projection())
    for weights in (np.zeros((2, GRID.n_voxels)), np.eye(2, GRID.n_voxels) * [[0], [1]]):
        r = correlate(run, csr_array(weights))
        empty = weights.sum(axis=1) == 0
        assert np.isnan(r[empty]).all()
        assert np.isfinite(r[~empty]).all()


def test_a_seed_whose_voxels_cancel_has_no_correlation() -> None:
    raw = series()
    raw[:, 1] = -raw[:, 0]
    run = run_of(raw, projection())
    run.values[:, 1] = -run.values[:, 0]
    weights = np.zeros((1, GRID.n_voxels))
    weights[0, :2] = 0.5
    assert np.isnan(correlate(run, csr_array(weights))).all()


def test_a_voxel_without_variance_has_no_correlation_and_others_do() -> None:
    run = run_of(series(), projection())
    run.values[:, 7] = 0
    r = correlate(run, random_weights(2))
    assert np.flatnonzero(np.isnan(r).any(axis=0)).tolist() == [7]


def test_tiles_are_the_whole_in_parts() -> None:
    n_voxels = (1 << 22) // 64 * 2 + 5
    rng = np.random.default_rng(1)
    values = rng.standard_normal((64, n_voxels), dtype=np.float32)
    grid = Grid((n_voxels, 1, 1), np.eye(4), "MNI152NLin6Asym")
    run = ProjectedRun(values, np.arange(n_voxels), grid)
    chosen = rng.integers(0, n_voxels, 3)
    weights = csr_array((np.ones(3), (np.arange(3), chosen)), shape=(3, n_voxels))
    tiles, correlations = correlator(run, weights)
    assert len(tiles) > 1
    parts = [r for tile in tiles for _, r in correlations(tile)]
    r = correlate(run, weights)
    np.testing.assert_array_equal(np.hstack(parts), r)
    some = rng.integers(0, n_voxels, 50)
    columns = values.astype(np.float64)
    norm = np.linalg.norm(columns[:, some], axis=0)
    expected = columns[:, chosen].T @ columns[:, some] / norm
    expected /= np.linalg.norm(columns[:, chosen], axis=0)[:, None]
    np.testing.assert_allclose(r[:, some], expected, atol=1e-12)


@given(st.floats(-0.9999, 0.9999))
def test_fishers_z_is_the_inverse_hyperbolic_tangent(r: float) -> None:
    expected = 0.5 * np.log((1 + r) / (1 - r))
    assert fisher_z(np.array([r]))[0] == pytest.approx(expected, rel=1e-10, abs=1e-15)


def test_fishers_z_of_one_is_finite() -> None:
    z = fisher_z(np.array([1.0, 1 + 1e-15, -1.0, 1 - 1e-7, 1 - 1e-6, np.nan]))
    assert z[0] == z[1] == -z[2] == z[3] == np.arctanh(LARGEST_R)
    assert 7 < z[4] < z[3] < 8.41
    assert np.isnan(z[5])


def test_fishers_z_is_workbenchs(tmp_path: Path) -> None:
    if shutil.which("wb_command") is None:
        pytest.skip("no wb_command here: Fisher z not compared with Connectome Workbench")
    sys.path.insert(0, str(Path(__file__).parents[1] / "independent"))
    workbench = importlib.import_module("workbench")

    raw, time = series().astype(np.float32), projection()
    volume = np.stack([GRID.unflatten(row) for row in raw], axis=-1)
    nib.Nifti1Image(volume, GRID.affine).to_filename(tmp_path / "bold.nii.gz")
    everywhere = np.ones(GRID.n_voxels, dtype=bool)
    image = open_image(tmp_path / "bold.nii.gz", GRID.space)
    run = project_run(image, everywhere, time.padded, smoothing=0).run
    assert run.values.dtype == np.float32

    roi = np.zeros(GRID.n_voxels)
    roi[[10, 11, 40, 70]] = 1
    z = fisher_z(correlate(run, csr_array(roi[None] / roi.sum())))[0]
    expected = workbench.workbench_fisher_z(
        denoised(raw.astype(np.float64), time), GRID.unflatten(roi), tmp_path
    )
    np.testing.assert_allclose(z, GRID.flatten(expected), atol=1e-5)


def test_all_products_of_a_run_are_of_one_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """How a kernel treats the edges of a product then does not matter."""
    shapes = set()

    def spy(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
        shapes.add((a.shape, b.shape, out.shape))
        out[:] = np.einsum("ij,jk->ik", a, b)
        return out

    raw = series(n_voxels=3 * GRID.n_voxels)
    run = ProjectedRun(projection().basis @ raw[projection().kept], np.arange(360), GRID)
    monkeypatch.setattr("fcnm_bids.connectivity.correlation._VOXELS", 192)
    monkeypatch.setattr(np, "matmul", spy)
    for n_seeds in (1, 5, 16, 17, 40):
        correlate(run, random_weights(n_seeds, 360))
    assert shapes == {((192, run.dof), (run.dof, 16), (192, 16))}


@pytest.mark.parametrize("n_voxels", [1537, 4000])
@pytest.mark.parametrize("m", [31, 127, 401])
def test_a_seed_s_place_among_others_does_not_change_a_bit(m: int, n_voxels: int) -> None:
    rng = np.random.default_rng(m)
    grid = Grid((n_voxels, 1, 1), np.eye(4), "MNI152NLin6Asym")
    values = rng.standard_normal((m, n_voxels), dtype=np.float32)
    run = ProjectedRun(values, np.arange(n_voxels), grid)
    seeds = random_weights(35, n_voxels)
    together = correlate(run, seeds)
    for seed in range(35):
        np.testing.assert_array_equal(correlate(run, seeds[[seed]])[0], together[seed])
    order = rng.permutation(35)
    np.testing.assert_array_equal(correlate(run, seeds[order]), together[order])


def test_a_denoised_seed_alone_has_the_bits_that_it_has_among_others() -> None:
    rng = np.random.default_rng(4)
    directions = np.linalg.qr(rng.standard_normal((127, 40)))[0]
    values = rng.standard_normal((127, 120), dtype=np.float32)
    run = ProjectedRun(values, np.arange(120), GRID, directions=directions)
    seeds = random_weights(35)
    together = correlate(run, seeds)
    for seed in range(35):
        np.testing.assert_array_equal(correlate(run, seeds[[seed]])[0], together[seed])
