"""Lesion and region masks as seeds."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from fcnm_bids.errors import SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import mask_seeds

SIZE = 2.0


def grid_of(size: float, n: int) -> Grid:
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = -size * (n - 1) / 2
    return Grid((n, n, n), affine, "MNI152NLin6Asym")


GRID = grid_of(SIZE, 9)


def save(path: Path, values: NDArray[np.generic], affine: NDArray[np.float64]) -> Path:
    nib.Nifti1Image(values, affine).to_filename(path)
    return path


def random_values(shape: tuple[int, ...], binary: bool) -> NDArray[np.float32]:
    values = np.random.default_rng(1).uniform(size=shape)
    return (values > 0.6 if binary else values).astype(np.float32)


@pytest.mark.parametrize("binary", [True, False])
def test_a_mask_on_the_grid_is_copied_exactly(tmp_path: Path, binary: bool) -> None:
    values = random_values(GRID.shape, binary)
    seeds = mask_seeds([save(tmp_path / "m.nii.gz", values, GRID.affine)], GRID, effect="up")
    np.testing.assert_array_equal(GRID.unflatten(seeds.weights.toarray()[0]), values)


def test_a_mask_is_a_contrast_named_after_its_file(tmp_path: Path) -> None:
    values = random_values(GRID.shape, True)
    paths = [save(tmp_path / name, values, GRID.affine) for name in ("b.1.nii.gz", "a.nii")]
    seeds = mask_seeds(paths, GRID, effect="lesion")
    assert [(c.name, c.effect, c.studies, c.foci, c.n) for c in seeds.contrasts] == [
        ("b.1", "lesion", ("b.1",), (), None),
        ("a", "lesion", ("a",), (), None),
    ]
    assert seeds.weights.shape == (2, GRID.n_voxels)


@pytest.mark.parametrize("binary", [True, False])
def test_another_grid_is_interpolated_linearly(tmp_path: Path, binary: bool) -> None:
    source = grid_of(1.3, 11)
    values = random_values(source.shape, binary)
    seeds = mask_seeds([save(tmp_path / "m.nii", values, source.affine)], GRID, effect="up")
    axes = [source.affine[i, 3] + 1.3 * np.arange(-1, 12) for i in range(3)]
    linear = RegularGridInterpolator(
        axes, np.pad(values.astype(float), 1), bounds_error=False, fill_value=0
    )
    expected = linear(GRID.positions(np.arange(GRID.n_voxels)))
    if binary:
        clear = np.abs(expected - 0.5) > 1e-4
        np.testing.assert_array_equal(seeds.weights.toarray()[0][clear], expected[clear] >= 0.5)
        assert set(np.unique(seeds.weights.data)) == {1.0}
    else:
        np.testing.assert_allclose(seeds.weights.toarray()[0], expected, atol=1e-6)


def test_the_same_shape_with_another_affine_is_not_copied(tmp_path: Path) -> None:
    values = np.zeros(GRID.shape, dtype=np.uint8)
    values[4, 4, 4] = 1
    moved = GRID.affine.copy()
    moved[0, 3] += SIZE
    seeds = mask_seeds([save(tmp_path / "m.nii", values, moved)], GRID, effect="up")
    assert GRID.subscripts(seeds.weights.indices).tolist() == [[5, 4, 4]]


def test_a_flipped_image_lands_where_its_affine_says(tmp_path: Path) -> None:
    values = random_values(GRID.shape, True)
    flipped = GRID.affine @ np.diag([-1.0, 1, 1, 1])
    flipped[0, 3] = -GRID.affine[0, 3]
    path = save(tmp_path / "m.nii", values[::-1], flipped)
    seeds = mask_seeds([path], GRID, effect="up")
    np.testing.assert_array_equal(GRID.unflatten(seeds.weights.toarray()[0]), values)


def test_missing_values_are_outside_of_the_mask(tmp_path: Path) -> None:
    values = np.full(GRID.shape, np.nan, dtype=np.float32)
    values[4, 4, 4] = 1
    seeds = mask_seeds([save(tmp_path / "m.nii", values, GRID.affine)], GRID, effect="up")
    assert seeds.weights.nnz == 1


def test_a_fourth_dimension_of_one_volume_is_dropped(tmp_path: Path) -> None:
    values = random_values((*GRID.shape, 1), True)
    seeds = mask_seeds([save(tmp_path / "m.nii", values, GRID.affine)], GRID, effect="up")
    np.testing.assert_array_equal(GRID.unflatten(seeds.weights.toarray()[0]), values[..., 0])


def test_every_unusable_mask_is_named(tmp_path: Path) -> None:
    far = GRID.affine.copy()
    far[0, 3] = 500
    ones = np.ones(GRID.shape, dtype=np.float32)
    infinite = np.where(np.arange(9) == 4, np.inf, ones).astype(np.float32)
    cut = save(tmp_path / "cut.nii.gz", random_values(GRID.shape, False), GRID.affine)
    cut.write_bytes(cut.read_bytes()[:600])
    (tmp_path / "text.nii").write_text("no image")
    (tmp_path / "table.csv").write_text("x,y,z")
    paths = [
        save(tmp_path / "series.nii", random_values((*GRID.shape, 3), True), GRID.affine),
        save(tmp_path / "empty.nii", 0 * ones, GRID.affine),
        save(tmp_path / "far.nii", ones, far),
        save(tmp_path / "infinite.nii", infinite, GRID.affine),
        cut,
        tmp_path / "text.nii",
        tmp_path / "table.csv",
        tmp_path / "none.nii",
        save(tmp_path / "twin.nii", ones, GRID.affine),
        save(tmp_path / "twin.nii.gz", ones, GRID.affine),
    ]
    with pytest.raises(SeedError) as caught:
        mask_seeds(paths, GRID, effect="up")
    for line, (name, reason) in zip(
        caught.value.problems,
        [
            ("series.nii", "a mask is 3-D"),
            ("empty.nii", "the mask is empty"),
            ("far.nii", "nothing of the mask is left"),
            ("infinite.nii", "infinite values"),
            ("cut.nii.gz", "cannot be read as an image"),
            ("text.nii", "cannot be read as an image"),
            ("table.csv", "a mask is a NIfTI file"),
            ("none.nii", "there is no such file"),
            ("twin", "2 masks are called"),
        ],
        strict=True,
    ):
        assert name in line
        assert reason in line


def test_no_masks_is_an_error() -> None:
    with pytest.raises(SeedError, match="no masks"):
        mask_seeds([], GRID, effect="up")
