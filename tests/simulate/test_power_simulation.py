"""What simulated studies find of a planted network."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from fcnm_bids.config import GroupSettings, SeedSettings
from fcnm_bids.inputs.rules import height_rule
from fcnm_bids.mapping import MappingRule, map_network
from fcnm_bids.network import dice, network_mask
from fcnm_bids.seeds import sphere_seeds
from fcnm_bids.simulate import ConnectomeDesign, planted_contrasts, simulate_connectome
from fcnm_bids.simulate.power_simulation import POWER_COLUMNS, PowerDesign, simulate_power

SMALL = PowerDesign(
    participants=(8, 16),
    contrasts=(4, 8),
    shares=(0.0, 1.0),
    backbones=(0.0,),
    repetitions=2,
    connectome=ConnectomeDesign(
        shape=(16, 18, 16), voxel_size=8.0, dof=40, n_networks=2, n_nodes=2, network_strength=1.0
    ),
)


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return simulate_power(SMALL)


def test_every_combination_is_there_once(results: pd.DataFrame) -> None:
    assert list(results) == list(POWER_COLUMNS)
    assert len(results) == 2 * 2 * 2 * 2
    assert not results.duplicated(["repetition", "participants", "contrasts", "share"]).any()


def test_a_strong_network_is_found_and_random_coordinates_find_none(results: pd.DataFrame) -> None:
    found = results[(results["share"] == 1) & (results["participants"] == 16)]
    assert (found["dice"] > 0.8).all()
    random = results[(results["share"] == 0) & (results["contrasts"] == 8)]
    assert (random["volume_cm3"] == 0).all()
    assert (random["dice"] == 0).all()


def test_a_row_is_what_the_one_function_finds_for_it(results: pd.DataFrame) -> None:
    """Fewer participants and contrasts are mapped by themselves here, not as parts of the many."""
    group, seeds = GroupSettings(), SeedSettings()
    connectome = simulate_connectome(replace(SMALL.connectome, n_participants=8, random_seed=1))
    contrasts = planted_contrasts(
        connectome, n_contrasts=8, n_foci=6, network="network1", share=1.0, effect="x", seed=1
    )[:4]
    matrix = sphere_seeds(contrasts, connectome.grid, radius=seeds.radius, sphere=seeds.sphere)
    rule = MappingRule(height_rule(group), seeds.min_coverage)
    found = map_network(matrix, connectome.participants, rule, connectome.index).probability["x"]
    network = network_mask(
        found,
        threshold=group.network_threshold,
        min_cluster_volume=group.min_cluster_volume,
        grid=connectome.grid,
        index=connectome.index,
    )
    chosen = results.query(
        "repetition == 1 and participants == 8 and contrasts == 4 and share == 1"
    )
    assert chosen["dice"].item() == dice(network, connectome.truth("network1"))
    assert chosen["volume_cm3"].item() == pytest.approx(network.sum() * 0.512)


def test_hubs_make_networks_of_random_coordinates() -> None:
    one = replace(SMALL, participants=(16,), contrasts=(8,), shares=(0.0,), repetitions=1)
    found = simulate_power(replace(one, backbones=(0.0, 2.0))).set_index("backbone")
    assert found["volume_cm3"][0.0] == 0
    assert found["volume_cm3"][2.0] > 50


def test_a_smallest_effect_keeps_hubs_out() -> None:
    one = replace(SMALL, participants=(16,), contrasts=(8,), shares=(0.0,), repetitions=1)
    found = [
        simulate_power(replace(one, backbones=(2.0,), min_mean_z=effect))["volume_cm3"].item()
        for effect in (0.0, 0.5, 3.0)
    ]
    assert found[0] > found[1]
    assert found[2] == 0


def test_the_same_design_gives_the_same_numbers() -> None:
    one = replace(SMALL, participants=(6,), contrasts=(3,), repetitions=1)
    pd.testing.assert_frame_equal(simulate_power(one), simulate_power(one))
