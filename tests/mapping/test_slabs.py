"""Slabs of voxels, the series that all of them share, and tests slab by slab."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.mapping import map_contrast, n_slabs, slabs_of, sum_over_participants
from fcnm_bids.mapping.slabs import ContrastTests, SeededParticipants
from fcnm_bids.stats import HeightRule, forward_neighbours
from tests.mapping.test_network_map import (
    GRID,
    RULE,
    participants_in_memory,
    seed_matrix,
)

V = GRID.n_voxels
INDEX = np.setdiff1d(np.arange(V), [0, 5, 44, 209])
RULES = [
    HeightRule("fwe", 0.2, "positive", 0.0, 0, 0.6),
    HeightRule("fdr", 0.2, "two-sided", 0.05, 2, 0.6),
    HeightRule("t=2.0", 0.05, "negative", 0.0, 0, 0.9),
]


@pytest.fixture
def few_voxels_per_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("mapping.slabs", "stats.smoothness"):
        monkeypatch.setattr(f"fcnm_bids.{module}.VOXELS_PER_SUM", 8)


@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    share=st.floats(0.05, 1),
    number=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_slabs_hold_every_voxel_once_and_all_forward_neighbours(
    shape: tuple[int, int, int], share: float, number: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    index = np.flatnonzero(rng.random(np.prod(shape)) < share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fcnm_bids.mapping.slabs.VOXELS_PER_SUM", 8)
        found = slabs_of(index, shape, number)
    assert len(found) == number
    assert [slab.start for slab in found] == [0, *(slab.stop for slab in found[:-1])]
    assert found[-1].stop == index.size
    assert all(slab.start % 8 == 0 or slab.start == index.size for slab in found)
    neighbours = forward_neighbours(index, shape)
    for slab in found:
        assert slab.stop <= slab.reach <= index.size
        assert (neighbours[:, slab.voxels] < slab.reach).all()


@pytest.mark.parametrize(
    ("n_voxels", "most_voxels", "expected"),
    [(0, 10, 1), (1024, 0.5, 1), (1025, 0.5, 2), (10_240, 4_000, 4), (10_240, 1e9, 1)],
)
def test_as_many_slabs_as_memory_needs(n_voxels: int, most_voxels: float, expected: int) -> None:
    assert n_slabs(n_voxels, most_voxels) == expected


@pytest.mark.parametrize("memory", [1e9, 3e4, 0])
def test_seeds_are_the_same_in_memory_and_in_a_file(tmp_path: Path, memory: float) -> None:
    seeds, participants = seed_matrix(), participants_in_memory()
    whole = sum_over_participants(seeds, participants, INDEX, min_coverage=0.5, smoothness=True)
    with SeededParticipants(
        participants, seeds, min_coverage=0.5, memory=memory, scratch=tmp_path
    ) as seeded:
        found = sum_over_participants(
            seeds, participants, INDEX, min_coverage=0.5, smoothness=True, seeded=seeded
        )
    np.testing.assert_array_equal(found.has_map, whole.has_map)
    for number in range(len(seeds.contrasts)):
        one, other = found.moments.contrast(number), whole.moments.contrast(number)
        np.testing.assert_array_equal(one.total, other.total)
        np.testing.assert_array_equal(one.square, other.square)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("few_voxels_per_sum")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.control)
@pytest.mark.parametrize("number", [1, 3, 40])
def test_thresholds_of_slabs_are_those_of_whole_maps(rule: HeightRule, number: int) -> None:
    seeds, participants = seed_matrix(), participants_in_memory()
    smoothness = rule.needs.needs_smoothness
    whole = sum_over_participants(
        seeds, participants, INDEX, min_coverage=0.5, smoothness=smoothness
    )
    tests = ContrastTests(len(seeds.contrasts), INDEX, GRID.shape, rule)
    for slab in slabs_of(INDEX, GRID.shape, number):
        group = sum_over_participants(
            seeds,
            participants,
            INDEX,
            min_coverage=RULE.min_coverage,
            smoothness=smoothness,
            slab=slab,
        )
        tests.add(group.moments, slab)
    n_significant = 0
    for i in range(len(seeds.contrasts)):
        expected = map_contrast(whole.moments.contrast(i), rule)
        significant, counted, mean = tests.thresholded(i)
        np.testing.assert_array_equal(significant, expected.mask.significant)
        np.testing.assert_array_equal(counted, expected.counted)
        np.testing.assert_array_equal(mean, expected.test.mean.astype(np.float32))
        n_significant += significant.sum()
    assert n_significant > 0
