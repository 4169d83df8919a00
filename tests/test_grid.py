"""Voxel numbers, positions and the question whether two grids are one."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.affines import apply_affine, voxel_sizes

from fcnm_bids.grid import Grid

SPACE = "MNI152NLin6Asym"
SHAPE = (3, 4, 5)
OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.2, -0.4, 0.1) @ np.diag([-2.0, 2.5, 3.0]), [10, -20, 30]
)
PERMUTED = np.array([[0, 0, 3.0, -5], [-2.0, 0, 0, 7], [0, 4.0, 0, 1], [0, 0, 0, 1]])

shapes = st.tuples(*[st.integers(1, 6)] * 3)


def grid_of(affine: np.ndarray, shape: tuple[int, int, int] = SHAPE) -> Grid:
    return Grid(shape, affine, SPACE)


@given(shapes)
def test_the_first_axis_runs_fastest(shape: tuple[int, int, int]) -> None:
    grid = grid_of(np.eye(4), shape)
    assert grid.n_voxels == np.prod(shape)
    expected = [
        (i, j, k) for k in range(shape[2]) for j in range(shape[1]) for i in range(shape[0])
    ]
    assert [tuple(s) for s in grid.subscripts(np.arange(grid.n_voxels)).tolist()] == expected


@given(shapes, st.integers(0, 2**31))
def test_flattening_and_back(shape: tuple[int, int, int], seed: int) -> None:
    grid = grid_of(np.eye(4), shape)
    volume = np.random.default_rng(seed).standard_normal(shape)
    values = grid.flatten(volume)
    for voxel, (i, j, k) in enumerate(grid.subscripts(np.arange(grid.n_voxels))):
        assert values[voxel] == volume[i, j, k]
    np.testing.assert_array_equal(grid.unflatten(values), volume)


def test_a_fortran_ordered_volume_is_not_copied() -> None:
    volume = np.zeros(SHAPE, order="F")
    assert np.shares_memory(grid_of(np.eye(4)).flatten(volume), volume)


def test_values_at_some_voxels_become_a_volume() -> None:
    grid = grid_of(np.eye(4))
    volume = grid.unflatten([7.0, 8.0], np.array([1, 3]), fill=np.nan)
    assert volume[1, 0, 0] == 7
    assert volume[0, 1, 0] == 8
    assert np.isnan(volume).sum() == grid.n_voxels - 2


def test_other_voxels_are_zero_unless_asked() -> None:
    volume = grid_of(np.eye(4)).unflatten(np.array([True]), np.array([5]))
    assert volume.dtype == bool
    assert volume.sum() == 1


@pytest.mark.parametrize("shape", [(4, 3, 5), (3, 4, 5, 1), (60,)])
def test_a_volume_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not on a grid of"):
        grid_of(np.eye(4)).flatten(np.zeros(shape))


@pytest.mark.parametrize("affine", [OBLIQUE, PERMUTED, np.diag([-2.0, 2, 2, 1])])
def test_positions_and_sizes_are_those_of_nibabel(affine: np.ndarray) -> None:
    grid = grid_of(affine)
    voxels = np.arange(grid.n_voxels)
    expected = apply_affine(affine, grid.subscripts(voxels))
    np.testing.assert_allclose(grid.positions(voxels), expected, atol=1e-12)
    np.testing.assert_allclose(grid.voxel_sizes, voxel_sizes(affine), rtol=1e-14)
    assert grid.voxel_volume == pytest.approx(np.prod(voxel_sizes(affine)), rel=1e-12)


def test_the_affine_is_a_copy_that_cannot_be_changed() -> None:
    affine = np.eye(4)
    grid = grid_of(affine)
    affine[0, 0] = 9
    assert grid.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 9


@pytest.mark.parametrize(
    ("affine", "problem"),
    [
        (np.eye(3), "4 x 4"),
        (np.full((4, 4), np.nan), "finite"),
        (np.diag([2.0, 2.0, 0.0, 1.0]), "singular"),
    ],
)
def test_an_affine_that_is_none(affine: np.ndarray, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        grid_of(affine)


def test_a_grid_is_the_same_as_itself() -> None:
    assert grid_of(OBLIQUE).difference(grid_of(OBLIQUE.astype(np.float32))) is None


def test_another_space_is_named() -> None:
    other = Grid(SHAPE, np.eye(4), "MNI152NLin2009cAsym")
    difference = grid_of(np.eye(4)).difference(other)
    assert difference == "space MNI152NLin2009cAsym instead of MNI152NLin6Asym"


def test_another_shape_is_named() -> None:
    difference = grid_of(np.eye(4)).difference(grid_of(np.eye(4), (3, 4, 6)))
    assert difference == "shape (3, 4, 6) instead of (3, 4, 5)"


@pytest.mark.parametrize(("shift", "same"), [(0.009, True), (0.011, False), (-2.0, False)])
def test_the_same_shape_elsewhere(shift: float, same: bool) -> None:
    moved = np.eye(4)
    moved[1, 3] += shift
    difference = grid_of(np.eye(4)).difference(grid_of(moved))
    assert (difference is None) is same
    if difference:
        assert f"by up to {abs(shift):.3g} mm" in difference


def test_grids_that_agree_only_at_the_origin_differ() -> None:
    wider = np.diag([2.0, 2.0, 2.001, 1.0])
    narrow = np.diag([2.0, 2.0, 2.0, 1.0])
    assert grid_of(narrow, (5, 5, 8)).difference(grid_of(wider, (5, 5, 8))) is None
    assert grid_of(narrow, (5, 5, 80)).difference(grid_of(wider, (5, 5, 80))) is not None


def test_a_flipped_axis_differs_even_where_the_box_is_the_same() -> None:
    flipped = np.diag([-1.0, 1, 1, 1])
    flipped[0, 3] = SHAPE[0] - 1
    assert "shifts voxels" in str(grid_of(np.eye(4)).difference(grid_of(flipped)))
