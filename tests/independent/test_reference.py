"""The reference must itself be right: against plain NumPy, brute force and Workbench."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
reference = importlib.import_module("reference")
inputs = importlib.import_module("reference_inputs")
workbench = importlib.import_module("workbench")

SHAPE, N, TR = (5, 6, 4), 90, 2.0
AFFINE = np.array([[-4.0, 0, 0, 8], [0, 4, 0, -12], [0, 0, 4, -6], [0, 0, 0, 1]])
COLUMNS = ["csf", "white_matter"]
SILENT = (2, 2, 2)


class RunFiles(NamedTuple):
    bold: Path
    mask: Path
    confounds: Path


def write_run(dataset: Path, participant: str, seed: int) -> RunFiles:
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal(N).cumsum()
    bold = 900 + rng.standard_normal((*SHAPE, N)) * 5 + shared + np.arange(N) * 0.1
    mask = np.ones(SHAPE, bool)
    mask[0] = mask[-1] = mask[:, 0] = mask[:, -1] = mask[..., 0] = mask[..., -1] = False
    bold[SILENT] = 77
    folder = dataset / participant / "func"
    folder.mkdir(parents=True)
    stem = f"{participant}_task-rest_space-MNI152NLin6Asym_res-4"
    files = RunFiles(
        folder / f"{stem}_desc-preproc_bold.nii.gz",
        folder / f"{stem}_desc-brain_mask.nii.gz",
        folder / f"{participant}_task-rest_desc-confounds_timeseries.tsv",
    )
    image = nib.Nifti1Image(bold, AFFINE)
    image.header.set_zooms((4, 4, 4, TR))
    nib.save(image, files.bold)
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), AFFINE), files.mask)
    table = pd.DataFrame(rng.standard_normal((N, 2)) + shared[:, None], columns=COLUMNS)
    table.loc[0, "csf"] = np.nan
    table["framewise_displacement"] = np.r_[np.nan, np.where(np.arange(1, N) % 17, 0.1, 0.9)]
    table["non_steady_state_outlier00"] = np.r_[1, np.zeros(N - 1)]
    table.to_csv(files.confounds, sep="\t", index=False, na_rep="n/a")
    return files


@pytest.fixture
def run_files(tmp_path: Path) -> RunFiles:
    return write_run(tmp_path / "data", "sub-01", 0)


def plain_residuals(files: RunFiles, keep: np.ndarray) -> np.ndarray:
    """The nuisance model in plain NumPy: cosines from their formula, one least-squares fit."""
    bold = nib.load(files.bold).get_fdata().reshape(-1, N, order="F").T
    table = pd.read_csv(files.confounds, sep="\t")
    table.loc[0, "csf"] = table.loc[1, "csf"]
    t = np.arange(N)
    orders = [k for k in range(1, N) if k <= 3 or k > 36]  # 0.01 and 0.1 Hz at 180 s
    cosines = [np.cos(np.pi / N * (t + 0.5) * k) for k in orders]
    nuisance = np.column_stack([np.ones(N), t / N, table[COLUMNS], *cosines])[keep]
    return bold[keep] - nuisance @ np.linalg.lstsq(nuisance, bold[keep], rcond=None)[0]


def seed_at(*voxels: tuple[int, int, int]) -> np.ndarray:
    seed = np.zeros(SHAPE, bool)
    for voxel in voxels:
        seed[voxel] = True
    return seed


def plain_r(series: np.ndarray, mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """np.corrcoef of the seed's mean with one voxel after the other, in Fortran order."""
    usable = mask.copy()
    usable[SILENT] = False
    flat = usable.ravel(order="F")
    mean = series[:, flat & seed.ravel(order="F")].mean(axis=1)
    r = np.full(mask.size, np.nan)
    for voxel in np.flatnonzero(flat):
        r[voxel] = np.corrcoef(mean, series[:, voxel])[0, 1]
    return r.reshape(SHAPE, order="F")


@pytest.fixture
def censoring(run_files: RunFiles) -> np.ndarray:
    return inputs.kept_volumes(run_files.confounds, 0.5)


def test_kept_volumes_leave_out_moving_and_non_steady_ones(censoring: np.ndarray) -> None:
    assert np.flatnonzero(~censoring).tolist() == [0, 17, 34, 51, 68, 85]


def test_threshold_zero_keeps_moving_volumes(run_files: RunFiles) -> None:
    keep = inputs.kept_volumes(run_files.confounds, 0)
    assert np.flatnonzero(~keep).tolist() == [0]


def test_leading_gap_takes_first_finite_value_and_later_gap_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "confounds.tsv"
    path.write_text("a\tb\nn/a\t1\nn/a\t2\n5\tn/a\n6\t4\n")
    assert inputs.read_confounds(path, ["a"]).ravel().tolist() == [5, 5, 5, 6]
    with pytest.raises(ValueError, match="n/a after"):
        inputs.read_confounds(path, ["b"])


@pytest.mark.parametrize("censored", [False, True])
def test_r_equals_corrcoef_of_plain_residuals(
    run_files: RunFiles, censoring: np.ndarray, censored: bool
) -> None:
    keep = censoring if censored else np.ones(N, bool)
    seeds = [seed_at((1, 2, 1), (2, 3, 2), (0, 0, 0), SILENT), seed_at((3, 4, 2))]
    r = reference.reference_run(
        *run_files, COLUMNS, TR, 0.01, 0.1, keep if censored else None, None, seeds
    )
    series = plain_residuals(run_files, keep)
    mask = nib.load(run_files.mask).get_fdata() > 0
    expected = [plain_r(series, mask, seed) for seed in seeds]
    np.testing.assert_allclose(r, expected, rtol=0, atol=1e-11)
    assert np.isnan(r[:, ~mask]).all()
    assert np.isnan(r[(slice(None), *SILENT)]).all()


def test_smoothing_is_a_truncated_gaussian_of_masked_residuals(
    run_files: RunFiles, censoring: np.ndarray
) -> None:
    fwhm, seed = 6.0, seed_at((1, 2, 1), (2, 3, 2))
    mask = nib.load(run_files.mask).get_fdata() > 0
    series = plain_residuals(run_files, censoring) * mask.ravel(order="F")
    sigma = fwhm / np.sqrt(8 * np.log(2)) / 4
    reach = int(4 * sigma + 0.5)
    grid = np.column_stack(np.unravel_index(np.arange(mask.size), SHAPE, order="F"))
    away = grid[:, None] - grid[None]
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).sum()
    kernel = np.exp(-0.5 * (away**2).sum(-1) / sigma**2) / line**3
    kernel[(np.abs(away) > reach).any(axis=-1)] = 0
    run = reference.clean_run(*run_files, COLUMNS, TR, 0.01, 0.1, censoring, fwhm, grid_edge="zero")
    r = reference.correlate(run, [seed])[0]
    np.testing.assert_allclose(r, plain_r(series @ kernel, mask, seed), rtol=0, atol=1e-11)


def test_residual_dimension_counts_everything_removed(
    run_files: RunFiles, censoring: np.ndarray
) -> None:
    run = reference.clean_run(*run_files, COLUMNS, TR, 0.01, 0.1, censoring, None)
    assert run.m == censoring.sum() - 1 - 1 - 2 - (3 + 53)
    assert run.dropped == 0


def test_cosines_that_censoring_makes_alike_are_dropped(run_files: RunFiles) -> None:
    keep = np.ones(N, bool)
    keep[20:60] = False
    run = reference.clean_run(*run_files, COLUMNS, TR, 0.01, 0, keep, None, 0.3)
    assert run.dropped > 0
    assert run.m == keep.sum() - 1 - 1 - 2 - (3 - run.dropped)


@pytest.mark.parametrize("low_pass", [0.0, 0.1])
def test_stop_band_holds_the_orders_outside_the_band(low_pass: float) -> None:
    cosines = reference.stop_band_cosines(300, 2.0, 0.01, low_pass)
    assert cosines.shape == (300, 12 + (299 - 120 if low_pass else 0))
    np.testing.assert_allclose(cosines.T @ cosines, np.eye(cosines.shape[1]), atol=1e-12)


def test_spheres_by_hand_on_a_sheared_grid() -> None:
    affine = np.array([[0, 3.0, 0.5, -8], [-3, 0, 0, 9], [0.2, 0, 3, -7], [0, 0, 0, 1]])
    foci = np.array([[0.0, 0, 0], [1.3, -2, 4]])
    spheres = reference.reference_spheres(foci, (6, 6, 6), affine, 4.0)
    for focus, sphere in zip(foci, spheres, strict=True):
        for i, j, k in np.ndindex(6, 6, 6):
            x, y, z, _ = affine @ [i, j, k, 1]
            gap = (x - focus[0]) ** 2 + (y - focus[1]) ** 2 + (z - focus[2]) ** 2
            assert sphere[i, j, k] == (gap <= 16.001)


def test_sphere_includes_centres_at_exactly_the_radius() -> None:
    assert reference.reference_spheres([[0, 0, 2]], SHAPE, AFFINE, 4.0).sum() == 7


def test_sphere_between_centres_becomes_its_voxel_and_outside_nothing() -> None:
    inside, outside = reference.reference_spheres([[1.5, 1.5, 0], [90, 0, 0]], SHAPE, AFFINE, 1)
    assert np.argwhere(inside).tolist() == [[2, 3, 2]]
    assert not outside.any()
    tied = reference.ambiguous_foci(np.array([[2.0, 0, 2], [1, 1, 1]]), SHAPE, AFFINE, 1.0)
    assert tied.tolist() == [[2, 0, 2]]


def test_runs_are_weighted_by_residual_dimension() -> None:
    r = np.array([[0.1, np.nan, 1.0], [0.5, 0.3, 1.0]])
    z = reference.combine_runs(list(r), [12, 32])
    expected = (10 * np.arctanh(0.1) + 30 * np.arctanh(0.5)) / 40
    np.testing.assert_allclose(z, [expected, np.arctanh(0.3), np.arctanh(1 - 1e-7)], rtol=1e-12)


def test_t_is_mean_over_standard_error_of_those_who_have_the_voxel() -> None:
    z = np.random.default_rng(1).standard_normal((9, 4))
    z[:2, 0] = np.nan
    z[:, 1] = np.nan
    t = reference.reference_t(list(z))
    for voxel, n in ((0, 7), (2, 9), (3, 9)):
        values = z[-n:, voxel]
        assert t[voxel] == pytest.approx(values.mean() / (values.std(ddof=1) / np.sqrt(n)))
    assert np.isnan(t[1])


def test_workbench_gives_the_same_fisher_z(
    run_files: RunFiles, censoring: np.ndarray, tmp_path: Path
) -> None:
    if shutil.which("wb_command") is None:
        pytest.skip("wb_command is missing (Debian package connectome-workbench)")
    seed = seed_at((1, 2, 1), (2, 3, 2), (3, 4, 1))
    run = reference.clean_run(*run_files, COLUMNS, TR, 0.01, 0.1, censoring, 6.0)
    series = np.zeros((len(run.series), *SHAPE))
    series[:, run.mask] = run.series - run.series.mean(axis=0)
    flat = series.reshape(len(series), -1, order="F").astype(np.float32)
    z = workbench.workbench_fisher_z(flat, seed, tmp_path)
    expected = reference.fisher_z(reference.correlate(run, [seed])[0])
    assert np.isfinite(expected).sum() == 2 * 4 * 2 + 8 - 1
    np.testing.assert_allclose(z[run.usable], expected[run.usable], rtol=0, atol=1e-6)


@pytest.fixture
def finished(tmp_path: Path) -> tuple[list[str], Path]:
    """A data set, and maps that plain NumPy wrote under the program's names."""
    dataset, output = tmp_path / "data", tmp_path / "out"
    table = tmp_path / "foci.tsv"
    table.write_text("contrast\tx\ty\tz\tspace\nA_1 up\t0\t0\t2\tMNI152\nA_1 up\t4\t0\t2\tMNI152\n")
    seed = seed_at((2, 3, 2), (1, 3, 2))
    z_maps = []
    for number in range(4):
        participant = f"sub-{number:02d}"
        files = write_run(dataset, participant, number)
        keep = inputs.kept_volumes(files.confounds, 0.5)
        mask = nib.load(files.mask).get_fdata() > 0
        z_maps.append(np.arctanh(plain_r(plain_residuals(files, keep), mask, seed)))
        name = f"{participant}_task-rest_seed-A1up_stat-fisherz_statmap.nii.gz"
        (output / participant / "func").mkdir(parents=True)
        save(z_maps[-1], output / participant / "func" / name)
    z = np.array(z_maps)
    t = z.mean(axis=0) / (z.std(axis=0, ddof=1) / 2)
    (output / "group").mkdir()
    save(t, output / "group" / "seed-A1up_space-MNI152NLin6Asym_stat-t_statmap.nii.gz")
    arguments = [str(dataset), str(table), "--columns", ",".join(COLUMNS), "--radius", "1"]
    arguments += ["--fd-threshold", "0.5", "--min-time", "0", "--min-dof", "10"]
    return [*arguments, "--compare", str(output)], output


def save(volume: np.ndarray, path: Path) -> None:
    nib.save(nib.Nifti1Image(volume.astype(np.float32), AFFINE), path)


def test_comparison_accepts_equal_maps(
    finished: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert reference.main(finished[0]) == 0
    assert "ok   A1up (2 seed voxels, 4 participants)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pattern", "voxel", "factor", "message"),
    [
        ("sub-02/func/*fisherz*", (1, 2, 1), 1.01, "FAIL A1up"),
        ("sub-02/func/*fisherz*", (1, 2, 1), np.nan, "r defined by the reference only 1"),
        ("group/*stat-t*", (1, 2, 1), 1.01, "FAIL A1up"),
        ("group/*stat-t*", (1, 2, 1), np.nan, "t defined by the reference only 1"),
        ("group/*stat-t*", (0, 0, 0), None, "by the program only 1"),
        ("sub-01/func/*fisherz*", (0, 0, 0), "gone", "0 files match"),
    ],
)
def test_comparison_refuses(
    finished: tuple[list[str], Path],
    capsys: pytest.CaptureFixture[str],
    pattern: str,
    voxel: tuple[int, int, int],
    factor: float | str | None,
    message: str,
) -> None:
    arguments, output = finished
    (path,) = output.glob(pattern)
    volume = np.array(nib.load(path).get_fdata())
    path.unlink()
    if factor != "gone":
        volume[voxel] = 0.0 if factor is None else volume[voxel] * factor
        save(volume, path)
    assert reference.main(arguments) == 1
    assert message in capsys.readouterr().out


def test_comparison_excuses_silent_voxels(
    finished: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, output = finished
    for path in output.rglob("*_statmap.nii.gz"):
        volume = np.array(nib.load(path).get_fdata())
        volume[SILENT] = 0.2
        path.unlink()
        save(volume, path)
    assert reference.main(arguments) == 0
    assert "excused 4 voxels" in capsys.readouterr().out
