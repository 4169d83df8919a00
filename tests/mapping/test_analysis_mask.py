from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.mapping import mask_on_grid, mean_probability_mask

GRID = Grid((6, 5, 4), np.diag([2.0, 2.0, 2.0, 1.0]), "MNI152NLin6Asym")


def written(path: Path, volume: NDArray, affine: NDArray | None = None) -> Path:
    affine = GRID.affine if affine is None else affine
    nib.save(nib.Nifti1Image(volume.astype(np.float32), affine), path)
    return path


def test_a_mask_is_where_its_image_is_above_zero(tmp_path: Path) -> None:
    volume = np.zeros(GRID.shape)
    volume[1:3, 2, 3], volume[0, 0, 0], volume[5, 4, 3] = 0.4, -1, np.nan
    inside = mask_on_grid(written(tmp_path / "m.nii.gz", volume), GRID)
    np.testing.assert_array_equal(GRID.unflatten(inside), np.nan_to_num(volume) > 0)


def test_a_mask_on_another_grid_is_refused(tmp_path: Path) -> None:
    shifted = GRID.affine.copy()
    shifted[0, 3] = 1
    path = written(tmp_path / "m.nii.gz", np.ones(GRID.shape), shifted)
    with pytest.raises(RequestError, match="shifts voxels by up to 1 mm"):
        mask_on_grid(path, GRID)


@pytest.mark.parametrize("content", ["empty", "text", "absent"])
def test_masks_of_no_use(tmp_path: Path, content: str) -> None:
    path = tmp_path / "m.nii.gz"
    if content == "empty":
        written(path, np.zeros(GRID.shape))
    elif content == "text":
        path.write_text("no image")
    with pytest.raises(RequestError, match=r"m\.nii\.gz"):
        mask_on_grid(path, GRID)


def test_participants_are_averaged_before_the_threshold(tmp_path: Path) -> None:
    first, second = np.random.default_rng(0).random((2, *GRID.shape))
    paths = [written(tmp_path / "1.nii", first), written(tmp_path / "2.nii", second)]
    inside = mean_probability_mask(paths, GRID, above=0.4)
    np.testing.assert_array_equal(GRID.unflatten(inside), (first + second) / 2 > 0.4)


def test_a_finer_grid_is_interpolated(tmp_path: Path) -> None:
    fine = np.zeros((12, 10, 8))
    fine[:, :, :4] = 1
    path = written(tmp_path / "f.nii", fine, np.diag([1.0, 1.0, 1.0, 1.0]))
    inside = GRID.unflatten(mean_probability_mask([path], GRID, above=0.2))
    assert inside[:, :, :2].all()
    assert not inside[:, :, 2:].any()


def test_participants_on_different_grids_are_refused(tmp_path: Path) -> None:
    paths = [
        written(tmp_path / "1.nii", np.ones(GRID.shape)),
        written(tmp_path / "2.nii", np.ones((6, 5, 5))),
    ]
    with pytest.raises(RequestError, match=r"not on the grid of 1\.nii"):
        mean_probability_mask(paths, GRID, above=0.2)
