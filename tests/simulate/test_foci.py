"""Simulated coordinates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fcnm_bids.simulate import SimulationDesign, simulate_foci
from fcnm_bids.simulate.head import load_head, nodes_of, planted_network


def _in_mask(design: SimulationDesign, foci: pd.DataFrame, mask: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(load_head(design.space, design.voxel_size).grid.affine)
    where = foci[["x", "y", "z"]].to_numpy() @ inverse[:3, :3].T + inverse[:3, 3]
    return mask[tuple(np.rint(where).astype(int).T)]


@pytest.fixture(scope="module")
def design() -> SimulationDesign:
    return SimulationDesign(n_studies=30, n_shared_studies=5)


@pytest.fixture(scope="module")
def foci(design: SimulationDesign) -> pd.DataFrame:
    return simulate_foci(design)


def test_columns_and_counts(foci: pd.DataFrame) -> None:
    assert list(foci.columns) == [
        "study", "contrast", "effect", "x", "y", "z", "space", "n", "on_network",
    ]  # fmt: skip
    assert (foci.groupby("effect")["contrast"].nunique() == 30).all()
    assert (foci.groupby("contrast")["effect"].nunique() == 1).all()
    assert foci.groupby("contrast").size().isin(range(3, 7)).all()
    assert (foci.groupby("study")["effect"].nunique() == 2).sum() == 5
    assert (foci.groupby("study")["n"].nunique() == 1).all()
    assert set(foci["space"]) == {"MNI152"}


@pytest.mark.parametrize("effect", ["increase", "decrease"])
def test_planted_foci_lie_in_their_network(
    design: SimulationDesign, foci: pd.DataFrame, effect: str
) -> None:
    mine = foci[(foci["effect"] == effect) & foci["on_network"]]
    positions = mine[["x", "y", "z"]].to_numpy()[:, None]
    nearest = np.linalg.norm(positions - nodes_of(effect), axis=2).min(axis=1)
    assert nearest.max() < design.node_radius
    assert np.sqrt((nearest**2).mean()) == pytest.approx(design.focus_jitter, rel=0.2)
    head = load_head(design.space, design.voxel_size)
    assert _in_mask(design, mine, planted_network(head, effect, design.node_radius)).all()


def test_a_minority_lies_off_every_network(design: SimulationDesign, foci: pd.DataFrame) -> None:
    off = foci[~foci["on_network"]]
    assert 0.05 < len(off) / len(foci) < 0.2
    n_off = (~foci["on_network"]).groupby(foci["contrast"]).sum()
    assert (3 * n_off <= foci.groupby("contrast").size()).all()
    head = load_head(design.space, design.voxel_size)
    for effect in design.effects:
        assert not _in_mask(design, off, planted_network(head, effect, design.node_radius)).any()


@pytest.mark.parametrize("space", ["MNI152NLin6Asym", "MNI152NLin2009cAsym"])
def test_random_foci_lie_anywhere_in_grey_matter(space: str) -> None:
    design = SimulationDesign(coordinates="random", n_studies=60, space=space)
    foci = simulate_foci(design)
    head = load_head(design.space, design.voxel_size)
    assert not foci["on_network"].any()
    assert _in_mask(design, foci, head.grey_mask).all()
    network = planted_network(head, "increase", design.node_radius)
    expected = (network & head.grey_mask).sum() / head.grey_mask.sum()
    found = _in_mask(design, foci[foci["effect"] == "increase"], network).mean()
    n = (foci["effect"] == "increase").sum()
    assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def test_seeds_decide() -> None:
    first, again, other = (simulate_foci(SimulationDesign(random_seed=seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
