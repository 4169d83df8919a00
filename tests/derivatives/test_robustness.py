"""Rows and sidecar of the robustness table."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import ROBUSTNESS, Config
from fcnm_bids.derivatives.robustness import (
    describe_checks,
    draws_of,
    near_shares,
    participants_rows,
    radius_rows,
    several_contrasts,
    validation_row,
)
from fcnm_bids.grid import Grid
from fcnm_bids.intermediates.variants import Varied, variant_key
from fcnm_bids.network import dice
from fcnm_bids.robustness import Reference
from fcnm_bids.seeds import Contrast

GRID = Grid((4, 3, 2), np.diag([2.0, 2.0, 2.0, 1.0]), "MNI")
V = GRID.n_voxels
RNG = np.random.default_rng(0)
P = RNG.integers(0, 3, V) / 2
REFERENCE = Reference(P, 0.5, 0.0, GRID, np.arange(V))


def varied(folder: Path, *keys: str) -> tuple[Varied, dict[str, np.ndarray]]:
    """Two contrasts' masks of some variants, and the share of both in every variant."""
    masks = {key: RNG.random((2, V)) < 0.5 for key in keys}
    for number in range(2):
        packed = {
            key: np.packbits(np.stack([own[number], np.ones(V, bool)]), axis=1)
            for key, own in masks.items()
        }
        np.savez(folder / f"{number}.npz", **packed)
    paths = [str(folder / f"{number}.npz") for number in range(2)]
    return Varied(paths, V, None, 0), {key: own.mean(axis=0) for key, own in masks.items()}


def test_other_radii_are_compared_with_the_network(tmp_path: Path) -> None:
    config = Config("in", "out", "group").update({"group": {"radii": (1.0, 4.0, 7.5)}})
    own, shares = varied(tmp_path, "radius 1", "radius 7.5")
    rows = radius_rows(own, REFERENCE, config)
    assert [(row["level"], row["n_contrasts"]) for row in rows] == [("1", 2), ("7.5", 2)]
    for row in rows:
        share = shares[f"radius {row['level']}"]
        assert row["dice"] == pytest.approx(dice(share >= 0.5, P >= 0.5))
        assert row["mean_change"] == pytest.approx(np.abs(share - P).mean())


def test_halves_are_compared_with_each_other_and_parts_with_the_network(tmp_path: Path) -> None:
    config = Config("in", "out", "group")
    draws = draws_of(config)
    own, shares = varied(tmp_path, *map(variant_key, draws))
    rows = participants_rows(own, REFERENCE, config)
    checks = [row["check"] for row in rows]
    n = ROBUSTNESS.participants_draws
    assert (checks.count("participants"), checks.count("split-half")) == (2 * n, n)
    by_key = {(d.share, d.draw, d.half): shares[variant_key(d)] for d in draws}
    for row in rows:
        share, draw = float(row["level"]), row["draw"]
        first = by_key[share, draw, 0]
        other = by_key[share, draw, 1] if row["check"] == "split-half" else P
        assert row["dice"] == pytest.approx(dice(first >= 0.5, other >= 0.5))


def test_too_few_participants_have_no_parts(tmp_path: Path) -> None:
    own, _ = varied(tmp_path, "radius 1")
    assert participants_rows(own, REFERENCE, Config("in", "out", "group")) == []


def test_a_second_connectome_is_compared_where_both_have_voxels(tmp_path: Path) -> None:
    index = np.arange(0, V, 2)
    np.savez(tmp_path / "second.npz", index=index, of_up=P[index])
    row = validation_row(tmp_path / "second.npz", "up", REFERENCE)
    assert row["check"] == "second connectome"
    assert row["mean_change"] == 0
    assert row["n_voxels"] == np.count_nonzero(P[index] >= 0.5)
    assert row["dice"] == pytest.approx(dice(np.isin(np.arange(V), index) & (P >= 0.5), P >= 0.5))


def test_shares_near_foci_are_means_over_network_and_mask() -> None:
    near = RNG.random(V) < 0.5
    said = near_shares(near, REFERENCE)
    assert said["ShareOfNetworkNearFoci"] == pytest.approx(near[P >= 0.5].mean())
    assert said["ShareOfMaskNearFoci"] == pytest.approx(near.mean())
    nothing = Reference(np.full(V, math.nan), 0.5, 0.0, GRID, np.arange(V))
    assert set(near_shares(near, nothing).values()) == {None}


def test_studies_of_several_contrasts_are_named() -> None:
    contrasts = [Contrast(name, "up", (name[0],), (), None) for name in ("A1", "A2", "B1", "C1")]
    told = several_contrasts("up", contrasts, np.array([0, 0, 1, 2]))
    assert told.startswith("up: several contrasts of one study count as so many findings: A (2);")


@pytest.mark.parametrize("masks", [(), ("/m",)])
def test_the_sidecar_states_constants_and_settings(masks: tuple[str, ...]) -> None:
    config = Config("in", "out", "group").update({"seeds": {"masks": masks}})
    said = describe_checks(config, participants_varied=True)
    assert said["RobustnessBootstrapDraws"] == ROBUSTNESS.bootstrap_draws
    assert said["RobustnessParticipantsBlocks"] == ROBUSTNESS.participants_blocks
    assert (said["SphereRadius"] is None) is bool(masks)
    assert bool(said["Radii"]) is not bool(masks)
    assert said["ParticipantsVaried"] is True
