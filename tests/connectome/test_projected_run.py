"""A run after its projection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

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


def without(m: int, rank: int) -> ProjectedRun:
    """Return a run of m dimensions of which a strategy removes some."""
    q = np.linalg.qr(np.random.default_rng(rank).standard_normal((m, rank)))[0]
    return ProjectedRun(values(m), INDEX, GRID, directions=q)


@given(st.integers(1, 40), st.floats(0, 1))
def test_kept_dimensions_are_all_that_the_strategy_leaves(m: int, share: float) -> None:
    rank = round(share * m)
    run = without(m, rank)
    kept, removed = run.kept_dimensions, run.directions
    assert kept is not None
    assert removed is not None
    assert kept.shape == (m - rank, m)
    assert kept.flags.c_contiguous
    np.testing.assert_allclose(kept @ kept.T, np.eye(m - rank), atol=1e-14)
    np.testing.assert_allclose(kept @ removed, 0, atol=1e-14)


def test_inner_products_in_kept_dimensions_are_those_of_denoised_columns() -> None:
    run = without(20, 6)
    assert run.kept_dimensions is not None
    columns = run.kept_dimensions @ run.columns(slice(None))
    denoised = run.remove(run.columns(slice(None)))
    np.testing.assert_allclose(columns.T @ columns, denoised.T @ denoised, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(columns, axis=0), run.lengths, rtol=1e-12)


def test_without_a_strategy_the_whole_band_is_kept() -> None:
    assert ProjectedRun(values(), INDEX, GRID).kept_dimensions is None


@pytest.mark.parametrize(("m", "rank"), [(89, 27), (230, 60)])
def test_threads_do_not_change_kept_dimensions(m: int, rank: int) -> None:
    directions, found = without(m, rank).directions, []
    for threads in (1, 2):
        run = ProjectedRun(values(m), INDEX, GRID, directions=directions)
        with threadpool_limits(threads, user_api="blas"):
            found.append(run.kept_dimensions)
    np.testing.assert_array_equal(found[1], found[0])
