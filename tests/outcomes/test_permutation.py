from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.outcomes.permutation import block_permutations, count_permutations


def test_all_permutations_where_they_are_few() -> None:
    found = block_permutations([0, 0, 1, 1, 1], 11, 0)
    wanted = {
        (*a, *b)
        for a in itertools.permutations(range(2))
        for b in itertools.permutations(range(2, 5))
    }
    assert found.exhaustive
    assert len(found.rows) == 12
    assert {tuple(row) for row in found.rows.tolist()} == wanted
    assert found.rows[0].tolist() == [0, 1, 2, 3, 4]


def test_one_fewer_and_they_are_random() -> None:
    found = block_permutations([0, 0, 1, 1, 1], 10, 0)
    assert not found.exhaustive
    assert len(found.rows) == 11
    assert found.rows[0].tolist() == [0, 1, 2, 3, 4]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6))
def test_seeds_that_are_alike_are_not_exchanged(seeds: list[tuple[int, int]]) -> None:
    block, kind = (np.array(column) for column in zip(*seeds, strict=True))
    found = block_permutations(block, 5040, 0, alike=kind)
    arrangements = {tuple(kind[row]) for row in found.rows}
    everything = {
        tuple(kind[list(row)])
        for row in itertools.permutations(range(len(seeds)))
        if np.array_equal(block[list(row)], block)
    }
    assert found.exhaustive
    assert arrangements == everything
    assert len(found.rows) == len(everything)
    assert len(everything) == count_permutations(np.unique(block, return_inverse=True)[1], kind)
    assert found.rows[0].tolist() == list(range(len(seeds)))


@given(st.integers(0, 1000), st.lists(st.integers(0, 3), min_size=2, max_size=30))
def test_every_seed_stays_in_its_block(seed: int, block: list[int]) -> None:
    found = block_permutations(block, 20, seed)
    for row in found.rows:
        assert sorted(row) == list(range(len(block)))
        assert [block[i] for i in row] == block


def test_some_of_the_seeds_are_permuted_within_blocks_and_evenly() -> None:
    block = np.array([1, 0, 1, 0, 1])
    found = block_permutations(block, 11, 0)
    present = np.array([True, True, False, True, True])
    rows, counts = np.unique(found.among(present), axis=0, return_counts=True)
    assert rows.tolist() == [[0, 1, 2, 3], [0, 2, 1, 3], [3, 1, 2, 0], [3, 2, 1, 0]]
    assert counts.tolist() == [3, 3, 3, 3]
    assert found.among(present)[0].tolist() == [0, 1, 2, 3]


def test_random_permutations_come_from_their_seed() -> None:
    one, same, other = (block_permutations(np.zeros(30), 5, seed).rows for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
