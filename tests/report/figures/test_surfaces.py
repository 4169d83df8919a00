"""Networks on a glass brain and on the cortical surface."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from matplotlib.path import Path as Line
from PIL import Image

from fcnm_bids.report.figures.palette import colormap
from fcnm_bids.report.figures.surfaces import (
    _border,
    _hemisphere,
    _painted,
    _pale_below,
    _surface,
    _upright,
    draw_glass,
    draw_surface,
)
from fcnm_bids.report.figures.template_slices import Volume


@pytest.mark.parametrize("share", [0.0, 0.5, 0.6])
def test_colours_below_the_threshold_are_pale(share: float) -> None:
    plain = np.asarray(colormap("rising")(np.linspace(0, 1, 256)))[:, :3]
    found = np.asarray(_pale_below(share).colors)[:, :3]
    below = np.linspace(0, 1, 256) < share - 2e-3
    np.testing.assert_allclose(found[~below], plain[~below])
    assert below.sum() == pytest.approx(256 * share, abs=1.5)
    if below.any():
        spread = np.ptp(found[below], axis=1) / np.ptp(plain[below], axis=1)
        np.testing.assert_allclose(spread, 0.35)


@pytest.mark.parametrize(("side", "sign"), [("left", -1), ("right", 1)])
def test_the_middle_of_the_cortex_lies_in_its_hemisphere(side: str, sign: int) -> None:
    (inflated, faces), middle, sulci = _surface(side)
    assert len(inflated) == len(middle) == len(sulci) == 10242
    assert faces.max() == len(middle) - 1
    cortex = np.isfinite(middle).all(axis=1)
    assert 0.8 < cortex.mean() < 1  # the medial wall has no cortex
    assert (sign * middle[cortex, 0]).mean() > 20
    assert set(np.unique(sulci).round(2)) == {0.42, 0.62} or len(np.unique(sulci)) == 2


def test_a_network_of_one_vertex_is_drawn(tmp_path: Path) -> None:
    middle = _surface("left")[1]
    affine = np.diag([0.5, 0.5, 0.5, 1])
    affine[:3, 3] = middle[5000] - 1  # the vertex is voxel 2, 2, 2, with no other in the box
    data = np.zeros((5, 5, 5), np.float32)
    data[2, 2, 2] = 1
    one = Volume(data, affine)
    cortex = np.isfinite(middle).all(axis=1)
    assert (np.nan_to_num(one.at(middle[cortex], 0)) > 0.5).sum() == 1
    draw_surface(tmp_path / "one.svg", one, one, high=1, threshold=0.5, label="share")
    assert (tmp_path / "one.svg").stat().st_size > 10_000


def test_triangles_are_painted_where_they_are_and_the_last_one_is_in_front() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-5, 45, (60, 2))
    faces = np.arange(60).reshape(20, 3)
    colors = rng.integers(0, 250, (20, 3)) / 255
    found = _painted(points[:, 0], points[:, 1], faces, colors, (30, 40))
    rows, columns = np.mgrid[:30, :40]
    centres = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    expected = np.full((1200, 3), 255)
    for face, color in zip(faces, colors, strict=True):
        expected[Line(points[face]).contains_points(centres)] = np.rint(255 * color)
    np.testing.assert_array_equal(found.reshape(-1, 3), expected)


@pytest.mark.parametrize("side", ["left", "right"])
def test_each_side_of_a_hemisphere_is_seen_from_there(side: str) -> None:
    (points, faces), _, _ = _surface(side)
    middle = points[faces].mean(axis=1)
    colors = np.zeros((len(faces), 3))
    colors[middle[:, 0] < np.median(points[:, 0]), 0] = 1  # red to the left
    colors[middle[:, 1] > np.percentile(points[:, 1], 90), 2] = 1  # blue in front
    for from_left in (True, False):
        picture = _hemisphere(points, faces, colors, from_left=from_left).astype(float) / 255
        brain = (picture < 1).any(axis=2)
        assert 0.4 < brain.mean() < 0.8
        assert picture[brain][:, 0].mean() == pytest.approx(float(from_left), abs=0.2)
        front = brain & (picture[..., 2] == 1)
        is_left = np.nonzero(front)[1].mean() < picture.shape[1] / 2
        assert is_left == from_left


def test_the_border_is_around_a_region() -> None:
    faces = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6]], np.int32)
    held = np.isin(np.arange(7), [0, 1, 2])
    np.testing.assert_array_equal(_border(held, faces), [False, True, True, False, False])
    assert not _border(np.arange(7) == 3, faces).any()


def test_a_volume_is_turned_upright_however_it_is_stored() -> None:
    rng = np.random.default_rng(1)
    values = (rng.random((6, 7, 5)) * (rng.random((6, 7, 5)) > 0.8)).astype(np.float32)
    affine = np.array([[3.0, 0, 0, -8], [0, 3, 0, -9], [0, 0, 3, -6], [0, 0, 0, 1]])
    image = nib.Nifti1Image(values, affine)
    for codes in ("RAS", "LPS", "SAL"):
        axes = nib.orientations.axcodes2ornt(codes)
        other = image.as_reoriented(
            nib.orientations.ornt_transform(nib.orientations.io_orientation(affine), axes)
        )
        turned = _upright(Volume.of(other))
        np.testing.assert_allclose(turned.affine, affine)
        np.testing.assert_array_equal(turned.values, values)
    oblique = affine.copy()
    oblique[:3, :3] = [[2.9, -0.77, 0], [0.77, 2.9, 0], [0, 0, 3]]
    turned = _upright(Volume(values, oblique))
    assert np.count_nonzero(turned.affine[:3, :3]) == 3
    assert set(np.unique(turned.values)) <= set(np.unique(values))
    assert turned.values.max() > 0


def test_the_glass_brain_shows_a_voxel_on_its_side(tmp_path: Path) -> None:
    affine = np.diag([8.0, 8, 8, 1])
    affine[:3, 3] = -80, -112, -72
    data = np.zeros((21, 25, 19), np.float32)
    data[15, 17, 12] = 1.0  # right, in front, above
    path = tmp_path / "glass.png"
    draw_glass(path, Volume(data, affine), high=1, threshold=0.5, label="share")
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    coloured = (np.ptp(picture, axis=2) > 80)[:, : int(0.92 * picture.shape[1])]
    places = np.flatnonzero(coloured.any(axis=0)) / picture.shape[1]
    # from the back and from above to the right, from the right to the front; none from the left
    assert places.min() > 0.26
    groups = np.split(places, np.flatnonzero(np.diff(places) > 0.05) + 1)
    assert len(groups) == 3
