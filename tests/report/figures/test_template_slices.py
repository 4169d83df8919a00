"""Slices show the voxels that lie on them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nilearn.image import resample_img
from scipy.ndimage import binary_erosion

from fcnm_bids.errors import FileError
from fcnm_bids.report.figures.palette import OUTLINE, color_table
from fcnm_bids.report.figures.template_slices import (
    AXIAL,
    BOX,
    Outline,
    Overlay,
    Volume,
    anatomy,
    choose_slices,
    paint,
    plane,
    strip,
)

AFFINE = np.diag([8.0, 8, 8, 1])
AFFINE[:3, 3] = (-92, -128, -76)
SHAPE = (24, 28, 24)
VALUES = np.random.default_rng(0).random(SHAPE).astype(np.float32)
STEP = 8.0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_has_its_points_the_top_row_first(axis: int) -> None:
    points = plane(axis, 4.0, STEP)
    across, up = [a for a in range(3) if a != axis]
    assert (points[..., axis] == 4.0).all()
    assert (np.diff(points[..., across], axis=1) == STEP).all()
    assert (np.diff(points[..., up], axis=0) == -STEP).all()
    assert points[0, 0, across] == BOX[across][0]
    assert points[0, 0, up] == BOX[up][1]


def test_values_at_points_are_nilearns() -> None:
    volume = Volume.of(nib.Nifti1Image(VALUES, AFFINE))
    target = np.diag([5.0, 5, 5, 1])
    target[:3, 3] = (-40, -50, -30)
    expected = resample_img(
        nib.Nifti1Image(VALUES, AFFINE), target, (9, 9, 9), interpolation="linear",
        force_resample=True, copy_header=True,
    )  # fmt: skip
    index = np.stack(np.meshgrid(*[np.arange(9)] * 3, indexing="ij"), axis=-1)
    points = index @ target[:3, :3].T + target[:3, 3]
    np.testing.assert_allclose(volume.at(points, 1), expected.get_fdata(), atol=1e-5)
    assert np.isnan(volume.at(np.array([[500.0, 0, 0]]), 0)).all()


def test_values_on_a_grid_are_those_at_its_points() -> None:
    volume = Volume(VALUES, AFFINE)
    axes = [np.arange(-120.0, 110, 7), np.arange(-128.0, 89, 4), np.array([-76.0, 108, 108.5])]
    found = volume.between(axes)
    expected = volume.at(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1), 1)
    assert 0 < np.isnan(found).mean() < 1
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_shows_the_nearest_voxels(axis: int) -> None:
    volume = Volume(VALUES, AFFINE)
    found = volume.on(axis, 3.0, 5.0)
    points = plane(axis, 3.0, 5.0)
    index = np.floor((points - AFFINE[:3, 3]) / 8 + 0.5).astype(int)
    inside = ((index >= 0) & (index < SHAPE)).all(axis=-1)
    np.testing.assert_array_equal(found[inside], VALUES[tuple(index[inside].T)])


def test_a_scale_is_symmetric_and_holds_its_threshold() -> None:
    volume = Volume(np.array([[[-4.0, 1, 2, np.nan]]], np.float32), AFFINE)
    assert volume.limit(100) == 4
    assert volume.limit(100, threshold=10) == 12
    assert Volume(np.full((1, 1, 1), np.nan, np.float32), AFFINE).limit(99) == 1
    assert volume.finest == 8


@pytest.mark.parametrize("percentile", [0, 37.5, 98, 99.5, 100])
@pytest.mark.parametrize("n", [1, 2, 1001])
def test_a_scale_ends_at_numpys_percentile(percentile: float, n: int) -> None:
    values = np.random.default_rng(n).normal(size=(n, 1, 1)).astype(np.float32)
    expected = max(np.percentile(np.abs(values), percentile), 1e-3)
    assert Volume(values, AFFINE).limit(percentile) == pytest.approx(expected, rel=1e-6)


def overlay(outlined: Volume | Outline | None) -> Overlay:
    return Overlay(Volume(VALUES, AFFINE), outlined, "rising", 0, 1, 0.5, outside=0.2)


def test_colours_stand_where_values_pass_and_the_head_is() -> None:
    painted = paint(2, 8.0, STEP, overlay(None))
    values = Volume(VALUES, AFFINE).on(2, 8.0, STEP)
    head = np.nan_to_num(anatomy().at(plane(2, 8.0, STEP), 1)) > 0.05
    shown = head & (values > 0.5)
    grey = (painted == painted[..., :1]).all(axis=-1)
    assert grey[~shown].all()
    assert not grey[shown].any()
    assert (painted[~head] == 255).all()
    table = color_table("rising")[np.rint(values[shown] * 255).astype(int)]
    assert np.abs(painted[shown] / 255 - table).max() < 0.1  # a little of the anatomy shows


def test_outside_of_the_mask_colours_are_pale_and_its_border_is_drawn() -> None:
    mask = np.zeros(SHAPE, np.float32)
    mask[6:14, 8:18, 6:16] = 1
    plain, marked = (paint(2, 8.0, STEP, overlay(m)) for m in (None, Volume(mask, AFFINE)))
    inside = Volume(mask, AFFINE).on(2, 8.0, STEP) > 0.5
    border = inside & (marked == OUTLINE).all(axis=-1)
    assert border.any()
    within = inside & ~border
    np.testing.assert_array_equal(marked[within], plain[within])
    spread = [np.ptp(picture[~inside].astype(int), axis=-1).sum() for picture in (plain, marked)]
    assert spread[1] < 0.5 * spread[0]


@pytest.mark.parametrize("step", [0.5, 1.5, STEP])
def test_a_border_is_what_an_erosion_takes_away(step: float) -> None:
    mask = Volume((VALUES > 0.3).astype(np.float32), AFFINE)
    marked, border = mask.outline(2, 8.0, step)
    np.testing.assert_array_equal(marked, mask.on(2, 8.0, step) > 0.5)
    inner = binary_erosion(marked, iterations=max(1, round(0.9 / step)))
    np.testing.assert_array_equal(border, marked & ~inner)


def test_the_outline_of_a_mask_is_drawn_like_the_mask() -> None:
    mask = Volume((VALUES > 0.7).astype(np.float32), AFFINE)
    positions = (-16, 8)
    outline = Outline.of(mask, 2, positions, STEP)
    for at in positions:
        expected = paint(2, at, STEP, overlay(mask))
        np.testing.assert_array_equal(paint(2, at, STEP, overlay(outline)), expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("position", [-20.0, 3.25, 200.0])
def test_the_background_is_the_template_between_its_voxels(axis: int, position: float) -> None:
    mask = Volume(np.zeros(SHAPE, np.float32), AFFINE)
    painted = paint(axis, position, 2.5, Overlay(mask, None, "rising", 0, 1, 0.5, outside=1.0))
    grey = np.nan_to_num(anatomy().at(plane(axis, position, 2.5), 1))
    expected = np.where(grey > 0.05, 255 * (0.12 + 0.72 * grey), 255)
    assert np.abs(painted - expected[..., None]).max() <= 0.5 + 1e-4


def test_a_strip_has_its_slices_side_by_side() -> None:
    positions = (-16, 8, 34)
    picture, middles = strip(2, positions, STEP, overlay(None))
    first = paint(2, -16, STEP, overlay(None))
    width = first.shape[1]
    np.testing.assert_array_equal(picture[:, :width], first)
    np.testing.assert_array_equal(picture[:, -width:], paint(2, 34, STEP, overlay(None)))
    assert middles[0] == width / 2
    assert np.diff(middles).tolist() == [width + round(4 / STEP)] * 2


def test_a_damaged_map_is_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "map.nii.gz"
    image = nib.Nifti1Image(VALUES, AFFINE)
    nib.save(image, path)
    np.testing.assert_array_equal(Volume.read(path).values, Volume.of(image).values)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"map\.nii\.gz cannot be read"):
        Volume.read(path)


@pytest.mark.parametrize(
    ("foci", "peaks"),
    [
        ([], []),
        ([12.0], [40.0, -20.0]),
        ([-30.0, -29.0, 0.0, 31.0, 33.0, 60.0, 71.0, 80.0, 83.0], [10.0]),
        (list(np.linspace(-66, 82, 40)), []),
        ([-300.0], [5.0]),
    ],
)
def test_slices_go_through_foci_and_peaks(foci: list[float], peaks: list[float]) -> None:
    chosen = choose_slices(foci, peaks)
    assert len(set(chosen)) == len(AXIAL)
    assert list(chosen) == sorted(chosen)
    inside = [z for z in foci if BOX[2][0] <= z <= BOX[2][1]]
    # six slices cover the foci: none is farther than a sixth of their span, halved and rounded
    reach = (max(inside) - min(inside)) / 12 + 2 if inside else 0
    assert all(min(abs(z - at) for at in chosen) <= reach for z in inside)
    assert all(min(abs(z - at) for at in chosen) <= 6 for z in peaks)
