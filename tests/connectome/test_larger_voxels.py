"""Averages over larger voxels, against shares of volume computed another way."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnm_bids.connectome import larger_grid, open_image, project_run
from fcnm_bids.connectome.larger_voxels import average_voxels, filled_voxels, volume_shares
from fcnm_bids.denoise import band_basis
from fcnm_bids.errors import RunError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds.volume_fraction import volume_fraction

SPACE = "MNI152NLin6Asym"
FSL = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
OBLIQUE = np.array([[1.9, 0.6, 0, -8], [-0.6, 1.9, 0.1, -6], [0.03, 0, 2.5, 3], [0, 0, 0, 1]])


def test_the_grid_of_3_mm_is_the_usual_one() -> None:
    larger = larger_grid(Grid((91, 109, 91), FSL, SPACE), 3.0)
    assert larger.shape == (61, 73, 61)
    wanted = FSL @ np.diag([1.5, 1.5, 1.5, 1])
    np.testing.assert_allclose(larger.affine, wanted)
    assert larger.space == SPACE


@pytest.mark.parametrize("size", [None, 2.0, 2.0015])
def test_voxels_of_that_size_stay(size: float | None) -> None:
    grid = Grid((91, 109, 91), FSL, SPACE)
    assert larger_grid(grid, size) is grid


@pytest.mark.parametrize(("sizes", "size"), [((2, 2, 2), 1.5), ((3, 3, 4), 3.0)])
def test_smaller_voxels_are_refused(sizes: tuple[float, ...], size: float) -> None:
    with pytest.raises(RunError, match="can only be averaged over larger ones"):
        larger_grid(Grid((5, 6, 7), np.diag([*sizes, 1]), SPACE), size)


def test_one_long_edge_may_stay() -> None:
    larger = larger_grid(Grid((8, 8, 5), np.diag([2.0, 2, 4, 1]), SPACE), 4.0)
    assert larger.shape == (5, 5, 5)
    np.testing.assert_allclose(larger.voxel_sizes, 4)


@st.composite
def grids(draw: st.DrawFn) -> tuple[Grid, Grid, np.ndarray]:
    shape = draw(st.tuples(*[st.integers(1, 9)] * 3))
    affine = draw(st.sampled_from([FSL, OBLIQUE, np.diag([2.0, 3.0, 2.5, 1])]))
    grid = Grid(shape, affine, SPACE)
    size = float(grid.voxel_sizes.max()) * draw(st.sampled_from([1.2, 1.5, 2.0, 2.7, 3.0, 9.0]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    inside = rng.random(grid.n_voxels) < draw(st.sampled_from([0.2, 0.7, 1.0]))
    inside[rng.integers(grid.n_voxels)] = True
    return grid, larger_grid(grid, size), np.flatnonzero(inside)


@settings(max_examples=60)
@given(grids())
def test_averages_are_those_of_shared_volumes(given_grids: tuple[Grid, Grid, np.ndarray]) -> None:
    grid, larger, index = given_grids
    values = np.random.default_rng(1).standard_normal((3, index.size)).astype(np.float32)
    inside = grid.unflatten(np.ones(index.size), index)
    share = larger.flatten(volume_fraction(inside, grid, larger))
    np.testing.assert_allclose(volume_shares(index, grid, larger), share, atol=1e-6)
    kept = filled_voxels(index, grid, larger)
    assert (share[kept] > 0.5 - 1e-6).all()
    assert (np.delete(share, kept) < 0.5 + 1e-6).all()
    averages, found = average_voxels(values.copy(), index, grid, larger)
    np.testing.assert_array_equal(found, kept)
    assert averages.dtype == np.float32
    for own, average in zip(values, averages, strict=True):
        total = volume_fraction(grid.unflatten(own.astype(float), index), grid, larger)
        wanted = larger.flatten(total)[kept] / share[kept]
        np.testing.assert_allclose(average, wanted, atol=2e-6)


@given(grids())
def test_a_value_that_all_share_stays(given_grids: tuple[Grid, Grid, np.ndarray]) -> None:
    grid, larger, index = given_grids
    averages, _ = average_voxels(np.full((1, index.size), 7.25, "f4"), index, grid, larger)
    np.testing.assert_array_equal(averages, np.float32(7.25))


def save(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    nib.Nifti1Image(values, affine).to_filename(path)
    return path


@pytest.mark.parametrize("smoothing", [0.0, 6.0])
def test_a_run_is_that_of_averaged_volumes(tmp_path: Path, smoothing: float) -> None:
    """Averaging in space and projecting in time commute."""
    rng = np.random.default_rng(2)
    shape, n = (14, 12, 11), 60
    grid = Grid(shape, FSL, SPACE)
    series = (900 + 40 * rng.standard_normal((*shape, n))).astype("<f4")
    inside = rng.random(shape) < 0.9
    series[4, 5, 6] = 900  # no signal: it counts for nothing
    larger = larger_grid(grid, 3.0)
    carries = inside.copy()
    carries[4, 5, 6] = False
    share = volume_fraction(carries.astype(float), grid, larger)
    averaged = np.stack(
        [
            volume_fraction(np.where(carries, series[..., t], 0).astype(float), grid, larger)
            for t in range(n)
        ],
        axis=-1,
    )
    with np.errstate(invalid="ignore"):
        averaged /= share[..., None]
    averaged[share < 0.5 - 1e-9] = 0
    basis = band_basis(n, 2.0, high_pass=0.01, low_pass=0.1)
    image = open_image(save(tmp_path / "bold.nii", series, FSL), SPACE)
    found = project_run(image, grid.flatten(inside), basis, smoothing=smoothing, voxel_size=3.0)
    other = open_image(save(tmp_path / "averaged.nii", averaged, larger.affine), SPACE)
    mask = larger.flatten(share >= 0.5 - 1e-9)
    wanted = project_run(other, mask, basis, smoothing=smoothing)
    assert found.run.grid.difference(wanted.run.grid) is None
    np.testing.assert_array_equal(found.run.index, wanted.run.index)
    largest = np.abs(wanted.run.values).max()
    np.testing.assert_allclose(found.run.values, wanted.run.values, atol=2e-6 * largest)
    masked = volume_fraction(inside.astype(float), grid, larger)
    assert found.n_masked == np.count_nonzero(masked >= 0.5 - 1e-9)


def test_voxels_that_fill_nothing_by_half_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    series = 900 + 40 * rng.standard_normal((6, 6, 6, 40))
    image = open_image(save(tmp_path / "bold.nii", series, FSL), SPACE)
    mask = np.zeros(6**3, dtype=bool)
    mask[[28, 185]] = True
    basis = band_basis(40, 2.0, high_pass=0.01, low_pass=0.1)
    with pytest.raises(RunError, match=r"fill no voxel of 4 mm by half"):
        project_run(image, mask, basis, smoothing=0, voxel_size=4.0)
