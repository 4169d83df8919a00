"""Participants simulated as projected runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import label

from fcnm_bids.errors import RequestError
from fcnm_bids.simulate import (
    ConnectomeDesign,
    SimulatedConnectome,
    planted_contrasts,
    simulate_connectome,
)

DESIGN = ConnectomeDesign(n_participants=6, shape=(20, 22, 20), node_radius=10.0, variation=0.0)


@pytest.fixture(scope="module")
def connectome() -> SimulatedConnectome:
    return simulate_connectome(DESIGN)


def _values(connectome: SimulatedConnectome, participant: int) -> np.ndarray:
    (run,) = connectome.participants[participant].open_runs()
    return run.values


def _mean_r(connectome: SimulatedConnectome, a: np.ndarray, b: np.ndarray) -> float:
    """Mean over participants and pairs of voxels of two sets of the correlation."""
    found = []
    for participant in range(len(connectome.participants)):
        values = _values(connectome, participant)
        values = values / np.linalg.norm(values, axis=0)
        found.append(values[:, a].mean(axis=1) @ values[:, b].mean(axis=1))
    return float(np.mean(found))


def test_participants_are_the_same_whenever_they_are_opened(
    connectome: SimulatedConnectome,
) -> None:
    again = simulate_connectome(DESIGN)
    np.testing.assert_array_equal(_values(connectome, 2), _values(again, 2))
    np.testing.assert_array_equal(_values(connectome, 2), _values(connectome, 2))
    assert not np.array_equal(_values(connectome, 2), _values(connectome, 3))
    assert not np.array_equal(
        _values(connectome, 2), _values(simulate_connectome(replace(DESIGN, random_seed=1)), 2)
    )


def test_more_participants_leave_the_first_ones_alone(connectome: SimulatedConnectome) -> None:
    more = simulate_connectome(replace(DESIGN, n_participants=8))
    np.testing.assert_array_equal(_values(connectome, 5), _values(more, 5))


def test_runs_are_as_the_engine_makes_them(connectome: SimulatedConnectome) -> None:
    (run,) = connectome.participants[0].open_runs()
    assert run.values.dtype == np.float32
    assert run.dof == DESIGN.dof
    assert connectome.grid.difference(run.grid) is None
    np.testing.assert_array_equal(run.index, connectome.participants[0].voxels())
    np.testing.assert_array_equal(run.index, connectome.index)


def test_noise_has_unit_variance(connectome: SimulatedConnectome) -> None:
    white = ~connectome.grey_matter[connectome.index]
    values = np.concatenate([_values(connectome, p) for p in range(6)])[:, white]
    assert np.var(values) == pytest.approx(1, rel=0.05)


def test_noise_is_as_smooth_as_asked() -> None:
    smooth = simulate_connectome(
        ConnectomeDesign(n_participants=1, n_networks=0, smoothness=3.0, dof=200)
    )
    values = _values(smooth, 0)
    step = np.searchsorted(smooth.index, smooth.index + 1)
    pairs = np.flatnonzero(np.take(smooth.index, step, mode="clip") == smooth.index + 1)
    r = np.mean(values[:, pairs] * values[:, step[pairs]])
    # white noise convolved with a Gaussian of sd s: correlation exp(-1 / (4 s^2)) one voxel away
    sd = 3.0 / np.sqrt(8 * np.log(2))
    assert r == pytest.approx(np.exp(-1 / (4 * sd**2)), abs=0.02)


def test_networks_lie_in_grey_matter_apart_and_on_both_sides(
    connectome: SimulatedConnectome,
) -> None:
    everywhere = np.concatenate(list(connectome.networks.values()))
    assert len(connectome.networks) == DESIGN.n_networks
    assert np.unique(everywhere).size == everywhere.size
    assert connectome.grey_matter[everywhere].all()
    mirror = np.array([-1, 1, 1])
    for name, voxels in connectome.networks.items():
        positions = connectome.grid.positions(voxels)
        assert {tuple(p) for p in positions} == {tuple(p) for p in positions * mirror}
        assert connectome.truth(name).sum() == voxels.size
    planted = connectome.grid.unflatten(np.isin(np.arange(connectome.grid.n_voxels), everywhere))
    assert label(planted)[1] >= DESIGN.n_networks * DESIGN.n_nodes * 2


def test_voxels_of_a_network_correlate_as_its_strength_says(
    connectome: SimulatedConnectome,
) -> None:
    first, second = (np.flatnonzero(connectome.truth(f"network{n}")) for n in (1, 2))
    left = first[connectome.grid.positions(connectome.index[first])[:, 0] < 0]
    right = np.setdiff1d(first, left)
    strength2 = DESIGN.network_strength**2
    assert _mean_r(connectome, left, right) == pytest.approx(strength2 / (1 + strength2), abs=0.05)
    assert _mean_r(connectome, first, second) == pytest.approx(0, abs=0.05)


def test_the_backbone_joins_hubs() -> None:
    connectome = simulate_connectome(replace(DESIGN, backbone_strength=1.0, network_strength=0.0))
    order = np.argsort(connectome.backbone)
    hubs, others = order[-60:], order[:60]
    assert connectome.backbone.max() == 1
    assert connectome.backbone[~connectome.grey_matter[connectome.index]].max() == 0
    assert _mean_r(connectome, hubs[::2], hubs[1::2]) > 0.3
    assert abs(_mean_r(connectome, hubs, others)) < 0.1


def test_without_strength_there_is_no_backbone(connectome: SimulatedConnectome) -> None:
    order = np.argsort(connectome.backbone)
    far = order[-60:][connectome.grid.positions(connectome.index[order[-60:]])[:, 0] < 0]
    assert abs(_mean_r(connectome, far, order[-60:][::-1][:10])) < 0.5


@pytest.mark.parametrize(
    ("share", "low", "high"), [(0.0, 0.0, 0.1), (0.5, 0.4, 0.62), (1.0, 1.0, 1.0)]
)
def test_a_share_of_the_foci_lies_in_the_network(
    connectome: SimulatedConnectome, share: float, low: float, high: float
) -> None:
    contrasts = planted_contrasts(
        connectome, n_contrasts=40, n_foci=6, network="network2", share=share, seed=3
    )
    voxels = _voxels_of_foci(connectome, contrasts)
    assert len(contrasts) == 40
    assert {len(c.foci) for c in contrasts} == {6}
    assert connectome.grey_matter[voxels].all()
    assert low <= np.isin(voxels, connectome.networks["network2"]).mean() <= high


def test_hub_weighted_foci_look_for_the_backbone(connectome: SimulatedConnectome) -> None:
    def mean_loading(exponent: float) -> float:
        contrasts = planted_contrasts(
            connectome, n_contrasts=50, n_foci=5, hub_exponent=exponent, seed=1
        )
        at = np.searchsorted(connectome.index, _voxels_of_foci(connectome, contrasts))
        return float(connectome.backbone[at].mean())

    grey = connectome.grey_matter[connectome.index]
    assert mean_loading(0.0) == pytest.approx(connectome.backbone[grey].mean(), abs=0.05)
    assert mean_loading(0.0) < mean_loading(1.0) < mean_loading(4.0)


def test_effects_share_studies_where_asked(connectome: SimulatedConnectome) -> None:
    def studies(effect: str, word: str | None) -> set[str]:
        contrasts = planted_contrasts(
            connectome, n_contrasts=3, n_foci=2, seed=1, effect=effect, studies=word
        )
        return {study for c in contrasts for study in c.studies}

    assert studies("a", "Study") == studies("b", "Study")
    assert not studies("a", None) & studies("b", None)


def test_a_share_needs_a_network(connectome: SimulatedConnectome) -> None:
    with pytest.raises(ValueError, match="name it"):
        planted_contrasts(connectome, n_contrasts=1, n_foci=2, share=0.5, seed=0)


def test_networks_without_room_are_refused() -> None:
    with pytest.raises(RequestError, match="no room for 9 networks"):
        simulate_connectome(replace(DESIGN, n_networks=9, n_nodes=9))


def test_knobs_out_of_range_are_refused_together() -> None:
    with pytest.raises(RequestError) as refused:
        ConnectomeDesign(n_participants=0, dof=2, smoothness=0.0)
    assert len(refused.value.problems) == 3


def _voxels_of_foci(connectome: SimulatedConnectome, contrasts: tuple) -> np.ndarray:
    positions = np.array([(f.x, f.y, f.z) for c in contrasts for f in c.foci])
    inverse = np.linalg.inv(connectome.grid.affine)
    where = np.rint(positions @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    return np.ravel_multi_index(tuple(where.T), connectome.grid.shape, order="F")
