"""Runs of an fMRIPrep tree, and series denoised for other layouts."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.simulate import Truth
from fcnm_bids.simulate.layouts.source import (
    SourceRun,
    copy_image,
    denoised,
    source_runs,
    write_columns,
    write_series,
)


@pytest.fixture(scope="module")
def runs(simulated: Truth) -> list[SourceRun]:
    return list(source_runs(simulated.fmriprep))


def test_runs_are_numbered_by_participant(runs: list[SourceRun]) -> None:
    assert [(run.number, run.ordinal) for run in runs] == [
        *((1, 1), (2, 1), (2, 2), (3, 1), (4, 1), (4, 2)),
    ]
    run = runs[0]
    assert run.repetition_time == 3.0
    assert run.motion.shape == (120, 6)
    assert run.displacement[0] == 0
    known = run.table["framewise_displacement"].to_numpy()[1:]
    np.testing.assert_allclose(run.displacement[1:], known, rtol=1e-6)


def test_series_are_those_of_the_mask(runs: list[SourceRun]) -> None:
    run = runs[0]
    image, mask = nib.load(run.bold), np.asarray(nib.load(run.mask).dataobj) > 0
    series = run.series()
    assert series.shape == (120, mask.sum())
    voxel = run.grid().subscripts(run.inside()[:1])[0]
    np.testing.assert_array_equal(series[:, 0], np.asarray(image.dataobj)[tuple(voxel)])


@pytest.mark.parametrize("band", [(0.01, 0.1), (0.0, 0.08), (0.02, 0.0)])
def test_nothing_is_left_of_confounds_and_of_frequencies_outside(
    runs: list[SourceRun], band: tuple[float, float]
) -> None:
    columns = ["trans_x", "rot_z", "csf_derivative1"]
    found = denoised(runs[0], columns, band)
    nuisance = runs[0].table[columns].bfill().to_numpy()
    order = np.arange(120)
    frequency = order / (2 * 120 * 3.0)
    cosines = np.cos(np.pi / 120 * np.outer(np.arange(120) + 0.5, order))
    outside = (frequency <= band[0]) | (frequency > (band[1] or np.inf))
    taken = np.column_stack([cosines[:, outside | (order == 0)], nuisance])
    taken /= np.linalg.norm(taken, axis=0)
    size = np.linalg.norm(found, axis=0).max()
    assert np.abs(taken.T @ found).max() < 1e-6 * size
    kept = cosines[:, ~outside]
    assert np.abs(kept.T @ found).max() > 0.01 * size


def test_smoothing_keeps_a_constant_and_evens_out_the_rest(runs: list[SourceRun]) -> None:
    plain, smooth = (denoised(runs[0], [], (0, 0), fwhm) for fwhm in (0.0, 12.0))
    assert smooth.var() < 0.8 * plain.var()
    assert smooth.shape == plain.shape


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_written_series_come_back(runs: list[SourceRun], tmp_path: Path, name: str) -> None:
    run, series = runs[0], runs[0].series()[:5]
    write_series(tmp_path / "deep" / name, run, series)
    image = nib.load(tmp_path / "deep" / name)
    values = image.get_fdata().reshape(-1, 5, order="F")
    np.testing.assert_array_equal(values[run.inside()].T, series)
    outside = np.setdiff1d(np.arange(len(values)), run.inside())
    assert not values[outside].any()
    assert image.header.get_zooms()[3] == 3.0


@pytest.mark.parametrize(("source", "target"), [("a.nii.gz", "b.nii"), ("a.nii", "b.nii.gz"),
                                                ("a.nii", "b.nii")])  # fmt: skip
def test_copies_are_compressed_as_their_names_have_it(
    runs: list[SourceRun], tmp_path: Path, source: str, target: str
) -> None:
    write_series(tmp_path / source, runs[0], runs[0].series()[:2])
    copy_image(tmp_path / source, tmp_path / "deep" / target)
    first, second = (nib.load(tmp_path / name) for name in (source, f"deep/{target}"))
    np.testing.assert_array_equal(first.dataobj, second.dataobj)
    packed = (tmp_path / "deep" / target).read_bytes()[:2] == b"\x1f\x8b"
    assert packed is target.endswith(".gz")


def test_columns_are_text_a_row_a_volume(tmp_path: Path) -> None:
    write_columns(tmp_path / "a.txt", np.array([[1.0, -2.5], [3.0, 4.0]]), "{:.2f}", "\t")
    assert (tmp_path / "a.txt").read_text() == "1.00\t-2.50\n3.00\t4.00\n"
    write_columns(tmp_path / "b.txt", np.array([1.0, 2.0]), "{:8.3f}")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "b.txt"), [1, 2])
