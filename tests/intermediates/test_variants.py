"""Probability maps of variants from packed masks, against means over contrasts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.intermediates.variants import Varied, pack_masks, variant_key
from fcnm_bids.mapping import MappedContrast
from fcnm_bids.robustness import ParticipantsDraw
from fcnm_bids.stats import ContrastMap, OneSample

V = 11
"""No multiple of eight, so that the last byte of a packed mask is not full."""


def mapped(seed: int, *, counted: bool = True) -> MappedContrast:
    rng = np.random.default_rng(seed)
    t, mean, variance = rng.standard_normal((3, V))
    significant, tested = rng.random((2, V)) < 0.5
    n = np.full(V, 9, dtype=np.int32)
    where = (rng.random(V) < 0.8) & counted
    mask = ContrastMap(significant & where, 3.0, None, None, df=8, n_tested=4)
    return MappedContrast(OneSample(t, mean, n - 1, tested, variance**2, n), mask, where)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("seed", [0, 10])
def test_a_variant_is_the_share_of_its_contrasts(
    tmp_path: Path, seed: int, side: int, weighted: bool
) -> None:
    several = [mapped(seed + number, counted=number != 1) for number in range(4)]
    for number, one in enumerate(several):
        np.savez(tmp_path / f"{number}.npz", radius=pack_masks(one, "two-sided"))
    weights = np.array([1.0, 5.0, 2.0, 3.0]) if weighted else None
    paths = [str(tmp_path / f"{number}.npz") for number in range(4)]
    found, n = Varied(paths, V, weights, side).probability("radius")
    sign = (1, -1)[side]
    kept = [number for number, one in enumerate(several) if one.counted.any()]
    assert n == len(kept)
    own = np.ones(4) if weights is None else weights
    for voxel in range(V):
        held = [several[k].mask.significant[voxel] and sign * several[k].test.mean[voxel] > 0
                for k in kept]  # fmt: skip
        everywhere = all(several[k].counted[voxel] for k in kept)
        expected = np.average(held, weights=own[kept]) if everywhere else np.nan
        np.testing.assert_allclose(found[voxel], expected, atol=1e-12)
    assert np.isfinite(found).any()


def test_subsamples_are_there_where_the_first_contrast_has_one(tmp_path: Path) -> None:
    keys = [variant_key(ParticipantsDraw(0.5, 3, half, (0, 1))) for half in (1, 2)]
    assert len(set(keys)) == 2
    packed = pack_masks(mapped(0), "positive")
    assert packed.shape == (2, 2)  # the positive side and the tested voxels; two bytes
    np.savez(tmp_path / "with.npz", **dict.fromkeys(keys, packed))
    np.savez(tmp_path / "without.npz", radius=packed)
    assert Varied([str(tmp_path / "with.npz")], V, None, 0).has_participants
    assert not Varied([str(tmp_path / "without.npz")], V, None, 0).has_participants
