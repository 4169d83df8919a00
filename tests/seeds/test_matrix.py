"""The seed matrix: restricting it, its coverage, its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from fcnm_bids.errors import SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import (
    Contrast,
    Focus,
    SeedMatrix,
    coverage,
    read_seed_matrix,
    write_seed_matrix,
)

GRID = Grid((2, 3, 2), np.diag([2.0, 2.0, 2.0, 1.0]), "MNI152NLin6Asym")
FOCUS = Focus(0.1, 2.0, 3.0, "MNI152", "Ä", "a", "up", 3, "t, row 2", (0.1, 0.2, 1 / 3), "TAL")


def seeds(weights: object) -> SeedMatrix:
    rows = np.atleast_2d(np.asarray(weights, dtype=float))
    contrasts = tuple(Contrast(f"c{i}", "up", ("Ä",), (FOCUS,), None) for i in range(len(rows)))
    return SeedMatrix(sparse.csr_array(rows), contrasts, GRID)


weight_tables = st.lists(
    st.lists(st.sampled_from([0.0, 0.0, 1.0, 0.25, 3.0, -2.0]), min_size=12, max_size=12),
    min_size=1,
    max_size=4,
)
subsets = st.lists(st.integers(0, 11), unique=True, max_size=12)


@given(weights=weight_tables, usable=subsets)
def test_restricting_picks_columns_and_scales_rows(
    weights: list[list[float]], usable: list[int]
) -> None:
    picked = np.array(weights)[:, usable]
    size = np.abs(picked).sum(axis=1, keepdims=True)
    expected = np.divide(picked, size, out=np.zeros_like(picked), where=size > 0)
    restricted = seeds(weights).restrict(np.array(usable, dtype=int))
    np.testing.assert_allclose(restricted.toarray(), expected, atol=1e-15)
    assert restricted.shape == (len(weights), len(usable))
    assert (np.diff(restricted.indptr)[size[:, 0] == 0] == 0).all()


@given(weights=weight_tables, usable=subsets)
def test_coverage_is_the_share_of_absolute_weight(
    weights: list[list[float]], usable: list[int]
) -> None:
    total = np.abs(weights).sum(axis=1)
    on = np.abs(np.array(weights)[:, usable]).sum(axis=1)
    expected = np.divide(on, total, out=np.zeros_like(total), where=total > 0)
    found = coverage(seeds(weights).weights, np.array(usable, dtype=int))
    np.testing.assert_allclose(found, expected, atol=1e-15)


def test_restricting_leaves_the_matrix_as_it_was() -> None:
    matrix = seeds([[0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
    matrix.restrict([1, 2])
    assert matrix.weights.toarray()[0, 1] == 2


def test_a_seed_averages_the_signal_of_its_usable_voxels() -> None:
    signal = np.arange(12.0)
    restricted = seeds([[1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]]).restrict([1, 3, 7])
    assert restricted @ signal[[1, 3, 7]] == pytest.approx([2.0])


def test_weights_have_to_fit_contrasts_and_grid() -> None:
    with pytest.raises(ValueError, match="1 contrasts on 12 voxels"):
        seeds(np.ones((1, 11)))


def test_a_written_matrix_reads_back_the_same(tmp_path: Path) -> None:
    matrix = seeds([[0, 1 / 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0] * 12])
    write_seed_matrix(matrix, tmp_path / "seeds.npz")
    again = read_seed_matrix(tmp_path / "seeds.npz")
    assert again.contrasts == matrix.contrasts
    assert again.contrasts[0].foci[0].origin == "t, row 2"
    assert again.grid.difference(GRID) is None
    np.testing.assert_array_equal(again.weights.toarray(), matrix.weights.toarray())


def test_a_file_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_seed_matrix(seeds([[1.0] * 12]), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_what_is_not_a_seed_matrix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seeds.npz"
    with pytest.raises(SeedError, match="no such file"):
        read_seed_matrix(path)
    np.savez(path, data=np.zeros(3))
    with pytest.raises(SeedError, match="not a seed matrix"):
        read_seed_matrix(path)
    np.savez(path, format=np.array([{}], dtype=object))
    with pytest.raises(SeedError, match="not a seed matrix"):
        read_seed_matrix(path)
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(SeedError, match="not a seed matrix"):
        read_seed_matrix(path)


def attempt(path: Path) -> tuple[SeedMatrix | None, tuple[str, ...]]:
    """What was read, or else the problems."""
    try:
        return read_seed_matrix(path), ()
    except SeedError as error:
        return None, error.problems


@given(cut=st.integers(0, 100), flip=st.integers(0, 100))
def test_a_damaged_file_is_refused_or_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "seeds.npz"
    matrix = seeds([[1.0] * 12])
    write_seed_matrix(matrix, path)
    content = bytearray(path.read_bytes())
    content[flip * (len(content) - 1) // 100] ^= 0x55
    path.write_bytes(content[: len(content) * (100 - cut) // 100])
    again, listed = attempt(path)
    if again is None:
        assert "seeds.npz" in listed[0]
    else:
        assert again.contrasts == matrix.contrasts
        np.testing.assert_array_equal(again.weights.toarray(), matrix.weights.toarray())
