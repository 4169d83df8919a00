"""Smoothing the components of a projection in place of its volumes."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from nilearn.image import smooth_img
from scipy.ndimage import gaussian_filter

from fcnm_bids.connectome import smooth_components
from fcnm_bids.grid import Grid

SPACE = "MNI152NLin6Asym"
SHAPE = (13, 11, 9)
ISOTROPIC = np.diag([-2.0, 2.0, 2.0, 1.0])
ANISOTROPIC = np.diag([3.0, 1.5, 4.0, 1.0])
PERMUTED = np.array([[0, 0, 3.0, -5], [-2.0, 0, 0, 7], [0, 4.0, 0, 1], [0, 0, 0, 1]])
OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.2, -0.4, 0.1) @ np.diag([-2.0, 2.5, 3.0])
)


def scattered(seed: int = 0, share: float = 0.6) -> np.ndarray:
    return np.flatnonzero(np.random.default_rng(seed).random(np.prod(SHAPE)) < share)


def maps(n: int, index: np.ndarray, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, index.size)).astype(np.float32)


def smoothed(components: np.ndarray, index: np.ndarray, grid: Grid, fwhm: float) -> np.ndarray:
    result = components.copy()
    smooth_components(result, index, grid, fwhm)
    return result


def by_scipy(components: np.ndarray, index: np.ndarray, grid: Grid, fwhm: float) -> np.ndarray:
    sigma = fwhm / np.sqrt(8 * np.log(2)) / grid.voxel_sizes
    boxes = (grid.unflatten(row, index).astype(np.float64) for row in components)
    filtered = (gaussian_filter(box, sigma, mode="constant", truncate=4.0) for box in boxes)
    return np.stack([grid.flatten(box)[index] for box in filtered])


@pytest.mark.parametrize("affine", [ISOTROPIC, ANISOTROPIC, PERMUTED, OBLIQUE])
@pytest.mark.parametrize("fwhm", [0.5, 4.0, 6.0, 25.0])
def test_a_masked_volume_is_smoothed_as_by_scipy(affine: np.ndarray, fwhm: float) -> None:
    grid, index = Grid(SHAPE, affine, SPACE), scattered()
    components = maps(3, index)
    found = smoothed(components, index, grid, fwhm)
    np.testing.assert_allclose(found, by_scipy(components, index, grid, fwhm), atol=2e-6)


@pytest.mark.parametrize(
    "index",
    [
        np.array([0]),
        np.array([0, np.prod(SHAPE) - 1]),
        np.arange(np.prod(SHAPE)),
        np.arange(500, 505),
        np.arange(0, np.prod(SHAPE), SHAPE[0] * SHAPE[1]),
    ],
    ids=["corner", "opposite corners", "whole box", "part of a row", "an edge"],
)
def test_beyond_the_edges_of_the_box_all_is_zero(index: np.ndarray) -> None:
    grid = Grid(SHAPE, ISOTROPIC, SPACE)
    components = maps(2, index)
    found = smoothed(components, index, grid, 6.0)
    np.testing.assert_allclose(found, by_scipy(components, index, grid, 6.0), atol=2e-6)


def test_within_the_box_it_is_what_nilearn_does_to_masked_data() -> None:
    affine = np.diag([-2.0, 2.0, 3.0, 1.0])
    grid = Grid((40, 40, 30), affine, SPACE)
    inside = np.zeros(grid.shape, dtype=bool)
    inside[12:28, 12:28, 10:20] = np.random.default_rng(5).random((16, 16, 10)) < 0.8
    index = np.flatnonzero(grid.flatten(inside))
    components = maps(1, index)
    image = nib.Nifti1Image(grid.unflatten(components[0], index), affine)
    expected = grid.flatten(smooth_img(image, 6.0).get_fdata())[index]
    np.testing.assert_allclose(smoothed(components, index, grid, 6.0)[0], expected, atol=2e-6)


def test_smoothing_components_is_projecting_smoothed_volumes() -> None:
    grid, index = Grid(SHAPE, ANISOTROPIC, SPACE), scattered(2)
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.standard_normal((40, 12)))[0].T
    volumes = rng.standard_normal((40, index.size))
    components = (basis @ volumes).astype(np.float32)
    expected = basis @ by_scipy(volumes, index, grid, 6.0)
    np.testing.assert_allclose(smoothed(components, index, grid, 6.0), expected, atol=5e-6)


def test_a_point_becomes_a_gaussian_of_the_width_asked_for() -> None:
    grid = Grid((41, 1, 1), np.diag([1.0, 1.0, 1.0, 1.0]), SPACE)
    index = np.arange(41)
    point = np.zeros((1, 41), dtype=np.float32)
    point[0, 20] = 1
    width = smoothed(point, index, grid, 8.0)[0]
    assert width[20 + 4] / width[20] == pytest.approx(0.5, rel=1e-5)


def test_the_edge_is_not_renormalised() -> None:
    grid, index = Grid(SHAPE, ISOTROPIC, SPACE), np.arange(np.prod(SHAPE))
    flat = np.ones((1, index.size), dtype=np.float32)
    volume = grid.unflatten(smoothed(flat, index, grid, 6.0)[0])
    assert volume[6, 5, 4] == pytest.approx(1, abs=0.02)
    assert volume[0, 5, 4] == pytest.approx(0.5 * 1.155, abs=0.1)
    assert volume[0, 0, 0] < volume[0, 0, 4] < volume[0, 5, 4]


@pytest.mark.parametrize("fwhm", [0.0, -1.0])
def test_no_width_leaves_the_maps_as_they_are(fwhm: float) -> None:
    grid, index = Grid(SHAPE, ISOTROPIC, SPACE), scattered()
    components = maps(2, index)
    np.testing.assert_array_equal(smoothed(components, index, grid, fwhm), components)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0)])
def test_nothing_to_smooth(shape: tuple[int, int]) -> None:
    nothing = np.empty(shape, dtype=np.float32)
    smooth_components(nothing, np.arange(shape[1]), Grid(SHAPE, ISOTROPIC, SPACE), 6.0)
    assert nothing.shape == shape


def test_each_component_is_smoothed_by_itself() -> None:
    grid, index = Grid(SHAPE, ISOTROPIC, SPACE), scattered()
    components = maps(4, index)
    together = smoothed(components, index, grid, 6.0)
    for row, alone in zip(together, components, strict=True):
        np.testing.assert_array_equal(smoothed(alone[None], index, grid, 6.0)[0], row)
