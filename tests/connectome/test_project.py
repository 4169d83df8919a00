"""From an image to its projection in one pass, against float64 NumPy on the whole image."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nilearn.signal import clean
from scipy.ndimage import gaussian_filter

from fcnm_bids.connectome import (
    Projected,
    carpet_voxels,
    open_image,
    project_run,
    projection_bytes,
)
from fcnm_bids.errors import RunError
from tests.kept_rows import Projection, build_projection, stop_band_cosines

SPACE = "MNI152NLin6Asym"
SHAPE, N, TR = (6, 5, 7), 70, 2.0
BAND = {"high_pass": 0.01, "low_pass": 0.1}
NO_BAND = {"high_pass": 0.0, "low_pass": 0.0}
NEGATIVE_X = np.array([[-2.0, 0, 0, 8], [0, 2, 0, -6], [0, 0, 2, 4], [0, 0, 0, 1]])
PERMUTED = np.array([[0, 0, 3.0, -5], [-2.0, 0, 0, 7], [0, 4.0, 0, 1], [0, 0, 0, 1]])
OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.2, -0.4, 0.1) @ np.diag([-2.0, 2.5, 3.0])
)


def signals(seed: int = 1, n: int = N, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Noise of unit variance with a drift and a shared signal."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((*shape, 1)) * rng.standard_normal(n)
    return rng.standard_normal((*shape, n)) + shared + 0.02 * np.arange(n)


def inside(seed: int = 2, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < 0.7


def flat(mask: np.ndarray) -> np.ndarray:
    return mask.ravel(order="F")


def projection_of(band: dict[str, float], share: float = 0.1, n: int = N) -> Projection:
    kept = np.random.default_rng(3).random(n) >= share
    nuisance = np.random.default_rng(4).standard_normal((n, 4))
    return build_projection(nuisance, kept, TR, **band)


def save(
    path: Path,
    stored: np.ndarray,
    *,
    affine: np.ndarray = NEGATIVE_X,
    scale: tuple[float, float] | None = None,
    order: str = "<",
) -> Path:
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(stored.dtype.newbyteorder(order))
    image = nib.Nifti1Image(stored, affine, header)
    if scale:
        image.header.set_slope_inter(*scale)
    image.to_filename(path)
    return path


def expected_run(path: Path, mask: np.ndarray, projection: Projection) -> np.ndarray:
    """P X in float64, with the image read and scaled by nibabel."""
    series = nib.load(path).get_fdata(dtype=np.float64)
    series = series.reshape(-1, series.shape[-1], order="F")[flat(mask)].T[projection.kept]
    return projection.basis @ (series - series.mean(axis=0))


def assert_same_run(projected: Projected, expected: np.ndarray) -> None:
    difference = projected.run.columns(slice(None)) - expected
    relative = np.linalg.norm(difference, axis=0) / np.linalg.norm(expected, axis=0)
    assert relative.max() < 1e-5


def project(
    path: Path, mask: np.ndarray, projection: Projection, smoothing: float = 0
) -> Projected:
    return project_run(open_image(path, SPACE), flat(mask), projection.padded, smoothing=smoothing)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "mean", "sd"),
    [
        ("int16", 9000, 80),
        ("uint16", 40_000, 100),
        ("uint8", 120, 20),
        ("int32", 1e8, 3000),
        ("float32", 1e4, 50),
        ("float64", 1e9, 10),
    ],
)
def test_every_type_of_numbers(
    tmp_path: Path, dtype: str, mean: float, sd: float, order: str
) -> None:
    stored = (mean + sd * signals()).round().astype(dtype)
    path = save(tmp_path / "bold.nii.gz", stored, order=order)
    for band in (BAND, NO_BAND):
        projection = projection_of(band)
        projected = project(path, inside(), projection)
        assert projected.run.values.dtype == np.float32
        assert_same_run(projected, expected_run(path, inside(), projection))


@pytest.mark.parametrize("dtype", ["int16", "uint8", "int32", "float32", "float64"])
@pytest.mark.parametrize("scale", [(0.037, -12.0), (-3.0, 1000.0)])
def test_scaled_numbers(tmp_path: Path, dtype: str, scale: tuple[float, float]) -> None:
    stored = (100 + 10 * signals()).round().astype(dtype)
    path = save(tmp_path / "bold.nii", stored, scale=scale)
    projection = projection_of(BAND)
    assert_same_run(project(path, inside(), projection), expected_run(path, inside(), projection))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("affine", [NEGATIVE_X, PERMUTED, OBLIQUE])
def test_every_orientation(tmp_path: Path, affine: np.ndarray, suffix: str) -> None:
    path = save(tmp_path / f"bold{suffix}", signals().astype(np.float32), affine=affine)
    projection, mask = projection_of(BAND), inside()
    projected = project(path, mask, projection)
    np.testing.assert_array_equal(projected.run.index, np.flatnonzero(flat(mask)))
    np.testing.assert_allclose(projected.run.grid.affine, affine, atol=1e-6)
    assert_same_run(projected, expected_run(path, mask, projection))


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_correlations_are_nilearns_in_single_precision(tmp_path: Path, share: float) -> None:
    n = 300
    rng = np.random.default_rng(6)
    series = 8000 + 50 * signals(n=n).astype(np.float32)
    nuisance = rng.standard_normal((n, 27)).cumsum(axis=0)
    kept = rng.random(n) >= share
    projection = build_projection(nuisance, kept, TR, **BAND)
    projected = project(save(tmp_path / "bold.nii.gz", series), inside(), projection)
    cleaned = clean(
        series.reshape(-1, n, order="F")[flat(inside())].T.astype(np.float64),
        confounds=np.column_stack([np.arange(n), nuisance, stop_band_cosines(n, TR, **BAND)]),
        sample_mask=np.flatnonzero(kept),
        detrend=False,
        filter=False,
        standardize=None,
    )
    columns = projected.run.columns(slice(None))
    columns /= np.linalg.norm(columns, axis=0)
    np.testing.assert_allclose(
        columns[:, 0] @ columns, np.corrcoef(cleaned, rowvar=False)[0], atol=1e-5
    )


@pytest.mark.parametrize("first", [1.0, 0.5, 40.0])
def test_a_first_volume_unlike_the_others(tmp_path: Path, first: float) -> None:
    stored = 1000 + 10 * signals()
    stored[..., 0] *= first
    path = save(tmp_path / "bold.nii", stored.astype(np.float32))
    projection = projection_of(BAND, share=0)
    expected = expected_run(path, inside(), projection)
    columns = project(path, inside(), projection).run.columns(slice(None))
    r, exact = (np.corrcoef(basis_free(c), rowvar=False) for c in (columns, expected))
    np.testing.assert_allclose(r, exact, atol=1e-5 * max(1, first))


def basis_free(columns: np.ndarray) -> np.ndarray:
    """Series of mean zero with the inner products of the columns."""
    return np.vstack([columns, -columns])


def test_smoothing_is_that_of_masked_denoised_volumes(tmp_path: Path) -> None:
    path = save(tmp_path / "bold.nii.gz", (900 + 20 * signals()).astype(np.float32))
    projection, mask = projection_of(BAND), inside()
    components = expected_run(path, mask, projection)
    sigma = 6 / np.sqrt(8 * np.log(2)) / 2
    expected = np.empty_like(components)
    for row, component in zip(expected, components, strict=True):
        box = np.zeros(mask.size)
        box[flat(mask)] = component
        filtered = gaussian_filter(box.reshape(SHAPE, order="F"), sigma, mode="constant")
        row[:] = flat(filtered)[flat(mask)]
    assert_same_run(project(path, mask, projection, smoothing=6.0), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_a_value_that_is_no_number_takes_its_voxel_out_and_no_other(
    tmp_path: Path, value: float
) -> None:
    stored = 900 + 20 * signals()
    projection, mask = projection_of(BAND), np.ones(SHAPE, dtype=bool)
    clean_path = save(tmp_path / "clean.nii", stored)
    mask[2, 3, 4] = False
    expected = expected_run(clean_path, mask, projection)
    mask[2, 3, 4] = True
    for volume in (np.flatnonzero(projection.kept)[[0, 5]], slice(None)):
        broken = stored.copy()
        broken[2, 3, 4, volume] = value
        path = save(tmp_path / "bold.nii", broken)
        projected = project(path, mask, projection)
        assert projected.n_masked == mask.size
        lost = np.setdiff1d(np.arange(mask.size), projected.run.index)
        assert projected.run.grid.subscripts(lost).tolist() == [[2, 3, 4]]
        assert_same_run(projected, expected)


def test_a_value_that_is_no_number_in_a_dropped_volume_does_no_harm(tmp_path: Path) -> None:
    stored = 900 + 20 * signals()
    projection = projection_of(BAND, share=0.2)
    path = save(tmp_path / "clean.nii", stored)
    expected = expected_run(path, inside(), projection)
    stored[..., ~projection.kept] = np.nan
    path = save(tmp_path / "bold.nii", stored)
    assert_same_run(project(path, inside(), projection), expected)


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
def test_a_series_that_does_not_vary_has_no_signal(tmp_path: Path, dtype: str) -> None:
    stored = (900 + 20 * signals()).astype(dtype)
    stored[0] = 0
    stored[1] = 17
    mask = np.ones(SHAPE, dtype=bool)
    projected = project(save(tmp_path / "bold.nii.gz", stored), mask, projection_of(BAND))
    found = projected.run.grid.subscripts(projected.run.index)
    assert set(found[:, 0]) == {2, 3, 4, 5}
    assert projected.run.n_voxels == 4 * 5 * 7
    assert projected.run.values.flags.c_contiguous


def test_a_series_that_is_all_confound_has_no_signal(tmp_path: Path) -> None:
    stored = 900 + 20 * signals()
    stored[3, 3, 3] = 500 + 3 * np.arange(N)
    path = save(tmp_path / "bold.nii", stored.astype(np.float64))
    mask = np.ones(SHAPE, dtype=bool)
    projected = project(path, mask, projection_of(BAND))
    lost = np.setdiff1d(np.arange(mask.size), projected.run.index)
    assert projected.run.grid.subscripts(lost).tolist() == [[3, 3, 3]]


def test_a_series_that_varies_in_one_volume_only_has_signal(tmp_path: Path) -> None:
    stored = np.zeros((*SHAPE, N), dtype=np.int16)
    stored[0, 0, 0] = 1 + np.arange(N) % 7  # or most volumes would be one and the same
    stored[3, 3, 3, 30] = 1
    projection = projection_of(NO_BAND, share=0)
    projected = project(save(tmp_path / "bold.nii", stored), np.ones(SHAPE, bool), projection)
    assert projected.run.grid.subscripts(projected.run.index).tolist() == [[0, 0, 0], [3, 3, 3]]


@pytest.mark.parametrize("value", [0, 5])
def test_a_run_without_any_signal(tmp_path: Path, value: int) -> None:
    path = save(tmp_path / "bold.nii.gz", np.full((*SHAPE, N), value, dtype=np.int16))
    with pytest.raises(RunError, match=r"no voxel in the brain mask of bold\.nii\.gz carries"):
        project(path, inside(), projection_of(BAND))


def test_an_empty_mask(tmp_path: Path) -> None:
    path = save(tmp_path / "bold.nii.gz", signals().astype(np.float32))
    with pytest.raises(RunError, match=r"the brain mask of bold\.nii\.gz is empty"):
        project(path, np.zeros(SHAPE, dtype=bool), projection_of(BAND))


def test_a_projection_of_another_length(tmp_path: Path) -> None:
    path = save(tmp_path / "bold.nii.gz", signals().astype(np.float32))
    with pytest.raises(RunError, match="has 70 volumes, but its confounds have 71 rows"):
        project(path, inside(), projection_of(BAND, n=N + 1))


@pytest.mark.parametrize("n_kept", [0, 2])
def test_nothing_is_left_in_time(tmp_path: Path, n_kept: int) -> None:
    path = save(tmp_path / "bold.nii.gz", signals().astype(np.float32))
    projection = build_projection(np.empty((N, 0)), np.arange(N) < n_kept, TR, **NO_BAND)
    with pytest.raises(RunError, match="carries signal"):
        project(path, inside(), projection)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short(tmp_path: Path, share: float) -> None:
    path = save(tmp_path / "bold.nii.gz", signals().astype(np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RunError, match=r"bold\.nii\.gz is (damaged or )?cut short"):
        project(path, inside(), projection_of(BAND))


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = save(tmp_path / "bold.nii.gz", signals().astype(np.float32))
    projected = project(path, inside(), projection_of(BAND))
    assert projected.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_carpet_holds_raw_series(tmp_path: Path) -> None:
    stored = (100 + 10 * signals()).astype(np.int16)
    path = save(tmp_path / "bold.nii.gz", stored, scale=(0.5, -3.0))
    projected = project(path, inside(), projection_of(BAND))
    np.testing.assert_array_equal(projected.carpet_index, np.flatnonzero(flat(inside())))
    raw = 0.5 * stored.reshape(-1, N, order="F")[projected.carpet_index].T - 3
    np.testing.assert_array_equal(projected.carpet, raw.astype(np.float32))


def test_the_carpet_of_a_large_mask_is_spread_over_it(tmp_path: Path) -> None:
    shape = (20, 20, 20)
    stored = signals(n=12, shape=shape).astype(np.float32)
    projection = build_projection(np.empty((12, 0)), np.ones(12, dtype=bool), TR, **NO_BAND)
    mask = np.ones(shape, dtype=bool)
    projected = project(save(tmp_path / "bold.nii", stored), mask, projection)
    assert projected.carpet.shape == (12, 500)
    assert projected.carpet_index[[0, -1]].tolist() == [0, 7999]
    assert set(np.diff(projected.carpet_index)) <= {16, 17}


def test_the_carpet_of_a_long_run_has_fewer_voxels() -> None:
    assert [carpet_voxels(n) for n in (2, 400, 401, 1200, 300_000)] == [500, 500, 498, 166, 1]


@pytest.mark.parametrize("band", [BAND, NO_BAND])
@pytest.mark.parametrize("dtype", ["int16", "float64"])
@pytest.mark.parametrize("voxel_size", [None, 4.5])
def test_memory_stays_within_the_prediction(
    tmp_path: Path, band: dict[str, float], dtype: str, voxel_size: float | None
) -> None:
    shape, n = (32, 32, 32), 80
    stored = np.zeros((*shape, n), dtype=dtype)
    stored[..., :] = 100 * np.random.default_rng(1).standard_normal(n) + 99 * np.arange(n)
    stored[:2] = 0
    path = save(tmp_path / "bold.nii", stored)
    projection = build_projection(np.empty((n, 0)), np.ones(n, dtype=bool), TR, **band)
    image, mask = open_image(path, SPACE), np.ones(stored[..., 0].size, dtype=bool)
    predicted = projection_bytes(
        mask.size,
        mask.size,
        n,
        projection.dof,
        image.dtype.itemsize,
        averages=voxel_size is not None,
    )
    del stored
    tracemalloc.start()
    project_run(image, mask, projection.padded, smoothing=6.0, voxel_size=voxel_size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < predicted + (4 << 20)  # reading buffers of one MiB each
    assert predicted < 2 * peak
