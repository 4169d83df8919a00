"""Masks on another grid by covered volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.grid import Grid
from fcnm_bids.seeds.volume_fraction import volume_fraction

SPACE = "MNI152NLin6Asym"


def rotation(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn


def centred(shape: tuple[int, int, int], size: float) -> np.ndarray:
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = -size * (np.array(shape) - 1) / 2
    return affine


@given(
    st.permutations(range(3)),
    st.tuples(*[st.sampled_from([-1, 1])] * 3),
    st.tuples(*[st.floats(-3, 3)] * 3),
    st.floats(0.5, 5),
)
def test_volume_is_conserved_however_the_axes_point(
    order: list[int], signs: tuple[int, int, int], shift: tuple[float, ...], size: float
) -> None:
    shape = (4, 5, 6)
    values = np.random.default_rng(1).uniform(size=shape)
    affine = np.eye(4)
    affine[:3, :3] = (np.diag(signs) * size)[:, order]
    affine[:3, 3] = shift - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    source = Grid(shape, affine, SPACE)
    target = Grid((20, 20, 20), centred((20, 20, 20), 3.0), SPACE)
    covered = volume_fraction(values, source, target)
    assert covered.sum() * 27 == pytest.approx(values.sum() * size**3, rel=1e-9)
    centre = np.tensordot(
        target.positions(np.arange(target.n_voxels)), target.flatten(covered), (0, 0)
    )
    expected = source.positions(np.arange(source.n_voxels)).T @ source.flatten(values)
    # a voxel's centre of mass moves by less than half a voxel of the target, each way
    np.testing.assert_allclose(centre / covered.sum(), expected / values.sum(), atol=3.0 / 2)


def test_a_rotated_image_is_cut_into_pieces_and_loses_no_volume() -> None:
    source = Grid((9, 9, 9), rotation(30) @ centred((9, 9, 9), 2.0), SPACE)
    target = Grid((20, 20, 20), centred((20, 20, 20), 3.0), SPACE)
    values = (np.random.default_rng(1).uniform(size=(9, 9, 9)) > 0.5).astype(float)
    covered = volume_fraction(values, source, target)
    assert covered.sum() * 27 == pytest.approx(values.sum() * 8, rel=1e-9)
    assert covered.max() <= 1 + 0.1


def test_a_hair_of_rotation_agrees_with_none() -> None:
    values = (np.random.default_rng(1).uniform(size=(9, 9, 9)) > 0.5).astype(float)
    target = Grid((12, 12, 12), centred((12, 12, 12), 3.0), SPACE)
    straight, turned = (
        volume_fraction(values, Grid((9, 9, 9), turn @ centred((9, 9, 9), 2.0), SPACE), target)
        for turn in (np.eye(4), rotation(0.01))
    )
    np.testing.assert_allclose(turned, straight, atol=0.06)


def test_what_lies_beyond_the_target_is_lost() -> None:
    source = Grid((3, 3, 3), centred((3, 3, 3), 2.0), SPACE)
    far = centred((3, 3, 3), 2.0)
    far[0, 3] += 500
    assert not volume_fraction(np.ones((3, 3, 3)), source, Grid((3, 3, 3), far, SPACE)).any()
