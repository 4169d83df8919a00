"""Runs on a coarser grid, against slices of their volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.connectome import ProjectedRun
from fcnm_bids.connectome.subsample import coarser_grid, coarser_run, read_coarser, write_coarser
from fcnm_bids.errors import StoreError
from fcnm_bids.grid import Grid

AFFINE = np.array([[-2.0, 0, 0, 50], [0, 2.0, 0, -60], [0, 0, 3.0, -40], [0, 0, 0, 1]])
lengths = st.integers(1, 9)


@given(shape=st.tuples(lengths, lengths, lengths), resolution=st.floats(0.5, 12))
def test_every_nth_voxel_keeps_its_place(shape: tuple[int, int, int], resolution: float) -> None:
    grid = Grid(shape, AFFINE, "MNI")
    coarse, numbers = coarser_grid(grid, resolution)
    assert (np.diff(numbers) > 0).all()
    positions = grid.positions(numbers)
    np.testing.assert_allclose(coarse.positions(np.arange(coarse.n_voxels)), positions)
    steps = np.maximum(1, np.rint(resolution / np.array([2.0, 2.0, 3.0]))).astype(int)
    np.testing.assert_allclose(coarse.voxel_sizes, steps * [2.0, 2.0, 3.0])
    assert all(
        n == max(1, -(-(length - min((step - 1) // 2, length - 1)) // step))
        for n, length, step in zip(coarse.shape, shape, steps, strict=True)
    )


def run(scale: bool) -> ProjectedRun:
    grid = Grid((6, 5, 4), AFFINE, "MNI152NLin6Asym")
    rng = np.random.default_rng(0)
    index = np.flatnonzero(rng.random(grid.n_voxels) < 0.6)
    if not scale:
        return ProjectedRun(rng.random((3, index.size), dtype=np.float32), index, grid)
    values = rng.integers(-9, 9, (3, index.size), dtype=np.int16)
    scales = rng.random(index.size, dtype=np.float32)
    return ProjectedRun(values, index, grid, scales, 2, np.linalg.qr(rng.random((3, 1)))[0])


@pytest.mark.parametrize("scale", [False, True])
def test_a_coarser_run_is_a_slice_of_its_volumes(tmp_path: Path, scale: bool) -> None:
    fine = run(scale)
    coarse = coarser_run(fine, *coarser_grid(fine.grid, 4.0))
    write_coarser(tmp_path / "run.npz", coarse)
    for found in (coarse, read_coarser(tmp_path / "run.npz")):
        assert (found.applied, found.dof) == (fine.applied, fine.dof)
        same = fine.grid.unflatten(fine.lengths, fine.index, fill=np.nan)[::2, ::2, ::1]
        lengths = found.grid.unflatten(found.lengths, found.index, fill=np.nan)
        np.testing.assert_allclose(lengths, same, rtol=1e-13)
        assert coarse.grid.difference(found.grid) is None
        for whole, part in zip(fine.columns(slice(None)), found.columns(slice(None)), strict=True):
            volume = fine.grid.unflatten(whole, fine.index, fill=np.nan)[::2, ::2, ::1]
            np.testing.assert_array_equal(
                found.grid.unflatten(part, found.index, fill=np.nan), volume
            )


def test_a_run_outside_of_the_coarser_grid_is_empty() -> None:
    grid = Grid((4, 4, 4), np.diag([2.0, 2, 2, 1]), "MNI")
    fine = ProjectedRun(np.ones((2, 1), np.float32), np.array([63]), grid)
    assert coarser_run(fine, *coarser_grid(grid, 4.0)).n_voxels == 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.npz"
    with pytest.raises(StoreError, match=r"run\.npz is damaged"):
        read_coarser(path)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"run\.npz is damaged"):
        read_coarser(path)
    write_coarser(path, coarser_run(run(True), *coarser_grid(run(True).grid, 4.0)))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(StoreError, match=r"run\.npz is damaged"):
        read_coarser(path)
