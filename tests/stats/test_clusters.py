from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.stats import label_clusters, remove_small, remove_small_at


def flood(mask: np.ndarray) -> list[set[tuple[int, ...]]]:
    """Clusters by walking from voxel to voxel over faces and edges."""
    left = {tuple(voxel) for voxel in np.argwhere(mask)}
    steps = [s for s in itertools.product((-1, 0, 1), repeat=3) if 1 <= np.abs(s).sum() <= 2]
    clusters = []
    while left:
        front = [left.pop()]
        cluster = set(front)
        while front:
            here = front.pop()
            for step in steps:
                there = tuple(np.add(here, step))
                if there in left:
                    left.remove(there)
                    cluster.add(there)
                    front.append(there)
        clusters.append(cluster)
    return clusters


def random_mask(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((5, 6, 4)) < 0.25


@given(st.integers(0, 2**31))
def test_labels_are_those_of_a_walk_over_faces_and_edges(seed: int) -> None:
    mask = random_mask(seed)
    labels, sizes = label_clusters(mask)
    found = [{tuple(v) for v in np.argwhere(labels == k + 1)} for k in range(sizes.size)]
    assert {frozenset(c) for c in found} == {frozenset(c) for c in flood(mask)}
    np.testing.assert_array_equal(sizes, [len(c) for c in found])


@pytest.mark.parametrize(
    ("step", "clusters"), [((1, 0, 0), 1), ((1, 1, 0), 1), ((1, 1, 1), 2), ((0, 2, 0), 2)]
)
def test_a_face_or_an_edge_joins_and_a_corner_does_not(
    step: tuple[int, int, int], clusters: int
) -> None:
    mask = np.zeros((4, 4, 4), dtype=bool)
    mask[1, 1, 1] = mask[tuple(np.add(1, step))] = True
    assert label_clusters(mask)[1].size == clusters


@given(st.integers(0, 2**31), st.integers(0, 8))
def test_small_clusters_go_and_the_others_stay_whole(seed: int, min_voxels: int) -> None:
    mask = random_mask(seed)
    expected = np.zeros_like(mask)
    for cluster in flood(mask):
        if len(cluster) >= min_voxels:
            expected[tuple(np.transpose(list(cluster)))] = True
    np.testing.assert_array_equal(remove_small(mask, min_voxels), expected)


@given(st.integers(0, 2**31))
def test_the_same_on_voxel_numbers(seed: int) -> None:
    mask = random_mask(seed)
    index = np.flatnonzero(np.random.default_rng(seed).random(mask.size) < 0.9)
    inside = np.zeros(mask.size, dtype=bool)
    inside[index] = True
    volume = mask & inside.reshape(mask.shape, order="F")
    kept = remove_small_at(volume.ravel(order="F")[index], index, mask.shape, 3)
    np.testing.assert_array_equal(kept, remove_small(volume, 3).ravel(order="F")[index])


def test_an_empty_mask_has_no_clusters() -> None:
    empty = np.zeros((3, 3, 3), dtype=bool)
    labels, sizes = label_clusters(empty)
    assert not labels.any()
    assert sizes.size == 0
    assert not remove_small(empty, 5).any()


def test_a_new_mask_is_returned() -> None:
    mask = np.ones((2, 2, 2), dtype=bool)
    assert not np.shares_memory(remove_small(mask, 0), mask)
    assert not np.shares_memory(remove_small_at(mask.ravel(), np.arange(8), (2, 2, 2), 0), mask)
