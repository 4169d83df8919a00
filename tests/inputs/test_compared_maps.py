"""Other maps on the grid of the data."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.compared_maps import read_compared_maps

GRID = Grid((10, 11, 12), np.diag([4.0, 4, 4, 1]), "MNI152NLin6Asym")


def asked(*paths: Path) -> Config:
    config = Config("bids", "out", "group")
    return config.update({"specificity": {"compare_maps": tuple(map(str, paths))}})


def image(path: Path, values: np.ndarray, affine: np.ndarray = GRID.affine) -> Path:
    nib.save(nib.Nifti1Image(values.astype(np.float32), affine), path)
    return path


def plane(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """A linear function of the position, which linear interpolation keeps."""
    voxels = np.moveaxis(np.indices(shape), 0, -1)
    return voxels @ affine[:3, :3].T @ [1.0, 2, 3] + affine[:3, 3] @ [1.0, 2, 3]


def test_maps_of_a_finer_grid_are_interpolated(tmp_path: Path) -> None:
    fine = np.diag([2.0, 2, 2, 1])
    own = image(tmp_path / "own.nii.gz", plane(GRID.shape, GRID.affine))
    finer = image(tmp_path / "finer.nii", plane((21, 23, 25), fine), fine)
    found = read_compared_maps(asked(own, finer), GRID)
    assert list(found) == ["own", "finer"]
    np.testing.assert_allclose(found["finer"], found["own"], rtol=1e-5)


def test_outside_of_the_field_of_view_is_nan(tmp_path: Path) -> None:
    path = image(tmp_path / "half.nii.gz", plane((5, 11, 12), GRID.affine))
    half = GRID.unflatten(read_compared_maps(asked(path), GRID)["half"])
    assert np.isfinite(half[:5]).all()
    assert np.isnan(half[5:]).all()


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    flat = image(tmp_path / "flat.nii.gz", np.ones(GRID.shape))
    far = image(tmp_path / "far.nii.gz", np.ones((3, 3, 3)), np.diag([4.0, 4, 4, 1]))
    native = image(tmp_path / "sub-1_space-T1w_map.nii.gz", plane(GRID.shape, GRID.affine))
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no image")
    (tmp_path / "other").mkdir()
    values = plane(GRID.shape, GRID.affine)
    atlas = image(tmp_path / "atlas-x_dseg.nii.gz", plane(GRID.shape, GRID.affine))
    twice = [image(folder / "twice.nii", values) for folder in (tmp_path, tmp_path / "other")]
    with pytest.raises(RequestError) as refused:
        read_compared_maps(asked(flat, far, native, broken, atlas, *twice), GRID)
    for problem, said in zip(
        refused.value.problems,
        (
            "holds 1 in every",
            "27 voxels",
            "T1w",
            "broken",
            "an atlas",
            "another map is also called twice",
        ),
        strict=True,
    ):
        assert said in problem
