"""Networks of the simulated head, as spheres and as regions."""

from __future__ import annotations

import numpy as np
import pytest

from fcnm_bids.simulate import SimulationDesign
from fcnm_bids.simulate.anatomy import networks_of, sites_of
from fcnm_bids.simulate.head import load_head, planted_network

REGIONS = SimulationDesign(anatomy="regions")
EFFECTS = ("increase", "decrease")


@pytest.mark.parametrize("effect", EFFECTS)
def test_spheres_are_those_of_the_head(effect: str) -> None:
    design = SimulationDesign()
    head = load_head(design.space, design.voxel_size)
    planted = planted_network(head, effect, design.node_radius)
    networks = networks_of(design)
    np.testing.assert_array_equal(networks.planted(effect), planted)
    assert networks.hubs is None


@pytest.mark.parametrize("effect", EFFECTS)
def test_regions_follow_grey_matter_around_their_sites(effect: str) -> None:
    head = load_head(REGIONS.space, REGIONS.voxel_size)
    planted = networks_of(REGIONS).planted(effect)
    assert not (planted & ~head.brain).any()
    assert head.grey[planted].min() >= 0.25
    positions = head.grid.positions(np.flatnonzero(head.grid.flatten(planted)))
    apart = np.linalg.norm(positions[:, None] - sites_of(REGIONS, effect), axis=2)
    assert apart.min(axis=1).max() < 3 * REGIONS.node_radius
    assert (apart.min(axis=0) < 8).all()  # every site lies in the network
    assert min((positions[:, 0] > 0).mean(), (positions[:, 0] < 0).mean()) > 0.4


def test_networks_of_effects_are_disjoint_and_soft() -> None:
    networks = networks_of(REGIONS)
    one, other = (networks.planted(effect) for effect in EFFECTS)
    assert not (one & other).any()
    weights = networks.effects["increase"]
    assert 0 <= weights.min() < weights.max() <= 1
    assert ((weights > 0.1) & (weights < 0.5)).sum() > one.sum() / 4


def test_hubs_are_in_grey_matter() -> None:
    hubs = networks_of(REGIONS).hubs
    head = load_head(REGIONS.space, REGIONS.voxel_size)
    assert hubs is not None
    assert hubs[head.grey_mask].mean() > 3 * hubs[head.brain & (head.grey < 0.05)].mean()
