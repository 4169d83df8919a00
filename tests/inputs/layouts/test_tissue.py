from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.connectome import open_image
from fcnm_bids.errors import RunError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.layouts.tissue import tissue_mask, tissue_signals

AFFINE = np.array([[-4.0, 0, 0, 30], [0, 4, 0, -30], [0, 0, 4, -30], [0, 0, 0, 1]])
GRID = Grid((16, 16, 16), AFFINE, "MNI152NLin6Asym")


def _ball(path: Path, size: float, radius: float) -> Path:
    """Write a ball around the origin on a grid of its own."""
    n = int(80 // size)
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = -(n - 1) * size / 2
    places = nib.affines.apply_affine(affine, np.stack(np.indices((n, n, n)), axis=-1))
    image = nib.Nifti1Image((np.linalg.norm(places, axis=-1) < radius).astype(np.float32), affine)
    nib.save(image, path)
    return path


def test_a_tissue_lies_where_the_template_has_it(tmp_path: Path) -> None:
    """Radiological order of voxels and another voxel size."""
    mask = tissue_mask(
        _ball(tmp_path / "WM.nii", 2, 14), GRID, np.ones(GRID.n_voxels, bool), "white_matter"
    )
    distance = np.linalg.norm(GRID.positions(np.arange(GRID.n_voxels)), axis=1)
    assert mask[distance < 11].all()
    assert not mask[distance > 15].any()


def test_a_tissue_outside_of_the_brain_mask_is_refused(tmp_path: Path) -> None:
    brain = np.linalg.norm(GRID.positions(np.arange(GRID.n_voxels)), axis=1) > 20
    with pytest.raises(RunError, match=r"WM\.nii: only 0 voxels of white_matter"):
        tissue_mask(_ball(tmp_path / "WM.nii", 2, 14), GRID, brain, "white_matter")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_signals_are_means_in_the_units_of_the_image(suffix: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 1000, (16, 16, 16, 70)).astype(np.int16)
    image = nib.Nifti1Image(values, AFFINE)
    image.header.set_slope_inter(0.5, 3)
    nib.save(image, tmp_path / f"run{suffix}")
    opened = open_image(tmp_path / f"run{suffix}", "MNI152NLin6Asym")
    masks = {name: rng.random(GRID.n_voxels) < 0.2 for name in ("white_matter", "csf")}
    table = tissue_signals(opened, masks)
    series = values.reshape(-1, 70, order="F") * opened.slope + opened.intercept
    for column, mask in zip(table.T, masks.values(), strict=True):
        np.testing.assert_allclose(column, series[mask].mean(axis=0), rtol=1e-12)


def test_a_flipped_bit_in_a_tissue_changes_nothing_or_is_refused(tmp_path: Path) -> None:
    path = _ball(tmp_path / "WM.nii.gz", 4, 14)
    content = path.read_bytes()
    brain = np.ones(GRID.n_voxels, bool)
    expected = tissue_mask(path, GRID, brain, "white_matter")
    rng = np.random.default_rng(0)
    n_refused = 0
    for _ in range(100):
        damaged = bytearray(content)
        damaged[rng.integers(10, len(content))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(tissue_mask(path, GRID, brain, "white_matter"), expected)
        except RunError:
            n_refused += 1
    assert n_refused > 50
