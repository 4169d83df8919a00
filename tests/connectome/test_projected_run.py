"""A run after its projection."""

from __future__ import annotations

import numpy as np
import pytest

from fcnm_bids.connectome import ProjectedRun
from fcnm_bids.grid import Grid

GRID = Grid((10, 10, 10), np.eye(4), "MNI152NLin6Asym")
INDEX = np.array([3, 5, 8, 13, 21])


def values(m: int = 4, n: int = INDEX.size) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((m, n)).astype(np.float32)


def test_its_size() -> None:
    run = ProjectedRun(values(), INDEX, GRID)
    assert (run.dof, run.n_voxels) == (4, 5)


@pytest.mark.parametrize("which", [slice(1, 4), np.array([4, 0, 0]), np.array([], dtype=np.intp)])
def test_columns_are_float64_copies(which: slice | np.ndarray) -> None:
    run = ProjectedRun(values(), INDEX, GRID)
    columns = run.columns(which)
    assert columns.dtype == np.float64
    np.testing.assert_array_equal(columns, values()[:, which])
    columns[...] = 0
    np.testing.assert_array_equal(run.values, values())


@pytest.mark.parametrize("which", [slice(1, 4), np.array([4, 0, 0])])
def test_integers_are_multiplied_by_their_scale(which: slice | np.ndarray) -> None:
    stored = np.arange(-10, 10, dtype=np.int16).reshape(4, 5) * 3000
    scale = np.array([1e-3, 2, 3e5, 0.25, 1e-9], dtype=np.float32)
    columns = ProjectedRun(stored, INDEX, GRID, scale).columns(which)
    expected = stored.astype(np.float64) * scale.astype(np.float64)
    np.testing.assert_array_equal(columns, expected[:, which])


@pytest.mark.parametrize(
    ("m", "n"), [(1, 5), (4, 5), (1 << 21, 5), (1 << 23, 2), (0, 3), (4, 0), (1 << 20, 9)]
)
def test_tiles_hold_each_voxel_once_in_order_and_are_bounded(m: int, n: int) -> None:
    run = ProjectedRun(np.broadcast_to(np.float32(0), (m, n)), np.arange(n), GRID)
    tiles = run.tiles()
    assert [i for tile in tiles for i in range(tile.start, tile.stop)] == list(range(n))
    assert all((t.stop - t.start) * m <= 1 << 22 or t.stop - t.start <= 64 for t in tiles)


@pytest.mark.parametrize("n_removed", [0, 3])
def test_lengths_and_rounding_are_of_what_the_strategy_leaves(n_removed: int) -> None:
    rng = np.random.default_rng(3)
    steps = rng.integers(-32767, 32767, (20, INDEX.size)).astype(np.int16)
    q = np.linalg.qr(rng.standard_normal((20, 5)))[0][:, :n_removed]
    scale = np.full(INDEX.size, 0.5, np.float32)
    run = ProjectedRun(steps, INDEX, GRID, scale, 1, q if n_removed else None)
    left = np.linalg.norm(steps - q @ (q.T @ steps), axis=0)
    np.testing.assert_allclose(run.lengths, left, rtol=1e-12)
    assert run.dof == 20 - n_removed - 1
    expected = np.percentile(scale * np.sqrt(run.dof / 12) / (scale * left), 99)
    np.testing.assert_allclose(run.rounding, expected, rtol=1e-6)
    np.testing.assert_allclose(run.remove(run.columns(slice(0, 4))).T @ q, 0, atol=1e-9)


def test_a_run_of_which_nothing_is_left_has_no_rounding() -> None:
    values = np.ones((3, 4), np.int16)
    grid = Grid((4, 1, 1), np.eye(4), "MNI152NLin6Asym")
    along = np.ones((3, 1)) / np.sqrt(3)
    run = ProjectedRun(values, np.arange(4), grid, np.ones(4, np.float32), directions=along)
    left = run.usable()
    assert left.n_voxels == 0
    assert left.rounding == 0


def test_a_voxel_of_which_the_strategy_leaves_rounding_is_not_usable() -> None:
    q = np.linalg.qr(np.random.default_rng(3).standard_normal((20, 2)))[0]
    values = np.random.default_rng(4).standard_normal((20, INDEX.size))
    values[:, 2] = q @ [3.0, -2.0]
    scale = (np.abs(values).max(axis=0) / 32767).astype(np.float32)
    run = ProjectedRun(np.rint(values / scale).astype(np.int16), INDEX, GRID, scale, 0, q)
    np.testing.assert_array_equal(run.usable().index, np.delete(INDEX, 2))
    whole = ProjectedRun(run.values, INDEX, GRID, scale)
    assert whole.usable() is whole
