"""Voxels that vary over time, against the whole series in memory."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.connectome import RunImage, open_image, read_first
from fcnm_bids.connectome.signal_mask import varying_voxels
from fcnm_bids.errors import RunError


def saved(folder: Path, series: np.ndarray, slope: float = 1.0, intercept: float = 0.0) -> RunImage:
    image = nib.Nifti1Image(series, np.diag([3.0, 3, 3, 1]))
    image.header.set_slope_inter(slope, intercept)
    image.to_filename(folder / "bold.nii.gz")
    return open_image(folder / "bold.nii.gz", "MNI")


def test_finite_voxels_that_change_are_the_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = np.random.default_rng(0).standard_normal((3, 4, 2, 7)).astype(np.float32)
    series[0, 0, 0] = 5.0
    series[1, 0, 0] = 0.0
    series[1, 0, 0, 6] = 1e-6  # only the last volume differs
    series[2, 0, 0, 3] = np.nan
    series[2, 1, 0, 2] = np.inf
    series[2, 2, 0] = np.nan
    expected = np.isfinite(series).all(axis=-1) & (np.ptp(series, axis=-1) > 0)
    monkeypatch.setattr("fcnm_bids.connectome.signal_mask._BLOCK_BYTES", 200)  # 2 volumes a block
    found = varying_voxels(saved(tmp_path, series))
    np.testing.assert_array_equal(found, expected.ravel(order="F"))
    assert found.sum() == 3 * 4 * 2 - 4


def test_an_image_that_never_changes_is_refused(tmp_path: Path) -> None:
    still = np.full((2, 2, 2, 3), 7, "<i2")
    with pytest.raises(
        RunError, match=r"bold\.nii\.gz has no brain mask, and none of its voxels var"
    ):
        varying_voxels(saved(tmp_path, still))


def test_the_first_volume_is_scaled(tmp_path: Path) -> None:
    stored = np.random.default_rng(1).integers(-99, 99, (3, 2, 2, 4)).astype("<i2")
    image = saved(tmp_path, stored, slope=0.5, intercept=3.0)
    expected = nib.load(image.path).get_fdata()[..., 0].ravel(order="F")
    np.testing.assert_allclose(read_first(image), expected, rtol=1e-12)
