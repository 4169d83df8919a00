"""The simulated head and its networks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from fcnm_bids.simulate.head import (
    Head,
    background_networks,
    head_grid,
    load_head,
    nodes_of,
    personal_mask,
    planted_network,
    planted_nodes,
)


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head("MNI152NLin6Asym", 4.0)


def test_the_two_millimetre_grid_is_the_templates() -> None:
    grid = head_grid("MNI152NLin6Asym", 2.0)
    assert grid.shape == (91, 109, 91)
    assert grid.positions([0]).tolist() == [[-90, -126, -72]]
    assert head_grid("MNI152NLin2009cAsym", 2.0).shape == (97, 115, 97)


def test_the_brain_has_the_size_of_a_brain(head: Head) -> None:
    assert head.brain.sum() * head.grid.voxel_volume == pytest.approx(1.88e6, rel=0.03)
    assert label(head.brain)[1] == 1
    assert not (head.brain & head.rim).any()
    assert 0.3 < head.grey_mask.sum() / head.brain.sum() < 0.8


def test_networks_are_bilateral_and_disjoint(head: Head) -> None:
    increase, decrease = (
        planted_network(head, effect, 11.0) for effect in ("increase", "decrease")
    )
    others = background_networks(head, 11.0)
    assert not (increase & decrease).any()
    assert not any((other & (increase | decrease)).any() for other in others)
    networks = [increase, decrease, *others]
    for network in networks:
        x = head.grid.positions(np.flatnonzero(head.grid.flatten(network)))[:, 0]
        assert min((x > 0).sum(), (x < 0).sum()) > 50


@pytest.mark.parametrize("effect", ["increase", "decrease"])
def test_a_network_is_the_union_of_its_nodes(head: Head, effect: str) -> None:
    network = planted_network(head, effect, 11.0)
    nodes = planted_nodes(head, effect, 11.0)
    assert np.array_equal(np.sum(nodes, axis=0), network)
    inside = np.flatnonzero(head.grid.flatten(network))
    apart = head.grid.positions(inside)[:, None] - nodes_of(effect)
    assert np.linalg.norm(apart, axis=2).min(axis=1).max() <= 11


def test_tissue_samples_keep_clear_of_what_is_to_be_avoided(head: Head) -> None:
    avoid = planted_network(head, "increase", 11.0)
    for tissue in (head.white, head.fluid):
        sample = head.tissue_sample(tissue, avoid, 200)
        assert 10 <= sample.size <= 200
        assert np.unique(sample).size == sample.size
        assert not head.grid.flatten(avoid)[sample].any()
        assert head.grid.flatten(tissue)[sample].mean() > 0.7


def test_masks_differ_between_participants_a_little(head: Head) -> None:
    masks = [personal_mask(head, np.random.default_rng(seed), 1.0) for seed in (1, 2)]
    dice = 2 * (masks[0] & masks[1]).sum() / (masks[0].sum() + masks[1].sum())
    assert 0.9 < dice < 1
    assert np.array_equal(personal_mask(head, np.random.default_rng(1), 0.0), head.brain)
