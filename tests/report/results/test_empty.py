"""Counts of the voxels that are left on the way to a network, by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.report.results.empty import find_reach, find_shortfall
from fcnm_bids.report.results.group import ContrastOutputs, NetworkOutputs
from fcnm_bids.report.results.text import share_text


def network(folder: Path, *, threshold: float = 0.75, volume: float = 128) -> NetworkOutputs:
    """Four contrasts on voxels of 4 mm (64 mm³): a pair at 2 of 4, one voxel at 3 of 4."""
    share = np.zeros((6, 5, 4), np.float32)
    share[0, 0, 0] = np.nan
    share[1, 1, 1] = share[2, 1, 1] = 0.5
    share[4, 4, 3] = 0.75
    mask = folder / "network-up_space-MNI152NLin6Asym_mask.nii.gz"
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = (-10, -20, -30)
    nib.save(nib.Nifti1Image(share, affine), str(mask).replace("_mask", "_probseg"))
    nib.save(nib.Nifti1Image(np.zeros_like(share), affine), mask)
    sidecar = {"Effect": "up", "Threshold": threshold, "NumberOfContrasts": 4}
    sidecar |= {"MinimumClusterVolume": volume}
    Path(str(mask).replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return NetworkOutputs.of(mask)


def test_voxels_left_after_each_step(tmp_path: Path) -> None:
    found = find_shortfall(network(tmp_path))
    assert [count for _, count in found.steps] == [119, 3, 1, 0]
    assert found.highest == 0.75
    assert found.position == (6, -4, -18)


@pytest.mark.parametrize(("volume", "first"), [(64, 0.75), (128, 0.5), (192, None)])
def test_threshold_of_a_first_cluster(tmp_path: Path, volume: float, first: float | None) -> None:
    assert find_shortfall(network(tmp_path, volume=volume)).first_threshold == first


@pytest.mark.parametrize(
    ("share", "n", "text"),
    [(5 / 6, 6, "5 of 6 (0.833)"), ("0.8333333", 6, "5 of 6 (0.833)"), (0.81, 6, "0.81")],
)
def test_a_share_is_a_count_where_it_is_one(share: object, n: int, text: str) -> None:
    assert share_text(share, n) == text


@pytest.mark.parametrize(("tail", "highest"), [("positive", 3.0), ("negative", 4.0)])
def test_participants_that_a_voxel_would_need(tmp_path: Path, tail: str, highest: float) -> None:
    t = np.array([[[1.0, 3.0, -4.0, np.nan]]])
    mask = tmp_path / "seed-a_space-MNI_desc-significant_mask.nii.gz"
    nib.save(nib.Nifti1Image(t, np.eye(4)), tmp_path / "seed-a_space-MNI_stat-t_statmap.nii.gz")
    sidecar = {"Threshold": 6.0, "NumberOfParticipants": 10, "Tail": tail}
    found = find_reach(ContrastOutputs("a", sidecar, mask))
    assert found is not None
    assert (found.highest, found.threshold) == (highest, 6.0)
    assert found.n_needed == math.ceil(10 * (6 / highest) ** 2)
    assert find_reach(ContrastOutputs("a", {}, mask)) is None
