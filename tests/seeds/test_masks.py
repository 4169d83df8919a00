"""Lesion and region masks as seeds."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from fcnm_bids.errors import SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import mask_seeds
from fcnm_bids.seeds.masks import describe_mask_seeds, find_masks, mask_contrast_names

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
def test_another_grid_takes_the_covered_share_of_each_voxel(tmp_path: Path, binary: bool) -> None:
    source = grid_of(1.3, 11)
    values = random_values(source.shape, binary)
    seeds = mask_seeds([save(tmp_path / "m.nii", values, source.affine)], GRID, effect="up")
    # cells of 0.05 mm fit into the voxels of both grids: 26 and 40 along each axis
    cells = values.astype(float)
    for axis in range(3):
        cells = np.repeat(cells, 26, axis)
        cells = np.add.reduceat(
            np.pad(cells, [(37, 37) if i == axis else (0, 0) for i in range(3)]),
            np.arange(0, 360, 40),
            axis=axis,
        )
    expected = GRID.flatten(cells) / 40**3
    if binary:
        clear = np.abs(expected - 0.5) > 1e-5
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
            ("series.nii", "three dimensions were expected"),
            ("empty.nii", "the mask is empty"),
            ("far.nii", "no part of the mask lies in the field of view"),
            ("infinite.nii", "infinite values"),
            ("cut.nii.gz", "cannot be read"),
            ("text.nii", "cannot be read"),
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


def seed_of(path: Path) -> NDArray[np.float64]:
    seeds = mask_seeds([path], GRID, effect="lesion")
    return GRID.unflatten(seeds.weights.toarray()[0])


@pytest.mark.parametrize(("outside", "inside"), [(0, 255), (0, 100), (1e-9, 0.9999998), (1, 2)])
def test_two_values_are_binary_whatever_they_are(
    tmp_path: Path, outside: float, inside: float
) -> None:
    lesion = random_values(GRID.shape, True)
    values = np.where(lesion > 0, inside, outside).astype(np.float32)
    np.testing.assert_array_equal(seed_of(save(tmp_path / "m.nii.gz", values, GRID.affine)), lesion)


def test_0_and_255_stay_binary_on_another_grid(tmp_path: Path) -> None:
    source = grid_of(1.3, 11)
    lesion = random_values(source.shape, True)
    paths = [
        save(tmp_path / name, values.astype(np.uint8), source.affine)
        for name, values in (("a.nii", lesion), ("b.nii", 255 * lesion))
    ]
    weights = mask_seeds(paths, GRID, effect="lesion").weights.toarray()
    np.testing.assert_array_equal(weights[0], weights[1])
    assert set(np.unique(weights)) == {0.0, 1.0}


def labelled(path: Path) -> Path:
    values = np.zeros(GRID.shape, np.uint8)
    values[2:4, 4, 4], values[5, 4, 4], values[6, 6, 6] = 1, 2, 4
    return save(path, values, GRID.affine)


def test_labels_are_refused_and_split_on_request(tmp_path: Path) -> None:
    path = labelled(tmp_path / "sub-01_dseg.nii.gz")
    with pytest.raises(SeedError, match=r"labels, not weights \(1, 2, 4\).*--split-mask-labels"):
        mask_seeds([path], GRID, effect="lesion")
    seeds = mask_seeds([path], GRID, effect="lesion", split_labels=True)
    names = ("sub-01_dseg label 1", "sub-01_dseg label 2", "sub-01_dseg label 4")
    assert tuple(contrast.name for contrast in seeds.contrasts) == names
    assert {contrast.studies for contrast in seeds.contrasts} == {("sub-01_dseg",)}
    assert mask_contrast_names(path, GRID.space, split_labels=True) == names
    assert seeds.weights.toarray().sum(axis=1).tolist() == [2, 1, 1]


def test_negative_values_are_refused(tmp_path: Path) -> None:
    values = random_values(GRID.shape, False) - 0.12
    with pytest.raises(SeedError, match=r"m\.nii: the mask has negative values \(down to -0\.1"):
        mask_seeds([save(tmp_path / "m.nii", values, GRID.affine)], GRID, effect="lesion")


def test_a_lesion_within_one_voxel_takes_that_voxel(tmp_path: Path) -> None:
    source = grid_of(0.5, 33)
    values = np.zeros(source.shape, np.uint8)
    values[14:16, 16, 16] = 1  # at -1 and -0.5 mm: 3 of 4 half millimetres lie in voxel 4
    path = save(tmp_path / "m.nii.gz", values, source.affine)
    seeds, (record,) = describe_mask_seeds([path], GRID, effect="lesion")
    assert GRID.subscripts(seeds.weights.indices).tolist() == [[4, 4, 4]]
    assert record.file_ml == pytest.approx(2 * 0.125 / 1000)
    assert record.seed_ml == pytest.approx(8 / 1000)
    assert "smaller than half a voxel" in record.notes[0]


@pytest.mark.parametrize("seed", range(20))
def test_lesions_of_2_mm_radius_are_never_lost_on_4_mm_voxels(tmp_path: Path, seed: int) -> None:
    grid, fine = grid_of(4.0, 9), grid_of(1.0, 36)
    centre = np.random.default_rng(seed).uniform(-10, 10, 3)
    distance = np.linalg.norm(fine.positions(np.arange(fine.n_voxels)) - centre, axis=1)
    values = fine.unflatten((distance <= 2).astype(np.uint8))
    seeds = mask_seeds([save(tmp_path / "m.nii", values, fine.affine)], grid, effect="lesion")
    assert seeds.weights.nnz >= 1
    found = grid.positions(seeds.weights.indices)
    assert np.abs(found - centre).max() <= 4


def test_more_than_a_third_of_the_brain_is_noted(tmp_path: Path) -> None:
    grid = grid_of(10.0, 9)
    values = np.ones(grid.shape, np.uint8)
    _, (record,) = describe_mask_seeds(
        [save(tmp_path / "m.nii", values, grid.affine)], grid, effect="lesion"
    )
    assert "729 ml, more than a third of the brain" in record.notes[0]


@pytest.mark.parametrize("space", ["T1w", "orig", "native"])
def test_a_mask_in_a_participants_own_space_is_refused(tmp_path: Path, space: str) -> None:
    path = save(
        tmp_path / f"sub-1_space-{space}_mask.nii", np.ones(GRID.shape, np.uint8), GRID.affine
    )
    with pytest.raises(SeedError, match=f"states {space}, a participant's own space; transform it"):
        mask_seeds([path], GRID, effect="lesion")


def test_a_mask_in_another_mni_space_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "sub-1_space-MNI152NLin2009aSym_mask.nii"
    save(path, random_values(GRID.shape, True), GRID.affine)
    _, (record,) = describe_mask_seeds([path], GRID, effect="lesion")
    assert "MNI152NLin2009aSym" in record.notes[0]


def test_an_image_that_does_not_say_where_it_lies_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.ones(GRID.shape, np.uint8), GRID.affine)
    image.set_sform(GRID.affine, 0)
    image.set_qform(GRID.affine, 0)
    image.to_filename(tmp_path / "m.nii.gz")
    with pytest.raises(SeedError, match="sform and qform codes of its header are 0"):
        mask_seeds([tmp_path / "m.nii.gz"], GRID, effect="lesion")


def test_a_folder_is_walked_and_what_is_not_read_is_counted(tmp_path: Path) -> None:
    names = [
        "good.nii.gz",
        "sub/patient03.nii.gz",
        "patient04.NII.GZ",
        "sub-r1/ses-1/anat/sub-r1_ses-1_space-MNI_label-L_desc-T1lesion_mask.nii.gz",
        "patient02.img",
        "patient02.hdr",
        "patient05.mgz",
        "sub-r1/ses-1/anat/sub-r1_ses-1_T1w.nii.gz",
        "._good.nii.gz",
        ".hidden/m.nii.gz",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    masks, others = find_masks(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in masks} == set(names[:4])
    assert {path.relative_to(tmp_path).as_posix() for path in others} == set(names[4:8])


def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "m.nii.gz").touch()
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "linked").symlink_to(tmp_path / "elsewhere")
    assert find_masks(tmp_path / "masks") == ([tmp_path / "masks" / "linked" / "m.nii.gz"], [])
