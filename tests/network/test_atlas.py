from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nilearn.image import resample_to_img

from fcnm_bids.grid import Grid
from fcnm_bids.network import Atlas, describe_region, region_name, region_shares, resample_labels

SPACE = "MNI152NLin6Asym"


def grid(shape: tuple[int, int, int], step: float, start: tuple[float, float, float]) -> Grid:
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = start
    return Grid(shape, affine, SPACE)


def test_labels_are_those_that_nilearn_gives() -> None:
    labels = np.random.default_rng(0).integers(0, 9, (12, 13, 11)).astype(np.int32)
    affine = np.array([[-2.0, 0, 0, 11.3], [0, 2, 0, -13.1], [0, 0, 2, -9.7], [0, 0, 0, 1]])
    target = grid((7, 7, 6), 3.0, (-9.0, -10.0, -8.0))
    theirs = resample_to_img(
        nib.Nifti1Image(labels, affine),
        nib.Nifti1Image(np.zeros(target.shape, np.uint8), target.affine),
        interpolation="nearest",
        force_resample=True,
        copy_header=True,
    )
    ours = target.unflatten(resample_labels(labels, affine, target))
    np.testing.assert_array_equal(ours, np.asarray(theirs.dataobj))


def test_outside_the_image_there_is_no_label() -> None:
    labels = np.ones((2, 2, 2), np.int32)
    target = grid((4, 4, 4), 2.0, (-2.0, -2.0, -2.0))
    found = target.unflatten(resample_labels(labels, np.diag([2.0, 2, 2, 1]), target))
    expected = np.zeros((4, 4, 4), np.int32)
    expected[1:3, 1:3, 1:3] = 1
    np.testing.assert_array_equal(found, expected)


@given(st.integers(-3, 3), st.integers(-3, 3))
def test_on_its_own_grid_an_atlas_stays_what_it_is(i: int, j: int) -> None:
    labels = np.arange(60, dtype=np.int32).reshape(3, 4, 5)
    own = grid((3, 4, 5), 2.0, (float(i), float(j), 1.0))
    found = own.unflatten(resample_labels(labels, own.affine, own))
    np.testing.assert_array_equal(found, labels)


def test_joined_atlases_keep_both_names_and_the_first_wins() -> None:
    cortex = Atlas("a", np.array([0, 1, 2, 2]), {1: "one", 2: "two"}, {"A": (1,), "B": (2,)})
    nuclei = Atlas("b", np.array([5, 5, 0, 7]), {5: "five", 7: "seven"}, {"S": (5, 7)})
    both = cortex.joined(nuclei)
    assert [region_name(both, v) for v in range(4)] == ["five", "one", "two", "two"]
    assert list(both.networks) == ["A", "B", "S"]
    assert np.isin(both.labels, both.networks["S"]).tolist() == [True, False, False, False]


def test_networks_of_one_name_cannot_be_joined() -> None:
    one = Atlas("a", np.array([1]), {1: "one"}, {"A": (1,)})
    with pytest.raises(ValueError, match="same name"):
        one.joined(one)


def test_shares_name_what_lies_in_some_voxels_the_largest_first() -> None:
    atlas = Atlas("a", np.array([0, 1, 2, 2, 2, 1]), {1: "one", 2: "two"}, {})
    assert region_shares(atlas, np.array([0, 1, 2, 3])) == [
        ("two", 0.5),
        (None, 0.25),
        ("one", 0.25),
    ]


def test_a_place_beside_a_region_is_described_by_the_nearest() -> None:
    grid = Grid((9, 9, 9), np.diag([2.0, 2, 2, 1]), "MNI")
    labels = np.zeros(grid.shape, np.int32)
    labels[0], labels[8, 8, 8] = 1, 2
    atlas = Atlas("a", grid.flatten(labels), {1: "left", 2: "corner"}, {})
    for place, name in {
        (0, 4, 4): "left",
        (2, 4, 4): "4 mm from left",
        (3, 4, 4): "6 mm from left",
        (4, 4, 4): None,
        (7, 7, 8): "3 mm from corner",
        (6, 6, 6): None,
    }.items():
        voxel = int(np.ravel_multi_index(place, grid.shape, order="F"))
        assert describe_region(atlas, voxel, grid) == name
